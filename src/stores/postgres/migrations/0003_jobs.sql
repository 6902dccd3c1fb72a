-- Runs are asked for, wait, are dispatched and may be continued by another process.
ALTER TABLE organizations
  -- Runs of all its connections at one time, and how many may wait; the same for every process.
  ADD COLUMN max_running integer NOT NULL DEFAULT 2 CHECK (max_running > 0),
  ADD COLUMN max_queued  integer NOT NULL DEFAULT 10 CHECK (max_queued >= 0);

ALTER TABLE connections
  -- Who paused it: a person (then nothing runs), or its failures (then only the schedule stops).
  ADD COLUMN paused_by            text CHECK (paused_by IN ('person', 'failures')),
  ADD COLUMN paused_at            timestamptz,
  ADD COLUMN last_failure_at      timestamptz,
  ADD COLUMN last_failure_code    text,
  -- Start of the last completed run of each mode, in epoch ms: when the next thorough one is due.
  ADD COLUMN mode_completed       jsonb NOT NULL DEFAULT '{}',
  -- Failed runs in a row after which it is paused; null: never.
  ADD COLUMN pause_after_failures integer;
UPDATE connections AS c SET mode_completed = coalesce(
  (SELECT jsonb_object_agg(mode, at) FROM (
     SELECT mode, floor(extract(epoch FROM max(started_at)) * 1000)::bigint AS at FROM sync_runs AS r
     WHERE r.organization_id = c.organization_id AND r.connection_id = c.id AND r.unit IS NULL AND r.state = 'completed'
       AND mode IN ('quick', 'deep', 'checksum')
     GROUP BY mode) AS last), '{}');
UPDATE connections SET paused_by = 'person', paused_at = updated_at WHERE state = 'paused';

ALTER TABLE sync_runs
  ADD COLUMN priority      integer NOT NULL DEFAULT 0,
  ADD COLUMN queued_at     timestamptz NOT NULL DEFAULT now(),
  -- The job that wakes a worker for it. Null: the process that asked does the work itself.
  ADD COLUMN job_id        uuid,
  ADD COLUMN dispatched_at timestamptz,
  -- How many processes have worked on it.
  ADD COLUMN attempt       integer NOT NULL DEFAULT 0,
  -- What modes beyond the usual ones need, e.g. the id of a held set.
  ADD COLUMN request       jsonb NOT NULL DEFAULT '{}',
  -- What its transactions have really done, written by those transactions.
  ADD COLUMN effects       jsonb NOT NULL DEFAULT '{}';
UPDATE sync_runs SET queued_at = started_at, attempt = 1;

CREATE UNIQUE INDEX sync_runs_one_active ON sync_runs (organization_id, connection_id)
  WHERE state IN ('starting', 'running');
CREATE INDEX sync_runs_open ON sync_runs (organization_id, priority DESC, queued_at) WHERE finished_at IS NULL;
CREATE INDEX sync_runs_by_organization ON sync_runs (organization_id, started_at DESC);

-- Processes that take jobs. A row outlives its process until another one notices; the advisory lock of that number tells.
CREATE TABLE workers (
  id          bigint PRIMARY KEY,
  started_at  timestamptz NOT NULL DEFAULT now()
);
