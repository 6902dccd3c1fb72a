-- The rest of the document service: events, groups, documents that moved to another fileset, activation, tokens for one patient.

-- Where whoever brought it lists a document that was migrated to another fileset; null: where it is.
ALTER TABLE silknote_documents ADD COLUMN "sourceUnit" varchar(36);
ALTER TABLE silknote_documents
  -- What a run compares with the source, wherever the document is now.
  ADD COLUMN unit varchar(36) COLLATE "C" GENERATED ALWAYS AS (coalesce("sourceUnit", "patientUuid")) STORED,
  -- Name and date of birth that the document itself gives.
  ADD COLUMN "patientInfo" jsonb;
DROP INDEX silknote_documents_source_item;
-- One live document per source item. Its order is the order of the comparison.
CREATE UNIQUE INDEX silknote_documents_source_item ON silknote_documents
  ("organizationId", "connectionId", unit, "vsrxReference")
  INCLUDE ("silknoteDocumentUuid", "sourceFingerprint")
  WHERE "deletedAt" IS NULL AND "connectionId" IS NOT NULL;

-- Those who bring a document again, or remove it, may know it only by the fileset that it was in.
CREATE INDEX silknote_documents_migrated ON silknote_documents ("organizationId", unit) WHERE "sourceUnit" IS NOT NULL;

ALTER TABLE silknote_patient_filesets
  -- As in the audit log: kind and id.
  ADD COLUMN "activatedBy" text,
  -- Removed by a person: nobody finds it, until one of its documents is brought or taken back.
  ADD COLUMN "deletedAt" timestamptz;

-- Filesets in whose part of the index the document may still be.
ALTER TABLE document_outbox ADD COLUMN former_patients text[] NOT NULL DEFAULT '{}';

-- Which documents went from one fileset to another: the history of a patient's ids, and what an undo takes back.
CREATE TABLE fileset_migrations (
  organization_id  text NOT NULL REFERENCES organizations (id),
  id               text NOT NULL,
  from_patient     varchar(36) NOT NULL,
  to_patient       varchar(36) NOT NULL,
  documents        integer NOT NULL,
  applied_at       timestamptz NOT NULL DEFAULT now(),
  applied_by       text NOT NULL,
  undone_at        timestamptz,
  undone_by        text,
  PRIMARY KEY (organization_id, id),
  CHECK (from_patient <> to_patient),
  CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);
CREATE INDEX fileset_migrations_from ON fileset_migrations (organization_id, from_patient);
CREATE INDEX fileset_migrations_to ON fileset_migrations (organization_id, to_patient);
CREATE TABLE fileset_migration_items (
  organization_id  text NOT NULL,
  migration_id     text NOT NULL,
  document_uuid    varchar(36) NOT NULL,
  PRIMARY KEY (organization_id, migration_id, document_uuid),
  FOREIGN KEY (organization_id, migration_id) REFERENCES fileset_migrations (organization_id, id) ON DELETE CASCADE
);

