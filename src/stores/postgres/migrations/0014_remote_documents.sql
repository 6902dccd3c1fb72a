-- Document services on other machines, and copies of our tables in the source's database.

-- Where the other service has, or may have, a document of ours: written before it is sent, so that a lost answer is known.
CREATE TABLE document_deliveries (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  patient_uuid     varchar(36) NOT NULL,
  -- The other service has one document for each patient and reference.
  reference        varchar(36) COLLATE "C" NOT NULL,
  document_uuid    varchar(36) NOT NULL,
  -- Of the original that was sent.
  sha256           text COLLATE "C" NOT NULL,
  -- What the other service calls it; null: it was sent, and nothing was heard.
  remote_uuid      varchar(64),
  -- The task that works on this place, as long as it holds this lease.
  lease            bigint NOT NULL,
  sent_at          timestamptz,
  PRIMARY KEY (organization_id, connection_id, patient_uuid, reference),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);
CREATE INDEX document_deliveries_document ON document_deliveries (organization_id, document_uuid);

-- Which connections have a copy of our tables in their source's database.
CREATE TABLE table_mirrors (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  caught_up_at     timestamptz,
  -- Of the last try that failed.
  code             text,
  PRIMARY KEY (organization_id, connection_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

-- What has changed since it was copied. Only ever added to: writers of documents never wait for one another here.
CREATE TABLE mirror_marks (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  -- Null: the fileset.
  document_uuid    varchar(36),
  patient_uuid     varchar(36) NOT NULL,
  at               timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (organization_id, connection_id) REFERENCES table_mirrors (organization_id, connection_id) ON DELETE CASCADE
);
CREATE INDEX mirror_marks_next ON mirror_marks (organization_id, connection_id, id);

CREATE FUNCTION chartsync_mark_documents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO mirror_marks (organization_id, connection_id, document_uuid, patient_uuid)
  SELECT m.organization_id, m.connection_id, c."silknoteDocumentUuid", c."patientUuid"
  FROM changed AS c JOIN table_mirrors AS m ON m.organization_id = c."organizationId";
  RETURN NULL;
END
$$;
CREATE FUNCTION chartsync_mark_filesets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO mirror_marks (organization_id, connection_id, patient_uuid)
  SELECT m.organization_id, m.connection_id, c."silknotePatientUuid"
  FROM changed AS c JOIN table_mirrors AS m ON m.organization_id = c."organizationId";
  RETURN NULL;
END
$$;
CREATE TRIGGER mirror_inserted AFTER INSERT ON silknote_documents REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_mark_documents();
CREATE TRIGGER mirror_updated AFTER UPDATE ON silknote_documents REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_mark_documents();
CREATE TRIGGER mirror_deleted AFTER DELETE ON silknote_documents REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_mark_documents();
CREATE TRIGGER mirror_inserted AFTER INSERT ON silknote_patient_filesets REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_mark_filesets();
CREATE TRIGGER mirror_updated AFTER UPDATE ON silknote_patient_filesets REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_mark_filesets();
CREATE TRIGGER mirror_deleted AFTER DELETE ON silknote_patient_filesets REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_mark_filesets();

-- One comparison of all stores of an organisation, patient by patient, perhaps over several nights.
CREATE TABLE consistency_checks (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id  text NOT NULL REFERENCES organizations (id),
  started_at       timestamptz NOT NULL DEFAULT now(),
  finished_at      timestamptz,
  -- The last patient that was compared; it goes on after that one.
  after_patient    varchar(36) COLLATE "C" NOT NULL DEFAULT '',
  patients         integer NOT NULL DEFAULT 0,
  documents        integer NOT NULL DEFAULT 0,
  -- Of documents whose content was read and hashed.
  sampled          integer NOT NULL DEFAULT 0,
  -- Patients about whom nothing can be said, e.g. because a source did not answer.
  unknown          integer NOT NULL DEFAULT 0,
  -- Who works on it, until when.
  holder           text,
  held_until       timestamptz
);
CREATE UNIQUE INDEX consistency_checks_one_open ON consistency_checks (organization_id) WHERE finished_at IS NULL;
CREATE INDEX consistency_checks_newest ON consistency_checks (organization_id, id DESC);

CREATE TABLE consistency_differences (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id  text NOT NULL,
  check_id         bigint NOT NULL REFERENCES consistency_checks (id) ON DELETE CASCADE,
  store            text NOT NULL CHECK (store IN ('source', 'row', 'blob', 'index', 'remote')),
  kind             text NOT NULL CHECK (kind IN ('missing', 'surplus', 'different')),
  message          text NOT NULL,
  connection_id    text,
  unit             varchar(36),
  reference        text,
  document_uuid    varchar(36),
  sha256           text,
  code             text
);
CREATE INDEX consistency_differences_check ON consistency_differences (organization_id, check_id, id);

-- What is done from time to time by whichever process comes first.
CREATE TABLE upkeep (
  task             text PRIMARY KEY,
  started_at       timestamptz NOT NULL DEFAULT now(),
  finished_at      timestamptz,
  -- Of the last time, when it failed.
  code             text
);
