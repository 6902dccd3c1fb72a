-- What a practice management system lists as files of patients. Each becomes a document of the same connection, found by its
-- reference. The last columns are those of every table of 0005.
CREATE TABLE patient_attachments (
  id                      uuid PRIMARY KEY,
  organization_id         text NOT NULL,
  connection_id           text NOT NULL,
  cliniko_attachment_id   text COLLATE "C" NOT NULL,
  -- Of patients.id; the patient may not be there (yet).
  patient_id              uuid,
  cliniko_patient_id      text COLLATE "C",
  file_name               text,
  description             text,
  mime_type               text,
  size_bytes              integer,
  processed_at            timestamptz,
  -- The source has finished with it: its content can be fetched.
  ready                   boolean NOT NULL,
  -- Below the address of the source.
  content_path            text NOT NULL,
  archived_at             timestamptz,
  source_created_at       timestamptz,
  source_updated_at       timestamptz,
  last_synced_at          timestamptz NOT NULL,
  fingerprint             text NOT NULL,
  missing_since           timestamptz,
  kept_since              timestamptz,
  removed_at              timestamptz,
  removed_reason          text,
  removed_by_run          text,
  deleted_at              timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, connection_id, cliniko_attachment_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);
