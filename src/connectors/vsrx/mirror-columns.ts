/** The mirrored tables: their columns, from what each is written, and how the tables are made where there are none. */
import type { MirroredDocument, MirroredFileset } from '../../ports/table-mirror.ts';

export interface MirrorColumn<T> {
  readonly name: string;
  readonly value: (row: T) => string | number | boolean | null;
  /** An existing table may lack it. */
  readonly optional?: true;
  /** JSON: cut in two it is nothing. What is too long for the column is left out. */
  readonly json?: true;
  /** Every character set has the characters of its texts. */
  readonly plain?: true;
  /**
   * What an existing row keeps: `own` its value whatever ours is, since the column is another program's; `filled` its value
   * when we have none; `filledText` also when ours is empty.
   */
  readonly keeps?: 'own' | 'filled' | 'filledText';
}

const time = (instant: string | null) => (instant === null ? null : instant.slice(0, 19).replace('T', ' '));

export const DOCUMENTS = 'silknote_documents';
export const FILESETS = 'silknote_patient_filesets';

/** @param activation the source itself says who is activated: the column is its own */
export function filesetColumns(activation: 'source' | 'ours'): readonly MirrorColumn<MirroredFileset>[] {
  const keeps = activation === 'source' ? ({ keeps: 'own' } as const) : {};
  return [
    { name: 'silknotePatientUuid', value: (f) => f.patientUuid, plain: true },
    { name: 'silknoteUserUuid', value: (f) => f.ownerUuid, plain: true, keeps: 'filledText' },
    { name: 'activatedUse', value: (f) => f.activatedUse, ...keeps },
    { name: 'activatedUseTime', value: (f) => time(f.activatedUseTime), optional: true, ...keeps },
    { name: 'patientName', value: (f) => f.patientName, optional: true, keeps: 'filled' },
    { name: 'patientDob', value: (f) => f.patientDob, optional: true, keeps: 'filled' },
    { name: 'gender', value: (f) => f.gender, optional: true, keeps: 'filled' },
    { name: 'errors', value: (f) => f.errors, optional: true, json: true },
    { name: 'syncLog', value: (f) => f.syncLog, optional: true, json: true },
    { name: 'createdAt', value: (f) => time(f.createdAt), optional: true, keeps: 'own' },
    { name: 'updatedAt', value: (f) => time(f.updatedAt) },
  ];
}

export const DOCUMENT_COLUMNS: readonly MirrorColumn<MirroredDocument>[] = [
  { name: 'silknoteDocumentUuid', value: (d) => d.documentUuid, plain: true },
  { name: 'patientUuid', value: (d) => d.patientUuid, plain: true },
  { name: 'clientFileId', value: (d) => d.clientFileId, optional: true },
  { name: 'originalName', value: (d) => d.originalName },
  // Names of columns count without case: "vsrxReference" is the same.
  { name: 'VSRXReference', value: (d) => d.reference },
  { name: 'storedPath', value: (d) => d.storedPath, optional: true },
  { name: 'status', value: (d) => d.status, plain: true },
  { name: 'category', value: (d) => d.category, optional: true, keeps: 'filled' },
  { name: 'mimeType', value: (d) => d.mimeType, optional: true },
  { name: 'sizeBytes', value: (d) => d.sizeBytes, optional: true },
  { name: 'pageCount', value: (d) => d.pageCount, optional: true, keeps: 'filled' },
  { name: 'documentDate', value: (d) => d.documentDate, optional: true, keeps: 'filled' },
  { name: 'uploadDate', value: (d) => time(d.uploadDate), optional: true },
  { name: 'processedAt', value: (d) => time(d.processedAt), optional: true },
  { name: 'title', value: (d) => d.title, optional: true, keeps: 'filled' },
  { name: 'author', value: (d) => d.author, optional: true, keeps: 'filled' },
  { name: 'sourceSystem', value: (d) => d.sourceSystem, optional: true },
  { name: 'createdAt', value: (d) => time(d.createdAt), optional: true, keeps: 'own' },
  { name: 'updatedAt', value: (d) => time(d.updatedAt) },
];

const TABLE = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4';

/** @param like the key of an existing table of filesets, which the other table's must be like */
export function createTables(like: { readonly charset: string; readonly collation: string } | null): readonly string[] {
  const text = like === null ? '' : ` CHARACTER SET ${like.charset} COLLATE ${like.collation}`;
  return [CREATE_FILESETS, CREATE_DOCUMENTS.replace(PATIENT_KEY, `$&${text}`)];
}

const PATIENT_KEY = 'patientUuid VARCHAR(36)';

const CREATE_FILESETS = `CREATE TABLE IF NOT EXISTS ${FILESETS} (
  silknotePatientUuid VARCHAR(36) NOT NULL PRIMARY KEY,
  silknoteUserUuid LONGTEXT NOT NULL,
  activatedUse BOOLEAN NOT NULL DEFAULT 0,
  activatedUseTime DATETIME NULL,
  patientName VARCHAR(255) NULL,
  patientDob VARCHAR(20) NULL,
  gender VARCHAR(50) NULL,
  vectorStoreJson LONGTEXT NULL,
  caseSummaryJson LONGTEXT NULL,
  summaryGenerationCount INT NOT NULL DEFAULT 0,
  errors JSON NULL,
  syncLog LONGTEXT NULL,
  createdAt DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updatedAt DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY idx_activated_use (activatedUse)
) ${TABLE}`;

const CREATE_DOCUMENTS = `CREATE TABLE IF NOT EXISTS ${DOCUMENTS} (
  silknoteDocumentUuid VARCHAR(36) NOT NULL PRIMARY KEY,
  ${PATIENT_KEY} NOT NULL,
  clientFileId VARCHAR(255) NULL,
  originalName VARCHAR(500) NOT NULL,
  VSRXReference VARCHAR(36) NULL,
  storedPath TEXT NULL,
  status VARCHAR(50) NOT NULL DEFAULT 'queued',
  category VARCHAR(100) NULL,
  mimeType VARCHAR(100) NULL,
  sizeBytes BIGINT NULL,
  pageCount INT NULL,
  documentDate VARCHAR(50) NULL,
  uploadDate DATETIME NULL,
  processedAt DATETIME NULL,
  title VARCHAR(500) NULL,
  author VARCHAR(255) NULL,
  sourceSystem VARCHAR(50) NOT NULL DEFAULT 'upload',
  contentJson LONGTEXT NULL,
  alertsJson LONGTEXT NULL,
  createdAt DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updatedAt DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY idx_vsrx_reference (VSRXReference),
  KEY idx_patient_uuid (patientUuid),
  KEY idx_document_status (status),
  KEY idx_document_category (category),
  KEY idx_client_file (clientFileId, patientUuid),
  CONSTRAINT fk_silknote_document_patient FOREIGN KEY (patientUuid)
    REFERENCES ${FILESETS} (silknotePatientUuid) ON DELETE CASCADE ON UPDATE CASCADE
) ${TABLE}`;
