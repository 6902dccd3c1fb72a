/** How long a run went on after somebody had asked for its end: by the database's clock, however late a test looks. */
import pg from 'pg';

/** @returns milliseconds. @throws Error while the run has not ended, or when nobody asked */
export async function cancelledWithin(databaseUrl: string, runId: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ ms: number | null }>(
      `SELECT extract(epoch FROM finished_at - cancel_requested_at)::float8 * 1000 AS ms FROM sync_runs WHERE id = $1`,
      [runId],
    );
    const ms = rows[0]?.ms ?? null;
    if (ms === null) throw new Error('The run is not one that was cancelled and has ended.');
    return ms;
  } finally {
    await client.end();
  }
}
