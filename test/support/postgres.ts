/**
 * A database for one test, on the one PostgreSQL server of this test run. The server is started by the first test that
 * asks for it and stopped by `global-setup.ts`.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { migrateDatabase } from '../../src/stores/postgres/migrate.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/stores/postgres/supervisor.ts';

export interface TestDatabase {
  readonly url: string;
  /** Also ends connections that are still open. */
  drop(): Promise<void>;
}

/** Without what only matters when the machine crashes: a test database is never read again. */
export const FAST_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

const TEMPLATE = 'template_migrated';
const TEMPLATE_LOCK = 8420;

/** An empty database, or (default) one with all migrations applied. Takes some tens of milliseconds. */
export async function testDatabase(options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const server = await serverOfThisRun();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await withAdmin(server, async (admin) => {
    const template = (options.migrated ?? true) ? await migratedTemplate(server, admin) : 'template0';
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  return {
    url: server.url(name),
    drop: () =>
      withAdmin(server, async (admin) => {
        await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

let started: Promise<EmbeddedPostgres> | null = null;

/** Never stopped by a test process: the registration of an ended process does not count. */
function serverOfThisRun(): Promise<EmbeddedPostgres> {
  started ??= startEmbeddedPostgres({ folder: inject('postgresFolder'), settings: FAST_SETTINGS });
  return started;
}

async function migratedTemplate(server: EmbeddedPostgres, admin: pg.Client): Promise<string> {
  const exists = async () =>
    ((await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [TEMPLATE])).rowCount ?? 0) > 0;
  if (await exists()) return TEMPLATE;
  await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    if (await exists()) return TEMPLATE;
    const unfinished = `${TEMPLATE}_unfinished`;
    await admin.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${unfinished} TEMPLATE template0`);
    await migrateDatabase(server.url(unfinished));
    await admin.query(`ALTER DATABASE ${unfinished} RENAME TO ${TEMPLATE}`);
    return TEMPLATE;
  } finally {
    await admin.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}

async function withAdmin<T>(server: EmbeddedPostgres, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: server.url('postgres') });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}
