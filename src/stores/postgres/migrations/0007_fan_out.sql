-- The copying of a large run, cut into parts that any process takes. See docs/decisions/0005.
CREATE TABLE sync_run_batches (
  organization_id  text NOT NULL,
  run_id           text NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
  -- Of the lease under which it was written: a take-over of the run makes all older ones void.
  fence            bigint NOT NULL,
  n                integer NOT NULL,
  state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'taken', 'done')),
  units            integer NOT NULL,
  items            integer NOT NULL,
  -- Texts, not jsonb: they are only ever read whole, and names in a source may hold what jsonb refuses.
  changes          text NOT NULL,
  result           text,
  -- Grows with each taker: the fence of the batch.
  attempt          integer NOT NULL DEFAULT 0,
  worker_id        bigint,
  expires_at       timestamptz,
  PRIMARY KEY (organization_id, run_id, fence, n)
);
CREATE INDEX sync_run_batches_open ON sync_run_batches (organization_id, run_id, fence, state, n) WHERE state <> 'done';

-- Processes that copy for a run that another one owns.
CREATE TABLE sync_run_helpers (
  organization_id  text NOT NULL,
  run_id           text NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
  fence            bigint NOT NULL,
  worker_id        bigint NOT NULL,
  expires_at       timestamptz NOT NULL,
  PRIMARY KEY (organization_id, run_id, worker_id)
);

CREATE FUNCTION chartsync_forget_batches() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM sync_run_batches WHERE organization_id = NEW.organization_id AND run_id = NEW.id;
  DELETE FROM sync_run_helpers WHERE organization_id = NEW.organization_id AND run_id = NEW.id;
  RETURN NULL;
END
$$;
-- Whatever ends a run: what names patients must not stay behind.
CREATE TRIGGER sync_runs_forget_batches AFTER UPDATE OF finished_at ON sync_runs
  FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION chartsync_forget_batches();

-- Does a run of this mode look after the whole connection? Alerts about freshness listen to no other one.
CREATE FUNCTION chartsync_is_whole(mode text, unit text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT unit IS NULL AND mode IN ('quick', 'deep', 'checksum', 'plan', 'incremental', 'comprehensive')
$$;
UPDATE connections AS c SET last_success_at = coalesce(
  (SELECT max(r.finished_at) FROM sync_runs AS r
   WHERE r.organization_id = c.organization_id AND r.connection_id = c.id AND r.state = 'completed'
     AND r.outcome <> 'failed' AND chartsync_is_whole(r.mode, r.unit)),
  c.complete_read_at)
WHERE c.last_success_at IS NOT NULL;