-- Documents of a patient that a person has put together in an order, with one PDF of all of them.
CREATE SEQUENCE document_group_changes;
CREATE TABLE document_groups (
  organization_id  text NOT NULL REFERENCES organizations (id),
  id               text NOT NULL,
  patient_uuid     varchar(36) NOT NULL,
  title            varchar(500),
  created_at       timestamptz NOT NULL DEFAULT now(),
  created_by       text NOT NULL,
  -- New with every change of the group or of one of its documents.
  change           bigint NOT NULL DEFAULT nextval('document_group_changes'),
  -- The change that the PDF is of; another one: it waits to be made anew.
  merged_change    bigint,
  -- A content of its own, counted in blobs."references".
  pdf_sha256       text COLLATE "C",
  pdf_size         bigint,
  page_count       integer,
  -- Why there is no PDF of the present state.
  code             text,
  attempts         integer NOT NULL DEFAULT 0,
  next_try_at      timestamptz NOT NULL DEFAULT now(),
  worker_id        bigint,
  lease            bigint,
  expires_at       timestamptz,
  PRIMARY KEY (organization_id, id),
  CHECK ((pdf_sha256 IS NULL) = (pdf_size IS NULL))
);
CREATE INDEX document_groups_patient ON document_groups (organization_id, patient_uuid);
CREATE INDEX document_groups_due ON document_groups (next_try_at) WHERE merged_change IS DISTINCT FROM change;
CREATE TABLE document_group_members (
  organization_id  text NOT NULL,
  -- A document is in one group at most.
  document_uuid    varchar(36) NOT NULL REFERENCES silknote_documents ("silknoteDocumentUuid") ON DELETE CASCADE,
  group_id         text NOT NULL,
  position         integer NOT NULL,
  -- From where in the merged PDF, from 1; null: it is not in it.
  first_page       integer,
  PRIMARY KEY (organization_id, document_uuid),
  FOREIGN KEY (organization_id, group_id) REFERENCES document_groups (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX document_group_members_of ON document_group_members (organization_id, group_id, position);

-- Whoever changes a document, a run or another application, changes the PDF of its group.
CREATE FUNCTION chartsync_change_groups() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE document_groups AS g
  SET change = nextval('document_group_changes'), attempts = 0, next_try_at = now(), code = NULL
  WHERE (g.organization_id, g.id) IN (
    SELECT m.organization_id, m.group_id
    FROM before_rows AS o JOIN after_rows AS n USING ("silknoteDocumentUuid")
    JOIN document_group_members AS m
      ON m.organization_id = n."organizationId" AND m.document_uuid = n."silknoteDocumentUuid"
    WHERE n."groupingStatus" = 'grouped'
      AND (o.sha256 IS DISTINCT FROM n.sha256 OR (o."deletedAt" IS NULL) <> (n."deletedAt" IS NULL)
           OR (o.status IS DISTINCT FROM n.status AND n.status IN ('complete', 'error'))));
  RETURN NULL;
END
$$;
CREATE TRIGGER silknote_documents_change_groups AFTER UPDATE ON silknote_documents
  REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_change_groups();

-- What those who watch a patient hear. Written by the statement that changes the document, so nothing is ever told that was not
-- done, and nothing done is kept from them. No names: what a document is called is asked for when it is told.
CREATE TABLE document_events (
  organization_id  text NOT NULL,
  patient_uuid     varchar(36) NOT NULL,
  -- Events are read in this order, up to the oldest transaction that has not ended: none comes in between later.
  transaction      bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
  id               bigint GENERATED ALWAYS AS IDENTITY,
  kind             text NOT NULL CHECK (kind IN ('status', 'updated', 'deleted', 'patient_deleted')),
  -- Null: of the patient.
  document_uuid    varchar(36),
  client_file_id   varchar(255),
  status           varchar(50),
  stage            varchar(20),
  error_code       varchar(50),
  at               timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, patient_uuid, transaction, id)
);
CREATE INDEX document_events_age ON document_events (at);
-- Up to which transaction events are forgotten: whoever has heard no more than that looks at everything again.
CREATE TABLE document_events_forgotten (
  singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  transaction  bigint NOT NULL
);
INSERT INTO document_events_forgotten (transaction) VALUES (0);

CREATE FUNCTION chartsync_tell_new_documents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO document_events
    (organization_id, patient_uuid, kind, document_uuid, client_file_id, status, stage, error_code)
  SELECT "organizationId", "patientUuid", 'status', "silknoteDocumentUuid", "clientFileId", status, stage, "errorCode"
  FROM after_rows WHERE "deletedAt" IS NULL;
  RETURN NULL;
END
$$;
CREATE TRIGGER silknote_documents_tell_new AFTER INSERT ON silknote_documents
  REFERENCING NEW TABLE AS after_rows
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_tell_new_documents();

CREATE FUNCTION chartsync_tell_changed_documents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO document_events
    (organization_id, patient_uuid, kind, document_uuid, client_file_id, status, stage, error_code)
  SELECT n."organizationId", e.patient, e.kind, n."silknoteDocumentUuid", n."clientFileId",
         n.status, n.stage, n."errorCode"
  FROM before_rows AS o JOIN after_rows AS n USING ("silknoteDocumentUuid")
  CROSS JOIN LATERAL (
    SELECT o."patientUuid" AS patient, 'deleted' AS kind
    WHERE o."deletedAt" IS NULL AND (n."deletedAt" IS NOT NULL OR o."patientUuid" <> n."patientUuid")
    UNION ALL
    SELECT n."patientUuid", 'status'
    WHERE n."deletedAt" IS NULL
      AND (o."deletedAt" IS NOT NULL OR o."patientUuid" <> n."patientUuid"
           OR (o.status, o.stage, o."errorCode") IS DISTINCT FROM (n.status, n.stage, n."errorCode"))
    UNION ALL
    SELECT n."patientUuid", 'updated'
    WHERE n."deletedAt" IS NULL AND o."deletedAt" IS NULL AND o."patientUuid" = n."patientUuid"
      AND (o."originalName", o.title, o.category, o."alertsJson", o."patientInfo", o."groupingStatus", o."vsrxReference")
          IS DISTINCT FROM
          (n."originalName", n.title, n.category, n."alertsJson", n."patientInfo", n."groupingStatus", n."vsrxReference")
  ) AS e;
  RETURN NULL;
END
$$;
CREATE TRIGGER silknote_documents_tell_changed AFTER UPDATE ON silknote_documents
  REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
  FOR EACH STATEMENT EXECUTE FUNCTION chartsync_tell_changed_documents();

-- For a page that shows one patient: what a key may do there, for some minutes.
CREATE TABLE component_tokens (
  id               text PRIMARY KEY,
  -- SHA-256 of the secret.
  hash             text NOT NULL,
  organization_id  text NOT NULL REFERENCES organizations (id),
  patient_uuid     varchar(36) NOT NULL,
  key_id           text NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  scopes           text[] NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz NOT NULL
);
CREATE INDEX component_tokens_by_age ON component_tokens (expires_at);
