/** A slow reader gets every row: an answer that ends early looks like a source from which things have vanished. */
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { streamRows } from '../../src/stores/postgres/stream-rows.ts';
import { testDatabase } from '../support/postgres.ts';

const ROWS = 3500;

test('however long it takes, and whatever time limit the address of the database names', async () => {
  const testing = await testDatabase();
  const database = openDatabase({ url: `${testing.url}?query_timeout=100`, poolSize: 2 });
  try {
    let rows = 0;
    for await (const part of streamRows(database, `SELECT generate_series(1, ${ROWS})`, [], undefined)) {
      rows += part.length;
      // Longer than the limit, between two reads.
      await database.pool.query('SELECT pg_sleep(0.15)');
    }
    expect(rows).toBe(ROWS);
  } finally {
    await database.close();
    await testing.drop();
  }
});
