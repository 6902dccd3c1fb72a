/**
 * What a correct synchronisation of the practice must end with, read from the database and the folder as they are now.
 *
 * An independent judge for tests: deliberately simple, and it must not use any code of the connectors it judges.
 */
import { createHash } from 'node:crypto';
import { lstat, readFile, realpath } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { hasColumn, type PracticeDatabase, quote } from './database.ts';

export interface ExpectedFile {
  /** `file_uuid` in lower case, or `id:<n>`. */
  readonly reference: string;
  readonly id: number;
  readonly path: string;
  /** Null when the file cannot be read; `problem` then says why. */
  readonly sha256: string | null;
  readonly size: number | null;
  readonly problem: FileProblem | null;
  /** What is in the bytes of a readable file: only `usable` ones can be expected to be shown or searched. */
  readonly content: 'usable' | 'encrypted' | 'truncated' | 'unknown-type' | null;
}

/** Named as the error codes of the file share. */
export type FileProblem = 'file_path_refused' | 'file_missing' | 'file_not_regular' | 'file_empty' | 'file_too_large';

export interface ExpectedState {
  /** Patient UUID (lower case) → reference → file. Patients without live files have an empty map. */
  readonly patients: ReadonlyMap<string, ReadonlyMap<string, ExpectedFile>>;
  /** References of live rows whose patient has no UUID. */
  readonly unlinkable: readonly string[];
  /** References of rows that are flagged as deleted. */
  readonly flaggedDeleted: readonly string[];
}

const LIMIT = 50 * 1024 * 1024;

interface FileRow {
  readonly id: number;
  readonly path: string | null;
  readonly uuid: string | null;
  readonly patient: string | null;
  readonly deleted: number | boolean;
}

export async function expectedState(database: PracticeDatabase, filesFolder: string): Promise<ExpectedState> {
  const patientUuid = quote(database.dialect, 'silknotePatientUuid');
  const deleted = (await hasColumn(database, 'ax_notes_attachments', 'deleted')) ? 'f.deleted' : 'FALSE';
  const candidates = await database.execute<{ patient: string }>(
    `SELECT ${patientUuid} AS patient FROM candidates WHERE ${patientUuid} IS NOT NULL ORDER BY candidate_id`,
  );
  const rows = await database.execute<FileRow>(
    `SELECT f.id AS id, f.file AS path, f.file_uuid AS uuid, c.${patientUuid} AS patient, ${deleted} AS deleted
     FROM ax_notes_attachments f
     JOIN assessments a ON a.assessment_id = f.assessment_id
     JOIN candidates c ON c.candidate_id = a.candidate_id
     ORDER BY f.id`,
  );

  const patients = new Map(candidates.map(({ patient }) => [patient.toLowerCase(), new Map<string, ExpectedFile>()]));
  const unlinkable: string[] = [];
  const flaggedDeleted: string[] = [];
  for (const row of rows) {
    const reference = row.uuid?.trim() ? row.uuid.trim().toLowerCase() : `id:${row.id}`;
    if (row.deleted) flaggedDeleted.push(reference);
    else if (!row.patient) unlinkable.push(reference);
    else {
      const path = row.path ?? '';
      const found = await inspect(filesFolder, path);
      patients.get(row.patient.toLowerCase())?.set(reference, { reference, id: Number(row.id), path, ...found });
    }
  }
  return { patients, unlinkable, flaggedDeleted };
}

type Inspection = Pick<ExpectedFile, 'sha256' | 'size' | 'problem' | 'content'>;

async function inspect(filesFolder: string, path: string): Promise<Inspection> {
  const failed = (problem: FileProblem, size: number | null = null): Inspection => ({
    sha256: null,
    size,
    problem,
    content: null,
  });
  if (!isAllowed(path)) return failed('file_path_refused');
  const full = join(filesFolder, path);
  let real: string;
  try {
    real = await realpath(full);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return failed('file_missing');
    throw error;
  }
  if (!real.startsWith((await realpath(join(filesFolder, 'notes'))) + sep)) return failed('file_path_refused');
  const stat = await lstat(real);
  if (!stat.isFile()) return failed('file_not_regular');
  if (stat.size === 0) return failed('file_empty', 0);
  if (stat.size > LIMIT) return failed('file_too_large', stat.size);
  const bytes = await readFile(real);
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.length,
    problem: null,
    content: judgeContent(bytes),
  };
}

function isAllowed(path: string): boolean {
  if (/[\0\\]/.test(path) || posix.isAbsolute(path) || /^[A-Za-z]:/.test(path)) return false;
  const normal = posix.normalize(path);
  return normal.startsWith('notes/') && normal.length > 'notes/'.length;
}

function judgeContent(bytes: Buffer): NonNullable<ExpectedFile['content']> {
  if (bytes.subarray(0, 5).toString('latin1') === '%PDF-') {
    const tail = bytes.subarray(-1024).toString('latin1');
    if (!tail.includes('%%EOF')) return 'truncated';
    return tail.includes('/Encrypt') ? 'encrypted' : 'usable';
  }
  const head = bytes.subarray(0, 4).toString('latin1');
  const known = ['\x89PNG', 'II*\0', 'PK\x03\x04', '{\\rt'].includes(head) || /^(\xff\xd8\xff|BM)/.test(head);
  return known || !bytes.includes(0) ? 'usable' : 'unknown-type';
}
