/** Keeps runs at work: while it lasts, none gets past reading the attachments of its source. */
import pg from 'pg';

/** @returns ends it */
export async function holdSource(sourceUrl: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: sourceUrl });
  await client.connect();
  await client.query('BEGIN; LOCK TABLE ax_notes_attachments IN ACCESS EXCLUSIVE MODE');
  return async () => {
    await client.query('ROLLBACK');
    await client.end();
  };
}
