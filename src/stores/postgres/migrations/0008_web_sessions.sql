-- Sessions of the pages in the browser.
CREATE TABLE web_sessions (
  -- SHA-256 of the secret in the cookie.
  hash        text PRIMARY KEY,
  -- The key that began it. Null: the administrator's, which has no row.
  key_id      text REFERENCES api_keys (id) ON DELETE CASCADE,
  -- HMAC of the administrator's key with the secret: tells nothing without the cookie, and no other key fits it.
  key_proof   text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  used_at     timestamptz NOT NULL DEFAULT now(),
  CHECK ((key_id IS NULL) <> (key_proof IS NULL))
);
CREATE INDEX web_sessions_by_age ON web_sessions (created_at);
