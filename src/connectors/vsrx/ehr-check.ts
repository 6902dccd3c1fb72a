/** Compares a mapping with what the source database says of itself. */
import { SyncError } from '../../domain/errors.ts';
import type { EhrDriver, EhrSession } from './ehr-session.ts';
import { requiredColumns, type TableMapping } from './mapping.ts';
import { textOf } from './source-row.ts';
import { ACTIVATION, createStatements } from './sql.ts';

export interface CheckOptions {
  readonly driver: EhrDriver;
  readonly mapping: TableMapping;
  readonly activation: boolean;
  /** Runs work in a snapshot of its own. */
  readonly within: <T>(tables: readonly string[], work: (session: EhrSession) => Promise<T>) => Promise<T>;
}

interface Found {
  /** Column names by table, both in the spelling that the server compares by, with the type's name. */
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly engines: ReadonlyMap<string, string>;
  readonly tableKey: (name: string) => string;
  readonly columnKey: (name: string) => string;
}

const BINARY_TYPES = new Set(['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob', 'bytea']);
/** Engines of MySQL and MariaDB that can show a past moment. Views have no engine. */
const SNAPSHOT_ENGINES = new Set(['innodb', 'rocksdb', 'xpand', '']);

/** @throws SyncError `source_mapping` naming everything that is missing, `source_permission` naming what may not be read */
export async function checkMapping(options: CheckOptions): Promise<void> {
  const { driver, mapping, within } = options;
  const required = requiredColumns(mapping);
  if (options.activation) required.set(ACTIVATION.table, new Set([ACTIVATION.unit, ACTIVATION.activated]));
  const found = await within([], (session) =>
    driver.dialect.name === 'mysql' ? askMysql(session) : askPostgres(session, [...required.keys()]),
  );

  const missing: { readonly name: string; readonly probe: string }[] = [];
  const unfit: string[] = [];
  const q = driver.dialect.quote;
  for (const [table, columns] of required) {
    const known = found.columns.get(found.tableKey(table));
    if (!known) {
      missing.push({ name: `table ${table}`, probe: `SELECT 1 FROM ${q(table)} LIMIT 0` });
      continue;
    }
    const engine = found.engines.get(found.tableKey(table)) ?? '';
    if (!SNAPSHOT_ENGINES.has(engine)) {
      unfit.push(`table ${table} has the engine ${engine}, which cannot be read consistently; convert it to InnoDB`);
    }
    for (const column of columns) {
      const type = known.get(found.columnKey(column));
      if (type === undefined) {
        missing.push({ name: `column ${table}.${column}`, probe: `SELECT ${q(column)} FROM ${q(table)} LIMIT 0` });
      } else if (BINARY_TYPES.has(type)) {
        unfit.push(`column ${table}.${column} has the type ${type} instead of text, number or date`);
      }
    }
  }

  // The catalogue also hides what the user may not see, and only asking tells the two apart.
  const denied: string[] = [];
  const absent: string[] = [];
  for (const { name, probe } of missing) ((await mayNotRead(probe, within)) ? denied : absent).push(name);
  if (absent.length > 0 || unfit.length > 0) {
    const sentences = [
      ...(absent.length > 0 ? [`Missing: ${absent.join(', ')}.`] : []),
      ...(denied.length > 0 ? [`Not readable, or missing: ${denied.join(', ')}.`] : []),
      ...unfit.map((text) => `The ${text}.`),
    ];
    throw new SyncError('source_mapping', { detail: sentences.join(' ') });
  }
  if (denied.length > 0) {
    throw new SyncError('source_permission', { detail: `Not readable, or missing: ${denied.join(', ')}.` });
  }

  const statements = createStatements(mapping, driver.dialect);
  await within([...required.keys()], async (session) => {
    for (const { sql, values } of [statements.patients(), statements.files({ sql: '1 = 0', values: [] })]) {
      await session.query(`${sql} LIMIT 0`, values);
    }
  });
}

async function mayNotRead(probe: string, within: CheckOptions['within']): Promise<boolean> {
  try {
    await within([], (session) => session.query(probe));
    return false;
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    if (error.code === 'source_permission') return true;
    if (error.code === 'source_mapping') return false;
    throw error;
  }
}

async function askMysql(session: EhrSession): Promise<Found> {
  const [setting] = (await session.query('SELECT @@lower_case_table_names')).rows;
  // 0: table names are compared byte by byte; 1 and 2: without regard to case. Column names never regard it.
  const foldTables = Number(setting?.[0]) !== 0;
  const lower = (name: string) => name.toLowerCase();
  const tableKey = foldTables ? lower : (name: string) => name;
  const columns = await session.query(
    'SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()',
  );
  const tables = await session.query(
    'SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()',
  );
  const engines = new Map<string, string>();
  for (const [table, engine] of tables.rows)
    engines.set(tableKey(textOf(table)!), (textOf(engine) ?? '').toLowerCase());
  return { columns: byTable(columns.rows, tableKey, lower), engines, tableKey, columnKey: lower };
}

async function askPostgres(session: EhrSession, tables: readonly string[]): Promise<Found> {
  const exact = (name: string) => name;
  // The first schema of the search path that has the table is the one that a statement would use.
  const { rows } = await session.query(
    `SELECT c.table_name, c.column_name, c.data_type
       FROM information_schema.columns c
       JOIN (SELECT table_name, MIN(array_position(current_schemas(false), table_schema::name)) AS place
               FROM information_schema.columns
              WHERE table_schema = ANY(current_schemas(false)) AND table_name = ANY(?)
              GROUP BY table_name) first
         ON first.table_name = c.table_name
        AND c.table_schema = (current_schemas(false))[first.place]`,
    [tables],
  );
  return { columns: byTable(rows, exact, exact), engines: new Map(), tableKey: exact, columnKey: exact };
}

function byTable(
  rows: Awaited<ReturnType<EhrSession['query']>>['rows'],
  tableKey: (name: string) => string,
  columnKey: (name: string) => string,
): Map<string, Map<string, string>> {
  const tables = new Map<string, Map<string, string>>();
  for (const row of rows) {
    const [table, column, type] = row.map((value) => textOf(value) ?? '') as [string, string, string];
    const columns = tables.get(tableKey(table)) ?? new Map<string, string>();
    tables.set(tableKey(table), columns.set(columnKey(column), type.toLowerCase()));
  }
  return tables;
}
