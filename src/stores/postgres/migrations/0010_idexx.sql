-- Logged-in sessions of portals, sealed with the encryption key; whoever has the key can use them, on any machine.
CREATE TABLE portal_sessions (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  key_id           text NOT NULL,
  nonce            bytea NOT NULL,
  ciphertext       bytea NOT NULL,
  used_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, connection_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
);

-- A person said that it stays although the calendar does not show it: not held again until the calendar shows it.
ALTER TABLE schedule_appointments ADD COLUMN kept_since timestamptz;
