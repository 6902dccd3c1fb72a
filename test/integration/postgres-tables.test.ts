/** `tables.ts` is written by hand: compared here with what the migrations make. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { testDatabase } from '../support/postgres.ts';

interface Column {
  readonly type: string;
  readonly nullable: boolean;
  /** An insert may leave it out. */
  readonly optional: boolean;
}

type Schema = Record<string, Record<string, Column>>;

/** How each type alias of `tables.ts` reads. */
const ALIASES: Record<string, Column> = {
  Timestamp: { type: 'timestamp', nullable: false, optional: false },
  GeneratedTimestamp: { type: 'timestamp', nullable: false, optional: true },
  NullableTimestamp: { type: 'timestamp', nullable: true, optional: true },
  CalendarDate: { type: 'timestamp', nullable: false, optional: false },
  NullableDate: { type: 'timestamp', nullable: true, optional: true },
  Json: { type: 'json', nullable: false, optional: false },
  GeneratedJson: { type: 'json', nullable: false, optional: true },
  NullableJson: { type: 'json', nullable: true, optional: true },
  Int8: { type: 'int8', nullable: false, optional: false },
  GeneratedInt8: { type: 'int8', nullable: false, optional: true },
  NullableInt8: { type: 'int8', nullable: true, optional: true },
};

const LIVE_TYPES: Record<string, string> = {
  'timestamp with time zone': 'timestamp',
  date: 'timestamp',
  jsonb: 'json',
  bigint: 'int8',
  text: 'string',
  uuid: 'string',
  'double precision': 'number',
  'character varying': 'string',
  boolean: 'boolean',
  integer: 'number',
  'time without time zone': 'string',
  _text: 'string[]',
  // Arrive as texts from the driver.
  _int8: 'string[]',
  _int4: 'number[]',
  bytea: 'Buffer',
  // Arrives as text from the driver.
  numeric: 'string',
};

test('the row types of the tables agree with the live schema', async () => {
  expect(await written()).toEqual(await live());
});

async function written(): Promise<Schema> {
  const text = await readFile(new URL('../../src/stores/postgres/tables.ts', import.meta.url), 'utf8');
  const body = text.slice(text.indexOf('export interface Tables {'));
  const common = /^interface CopiedRecord \{\n(.*?)^\}/ms.exec(text)?.[1] ?? '';
  const schema: Schema = {};
  for (const [, table = '', copied, columns = ''] of body.matchAll(
    /^ {2}(\w+): (CopiedRecord & )?\{\n(.*?)^ {2}\};/gms,
  )) {
    const known: Record<string, Column> = {};
    for (const lines of copied === undefined ? [columns] : [common, columns]) {
      // A long union stands on lines of its own.
      for (const [, column = '', type = ''] of lines.matchAll(/^ +(\w+):\s+(?:\| )?(.*?);$/gms))
        known[column] = readType(type);
    }
    schema[table] = known;
  }
  return schema;
}

function readType(type: string): Column {
  const alias = ALIASES[type];
  if (alias !== undefined) return alias;
  const wrapped = /^(Generated|Nullable|ColumnType)<(.*)>$/.exec(type);
  const [, wrapper, inner = ''] = wrapped ?? [null, null, type];
  if (wrapper === 'ColumnType') {
    const [selected = '', inserted = ''] = inner.split(', ');
    return { type: base(selected), nullable: selected.includes('null'), optional: inserted.includes('undefined') };
  }
  return { type: base(inner), nullable: wrapper === 'Nullable', optional: wrapper !== null };
}

function base(type: string): string {
  return type.startsWith("'") ? 'string' : (type.split(' ')[0] ?? type);
}

async function live(): Promise<Schema> {
  const testing = await testDatabase();
  const database = openDatabase({ url: testing.url, poolSize: 1 });
  try {
    const { rows } = await database.pool.query<{
      table_name: string;
      column_name: string;
      data_type: string;
      udt_name: string;
      is_nullable: string;
      column_default: string | null;
      is_identity: string;
    }>(
      `SELECT c.* FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
       WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE 'chartsync_migration%'`,
    );
    const schema: Schema = {};
    for (const row of rows) {
      schema[row.table_name] ??= {};
      const table = schema[row.table_name]!;
      const nullable = row.is_nullable === 'YES';
      const generated = row.column_default !== null || row.is_identity === 'YES';
      // An identity is a bigint, which arrives as text.
      const type =
        row.is_identity === 'YES' ? 'string' : LIVE_TYPES[row.data_type === 'ARRAY' ? row.udt_name : row.data_type];
      if (type === undefined) throw new Error(`Teach this test the type ${row.data_type}.`);
      table[row.column_name] = { type, nullable, optional: nullable || generated };
    }
    return schema;
  } finally {
    await database.close();
    await testing.drop();
  }
}
