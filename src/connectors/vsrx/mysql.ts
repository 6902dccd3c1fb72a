/** EHR database on MySQL or MariaDB. */
import type { Pool, PoolConnection, PoolOptions } from 'mysql2';
import { SyncError } from '../../domain/errors.ts';
import type { EhrDatabase } from '../../ports/ehr-database.ts';
import { classifyMysqlError } from './database-error.ts';
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
import { resolveMapping, type TableMappingSettings } from './mapping.ts';
import type { SourceRow } from './source-row.ts';
import { MYSQL } from './sql.ts';

export interface EhrDatabaseOptions extends ConnectionLimits {
  /** `mysql://user:password@host:port/database`, also `mariadb:`; `?sslmode=require` or `verify-full` for TLS. */
  readonly url: string;
  readonly mapping: TableMappingSettings;
  /** IANA zone of the source's clock; replaces the mapping's. */
  readonly timeZone?: string;
  /** `check` also wants the source's own record of who is activated. Default false. */
  readonly checkActivation?: boolean;
}

/** @throws SyncError `settings_invalid` */
export function createMysqlEhrDatabase(options: EhrDatabaseOptions): EhrDatabase {
  const mapping = resolveMapping(options.mapping, options.timeZone);
  const limits = { ...DEFAULT_LIMITS, ...options };
  const driver = createDriver(addressOf(options.url), limits);
  return createEhrReader({ driver, mapping, checkActivation: options.checkActivation ?? false });
}

/**
 * Settings of every session. Text is escaped here with backslashes and names are quoted with backticks, so the server's
 * own `sql_mode` must not change what they mean. Instants are spelled in UTC. A consumer that copies files between two
 * parts of a read leaves the connection silent for long; nothing may end it meanwhile.
 */
const SESSION =
  "SET SESSION sql_mode = '', time_zone = '+00:00', net_write_timeout = 3600, net_read_timeout = 3600, wait_timeout = 604800" +
  '/*M!100300 , idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0 */';

const IDLE_MS = 30_000;

type Driver = typeof import('mysql2');

function createDriver(address: PoolOptions, limits: Required<ConnectionLimits>): EhrDriver {
  /** The driver is loaded with the first connection: most commands talk to no source. */
  let opened: Promise<Pool> | null = null;
  const openPool = () => {
    opened ??= import('mysql2').then(({ default: mysql }) => createPool(mysql, address, limits));
    return opened;
  };
  const kills = new Set<Promise<void>>();
  let closed = false;
  const refuseWhenClosed = () => {
    if (closed) throw new SyncError('cancelled', { detail: 'The source database was closed.' });
  };

  return {
    dialect: MYSQL,
    async snapshot(_tables, signal): Promise<EhrSession> {
      refuseWhenClosed();
      const pool = await openPool();
      // Loading the driver takes a moment.
      refuseWhenClosed();
      const connection = await acquire(pool, limits.connectTimeoutMs, signal);
      const session = guardSession(
        {
          run: (sql, values) => run(connection, sql, values),
          async release() {
            await run(connection, 'COMMIT', []);
            connection.release();
          },
          drop() {
            connection.destroy();
            // The driver waits for the server to answer the goodbye; a server that is gone never does.
            (connection as unknown as { stream: { destroy(): void } }).stream.destroy();
          },
          stopStatement() {
            const kill = killStatement(address, connection.threadId).finally(() => kills.delete(kill));
            kills.add(kill);
          },
          classify: classifyMysqlError,
        },
        limits,
        signal,
      );
      try {
        await session.query(SESSION);
        await session.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
        // A table that is changed or emptied by DDL after this moment answers with ER_TABLE_DEF_CHANGED.
        await session.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
        return session;
      } catch (error) {
        session.destroy();
        throw error;
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      const pool = await opened;
      if (pool !== null) await new Promise<void>((resolve) => pool.end(() => resolve()));
      await Promise.all(kills);
    },
  };
}

function createPool(mysql: Driver, address: PoolOptions, limits: Required<ConnectionLimits>): Pool {
  const pool = mysql.createPool({
    ...address,
    connectTimeout: limits.connectTimeoutMs,
    connectionLimit: limits.maxConnections,
    // Below the limit, or the driver never closes what nobody uses: a clinic's server has few to give.
    maxIdle: Math.max(1, limits.maxConnections - 1),
    idleTimeout: IDLE_MS,
    queueLimit: limits.maxWaiting,
    waitForConnections: true,
    enableKeepAlive: true,
    charset: 'utf8mb4',
    dateStrings: true,
    jsonStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  // A connection that is lost while nobody uses it must not end the process; its next user gets the error.
  pool.on('connection', (connection) => connection.on('error', () => {}));
  return pool;
}

function run(connection: PoolConnection, sql: string, values: readonly unknown[]): Promise<SourceRows> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, values: [...values] as unknown[], rowsAsArray: true }, (error, rows, fields) => {
      if (error) reject(error);
      else if (!Array.isArray(rows)) resolve({ rows: [], columns: [] });
      else resolve({ rows: rows as unknown as SourceRow[], columns: (fields ?? []).map(columnOf) });
    });
  });
}

