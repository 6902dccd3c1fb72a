-- How many pages have text: a document of which nothing can be found says so. Null: some have, it was read before this was counted.
ALTER TABLE document_renditions
  ADD COLUMN text_pages integer,
  -- When its pages without text were asked for last, since Tesseract is there. Where another machine, without it, took them, they are
  -- asked for again, but not at once.
  ADD COLUMN ocr_asked_at timestamptz;
CREATE INDEX document_renditions_unread_scans
  ON document_renditions (coalesce(ocr_asked_at, '-infinity'), organization_id, sha256) WHERE warnings @> '{ocr_missing}';

-- A page without text is a line of 38 characters and its number: what is no longer than that has none at all.
UPDATE document_renditions SET text_pages = 0
WHERE verdict = 'processed'
  AND pages_size = 38::bigint * page_count + page_count + greatest(page_count - 9, 0) + greatest(page_count - 99, 0)
                   + greatest(page_count - 999, 0) + greatest(page_count - 9999, 0);

-- What no search finds is counted for the overview, every few seconds.
CREATE INDEX document_renditions_without_text ON document_renditions (organization_id, sha256) WHERE text_pages = 0;
CREATE INDEX document_renditions_partly_read ON document_renditions (organization_id, sha256)
  WHERE warnings && '{ocr_missing,ocr_failed}';
CREATE INDEX silknote_documents_failed ON silknote_documents ("organizationId", "silknoteDocumentUuid")
  WHERE status = 'error' AND "deletedAt" IS NULL;

-- Rows of a sheet beyond those of its PDF are read now: tables that are as long (2,000 rows fill 43 pages) are read again, one after
-- another, after everything else. Not before workers of the version before are gone, which would read them as they did.
INSERT INTO document_outbox (organization_id, document_uuid, patient_uuid, task, priority, next_try_at)
SELECT d."organizationId", d."silknoteDocumentUuid", d."patientUuid", 'process', 2,
       now() + interval '1 hour' + row_number() OVER (PARTITION BY d."organizationId" ORDER BY d."silknoteDocumentUuid") * interval '1 second'
FROM document_renditions AS r
JOIN silknote_documents AS d ON d."organizationId" = r.organization_id AND d.sha256 = r.sha256
WHERE r.detected_type IN ('text/csv', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet')
  AND r.page_count > 42 AND d."deletedAt" IS NULL
ON CONFLICT (organization_id, document_uuid) DO NOTHING;

-- Who watches a patient hears that a case summary is being written, and how that ended.
ALTER TABLE document_events
  -- Of that writing.
  ADD COLUMN job_id text,
  DROP CONSTRAINT document_events_kind_check,
  ADD CONSTRAINT document_events_kind_check CHECK (kind IN
    ('status', 'updated', 'deleted', 'patient_deleted', 'summary', 'summary_begun', 'summary_written', 'summary_failed'));

-- Applications that read the table find the pages and the date of a document there, as the copies in source databases have them.
-- That is no news to anybody who watches, to groups, or to the copies. Triggers of other programs are left alone.
ALTER TABLE silknote_documents
  DISABLE TRIGGER silknote_documents_change_groups,
  DISABLE TRIGGER silknote_documents_tell_changed,
  DISABLE TRIGGER mirror_updated;
UPDATE silknote_documents AS d
SET "pageCount" = coalesce(d."pageCount", r.page_count), "documentDate" = coalesce(d."documentDate", r.document_date)
FROM document_renditions AS r
WHERE r.organization_id = d."organizationId" AND r.sha256 = d.sha256 AND r.verdict = 'processed' AND d."deletedAt" IS NULL
  AND ((d."pageCount" IS NULL AND r.page_count IS NOT NULL) OR (d."documentDate" IS NULL AND r.document_date IS NOT NULL));
ALTER TABLE silknote_documents
  ENABLE TRIGGER silknote_documents_change_groups,
  ENABLE TRIGGER silknote_documents_tell_changed,
  ENABLE TRIGGER mirror_updated;
