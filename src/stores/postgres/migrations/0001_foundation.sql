-- Tables named by other applications keep their names and columns literally (quoted camelCase); all others are ours.

CREATE TABLE organizations (
  id          text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
  name        text NOT NULL,
  time_zone   text NOT NULL DEFAULT 'UTC',
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE connections (
  organization_id  text NOT NULL REFERENCES organizations (id),
  id               text NOT NULL CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
  connector        text NOT NULL,
  -- Without credentials: those stay in the configuration.
  settings         jsonb NOT NULL DEFAULT '{}',
  schedule         jsonb,
  state            text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'removed')),
  state_reason     text,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  -- What the last complete read of the whole source contained; the next guard is weighed against it.
  complete_read_items  bigint,
  complete_read_at     timestamptz,
  last_success_at      timestamptz,
  consecutive_failures integer NOT NULL DEFAULT 0,
  -- When all filesets last got the time of a run that found nothing to do.
  filesets_touched_at  timestamptz,
  PRIMARY KEY (organization_id, id)
);

-- Exclusive right to work on a connection. The row stays when the lease is given back, so that the fence number only grows.
CREATE TABLE connection_leases (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  fence            bigint NOT NULL DEFAULT 0,
  run_id           text,
  worker_id        bigint,
  expires_at       timestamptz,
  PRIMARY KEY (organization_id, connection_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

CREATE TABLE sync_runs (
  id               text PRIMARY KEY,
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  connector        text NOT NULL,
  mode             text NOT NULL,
  trigger          text NOT NULL,
  unit             text,
  state            text NOT NULL CHECK (state IN ('queued', 'starting', 'running', 'completed', 'failed', 'cancelled')),
  outcome          text CHECK (outcome IN ('success', 'partial', 'failed')),
  step             text,
  total_steps      integer NOT NULL DEFAULT 0,
  completed_steps  integer NOT NULL DEFAULT 0,
  percentage       numeric(5, 2) NOT NULL DEFAULT 0,
  items_processed  bigint NOT NULL DEFAULT 0,
  items_total      bigint,
  counts           jsonb NOT NULL DEFAULT '{}',
  error            jsonb,
  cancel_requested_at timestamptz,
  started_at       timestamptz NOT NULL DEFAULT now(),
  finished_at      timestamptz,
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id),
  CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'failed', 'cancelled')))
);
CREATE INDEX sync_runs_newest ON sync_runs (organization_id, connection_id, started_at DESC);

CREATE TABLE sync_run_units (
  organization_id  text NOT NULL,
  run_id           text NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
  unit             text NOT NULL,
  outcome          text NOT NULL CHECK (outcome IN ('success', 'partial', 'failed')),
  counts           jsonb NOT NULL,
  errors           jsonb NOT NULL DEFAULT '[]',
  finished_at      timestamptz NOT NULL,
  PRIMARY KEY (run_id, unit)
);

CREATE TABLE sync_failures (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  unit             text NOT NULL,
  reference        text NOT NULL,
  operation        text NOT NULL,
  code             text NOT NULL,
  message          text NOT NULL,
  attempts         integer NOT NULL DEFAULT 1,
  state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'skipped')),
  fingerprint      text,
  run_id           text NOT NULL,
  first_at         timestamptz NOT NULL DEFAULT now(),
  last_at          timestamptz NOT NULL DEFAULT now(),
  next_retry_at    timestamptz,
  UNIQUE (organization_id, connection_id, unit, reference),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

CREATE TABLE held_sets (
  id               text PRIMARY KEY,
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  run_id           text NOT NULL,
  -- Set when the run was for one unit only.
  unit             text,
  state            text NOT NULL DEFAULT 'pending'
                   CHECK (state IN ('pending', 'approved', 'rejected', 'superseded', 'applied')),
  reason           text NOT NULL,
  -- The read that proves the absence.
  evidence         jsonb NOT NULL,
  created_at       timestamptz NOT NULL,
  decided_at       timestamptz,
  decided_by       text,
  note             text,
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);
CREATE UNIQUE INDEX held_sets_one_pending ON held_sets (organization_id, connection_id, coalesce(unit, ''))
  WHERE state = 'pending';

CREATE TABLE held_items (
  organization_id  text NOT NULL,
  set_id           text NOT NULL REFERENCES held_sets (id) ON DELETE CASCADE,
  document_uuid    text NOT NULL,
  unit             text NOT NULL,
  reference        text NOT NULL,
  absence          text NOT NULL CHECK (absence IN ('deleted', 'missing', 'reassigned')),
  state            text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'applied', 'kept')),
  PRIMARY KEY (set_id, document_uuid)
);

