-- Documents that were brought under a reference before a connection finds it in its source.
CREATE INDEX silknote_documents_brought ON silknote_documents ("organizationId", "vsrxReference")
  WHERE "connectionId" IS NULL AND "deletedAt" IS NULL AND "vsrxReference" IS NOT NULL;

-- Headers and footers of Word documents are read now: those that were read without are read again, one after another, so that new
-- documents and removals do not wait behind them. Nothing is sent again of what another machine has.
INSERT INTO document_outbox (organization_id, document_uuid, patient_uuid, task, next_try_at)
SELECT d."organizationId", d."silknoteDocumentUuid", d."patientUuid", 'process',
       now() + row_number() OVER (PARTITION BY d."organizationId" ORDER BY d."silknoteDocumentUuid") * interval '1 second'
FROM document_renditions AS r
JOIN silknote_documents AS d ON d."organizationId" = r.organization_id AND d.sha256 = r.sha256
WHERE r.detected_type = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
  AND d."deletedAt" IS NULL
ON CONFLICT (organization_id, document_uuid) DO NOTHING;

-- Whether something is still to be done about a patient is asked for after each document.
CREATE INDEX document_outbox_patient ON document_outbox (organization_id, patient_uuid);

-- Some columns of the tables there cannot hold every character, and something was written without some.
ALTER TABLE table_mirrors ADD COLUMN lacks_characters boolean NOT NULL DEFAULT false;

-- Where the search index is kept: processes with folders of their own would each find only what they indexed themselves.
CREATE TABLE search_home (
  singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  -- Of the folder, not of the machine.
  id         text NOT NULL,
  since      timestamptz NOT NULL DEFAULT now()
);
