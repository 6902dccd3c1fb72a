/** Numbered SQL files, applied in order, forward only, each with its record in one transaction. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Kysely, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import { SyncError } from '../../domain/errors.ts';
import { openDatabase } from './database.ts';
import { databaseError } from './database-error.ts';
import { prepareJobs } from './job-board.ts';
import type { Tables } from './tables.ts';

const FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url));

const provider: MigrationProvider = {
  async getMigrations() {
    const names = (await readdir(FOLDER)).filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name)).sort();
    const migrations: Record<string, Migration> = {};
    for (const name of names) {
      const text = await readFile(new URL(name, `file://${FOLDER}`), 'utf8');
      migrations[name.slice(0, -4)] = {
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
    migrationTableName: 'chartsync_migrations',
    migrationLockTableName: 'chartsync_migration_lock',
  });
}

/** @returns the names of the migrations that this call applied */
export async function migrateDatabase(url: string): Promise<string[]> {
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

/** @returns the names of migrations that the database still lacks */
export async function pendingMigrations(db: Kysely<Tables>): Promise<string[]> {
  const all = await migrator(db).getMigrations();
  return all.filter((m) => m.executedAt === undefined).map((m) => m.name);
}
