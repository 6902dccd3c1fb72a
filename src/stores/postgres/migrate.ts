/** Numbered SQL files, applied in order, forward only, each with its record in one transaction. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Kysely, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import pg from 'pg';
import { SyncError } from '../../domain/errors.ts';
import { openDatabase } from './database.ts';
import { databaseError } from './database-error.ts';
import { areJobsReady, prepareJobs } from './job-board.ts';
import type { Tables } from './tables.ts';

const TABLE = 'chartsync_migrations';
const FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url));

/** Without their ends, in order. */
async function knownNames(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files
    .filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file))
    .map((file) => file.slice(0, -4))
    .sort();
}

const provider: MigrationProvider = {
  async getMigrations() {
    const migrations: Record<string, Migration> = {};
    for (const name of await knownNames()) {
      const text = await readFile(new URL(`${name}.sql`, `file://${FOLDER}`), 'utf8');
      migrations[name] = {
        up: (db) =>
          sql
            .raw(text)
            .execute(db)
            .then(() => undefined),
      };
    }
    return migrations;
  },
};

/** What Kysely says about a migration that was applied and is not known here. */
const UNKNOWN_MIGRATION = /^corrupted migrations: previously executed migration \S+ is missing$/;

function migrator(db: Kysely<Tables>): Migrator {
  return new Migrator({
    db,
    provider,
    migrationTableName: TABLE,
    migrationLockTableName: 'chartsync_migration_lock',
  });
}

/** @returns the names of the migrations that this call applied */
export async function migrateDatabase(url: string): Promise<string[]> {
  if (await isCurrent(url)) return [];
  const database = openDatabase({ url, poolSize: 2 });
  try {
    const { error, results } = await migrator(database.kysely).migrateToLatest();
    if (error instanceof Error && UNKNOWN_MIGRATION.test(error.message)) {
      throw new SyncError('database_newer', { cause: error });
    }
    if (error) throw databaseError(error);
    await prepareJobs(url);
    return (results ?? []).filter((r) => r.status === 'Success').map((r) => r.migrationName);
  } finally {
    await database.close();
  }
}

/** As nearly every process finds it. */
async function isCurrent(url: string): Promise<boolean> {
  const state = await readState(url);
  return state?.jobsReady === true && state.applied.join() === (await knownNames()).join();
}

/** @returns whether there are tables, of an earlier version than this program's: its next start would change them */
export async function areTablesOlder(url: string): Promise<boolean> {
  const state = await readState(url);
  if (state === null) return false;
  const applied = new Set(state.applied);
  return !state.jobsReady || (await knownNames()).some((name) => !applied.has(name));
}

interface TablesState {
  /** Names of migrations, in order. */
  readonly applied: readonly string[];
  readonly jobsReady: boolean;
}

/**
 * Three short questions, where Kysely looks at each column of each table before it knows.
 * @returns null: there are no tables
 */
async function readState(url: string): Promise<TablesState | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const table = await client.query<{ there: boolean }>(`SELECT to_regclass('${TABLE}') IS NOT NULL AS there`);
    if (!table.rows[0]?.there) return null;
    const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${TABLE} ORDER BY name COLLATE "C"`);
    return { applied: rows.map(({ name }) => name), jobsReady: await areJobsReady(client) };
  } catch (error) {
    throw databaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** @returns the names of migrations that the database still lacks */
export async function pendingMigrations(db: Kysely<Tables>): Promise<string[]> {
  const all = await migrator(db).getMigrations();
  return all.filter((m) => m.executedAt === undefined).map((m) => m.name);
}
