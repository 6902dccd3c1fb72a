/** The tables of a LanceDB: which there are, which one answers, and how they are made. Knows nothing of searching. */
import { createRequire } from 'node:module';
import type { Connection, Table } from '@lancedb/lancedb';
import { SyncError } from '../../domain/errors.ts';
import { afterNow } from '../after-now.ts';
import { controlName, passagesName, readName } from './lancedb-names.ts';
import { type Arrow, type Row, rowSchema, type VectorColumn, vectorField } from './lancedb-rows.ts';

/** One row for each organisation. Every change of it raises the epoch. */
export interface Control {
  readonly epoch: number;
  /** The generation that answers. */
  readonly live: string;
  /** The generation that a rebuild fills; of a patient's rebuild the live one; '' without a rebuild. */
  readonly building: string;
  /** Whom the rebuild covers: a patient, or '' for all. */
  readonly covers: string;
}

export interface LanceTablesOptions {
  /** A folder, or `az://container/path`. */
  readonly uri: string;
  readonly storageOptions?: Readonly<Record<string, string>>;
  readonly vectors: VectorColumn | null;
  readonly cacheBytes: number;
  /** @throws SyncError when the place of the tables is not there: then no table says nothing about what it had */
  readonly assertPresent: () => Promise<void>;
}

type Lance = typeof import('@lancedb/lancedb');
const FIRST = 'g1';
const MOST_OPEN = 512;
const METADATA_BYTES = 128 * 1024 * 1024;
/** Terms are words with a space between already; what a word is, `words.ts` alone decides. */
const WORDS_AS_THEY_ARE = {
  baseTokenizer: 'whitespace',
  withPosition: true,
  lowercase: false,
  stem: false,
  removeStopWords: false,
  asciiFolding: false,
  maxTokenLength: 1000,
} as const;

export type LanceTables = Awaited<ReturnType<typeof openLanceTables>>;

