/**
 * A practice of any size for benchmarks: rows made by the database server itself, files of random bytes behind a PDF header.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PracticeDatabase, quote, resumeIdentity } from './database.ts';
import { SHARE_MARKER } from './practice.ts';
import { createRandom } from './random.ts';
import { type VsrxSchemaOptions, vsrxSchema } from './schema.ts';

export interface BulkPracticeOptions {
  /** Rows in `ax_notes_attachments`, spread evenly over the patients. */
  readonly rows: number;
  readonly patients: number;
  readonly database: PracticeDatabase;
  /** One file per row, sizes in bytes spread evenly between the two. Without it the rows name files that do not exist. */
  readonly withFiles?: { readonly folder: string; readonly minBytes: number; readonly maxBytes: number };
  readonly schema?: VsrxSchemaOptions;
  /** Called after each portion of rows or files. */
  readonly onProgress?: (what: 'rows' | 'files', done: number) => void;
}

const ROWS_PER_STATEMENT = 200_000;
const FILES_AT_ONCE = 32;

/** @throws Error when the database has patients already */
export async function createBulkPractice(options: BulkPracticeOptions): Promise<void> {
  const { database, rows, patients } = options;
  for (const statement of vsrxSchema(database.dialect, options.schema)) await database.execute(statement);
  if ((await database.execute('SELECT candidate_id FROM candidates LIMIT 1')).length > 0) {
    throw new Error('the database holds a practice already; bulk rows want an empty one');
  }
  const { dialect } = database;
  const patientUuid = quote(dialect, 'silknotePatientUuid');
  const userUuid = quote(dialect, 'silknoteUserUuid');

  await database.execute(
    `INSERT INTO staff (staff_id, username, first_name, last_name, ${userUuid}) VALUES (1, 'bulk', 'Bulk', 'Sample', '00000000-0000-4000-8000-000000000001')`,
  );
  for (const [from, to] of portions(patients)) {
    await database.execute(
      `INSERT INTO candidates (candidate_id, staff_id, first_name, last_name, dob, gender, ${patientUuid})
       SELECT n, 1, 'Bulk', ${text(dialect, "'Sample '", 'n')}, '1980-01-01', 'Other', ${uuidOf(dialect, 'patient', 'n')}
       FROM ${numbers(dialect, from, to)}`,
    );
    await database.execute(
      `INSERT INTO assessments (assessment_id, candidate_id, assessment_type) SELECT n, n, 'Initial assessment' FROM ${numbers(dialect, from, to)}`,
    );
  }
  // Random keys in an index that grows row by row cost most of the time; sorted once at the end, a few seconds.
  await database.execute(`DROP INDEX idx_file_uuid${dialect === 'mysql' ? ' ON ax_notes_attachments' : ''}`);
  for (const [from, to] of portions(rows)) {
    await database.execute(
      `INSERT INTO ax_notes_attachments (id, assessment_id, user_id, datestamp, file, description, file_uuid)
       SELECT n, 1 + n % ${patients}, 1, ${secondsAfterStart(dialect)}, ${pathOf(dialect)}, 'Bulk file', ${uuidOf(dialect, 'file', 'n')}
       FROM ${numbers(dialect, from, to)}`,
    );
    options.onProgress?.('rows', to);
  }
  await database.execute('CREATE INDEX idx_file_uuid ON ax_notes_attachments (file_uuid)');
  for (const [table, column] of [
    ['staff', 'staff_id'],
    ['candidates', 'candidate_id'],
    ['assessments', 'assessment_id'],
    ['ax_notes_attachments', 'id'],
  ] as const) {
    await resumeIdentity(database, table, column);
  }
  // Fresh statistics: a plan made for empty tables would be measured otherwise.
  await database.execute(
    dialect === 'mysql'
      ? 'ANALYZE TABLE candidates, assessments, ax_notes_attachments'
      : 'ANALYZE candidates, assessments, ax_notes_attachments',
  );
  if (options.withFiles) await writeFiles(rows, options.withFiles, options.onProgress);
}

