-- Who watches a patient hears that the case summary is another one, whoever wrote it. What it says is asked for.
ALTER TABLE document_events
  DROP CONSTRAINT document_events_kind_check,
  ADD CONSTRAINT document_events_kind_check
    CHECK (kind IN ('status', 'updated', 'deleted', 'patient_deleted', 'summary'));

CREATE FUNCTION chartsync_tell_changed_summary() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO document_events (organization_id, patient_uuid, kind)
  VALUES (NEW."organizationId", NEW."silknotePatientUuid", 'summary');
  RETURN NULL;
END
$$;
-- Runs write whole tables of filesets, and never this column: they do not pay for it.
CREATE TRIGGER silknote_patient_filesets_tell_summary AFTER UPDATE OF "caseSummaryJson" ON silknote_patient_filesets
  FOR EACH ROW WHEN (OLD."caseSummaryJson" IS DISTINCT FROM NEW."caseSummaryJson" AND NEW."deletedAt" IS NULL)
  EXECUTE FUNCTION chartsync_tell_changed_summary();
