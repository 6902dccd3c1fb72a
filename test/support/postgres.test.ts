import pg from 'pg';
import { expect, test } from 'vitest';
import { testDatabase } from './postgres.ts';

async function tables(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
  );
  await client.end();
  return rows.map((row) => row.name);
}

test('test databases are migrated, or empty, and apart from each other', async () => {
  const [one, two, empty] = await Promise.all([testDatabase(), testDatabase(), testDatabase({ migrated: false })]);
  const client = new pg.Client({ connectionString: one.url });
  await client.connect();
  await client.query('CREATE TABLE only_here (id int)');
  await client.end();

  expect(await tables(one.url)).toContain('only_here');
  expect(await tables(two.url)).not.toContain('only_here');
  expect(await tables(two.url)).toContain('sync_runs');
  expect(await tables(empty.url)).toEqual([]);

  await Promise.all([one.drop(), two.drop(), empty.drop()]);
  await expect(tables(one.url)).rejects.toMatchObject({ code: '3D000' });
});
