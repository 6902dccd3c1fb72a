/** Floor of one patient's changes: look the rows up on both sides, copy the files, update the records in one transaction. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { measureInside, subjectInput } from '../inside.ts';

export interface PatientLoopInput {
  readonly sourceUrl: string;
  readonly databaseUrl: string;
  readonly filesFolder: string;
  readonly target: string;
  readonly unit: string;
  /** Paths of the files that changed, as the source names them. */
  readonly paths: readonly string[];
}

const input = subjectInput<PatientLoopInput>();
await mkdir(input.target, { recursive: true });

await measureInside(
  async () => {
    const source = await mysql.createConnection({ uri: input.sourceUrl, dateStrings: true, rowsAsArray: true });
    const records = new pg.Client({ connectionString: input.databaseUrl });
    await records.connect();
    await source.query(
      `SELECT f.id, f.file_uuid, f.file, f.description, f.datestamp
       FROM candidates c JOIN assessments a ON a.candidate_id = c.candidate_id
       JOIN ax_notes_attachments f ON f.assessment_id = a.assessment_id WHERE c.silknotePatientUuid = ?`,
      [input.unit],
    );
    const { rows } = await records.query<{ uuid: string; path: string }>(
      `SELECT "silknoteDocumentUuid" AS uuid, "sourcePath" AS path FROM silknote_documents
       WHERE "patientUuid" = $1 AND "deletedAt" IS NULL`,
      [input.unit],
    );
    const uuids = new Map(rows.map((row) => [row.path, row.uuid]));
    const hashes = await Promise.all(
      input.paths.map(async (path) => {
        const bytes = await readFile(join(input.filesFolder, path));
        const from = join(input.target, randomUUID());
        const handle = await open(from, 'wx', 0o600);
        await handle.writeFile(bytes);
        await handle.sync();
        await handle.close();
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        await rename(from, join(input.target, sha256));
        return sha256;
      }),
    );
    // Rolled back: the records must stay as the product left them.
    await records.query('BEGIN');
    const { rowCount } = await records.query(
      `UPDATE silknote_documents AS d SET sha256 = w.sha256
       FROM unnest($1::text[], $2::text[]) AS w (uuid, sha256) WHERE d."silknoteDocumentUuid" = w.uuid`,
      [input.paths.map((path) => uuids.get(path)), hashes],
    );
    await records.query('ROLLBACK');
    await records.end();
    await source.end();
    return rowCount;
  },
  (updated) => {
    if (updated !== input.paths.length) throw new Error(`${updated} records were updated, not ${input.paths.length}`);
  },
);
