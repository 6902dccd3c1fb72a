/** EHR database on PostgreSQL. */
import pg from 'pg';
import { SyncError } from '../../domain/errors.ts';
import type { EhrDatabase } from '../../ports/ehr-database.ts';
import { classifyPostgresError } from './database-error.ts';
import { createEhrReader } from './ehr-reader.ts';
import {
  type ConnectionLimits,
  DEFAULT_LIMITS,
  type EhrDriver,
  type EhrSession,
  type SourceColumn,
  type SourceRows,
} from './ehr-session.ts';
import { guardSession } from './guarded-session.ts';
import { resolveMapping } from './mapping.ts';
import type { EhrDatabaseOptions } from './mysql.ts';
import type { SourceRow } from './source-row.ts';
import { numbered, POSTGRES } from './sql.ts';

/** @throws SyncError `settings_invalid` */
export function createPostgresEhrDatabase(options: EhrDatabaseOptions): EhrDatabase {
  const mapping = resolveMapping(options.mapping, options.timeZone);
  const limits = { ...DEFAULT_LIMITS, ...options };
  const driver = createDriver(options.url, limits);
  return createEhrReader({ driver, mapping, checkActivation: options.checkActivation ?? false });
}

/** A consumer that copies files between two parts of a read leaves the transaction idle for long. */
function opening(queryTimeoutMs: number): string {
  return [
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
    `SET LOCAL statement_timeout = ${Math.ceil(queryTimeoutMs)}`,
    'SET LOCAL idle_in_transaction_session_timeout = 0',
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL work_mem = '32MB'",
  ].join('; ');
}

/**
 * A server that wants a password refuses a wrong one at once. Without any the driver would wait until its time is over, and
 * tell that the server does not answer.
 */
function withSomePassword(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.password !== '') return url;
  parsed.username ||= 'none';
  parsed.password = 'none';
  return parsed.href;
}

function createDriver(url: string, limits: Required<ConnectionLimits>): EhrDriver {
  const config: pg.PoolConfig = {
    connectionString: withSomePassword(url),
    connectionTimeoutMillis: limits.connectTimeoutMs,
    keepAlive: true,
    application_name: 'chartsync',
  };
  let pool: pg.Pool;
  try {
    pool = new pg.Pool({ ...config, max: limits.maxConnections });
  } catch (error) {
    throw new SyncError('settings_invalid', { cause: error, detail: 'URL of the source database: it cannot be read.' });
  }
  // A connection that is lost while nobody uses it must not end the process; its next user gets the error.
  pool.on('error', () => {});
  const cancels = new Set<Promise<void>>();
  let closed = false;

  return {
    dialect: POSTGRES,
    async snapshot(tables, signal): Promise<EhrSession> {
      if (closed) throw new SyncError('cancelled', { detail: 'The source database was closed.' });
      if (pool.waitingCount >= limits.maxWaiting) {
        throw new SyncError('source_timeout', { detail: 'All connections are in use.' });
      }
      const client = await acquire(pool, limits, signal);
      const onError = () => {};
      client.on('error', onError);
      const giveBack = (broken: boolean) => {
        client.removeListener('error', onError);
        // What the server still has to say to a dropped client interests nobody.
        if (broken) client.on('error', () => {});
        client.release(broken);
      };
      const session = guardSession(
        {
          run: (sql, values) => run(client, sql, values),
          async release() {
            await client.query('COMMIT');
            giveBack(false);
          },
          drop: () => giveBack(true),
          stopStatement() {
            const processId = (client as unknown as { processID: number }).processID;
            const cancel = cancelStatement(config, processId).finally(() => cancels.delete(cancel));
            cancels.add(cancel);
          },
          classify: classifyPostgresError,
        },
        limits,
        signal,
      );
      try {
        await session.query(opening(limits.queryTimeoutMs));
        // TRUNCATE and rewriting DDL are not bound to snapshots: a table replaced after the snapshot looks empty in it.
        // LOCK takes none itself, so locking first closes the gap. SELECT is right enough for this lock.
        if (tables.length > 0) {
          await session.query(`LOCK TABLE ${tables.map(POSTGRES.quote).join(', ')} IN ACCESS SHARE MODE`);
        }
        return session;
      } catch (error) {
        session.destroy();
        throw error;
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      await pool.end();
      await Promise.all(cancels);
    },
  };
}

const AS_TEXT = { getTypeParser: () => (value: string) => value };

async function run(client: pg.PoolClient, sql: string, values: readonly unknown[]): Promise<SourceRows> {
  const result = await client.query({
    text: numbered(sql),
    values: [...values],
    rowMode: 'array',
    types: AS_TEXT as unknown as pg.CustomTypesConfig,
  });
  return { rows: (result.rows ?? []) as SourceRow[], columns: (result.fields ?? []).map(columnOf) };
}

const { INT2, INT4, INT8, NUMERIC, OID, TIMESTAMPTZ } = pg.types.builtins;
const UUID = 2950;
const NUMBERS = new Set<number>([INT2, INT4, INT8, NUMERIC, OID]);

function columnOf(field: pg.FieldDef): SourceColumn {
  const type = field.dataTypeID;
  const kind = NUMBERS.has(type) ? 'number' : type === UUID ? 'uuid' : 'text';
  return { kind, isUtc: type === TIMESTAMPTZ };
}

async function acquire(
  pool: pg.Pool,
  limits: Required<ConnectionLimits>,
  signal: AbortSignal | undefined,
): Promise<pg.PoolClient> {
  if (signal?.aborted) throw new SyncError('cancelled');
  const connecting = pool.connect();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(new SyncError('cancelled'));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    connecting.then(
      (late) => late.release(),
      () => {},
    );
    const allInUse = pool.totalCount >= limits.maxConnections && pool.idleCount === 0;
    if (allInUse && (error as { code?: unknown }).code === undefined) {
      throw new SyncError('source_timeout', { cause: error, detail: 'No connection became free.' });
    }
    throw classifyPostgresError(error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The server notices that its client is gone only when it sends something; until then it would go on working. */
async function cancelStatement(config: pg.PoolConfig, processId: number): Promise<void> {
  const client = new pg.Client({ ...config, connectionTimeoutMillis: 5000, query_timeout: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT pg_terminate_backend($1)', [processId]);
  } catch {
    // The server's own statement_timeout ends it later.
  } finally {
    await client.end().catch(() => {});
  }
}