/** Path of the n-th bulk file, as its row has it. */
export function bulkPath(n: number): string {
  return `notes/bulk/${Math.floor(n / 1000)}/${n}.pdf`;
}

async function writeFiles(
  count: number,
  { folder, minBytes, maxBytes }: NonNullable<BulkPracticeOptions['withFiles']>,
  onProgress: BulkPracticeOptions['onProgress'],
): Promise<void> {
  const random = createRandom('bulk');
  // All files are windows into one block of noise: making noise for each would cost more than writing it.
  const noise = randomBytes(maxBytes + (1 << 20));
  for (let from = 1; from <= count; from += FILES_AT_ONCE) {
    const batch: Promise<void>[] = [];
    for (let n = from; n < from + FILES_AT_ONCE && n <= count; n++) {
      const path = join(folder, bulkPath(n));
      if (n === 1 || n % 1000 === 0) await mkdir(join(path, '..'), { recursive: true });
      const head = Buffer.from(`%PDF-1.7\n% ${n}\n`);
      const start = random.int(0, 1 << 20);
      const length = Math.max(0, random.int(minBytes, maxBytes) - head.length);
      batch.push(writeFile(path, Buffer.concat([head, noise.subarray(start, start + length)])));
    }
    await Promise.all(batch);
    onProgress?.('files', Math.min(count, from + FILES_AT_ONCE - 1));
  }
  await writeFile(join(folder, SHARE_MARKER), 'The file share of a sample practice.\n');
}

function* portions(total: number): Generator<[from: number, to: number]> {
  for (let from = 1; from <= total; from += ROWS_PER_STATEMENT) {
    yield [from, Math.min(total, from + ROWS_PER_STATEMENT - 1)];
  }
}

type Dialect = PracticeDatabase['dialect'];

/** A derived table with one column `n`. MySQL has no series function, and MariaDB's sequence tables are not in MySQL. */
function numbers(dialect: Dialect, from: number, to: number): string {
  if (dialect === 'postgres') return `generate_series(${from}, ${to}) AS series(n)`;
  const digit =
    '(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
  const places = ['a', 'b', 'c', 'e', 'f', 'g'];
  const sum = places.map((place, i) => `${place}.d * ${10 ** i}`).join(' + ');
  const tables = places.map((place) => `${digit} ${place}`).join(' CROSS JOIN ');
  return `(SELECT ${from} + ${sum} AS n FROM ${tables} HAVING n <= ${to}) AS series`;
}

function text(dialect: Dialect, literal: string, expression: string): string {
  return dialect === 'mysql' ? `CONCAT(${literal}, ${expression})` : `${literal} || ${expression}`;
}

/** A version 4 shaped UUID from the MD5 of label and number: the same in both dialects, hashed once per row. */
function uuidOf(dialect: Dialect, label: string, n: string): string {
  const splice = (into: string, at: number, length: number, piece: string) =>
    dialect === 'mysql'
      ? `INSERT(${into}, ${at}, ${length}, '${piece}')`
      : `overlay(${into} placing '${piece}' from ${at} for ${length})`;
  const hash = `md5(${text(dialect, `'${label}-'`, n)})`;
  return splice(splice(splice(splice(hash, 21, 0, '-'), 17, 1, '-8'), 13, 1, '-4'), 9, 0, '-');
}

function pathOf(dialect: Dialect): string {
  const folder = dialect === 'mysql' ? 'n DIV 1000' : 'n / 1000';
  return `concat('notes/bulk/', ${folder}, '/', n, '.pdf')`;
}

function secondsAfterStart(dialect: Dialect): string {
  return dialect === 'mysql'
    ? "TIMESTAMPADD(SECOND, n, '2025-01-06 08:00:00')"
    : "timestamp '2025-01-06 08:00:00' + n * interval '1 second'";
}
