/** The connection pool to our own PostgreSQL. */
import { type Kysely, Kysely as KyselyClass, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import { databaseError, isSerializationFailure } from './database-error.ts';
import { type LostConnections, watchForLost } from './lost-connections.ts';
import type { Tables } from './tables.ts';

export interface Database {
  readonly kysely: Kysely<Tables>;
  readonly pool: pg.Pool;
  /** Runs `work` in one transaction, repeated when PostgreSQL asks for it; failures come out as `SyncError`. */
  transaction<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** Of the pool's members; see `lost-connections.ts`. */
  readonly lost: LostConnections;
  close(): Promise<void>;
}

const MAX_TRIES = 5;

export function openDatabase(options: { url: string; poolSize?: number }): Database {
  const url = withoutQueryTimeout(options.url);
  const lost = watchForLost(url);
  const pool = new pg.Pool({
    connectionString: url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    idleTimeoutMillis: 30_000,
    application_name: 'chartsync',
  });
  // Without a listener the loss of an idle connection would end the process.
  pool.on('error', () => undefined);
  // So would the loss of one in use: its query fails as well, and that is where it is told.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    lost.watch(client);
  });
  const kysely = new KyselyClass<Tables>({ dialect: new PostgresDialect({ pool }) });
  return {
    kysely,
    pool,
    lost,
    async transaction(work) {
      for (let attempt = 1; ; attempt++) {
        let failure: unknown;
        try {
          return await kysely.transaction().execute((trx) =>
            work(trx).catch((error) => {
              failure = error;
              throw error;
            }),
          );
        } catch (error) {
          // On a lost connection the rollback fails as well, and its error would hide why.
          failure ??= error;
          if (attempt < MAX_TRIES && isSerializationFailure(failure)) continue;
          throw databaseError(failure);
        }
      }
    },
    async close() {
      await kysely.destroy();
      lost.close();
    },
  };
}

/** The driver counts the whole life of a cursor against it, and then ends the cursor as if all of its rows had been read. */
function withoutQueryTimeout(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !parsed.searchParams.has('query_timeout')) return url;
  parsed.searchParams.delete('query_timeout');
  return parsed.href;
}
