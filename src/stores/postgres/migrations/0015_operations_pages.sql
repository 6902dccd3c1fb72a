-- Whoever signs in at an OpenID Connect issuer has no key: the session keeps what the issuer said of them. What that
-- allows is decided anew with each request, by the configuration of that moment.
ALTER TABLE web_sessions ADD COLUMN person jsonb;
ALTER TABLE web_sessions DROP CONSTRAINT web_sessions_check;
ALTER TABLE web_sessions ADD CONSTRAINT web_sessions_check CHECK (num_nonnulls(key_id, key_proof, person) = 1);

-- Sign-ins on their way to an issuer and back: taken once, or forgotten after minutes.
CREATE TABLE web_sign_ins (
  -- SHA-256 of the secret in the cookie of the browser that began it.
  hash           text PRIMARY KEY,
  provider       text NOT NULL,
  code_verifier  text NOT NULL,
  nonce          text NOT NULL,
  -- Where the person wanted to go.
  next           text NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX web_sign_ins_by_age ON web_sign_ins (created_at);

-- People who have signed in at an issuer: who they are to it, never a name.
CREATE TABLE people (
  organization_id  text NOT NULL REFERENCES organizations (id),
  issuer           text NOT NULL,
  subject          text NOT NULL,
  scopes           text[] NOT NULL,
  first_at         timestamptz NOT NULL DEFAULT now(),
  last_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, issuer, subject)
);

-- Looks at a connection that change nothing of it: what a run would do, whether the source can be reached, whether all
-- stores agree; and the repair of the search index, which follows such a look. Ids and codes only.
CREATE TABLE inspections (
  id               text PRIMARY KEY,
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  kind             text NOT NULL CHECK (kind IN ('plan', 'test', 'verify', 'repair')),
  options          jsonb NOT NULL,
  state            text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
  asked_by         text NOT NULL,
  started_at       timestamptz NOT NULL DEFAULT now(),
  -- Of the process that does it: silence for half a minute is its end.
  seen_at          timestamptz NOT NULL DEFAULT now(),
  finished_at      timestamptz,
  cancel           boolean NOT NULL DEFAULT false,
  -- Items looked at so far.
  checked          bigint NOT NULL DEFAULT 0,
  result           jsonb,
  error            jsonb,
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX inspections_one_at_a_time ON inspections (organization_id, connection_id, kind)
  WHERE state = 'running';
CREATE INDEX inspections_by_age ON inspections (organization_id, connection_id, kind, started_at DESC);

-- When a connection runs by itself, as a person said it in the pages: counts before the configuration until it is taken back.
CREATE TABLE connection_schedules (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  -- {"schedule": …}; a null in it: only when somebody asks.
  chosen           jsonb NOT NULL,
  updated_at       timestamptz NOT NULL DEFAULT now(),
  updated_by       text NOT NULL,
  PRIMARY KEY (organization_id, connection_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
);

-- What a run did, line by line, for whoever watches it. Ids, codes and counts only, and only so many of each run.
CREATE TABLE run_log_lines (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id  text NOT NULL,
  run_id           text NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
  at               timestamptz NOT NULL,
  event            text NOT NULL,
  code             text,
  unit             text,
  reference        text,
  step             text,
  counts           jsonb
);
CREATE INDEX run_log_lines_of_run ON run_log_lines (run_id, id);
