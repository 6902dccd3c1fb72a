-- Filesets in the order in which people look for them, page by page.
CREATE INDEX silknote_patient_filesets_name ON silknote_patient_filesets
  ("organizationId", lower(coalesce("patientName", '')), "silknotePatientUuid");
