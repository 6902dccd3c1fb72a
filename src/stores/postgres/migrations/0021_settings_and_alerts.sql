-- Settings of connections as people chose them in the pages: they count before the configuration until they are taken back.
CREATE TABLE connection_settings (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  -- {"name of a setting": {"value": …, "at": …, "by": …}}. Never a secret.
  chosen           jsonb NOT NULL,
  -- Grows with each change; the row stays when everything is taken back, so that none comes twice.
  version          bigint NOT NULL,
  PRIMARY KEY (organization_id, connection_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
);

-- Whom to tell about which problems of an organisation.
CREATE TABLE alerts (
  id               text PRIMARY KEY,
  organization_id  text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  name             text NOT NULL,
  kind             text NOT NULL CHECK (kind IN ('connection_failing', 'connection_paused', 'not_fresh', 'removals_held',
                                                 'stores_differ', 'audit_broken', 'run_partial')),
  -- Null: all of them, or none in particular.
  connection_id    text,
  -- Failed runs in a row, or minutes.
  threshold        integer CHECK (threshold > 0),
  remind_minutes   integer CHECK (remind_minutes > 0),
  channel          text NOT NULL CHECK (channel IN ('webhook', 'email')),
  url              text,
  recipients       text[],
  -- What signs webhooks, sealed with AES-256-GCM.
  secret_key_id    text,
  secret_nonce     bytea CHECK (octet_length(secret_nonce) = 12),
  secret           bytea,
  enabled          boolean NOT NULL DEFAULT true,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  updated_by       text NOT NULL,
  UNIQUE (organization_id, id),
  CHECK ((channel = 'webhook') = (url IS NOT NULL)),
  CHECK ((channel = 'email') = (recipients IS NOT NULL)),
  CHECK (num_nulls(secret_key_id, secret_nonce, secret) IN (0, 3)),
  CHECK ((channel = 'webhook') = (secret IS NOT NULL))
);
CREATE INDEX alerts_of_organization ON alerts (organization_id, created_at);

-- Problems that were told and are not over.
CREATE TABLE alert_problems (
  alert_id         text NOT NULL,
  organization_id  text NOT NULL,
  -- Id of the connection, or empty.
  subject          text NOT NULL,
  since            timestamptz NOT NULL,
  told_at          timestamptz NOT NULL,
  details          jsonb NOT NULL,
  PRIMARY KEY (alert_id, subject),
  FOREIGN KEY (organization_id, alert_id) REFERENCES alerts (organization_id, id) ON DELETE CASCADE
);

-- Messages on their way. Written in the transaction that notes the problem; sent by one process at a time.
CREATE TABLE alert_outbox (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- The same for each try, so that who gets it twice can tell.
  delivery         text NOT NULL UNIQUE,
  organization_id  text NOT NULL,
  alert_id         text NOT NULL,
  subject          text NOT NULL,
  -- Ids, codes and numbers only.
  message          jsonb NOT NULL,
  state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given_up')),
  created_at       timestamptz NOT NULL DEFAULT now(),
  due_at           timestamptz NOT NULL DEFAULT now(),
  -- The try that is under way holds the row until then; a later one fences it off.
  held_until       timestamptz,
  attempt          integer NOT NULL DEFAULT 0,
  finished_at      timestamptz,
  code             text,
  detail           text,
  FOREIGN KEY (organization_id, alert_id) REFERENCES alerts (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX alert_outbox_due ON alert_outbox (due_at) WHERE state = 'waiting';
CREATE INDEX alert_outbox_of_alert ON alert_outbox (organization_id, alert_id, id DESC);

-- What the last check of the audit log's chain found.
CREATE TABLE audit_checks (
  single           boolean PRIMARY KEY DEFAULT true CHECK (single),
  at               timestamptz NOT NULL DEFAULT now(),
  intact           boolean NOT NULL,
  entries          bigint NOT NULL,
  -- What is wrong, as a code.
  problem          text,
  -- When it was first seen broken.
  broken_since     timestamptz
);
