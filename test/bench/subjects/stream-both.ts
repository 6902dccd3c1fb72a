/** Floor of a run that finds nothing to do: both sides' rows cross the wire, in any order, and are thrown away. */
import mysql from 'mysql2';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { measureInside, subjectInput } from '../inside.ts';

export interface StreamBothInput {
  readonly sourceUrl: string;
  readonly databaseUrl: string;
  readonly rows: number;
}

const input = subjectInput<StreamBothInput>();

await measureInside(
  () => Promise.all([streamSource(), streamRecords()]),
  (counts) => {
    for (const rows of counts) if (rows !== input.rows) throw new Error(`${rows} rows came instead of ${input.rows}`);
  },
);

async function streamSource(): Promise<number> {
  const connection = mysql.createConnection({ uri: input.sourceUrl, dateStrings: true, rowsAsArray: true });
  const rows = connection
    .query(
      `SELECT a.candidate_id, f.id, f.file_uuid, f.file, f.description, f.datestamp
       FROM ax_notes_attachments f JOIN assessments a ON a.assessment_id = f.assessment_id`,
    )
    .stream({ highWaterMark: 1000 });
  let count = 0;
  for await (const _ of rows) count++;
  connection.destroy();
  return count;
}

async function streamRecords(): Promise<number> {
  const client = new pg.Client({ connectionString: input.databaseUrl });
  await client.connect();
  const cursor = client.query(
    new Cursor(
      `SELECT "patientUuid", "vsrxReference", "sourceFingerprint" FROM silknote_documents WHERE "deletedAt" IS NULL`,
      [],
      { rowMode: 'array' },
    ),
  );
  let count = 0;
  for (;;) {
    const rows = await cursor.read(5000);
    if (rows.length === 0) break;
    count += rows.length;
  }
  await cursor.close();
  await client.end();
  return count;
}
