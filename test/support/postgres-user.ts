/**
 * A process of its own that uses an embedded PostgreSQL: `node test/support/postgres-user.ts <folder>`.
 * Prints one JSON line when started and one after each command that it reads from standard input (`stop`, `query`).
 * On SIGINT it queries once more, then stops, as a foreground program does on Ctrl-C.
 */
import { createInterface } from 'node:readline';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/stores/postgres/supervisor.ts';

const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);

const postgres = await startEmbeddedPostgres({ folder: process.argv[2] ?? '', settings: { fsync: 'off' } });

async function query(): Promise<boolean> {
  const client = new pg.Client({ connectionString: postgres.url('postgres') });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query('SELECT 1')).rowCount === 1;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

process.on('SIGINT', async () => {
  const worked = await query();
  await postgres.stop();
  say({ worked });
  process.exit(0);
});

say({ adopted: postgres.adopted, url: postgres.url('postgres') });

for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'query') say({ worked: await query() });
  if (command === 'stop') {
    await postgres.stop();
    say({ stopped: true });
    break;
  }
}
process.exit(0);
