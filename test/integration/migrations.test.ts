/** The record database and the program that opens it need not be of one age. */
import { expect, test } from 'vitest';
import { migrateDatabase } from '../../src/main.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { testDatabase } from '../support/postgres.ts';

test('a database that a newer version has changed is left alone, and said to be newer', async () => {
  const testing = await testDatabase();
  const database = openDatabase({ url: testing.url, poolSize: 1 });
  try {
    expect(await migrateDatabase(testing.url)).toEqual([]);
    await database.pool.query(`INSERT INTO chartsync_migrations VALUES ('9999_of_the_future', now()::text)`);
    await expect(migrateDatabase(testing.url)).rejects.toMatchObject({ code: 'database_newer', action: 'stop' });
  } finally {
    await database.close();
    await testing.drop();
  }
});
