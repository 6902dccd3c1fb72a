-- A process that had lost its task to another one could still put the document back to "queued", where nobody worked on it.
INSERT INTO document_outbox (organization_id, document_uuid, patient_uuid, task)
SELECT "organizationId", "silknoteDocumentUuid", "patientUuid", 'process'
FROM silknote_documents
WHERE "deletedAt" IS NULL AND sha256 IS NOT NULL AND status IN ('queued', 'processing')
ON CONFLICT (organization_id, document_uuid) DO NOTHING;
