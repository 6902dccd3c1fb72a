/** One row of the file table becomes a {@link SourceFile}. */
import { hash } from 'node:crypto';
import { fileReference } from '../../domain/reference.ts';
import type { SourceFile } from '../../ports/ehr-database.ts';
import type { ReadTime } from './source-time.ts';
import { FILE_COLUMNS } from './sql.ts';

/** A value as a driver delivers it; numbers only where no digit can be lost. */
export type SourceValue = string | number | boolean | Buffer | null;
export type SourceRow = readonly SourceValue[];

/** What is known of a file's patient. */
export interface SourcePatient {
  /** The patient's UUID in the spelling of our units, or null when the source has none. */
  readonly unit: string | null;
  readonly name: string | null;
  readonly ownerUuid: string | null;
}

/**
 * @param row   in the order of `FILE_COLUMNS`; a column that the source does not have is null
 * @param isUtc whether the column at a position holds instants spelled in UTC
 */
export function readFileRow(
  row: SourceRow,
  patient: SourcePatient & { readonly unit: string },
  readTime: ReadTime,
  isUtc: { readonly createdAt: boolean; readonly updatedAt: boolean },
): SourceFile {
  const sourceId = textOf(row[FILE_COLUMNS.id]) ?? '';
  const path = textOf(row[FILE_COLUMNS.path]);
  const description = textOf(row[FILE_COLUMNS.description]);
  const created = readTime(textOf(row[FILE_COLUMNS.createdAt]), isUtc.createdAt);
  const updated = readTime(textOf(row[FILE_COLUMNS.updatedAt]), isUtc.updatedAt);
  return {
    unit: patient.unit,
    reference: fileReference(textOf(row[FILE_COLUMNS.uuid]), sourceId),
    fingerprint: fingerprintOf([path, created.raw, updated.raw, description, sourceId]),
    deleted: isTrue(row[FILE_COLUMNS.deleted]),
    sourceId,
    path,
    description,
    uploadedAt: created.instant,
    ownerUuid: patient.ownerUuid,
    patientName: patient.name,
  };
}

/** The spelling of a patient's UUID as a unit; null when it is empty or blank. */
export function unitOf(uuid: string | null): string | null {
  return uuid?.trim().toLowerCase() || null;
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[ T].*)?$/;

/** As the silknote tables keep it; what is no date stays as it is, but for that of MySQL which says that there is none. */
export function birthDateOf(text: string | null): string | null {
  const date = text === null ? null : DATE.exec(text.trim());
  if (!date) return text?.trim() || null;
  const [, year, month, day] = date;
  return year === '0000' ? null : `${day}/${month}/${year}`;
}

export function textOf(value: SourceValue | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}

/** A flag of the source, however its database spells it. */
export function isTrue(value: SourceValue | undefined): boolean {
  if (value === true || value === 1 || value === '1' || value === 't' || value === 'true') return true;
  return Buffer.isBuffer(value) && value.length > 0 && value[value.length - 1] === 1;
}

/** 132 bits of SHA-256: compared only with earlier fingerprints of the same item. */
function fingerprintOf(fields: readonly (string | null)[]): string {
  return hash('sha256', JSON.stringify(fields), 'base64url').slice(0, 22);
}
