/**
 * The tables of a practice's database, asked by the connector's own statements. Only the words that those use are
 * understood; anything else is an error.
 */
import type { SourceRows } from '../../src/connectors/vsrx/ehr-session.ts';
import type { SourceRow, SourceValue } from '../../src/connectors/vsrx/source-row.ts';
import { type Dialect, MYSQL } from '../../src/connectors/vsrx/sql.ts';

export type Row = Readonly<Record<string, SourceValue>>;
/** Rows by table. */
export type Tables = Readonly<Record<string, readonly Row[]>>;

/** One row of a join; null: the table has none that fits. */
type Joined = Readonly<Record<string, Row | null>>;

/** Plain names instead of quoted ones, and conditions that need no parser. */
export const DIALECT: Dialect = {
  ...MYSQL,
  quote: (identifier) => identifier,
  anyOf: (column, values) => ({ sql: `ANY OF ${column}`, values: [values] }),
  above: (column, value) => ({ sql: `ABOVE ${column}`, values: [value] }),
  odd: (column) => `ODD ${column}`,
};

const STATEMENT =
  /^SELECT (?<columns>.+?) FROM (?<from>.+?)(?: WHERE (?<where>.+?))?(?: GROUP BY (?<group>\S+))?(?: ORDER BY (?<order>\S+) LIMIT (?<limit>\d+))?$/;
const JOIN = /^(?<table>\w+) ON (?<left>\S+) = (?<right>\S+)$/;
const LISTED = /^\(?ANY OF (?<column>LOWER\(\S+\)|\S+?)(?: OR ODD \S+\))?$/;
const ABOVE = /^ABOVE (?<column>\S+)$/;
const NUMBER = /(?:^|_)id$/;

/** @throws Error for a statement that is not understood */
export function answer(tables: Tables, sql: string, values: readonly unknown[]): SourceRows {
  const statement = STATEMENT.exec(sql)?.groups;
  if (statement === undefined) throw new Error(`Not understood: ${sql}`);
  const columns = statement.columns!.split(', ');
  const found = joined(tables, statement.from!).filter((row) => holds(row, statement.where, values));
  const rows = statement.order === undefined ? found : firstOf(found, statement.order, Number(statement.limit));
  const kinds = columns.map((column) => ({
    kind: NUMBER.test(column) || column.endsWith('.id') ? ('number' as const) : ('text' as const),
    isUtc: false,
  }));
  return { rows: statement.group === undefined ? listed(rows, columns) : grouped(rows, columns), columns: kinds };
}

function joined(tables: Tables, from: string): readonly Joined[] {
  const [base, ...joins] = from.split(/ (?=LEFT JOIN |(?<!LEFT )JOIN )/);
  let rows: readonly Joined[] = rowsOf(tables, base!).map((row) => ({ [base!]: row }));
  for (const text of joins) {
    const outer = text.startsWith('LEFT ');
    const join = JOIN.exec(text.replace(/^(?:LEFT )?JOIN /, ''))?.groups;
    if (join === undefined) throw new Error(`Not understood: ${text}`);
    const { table, left, right } = join as { table: string; left: string; right: string };
    // One side of the equation is of the table that comes now.
    const [own, others] = partsOf(left)[0] === table ? [left, right] : [right, left];
    const byValue = Map.groupBy(rowsOf(tables, table), (other) => cellOf({ [table]: other }, own));
    rows = rows.flatMap((row): Joined[] => {
      const value = cellOf(row, others);
      const fits = value === null ? [] : (byValue.get(value) ?? []);
      if (fits.length === 0) return outer ? [{ ...row, [table]: null }] : [];
      return fits.map((other) => ({ ...row, [table]: other }));
    });
  }
  return rows;
}

function rowsOf(tables: Tables, table: string): readonly Row[] {
  const rows = tables[table];
  if (rows === undefined) throw new Error(`No such table: ${table}`);
  return rows;
}

function cellOf(row: Joined, column: string): SourceValue {
  if (column === 'NULL') return null;
  const [table, key] = partsOf(column);
  return row[table]?.[key] ?? null;
}

const PARTS = new Map<string, readonly [table: string, key: string]>();

/** Millions of cells are asked for, of a few columns. */
function partsOf(column: string): readonly [table: string, key: string] {
  let parts = PARTS.get(column);
  if (parts === undefined) {
    const [table, key] = column.split('.');
    parts = [table!, key!];
    PARTS.set(column, parts);
  }
  return parts;
}

function holds(row: Joined, where: string | undefined, values: readonly unknown[]): boolean {
  if (where === undefined) return true;
  if (where === '1 = 0') return false;
  const above = ABOVE.exec(where)?.groups?.column;
  if (above !== undefined) return Number(cellOf(row, above)) > Number(values[0]);
  const column = LISTED.exec(where)?.groups?.column;
  if (column === undefined) throw new Error(`Not understood: ${where}`);
  const lower = /^LOWER\((\S+)\)$/.exec(column)?.[1];
  const value = cellOf(row, lower ?? column);
  if (value === null) return false;
  const text = lower === undefined ? String(value) : String(value).toLowerCase();
  return (values[0] as readonly unknown[]).map(String).includes(text);
}

/** Ordered by ids, which are numbers. */
function firstOf(rows: readonly Joined[], column: string, limit: number): readonly Joined[] {
  return rows.toSorted((a, b) => Number(cellOf(a, column)) - Number(cellOf(b, column))).slice(0, limit);
}

function listed(rows: readonly Joined[], columns: readonly string[]): readonly SourceRow[] {
  if (columns[0] === 'COUNT(*)') return [[rows.length]];
  return rows.map((row) => columns.map((column) => cellOf(row, column)));
}

/** The only grouping there is: a column and how many rows have each of its values. */
function grouped(rows: readonly Joined[], [column]: readonly string[]): readonly SourceRow[] {
  const counts = new Map<SourceValue, number>();
  for (const row of rows) {
    const value = cellOf(row, column!);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts];
}
