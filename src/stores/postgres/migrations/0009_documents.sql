-- What is made of documents: text, rendition, picture, index entry – and what is still to be done about each.

ALTER TABLE silknote_documents
  -- Of a document whose status is "processing".
  ADD COLUMN stage        varchar(20) CHECK (stage IN ('initializing', 'analyzing', 'extracting', 'categorizing')),
  -- Of a document whose status is "error".
  ADD COLUMN "errorCode"  varchar(50),
  -- When the index and what was made of a removed document were proved to be gone.
  ADD COLUMN "goneAt"     timestamptz;

CREATE SEQUENCE document_outbox_numbers;

-- At most one row for a document: what is to be done is decided by how the document is when it is done. Written in the
-- transaction that changes the document.
CREATE TABLE document_outbox (
  organization_id  text NOT NULL REFERENCES organizations (id),
  document_uuid    varchar(36) NOT NULL,
  patient_uuid     varchar(36) NOT NULL,
  task             text NOT NULL CHECK (task IN ('process', 'index', 'unindex')),
  -- Contents that the document had: what was made of them goes when nothing else needs it.
  former           text[] NOT NULL DEFAULT '{}',
  -- New with every change of the document: what was done about an earlier one does not end the task.
  change           bigint NOT NULL DEFAULT nextval('document_outbox_numbers'),
  state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'working')),
  -- Takes that ended neither well nor because a store was away.
  attempts         integer NOT NULL DEFAULT 0,
  -- Tries in a row that ended because a store was away.
  delays           integer NOT NULL DEFAULT 0,
  next_try_at      timestamptz NOT NULL DEFAULT now(),
  code             text,
  worker_id        bigint,
  -- Never given twice: a worker that was taken for dead can no longer write.
  lease            bigint,
  expires_at       timestamptz,
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, document_uuid),
  CHECK ((state = 'working') = (worker_id IS NOT NULL AND lease IS NOT NULL AND expires_at IS NOT NULL))
);
CREATE INDEX document_outbox_due ON document_outbox (organization_id, next_try_at) WHERE state = 'waiting';
CREATE INDEX document_outbox_taken ON document_outbox (organization_id) WHERE state = 'working';

-- One for each content, however many documents have it. Its parts are contents of their own, counted in blobs."references".
CREATE TABLE document_renditions (
  organization_id    text NOT NULL REFERENCES organizations (id),
  -- Of the original.
  sha256             text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  processor_version  integer NOT NULL,
  verdict            text NOT NULL CHECK (verdict IN ('processed', 'refused')),
  detected_type      text,
  -- Why it was refused, and whether another try may help.
  code               text,
  reason             text,
  retry              text CHECK (retry IN ('never', 'once', 'when_installed')),
  missing            text,
  -- Null when the original is a PDF.
  pdf_sha256         text COLLATE "C",
  pdf_size           bigint,
  pages_sha256       text COLLATE "C",
  pages_size         bigint,
  thumbnail_sha256   text COLLATE "C",
  thumbnail_size     bigint,
  page_count         integer,
  document_date      text,
  date_confidence    double precision,
  warnings           text[] NOT NULL DEFAULT '{}',
  processed_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, sha256),
  CHECK ((verdict = 'refused') = (code IS NOT NULL)),
  CHECK ((verdict = 'processed') = (pages_sha256 IS NOT NULL))
);
CREATE INDEX document_renditions_waiting ON document_renditions (missing) WHERE missing IS NOT NULL;

-- What is stored already is processed as if it had just come.
INSERT INTO document_outbox (organization_id, document_uuid, patient_uuid, task)
SELECT "organizationId", "silknoteDocumentUuid", "patientUuid", 'process'
FROM silknote_documents WHERE "deletedAt" IS NULL AND sha256 IS NOT NULL;
UPDATE silknote_documents SET status = 'queued' WHERE "deletedAt" IS NULL AND sha256 IS NOT NULL;