/** @throws SyncError `search_unavailable` (stop) where the library has no program for this machine. */
export async function openLanceTables(options: LanceTablesOptions) {
  const { lance, arrow } = await load();
  const session = new lance.Session(BigInt(options.cacheBytes), BigInt(METADATA_BYTES));
  const connection: Connection = await lance.connect(options.uri, {
    // Every read looks whether another process has written.
    readConsistencyInterval: 0,
    ...(options.storageOptions ? { storageOptions: { ...options.storageOptions } } : {}),
    session,
  });
  const opened = new Map<string, Promise<Table>>();

  function open(name: string, how: () => Promise<Table>): Promise<Table> {
    let table = opened.get(name);
    if (!table) {
      table = how();
      table.catch(() => opened.delete(name));
      if (opened.size >= MOST_OPEN) opened.delete(opened.keys().next().value!);
      opened.set(name, table);
    }
    return table;
  }

  async function exists(name: string): Promise<boolean> {
    // The names that come after the one before this one.
    const page = await connection.tableNames({ startAfter: name.slice(0, -1), limit: 50 });
    return page.includes(name) || (page.length === 50 && (await names()).includes(name));
  }

  async function names(): Promise<string[]> {
    const all: string[] = [];
    let pageToken: string | undefined;
    do {
      const page = await connection.listTables({ limit: 1000, ...(pageToken === undefined ? {} : { pageToken }) });
      all.push(...page.tables);
      pageToken = page.pageToken ?? undefined;
    } while (pageToken !== undefined);
    return all;
  }

  function controlSchema() {
    const { Field, Int32, Schema, Utf8 } = arrow;
    const texts = ['live', 'building', 'covers'].map((name) => new Field(name, new Utf8(), false));
    return new Schema([new Field('epoch', new Int32(), false), ...texts]);
  }

  function controlTable(organizationId: string): Promise<Table> {
    const name = controlName(organizationId);
    const first = [{ epoch: 1, live: FIRST, building: '', covers: '' }];
    // Made with its row by one commit: of several processes that begin, one makes it.
    return open(name, () =>
      connection.createTable(name, lance.makeArrowTable(first, { schema: controlSchema() }), { existOk: true }),
    );
  }

  async function makePassages(name: string): Promise<Table> {
    const table = (await exists(name)) ? await connection.openTable(name) : await create(name);
    await ensureVectors(table);
    await ensureIndices(table);
    return table;
  }

  async function create(name: string): Promise<Table> {
    try {
      return await connection.createEmptyTable(name, rowSchema(arrow, options.vectors));
    } catch {
      // Another process was first, perhaps with vectors of another model.
      return connection.openTable(name);
    }
  }

  async function ensureVectors(table: Table): Promise<void> {
    const column = options.vectors;
    if (column === null) return;
    const { fields } = await table.schema();
    if (!fields.some((field) => field.name === column.name)) await table.addColumns(vectorField(arrow, column));
  }

  async function ensureIndices(table: Table): Promise<void> {
    const { Index } = lance;
    const present = new Set((await table.listIndices()).flatMap((index) => index.columns));
    if (!present.has('id')) await table.createIndex('id', { config: Index.btree() });
    if (!present.has('scope')) await table.createIndex('scope', { config: Index.btree() });
    if (!present.has('terms')) await table.createIndex('terms', { config: Index.fts(WORDS_AS_THEY_ARE) });
  }

  /** Each writer looks at it twice, and many write together. */
  const readControl = afterNow(async (organizationId: string): Promise<Control> => {
    const table = await controlTable(organizationId);
    const [row] = await table.query().limit(1).toArray();
    return { epoch: row.epoch, live: row.live, building: row.building, covers: row.covers };
  });

  return {
    lance,
    names,

    /** Null for an organisation that has never had anything. */
    async control(organizationId: string, make: boolean): Promise<Control | null> {
      const name = controlName(organizationId);
      if (!make && !opened.has(name) && !(await exists(name))) {
        await options.assertPresent();
        return null;
      }
      return readControl(organizationId);
    },

    /** @returns false when somebody else has changed it since */
    async changeControl(organizationId: string, from: Control, to: Omit<Control, 'epoch'>): Promise<boolean> {
      const table = await controlTable(organizationId);
      const { rowsUpdated } = await table.update({
        where: `epoch = ${from.epoch}`,
        values: { ...to, epoch: from.epoch + 1 },
      });
      return rowsUpdated === 1;
    },

    passages(organizationId: string, generation: string): Promise<Table> {
      const name = passagesName(organizationId, generation);
      return open(name, () => makePassages(name));
    },

    /** The table as it is now, whatever is written to it from now on. */
    async snapshot(organizationId: string, generation: string): Promise<Table> {
      const name = passagesName(organizationId, generation);
      const version = await (await open(name, () => makePassages(name))).version();
      return connection.openTable(name, [], { version });
    },

    /** Everybody who still has the table open must be able to repeat what they do. */
    async drop(organizationId: string, generation: string): Promise<void> {
      const name = passagesName(organizationId, generation);
      opened.delete(name);
      await connection.dropTable(name);
    },

    /** Rows as the table wants them, also one that has vectors of other models. */
    async data(table: Table, rows: readonly Row[]) {
      const schema = await table.schema();
      const others = schema.fields.filter((field) => field.name.startsWith('vector_')).map((field) => field.name);
      const none = Object.fromEntries(others.map((name) => [name, null]));
      const own = options.vectors?.name;
      const records = rows.map(({ vector, ...row }) => ({
        ...row,
        ...none,
        ...(own === undefined ? {} : { [own]: vector }),
      }));
      return lance.makeArrowTable(records, { schema });
    },

    async organizations(): Promise<{ organizationId: string; generations: string[] }[]> {
      const found = new Map<string, string[]>();
      for (const name of (await names()).map(readName)) {
        if (name === null) continue;
        const generations = found.get(name.organizationId) ?? [];
        if (name.kind === 'passages') generations.push(name.generation);
        found.set(name.organizationId, generations);
      }
      return [...found].map(([organizationId, generations]) => ({ organizationId, generations }));
    },

    close(): void {
      opened.clear();
      connection.close();
    },
  };
}

/** Only here: a process without this index must not load its 190 MB. */
async function load(): Promise<{ lance: Lance; arrow: Arrow }> {
  try {
    // The library knows fields by their class, and has taken this form of the package.
    const arrow: Arrow = createRequire(import.meta.url)('apache-arrow');
    return { lance: await import('@lancedb/lancedb'), arrow };
  } catch (error) {
    const detail = `LanceDB has no program for ${process.platform} ${process.arch}; use another kind of index.`;
    throw new SyncError('search_unavailable', { action: 'stop', detail, cause: error });
  }
}
