-- Asking whether a request may be sent is one call: the answer is waited for before each request to an outside system.
-- Returns 0 when it may be sent, and has written it down; else the milliseconds after which it is worth asking again.
CREATE FUNCTION chartsync_take_request(p_key text, p_allowed integer, p_window_ms bigint, p_longest_wait_ms integer)
RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_row outbound_limits;
  -- The clock of the database: the processes may be on several machines.
  v_now bigint;
  v_sent bigint[];
  v_count integer;
BEGIN
  SELECT * INTO v_row FROM outbound_limits WHERE key = p_key FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO outbound_limits (key) VALUES (p_key) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT v_row FROM outbound_limits WHERE key = p_key FOR UPDATE;
  END IF;
  v_now := floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  IF v_row.blocked_until > v_now THEN
    RETURN least(v_row.blocked_until - v_now, p_longest_wait_ms);
  END IF;
  v_sent := ARRAY(SELECT s.at FROM unnest(v_row.sent) WITH ORDINALITY AS s (at, n) WHERE s.at > v_now - p_window_ms ORDER BY s.n);
  v_count := cardinality(v_sent);
  IF v_count >= p_allowed THEN
    -- When the oldest of those that count has left the window.
    RETURN greatest(1, least(v_sent[v_count - p_allowed + 1] + p_window_ms - v_now, p_longest_wait_ms));
  END IF;
  UPDATE outbound_limits SET sent = v_sent || v_now, touched_at = now() WHERE key = p_key;
  RETURN 0;
END
$$;
