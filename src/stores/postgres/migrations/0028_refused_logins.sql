-- What a portal refused is not shown to it again: it locks accounts. The digest is slow to make and salted, because it is of a password.
CREATE TABLE portal_refusals (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  salt             bytea NOT NULL,
  digest           bytea NOT NULL,
  code             text NOT NULL,
  refused_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, connection_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
);
