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
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '128MB',
  max_connections: '300',
};

/** What databases are copied from: the first who needs it makes it. */
export interface DatabaseTemplate {
  /** Lower-case letters, digits, underscores. */
  readonly name: string;
  /** Called once in a test run, with an empty database; whoever else needs the template waits. */
  fill(url: string): Promise<unknown>;
}

const MIGRATED: DatabaseTemplate = { name: 'migrated', fill: migrateDatabase };
const TEMPLATE_LOCK = 8420;

/** An empty database, or (default) one with all migrations applied, or a copy of a template. Takes some tens of milliseconds. */
export async function testDatabase(
  options: { migrated?: boolean; template?: DatabaseTemplate } = {},
): Promise<TestDatabase> {
  const server = await serverOfThisRun();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const wanted = options.template ?? ((options.migrated ?? true) ? MIGRATED : null);
  await withAdmin(server, async (admin) => {
    const template = wanted === null ? 'template0' : await filled(wanted, server, admin);
    // A quarter of the work that the usual strategy is, which spares a running server the checkpoints.
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
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

/** @returns the name of its database */
async function filled({ name, fill }: DatabaseTemplate, server: EmbeddedPostgres, admin: pg.Client): Promise<string> {
  const database = `template_${name}`;
  const exists = async () =>
    ((await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [database])).rowCount ?? 0) > 0;
  if (await exists()) return database;
  await admin.query('SELECT pg_advisory_lock($1, hashtext($2))', [TEMPLATE_LOCK, name]);
  try {
    if (await exists()) return database;
    const unfinished = `unfinished_${name}`;
    await admin.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${unfinished} TEMPLATE template0`);
    await fill(server.url(unfinished));
    await admin.query(`ALTER DATABASE ${unfinished} RENAME TO ${database}`);
    return database;
  } finally {
    await admin.query('SELECT pg_advisory_unlock($1, hashtext($2))', [TEMPLATE_LOCK, name]);
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
