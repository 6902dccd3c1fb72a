/**
 * The practice's database as the sample code needs it: MySQL/MariaDB or PostgreSQL behind one small interface.
 *
 * SQL is written once: `?` stands for a parameter in both dialects, `quote` quotes a name. Dates and times go in and come
 * out as wall-clock text (`YYYY-MM-DD HH:MM:SS`), as VSRX stores them: no driver may shift them into its own time zone.
 */
import mysql from 'mysql2/promise';
import pg from 'pg';
import type { Dialect } from './schema.ts';

export type Row = Record<string, unknown>;

export interface PracticeDatabase {
  readonly dialect: Dialect;
  /** Rows of a query; empty for other statements. Fails with the driver's own error. */
  execute<T extends object = Row>(sql: string, params?: readonly unknown[]): Promise<T[]>;
  /** All of `work` or nothing. Not to be nested. */
  transaction<T>(work: (database: Pick<PracticeDatabase, 'dialect' | 'execute'>) => Promise<T>): Promise<T>;
}

export interface OpenPracticeDatabase extends PracticeDatabase {
  close(): Promise<void>;
}

/**
 * @param url `mysql://`, `mariadb://`, `postgres://` or `postgresql://`
 * @throws TypeError for any other scheme
 */
export function openPracticeDatabase(url: string): OpenPracticeDatabase {
  const scheme = url.slice(0, url.indexOf(':'));
  if (scheme === 'postgres' || scheme === 'postgresql') return openPostgres(url);
  if (scheme === 'mysql' || scheme === 'mariadb') return openMysql(`mysql${url.slice(scheme.length)}`);
  throw new TypeError('the database URL must begin with mysql://, mariadb://, postgres:// or postgresql://');
}

function openPostgres(url: string): OpenPracticeDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const adapter = fromPostgresPool(pool);
  // A pool without this listener ends the process when the server closes an idle connection.
  pool.on('error', () => undefined);
  return { ...adapter, close: () => pool.end() };
}

/** Uses a pool of the caller, who also ends it. */
export function fromPostgresPool(pool: pg.Pool): PracticeDatabase {
  return {
    dialect: 'postgres',
    execute: (sql, params) => runPostgres(pool, sql, params),
    transaction: async (work) => {
      const client = await pool.connect();
      let broken = false;
      try {
        await client.query('BEGIN');
        const result = await work({ dialect: 'postgres', execute: (sql, params) => runPostgres(client, sql, params) });
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {
          broken = true;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
  };
}

const TIME_TYPES: ReadonlySet<number> = new Set([pg.types.builtins.DATE, pg.types.builtins.TIMESTAMP]);
const WALL_CLOCK_TYPES = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    TIME_TYPES.has(oid) ? (text: string) => text : pg.types.getTypeParser(oid, format as 'text'),
};

async function runPostgres<T extends object>(
  runner: pg.Pool | pg.PoolClient,
  sql: string,
  params: readonly unknown[] = [],
): Promise<T[]> {
  let n = 0;
  const text = sql.replaceAll('?', () => `$${++n}`);
  const result = await runner.query({ text, values: [...params], types: WALL_CLOCK_TYPES as pg.CustomTypesConfig });
  return result.rows as T[];
}

function openMysql(url: string): OpenPracticeDatabase {
  const pool = mysql.createPool({ uri: url, connectionLimit: 2, dateStrings: true, charset: 'utf8mb4' });
  return { ...fromMysqlPool(pool), close: () => pool.end() };
}

/** Uses a pool of the caller, who also ends it. The pool must be made with `dateStrings: true`. */
export function fromMysqlPool(pool: mysql.Pool): PracticeDatabase {
  return {
    dialect: 'mysql',
    execute: (sql, params) => runMysql(pool, sql, params),
    transaction: async (work) => {
      const connection = await pool.getConnection();
      try {
        await connection.beginTransaction();
        const result = await work({ dialect: 'mysql', execute: (sql, params) => runMysql(connection, sql, params) });
        await connection.commit();
        connection.release();
        return result;
      } catch (error) {
        // Closing the connection rolls back, also when the server can no longer be asked to.
        connection.destroy();
        throw error;
      }
    },
  };
}

async function runMysql<T extends object>(
  runner: mysql.Pool | mysql.PoolConnection,
  sql: string,
  params: readonly unknown[] = [],
): Promise<T[]> {
  const [rows] = await runner.query(sql, [...params]);
  return Array.isArray(rows) ? (rows as T[]) : [];
}

/** Quotes a table or column name. */
export function quote(dialect: Dialect, name: string): string {
  return dialect === 'mysql' ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`;
}

type Execute = Pick<PracticeDatabase, 'dialect' | 'execute'>;

/** Inserts rows of equal shape, some hundred per statement (PostgreSQL takes at most 65,535 parameters). */
export async function insertRows(
  database: Execute,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
): Promise<void> {
  const names = columns.map((column) => quote(database.dialect, column)).join(', ');
  const placeholders = `(${columns.map(() => '?').join(', ')})`;
  const perStatement = Math.floor(5000 / columns.length);
  for (let start = 0; start < rows.length; start += perStatement) {
    const chunk = rows.slice(start, start + perStatement);
    const values = chunk.map(() => placeholders).join(', ');
    await database.execute(
      `INSERT INTO ${quote(database.dialect, table)} (${names}) VALUES ${values}`,
      chunk.flat() as unknown[],
    );
  }
}

/** Makes the next id that the server gives follow the highest one inserted by hand. MySQL does so by itself. */
export async function resumeIdentity(database: Execute, table: string, column: string): Promise<void> {
  if (database.dialect === 'mysql') return;
  await database.execute(
    `SELECT setval(pg_get_serial_sequence('${table}', '${column}'), GREATEST((SELECT MAX(${column}) FROM ${table}), 1))`,
  );
}

/** Whether the table has the column, in the current database (MySQL) or schema (PostgreSQL). */
export async function hasColumn(database: Execute, table: string, column: string): Promise<boolean> {
  const schema = database.dialect === 'mysql' ? 'DATABASE()' : 'current_schema()';
  const rows = await database.execute(
    `SELECT 1 AS found FROM information_schema.columns WHERE table_schema = ${schema} AND table_name = ? AND column_name = ?`,
    [table, column],
  );
  return rows.length > 0;
}
