-- Runs as jobs: admission, queue, hand-over and fan-out.

ALTER TABLE sync_runs
  -- Higher is served first: a person before the schedule.
  ADD COLUMN priority   integer NOT NULL DEFAULT 0,
  ADD COLUMN queued_at  timestamptz NOT NULL DEFAULT now(),
  -- How often a worker has taken it: more than once after a crash or a hand-over.
  ADD COLUMN attempt    integer NOT NULL DEFAULT 0,
  -- When it was last given to the workers; null while it waits for its turn.
  ADD COLUMN dispatched_at timestamptz,
  -- Why a person or the clock ended it.
  ADD COLUMN cancel_reason text;

-- One open run for each connection, whoever starts it.
CREATE UNIQUE INDEX sync_runs_one_open ON sync_runs (organization_id, connection_id) WHERE finished_at IS NULL;
CREATE INDEX sync_runs_open ON sync_runs (organization_id, state) WHERE finished_at IS NULL;

ALTER TABLE connections
  ADD COLUMN paused_at timestamptz,
  ADD COLUMN last_failure_at timestamptz;

-- Parts of a big run that any worker may take.
CREATE TABLE sync_run_batches (
  organization_id  text NOT NULL,
  run_id           text NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
  fence            bigint NOT NULL,
  number           integer NOT NULL,
  lines            text[] NOT NULL,
  state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'taken', 'done', 'failed')),
  -- Who has it: only the newest taker may end it.
  claim            integer NOT NULL DEFAULT 0,
  worker_id        bigint,
  claimed_until    timestamptz,
  result           jsonb,
  PRIMARY KEY (run_id, fence, number)
);
CREATE INDEX sync_run_batches_open ON sync_run_batches (run_id, fence) WHERE state IN ('waiting', 'taken');
