-- What the metrics count for ever: runs are purged after a time, and a counter must not fall.
CREATE TABLE run_totals (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  state            text NOT NULL,
  outcome          text NOT NULL,
  runs             bigint NOT NULL DEFAULT 0,
  seconds          double precision NOT NULL DEFAULT 0,
  -- Runs that took at most so long, for each of chartsync_duration_bounds().
  buckets          bigint[] NOT NULL,
  -- Sums of the counts of the runs.
  items            jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (organization_id, connection_id, state, outcome),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

-- Seconds.
CREATE FUNCTION chartsync_duration_bounds() RETURNS double precision[] LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY[0.1, 0.3, 1, 3, 10, 30, 60, 180, 300, 600, 1800, 3600]::double precision[]
$$;

CREATE FUNCTION chartsync_count_run(r sync_runs) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  -- A run that nobody began took no time.
  took double precision := CASE WHEN r.attempt = 0 THEN 0 ELSE extract(epoch FROM r.finished_at - r.started_at) END;
  hits bigint[] := ARRAY(SELECT (took <= bound)::int::bigint
                         FROM unnest(chartsync_duration_bounds()) WITH ORDINALITY AS b (bound, n) ORDER BY n);
BEGIN
  INSERT INTO run_totals AS t (organization_id, connection_id, state, outcome, runs, seconds, buckets, items)
  VALUES (r.organization_id, r.connection_id, r.state, coalesce(r.outcome, 'failed'), 1, took, hits, r.counts)
  ON CONFLICT (organization_id, connection_id, state, outcome) DO UPDATE SET
    runs = t.runs + 1,
    seconds = t.seconds + took,
    buckets = ARRAY(SELECT old.count + new.count
                    FROM unnest(t.buckets) WITH ORDINALITY AS old (count, n)
                    JOIN unnest(hits) WITH ORDINALITY AS new (count, n) USING (n) ORDER BY n),
    items = (SELECT coalesce(jsonb_object_agg(key, total), '{}') FROM (
               SELECT key, sum(value::numeric) AS total
               FROM (SELECT * FROM jsonb_each_text(t.items) UNION ALL SELECT * FROM jsonb_each_text(r.counts)) AS all_items
               GROUP BY key) AS sums);
END
$$;

CREATE FUNCTION chartsync_count_ended_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM chartsync_count_run(NEW);
  RETURN NULL;
END
$$;
-- Whatever ends a run writes finished_at once: it is counted exactly once.
CREATE TRIGGER sync_runs_count AFTER UPDATE OF finished_at ON sync_runs
  FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION chartsync_count_ended_run();

SELECT chartsync_count_run(r) FROM sync_runs AS r WHERE r.finished_at IS NOT NULL;
