/** What a document is about, as earlier servers and their clients call it. */
export const DOCUMENT_CATEGORIES = [
  'MEDICAL_REPORT',
  'CLINICAL_NOTES',
  'IMAGING_REPORT',
  'REHABILITATION_REPORT',
  'WORKCOVER_CERTIFICATE',
  'INSURANCE_FORM',
  'LEGAL_CORRESPONDENCE',
  'EMPLOYMENT_DOCUMENT',
  'ALLIED_HEALTH_REPORT',
  'HOSPITAL_DOCUMENT',
  'CONSENT_FORM',
  'UNPROCESSED',
  'UNKNOWN',
  'INSURER_IME_REQUEST',
  'PATIENT_CONSENT',
] as const;
export type DocumentCategory = (typeof DOCUMENT_CATEGORIES)[number];

/** Nobody has said it. */
export const NO_CATEGORY: DocumentCategory = 'UNPROCESSED';