/** Of the protocol's column types. */
const NUMBERS: ReadonlySet<number | undefined> = new Set(
  Object.values({ DECIMAL: 0, TINY: 1, SHORT: 2, LONG: 3, LONGLONG: 8, INT24: 9, YEAR: 13, NEWDECIMAL: 246 }),
);
const TIMESTAMP = 7;

function columnOf(field: { columnType?: number; type?: number }): SourceColumn {
  const type = field.columnType ?? field.type;
  return { kind: NUMBERS.has(type) ? 'number' : 'text', isUtc: type === TIMESTAMP };
}

function acquire(pool: Pool, timeoutMs: number, signal: AbortSignal | undefined): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new SyncError('cancelled'));
    let waiting = true;
    const settle = (act: () => void) => {
      waiting = false;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = () => settle(() => reject(new SyncError('cancelled')));
    // A little more than the driver's own limit, so that a server that does not answer is reported as that.
    const timer = setTimeout(
      () => settle(() => reject(new SyncError('source_timeout', { detail: 'No connection became free.' }))),
      timeoutMs + 500,
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    pool.getConnection((error, connection) => {
      if (!waiting) {
        if (!error) connection.release();
        return;
      }
      if (!error) return settle(() => resolve(connection));
      // Without a code it is the pool itself that refuses: too many callers wait already.
      const busy = error.code === undefined;
      settle(() =>
        reject(
          busy
            ? new SyncError('source_timeout', { cause: error, detail: 'All connections are in use.' })
            : classifyMysqlError(error),
        ),
      );
    });
  });
}

/** The server notices that its client is gone only when it sends something; until then it would go on working. */
async function killStatement(address: PoolOptions, threadId: number): Promise<void> {
  const { default: mysql } = await import('mysql2');
  return new Promise((resolve) => {
    const connection = mysql.createConnection({ ...address, connectTimeout: 5000 });
    connection.on('error', () => resolve());
    connection.query({ sql: `KILL ${Number(threadId)}`, timeout: 5000 }, () => {
      connection.destroy();
      resolve();
    });
  });
}

/** @throws SyncError `settings_invalid` */
export function addressOf(text: string): PoolOptions {
  const url = URL.canParse(text) ? new URL(text) : null;
  const database = url && decodeURIComponent(url.pathname.slice(1));
  if (!url?.hostname) throw invalid('it must look like mysql://user:password@host:3306/database.');
  if (!database) throw invalid('it names no database.');
  const { sslmode = 'disable', ...unknown } = Object.fromEntries(url.searchParams);
  if (Object.keys(unknown).length > 0) throw invalid('the only parameter it may have is sslmode.');
  const tls = TLS.get(sslmode);
  if (tls === undefined) throw invalid('sslmode must be disable, require or verify-full.');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port ? Number(url.port) : 3306,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    ...(tls ? { ssl: tls } : {}),
  };
}

const TLS = new Map<string, { rejectUnauthorized: boolean; verifyIdentity?: boolean } | null>([
  ['disable', null],
  ['require', { rejectUnauthorized: false }],
  ['verify-full', { rejectUnauthorized: true, verifyIdentity: true }],
]);

function invalid(what: string): SyncError {
  return new SyncError('settings_invalid', { detail: `URL of the source database: ${what}` });
}
