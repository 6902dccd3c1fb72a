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
