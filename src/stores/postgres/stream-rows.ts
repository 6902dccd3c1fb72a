/** Answers of any size, a thousand rows at a time. */
import Cursor from 'pg-cursor';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

const CURSOR_ROWS = 1000;

export async function* streamRows<Row>(
  database: Database,
  text: string,
  values: readonly (string | null | readonly string[])[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Row[]> {
  const client = await database.pool.connect().catch((error) => {
    throw databaseError(error);
  });
  // Until the cursor is closed the connection is in an unknown state and must not go back to the pool.
  let clean = false;
  try {
    const cursor = client.query(new Cursor<Row>(text, [...values], { rowMode: 'array' }));
    try {
      for (;;) {
        const rows = await unlessAborted(() => database.lost.awaiting(client, cursor.read(CURSOR_ROWS)), signal);
        // A consumer may stop here for good: then only the `finally` below runs.
        clean = true;
        yield rows;
        clean = false;
        if (rows.length < CURSOR_ROWS) break;
      }
      clean = true;
    } finally {
      if (clean) await cursor.close();
    }
  } catch (error) {
    clean = false;
    throw databaseError(error);
  } finally {
    client.release(!clean);
  }
}

/** The driver cannot abort a query: its connection is given up instead, by the caller. */
async function unlessAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work();
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
