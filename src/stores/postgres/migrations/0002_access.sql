-- Keys of organisations. Of the secret only its SHA-256 is kept: 256 random bits need no slow hash.
CREATE TABLE api_keys (
  id               text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-z]{16}$'),
  organization_id  text NOT NULL REFERENCES organizations (id),
  name             text NOT NULL,
  hash             text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  scopes           text[] NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  created_by       text NOT NULL,
  expires_at       timestamptz,
  last_used_at     timestamptz,
  revoked_at       timestamptz,
  revoked_by       text,
  -- The key that takes its place; until expires_at both are valid.
  rotated_to       text COLLATE "C" REFERENCES api_keys (id)
);
CREATE INDEX api_keys_organization ON api_keys (organization_id, created_at);

-- Sealed with AES-256-GCM; organisation, connection and key id are bound into the seal.
CREATE TABLE connection_credentials (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  key_id           text NOT NULL,
  nonce            bytea NOT NULL CHECK (octet_length(nonce) = 12),
  ciphertext       bytea NOT NULL,
  updated_at       timestamptz NOT NULL DEFAULT now(),
  updated_by       text NOT NULL,
  PRIMARY KEY (organization_id, connection_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

-- One chain for the whole installation: ids have no gaps, each hash covers the entry and the hash before it.
CREATE TABLE audit_log (
  id               bigint PRIMARY KEY,
  -- Null: the whole installation. No foreign key: the log outlives what it tells about.
  organization_id  text,
  at               timestamptz NOT NULL,
  actor_kind       text NOT NULL,
  actor_id         text NOT NULL,
  action           text NOT NULL,
  subject_kind     text,
  subject_id       text,
  result           text NOT NULL CHECK (result IN ('ok', 'refused', 'failed')),
  request_id       text,
  -- Ids, counts and codes only.
  details          jsonb NOT NULL DEFAULT '{}',
  previous_hash    text NOT NULL,
  hash             text NOT NULL
);
CREATE INDEX audit_log_organization ON audit_log (organization_id, id DESC);

-- The end of the chain, and where it begins after old entries were purged. Its row lock puts appends in order.
CREATE TABLE audit_chain (
  singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  last_id      bigint NOT NULL,
  last_hash    text NOT NULL,
  purged_id    bigint NOT NULL,
  purged_hash  text NOT NULL,
  CHECK (purged_id <= last_id)
);
INSERT INTO audit_chain (last_id, last_hash, purged_id, purged_hash) VALUES (0, repeat('0', 64), 0, repeat('0', 64));

CREATE FUNCTION chartsync_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Only what the checkpoint already covers may go, and the checkpoint only moves together with an entry that says so.
  IF TG_OP = 'DELETE' AND OLD.id <= (SELECT purged_id FROM audit_chain) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION chartsync_audit_guard();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_audit_guard();

CREATE FUNCTION chartsync_audit_chain_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.last_id >= OLD.last_id AND NEW.purged_id >= OLD.purged_id THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit_chain only moves forward' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_chain_forward BEFORE UPDATE OR DELETE ON audit_chain
  FOR EACH ROW EXECUTE FUNCTION chartsync_audit_chain_guard();
CREATE TRIGGER audit_chain_no_truncate BEFORE TRUNCATE ON audit_chain
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_audit_chain_guard();

-- Counters of the rate limits that all machines share. Losing them is harmless. The columns are the library's.
CREATE UNLOGGED TABLE rate_limits (
  key     varchar(255) PRIMARY KEY,
  points  integer NOT NULL DEFAULT 0,
  expire  bigint
);