CREATE TABLE silknote_patient_filesets (
  "silknotePatientUuid"     varchar(36) NOT NULL,
  "organizationId"          text NOT NULL REFERENCES organizations (id),
  -- May hold a comma-separated list of users.
  "silknoteUserUuid"        text NOT NULL DEFAULT '',
  "activatedUse"            boolean NOT NULL DEFAULT false,
  "activatedUseTime"        timestamptz,
  "patientName"             varchar(255),
  "patientDob"              varchar(20),
  gender                    varchar(50),
  "vectorStoreJson"         text,
  "caseSummaryJson"         text,
  "summaryGenerationCount"  integer NOT NULL DEFAULT 0,
  errors                    jsonb,
  "syncLog"                 text,
  "createdAt"               timestamptz NOT NULL DEFAULT now(),
  "updatedAt"               timestamptz NOT NULL DEFAULT now(),
  -- One patient UUID may exist in two organisations; their filesets have nothing to do with each other.
  PRIMARY KEY ("organizationId", "silknotePatientUuid")
);
CREATE INDEX idx_activated_use ON silknote_patient_filesets ("activatedUse");

CREATE TABLE silknote_documents (
  "silknoteDocumentUuid"  varchar(36) PRIMARY KEY,
  "organizationId"        text NOT NULL,
  "patientUuid"           varchar(36) NOT NULL,
  "clientFileId"          varchar(255),
  "originalName"          varchar(500) NOT NULL,
  "vsrxReference"         varchar(36) COLLATE "C",
  "storedPath"            text,
  status                  varchar(50) NOT NULL DEFAULT 'queued',
  category                varchar(100),
  "mimeType"              varchar(100),
  "sizeBytes"             bigint,
  "pageCount"             integer,
  "documentDate"          varchar(50),
  "uploadDate"            timestamptz,
  "processedAt"           timestamptz,
  title                   varchar(500),
  author                  varchar(255),
  "sourceSystem"          varchar(50) NOT NULL DEFAULT 'upload',
  "groupingStatus"        varchar(20) NOT NULL DEFAULT 'ungrouped',
  "contentJson"           text,
  "alertsJson"            text,
  -- Of the connection that the document came from; null for uploads, which no sync ever touches.
  "connectionId"          text,
  sha256                  text COLLATE "C",
  "sourcePath"            text,
  "sourceFingerprint"     text,
  "sourceSize"            bigint,
  "sourceModifiedAt"      bigint,
  -- Since when complete reads of the source have been missing it.
  "missingSince"          timestamptz,
  -- Since when a person has kept it although the source lost it.
  "keptSince"             timestamptz,
  "deletedAt"             timestamptz,
  "deletedReason"         text,
  "deletedByRun"          text,
  "createdAt"             timestamptz NOT NULL DEFAULT now(),
  "updatedAt"             timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY ("organizationId", "patientUuid")
    REFERENCES silknote_patient_filesets ("organizationId", "silknotePatientUuid") ON DELETE CASCADE ON UPDATE CASCADE
);
-- One live document per source item. Its order is the order of the comparison (the columns of a C-locale text compare by bytes).
CREATE UNIQUE INDEX silknote_documents_source_item ON silknote_documents
  ("organizationId", "connectionId", "patientUuid" COLLATE "C", "vsrxReference")
  INCLUDE ("silknoteDocumentUuid", "sourceFingerprint")
  WHERE "deletedAt" IS NULL AND "connectionId" IS NOT NULL;
CREATE INDEX idx_vsrx_reference ON silknote_documents ("vsrxReference");
CREATE INDEX idx_patient_uuid ON silknote_documents ("patientUuid");
CREATE INDEX silknote_documents_status ON silknote_documents (status);
CREATE INDEX silknote_documents_category ON silknote_documents (category);
CREATE INDEX silknote_documents_client_file ON silknote_documents ("clientFileId", "patientUuid");
CREATE INDEX silknote_documents_content ON silknote_documents ("organizationId", sha256) WHERE "deletedAt" IS NULL;

-- Which connection fills which fileset.
CREATE TABLE connection_filesets (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  unit             varchar(36) NOT NULL,
  PRIMARY KEY (organization_id, connection_id, unit),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

CREATE TABLE blobs (
  organization_id  text NOT NULL REFERENCES organizations (id),
  sha256           text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size             bigint NOT NULL,
  -- Live documents that name this content.
  "references"     integer NOT NULL DEFAULT 0 CHECK ("references" >= 0),
  -- wanted: announced, perhaps not written yet.
  state            text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'stored')),
  touched_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, sha256)
);
CREATE INDEX blobs_released ON blobs (organization_id, touched_at) WHERE "references" = 0;

-- Other applications write "syncLog" as free text: what is not a JSON object counts as an empty one.
CREATE FUNCTION chartsync_json_object(content text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  parsed jsonb;
BEGIN
  parsed := content::jsonb;
  RETURN CASE WHEN jsonb_typeof(parsed) = 'object' THEN parsed ELSE '{}' END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN '{}';
END
$$;
