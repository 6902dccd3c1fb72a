/** `TableMirror` on MySQL or MariaDB. Only the two silknote tables are ever written. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import type { MirroredDocument, MirroredFileset, TableMirror } from '../../ports/table-mirror.ts';
import { type ColumnLength, lengthOf, NO_LIMIT, withinColumn } from './column-length.ts';
import { classifyMysqlError } from './database-error.ts';
import {
  CREATE_TABLES,
  DOCUMENT_COLUMNS,
  DOCUMENTS,
  FILESETS,
  filesetColumns,
  type MirrorColumn,
} from './mirror-columns.ts';
import { addressOf } from './mysql.ts';

export interface TableMirrorOptions {
  /** Asked for at each connect: the credentials may be stored ones. */
  url(): Promise<string>;
  /** The source itself says who is activated. */
  readonly activation: 'source' | 'ours';
  readonly connectTimeoutMs: number;
  readonly queryTimeoutMs: number;
}

const SESSION = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES', time_zone = '+00:00'";
const ROWS = 200;
const PAGE = 1000;

export function createTableMirror(options: TableMirrorOptions): TableMirror {
  const wanted = { documents: DOCUMENT_COLUMNS, filesets: filesetColumns(options.activation) };
  let open: Promise<Connection> | null = null;
  let present: Present | null = null;

  async function connect(): Promise<Connection> {
    const { default: mysql } = await import('mysql2/promise');
    const connection = await mysql.createConnection({
      ...addressOf(await options.url()),
      connectTimeout: options.connectTimeoutMs,
      charset: 'utf8mb4',
      dateStrings: true,
      jsonStrings: true,
      supportBigNumbers: true,
    });
    connection.on('error', () => undefined);
    await connection.query({ sql: SESSION, timeout: options.queryTimeoutMs });
    return connection;
  }

  /** One conversation at a time. A connection that failed is not used again: whatever it was doing is undone by the server. */
  async function talk<T>(signal: AbortSignal, work: (ask: Ask) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    open ??= connect();
    const abort = () => void drop();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const connection = await open;
      return await work(async (sql, values = []) => {
        const [rows] = await connection.query({ sql, timeout: options.queryTimeoutMs }, [...values]);
        return Array.isArray(rows) ? (rows as RowDataPacket[]) : [];
      });
    } catch (error) {
      await drop();
      if (signal.aborted) throw toSyncError(signal.reason);
      throw classifyMysqlError(error);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async function drop(): Promise<void> {
    const connection = open;
    open = null;
    present = null;
    await connection?.then(
      (it) => it.destroy(),
      () => undefined,
    );
  }

  async function columnsThere(ask: Ask): Promise<Present> {
    if (present !== null) return present;
    const rows = await ask(
      `SELECT LOWER(table_name) AS t, LOWER(column_name) AS c, character_maximum_length AS characters,
              character_octet_length AS bytes FROM information_schema.columns
       WHERE table_schema = DATABASE() AND table_name IN (?, ?)`,
      [DOCUMENTS, FILESETS],
    );
    const found = new Map(rows.map((row) => [`${row.t}.${row.c}`, lengthOf(row.characters, row.bytes)]));
    const missing: string[] = [];
    const those = <T>(table: string, columns: readonly MirrorColumn<T>[]) =>
      columns.flatMap((column): PresentColumn<T>[] => {
        const most = found.get(`${table}.${column.name.toLowerCase()}`);
        if (most !== undefined) return [{ ...column, most }];
        if (column.optional !== true) missing.push(`${table}.${column.name}`);
        return [];
      });
    const there = { documents: those(DOCUMENTS, wanted.documents), filesets: those(FILESETS, wanted.filesets) };
    if (missing.length > 0) {
      throw new SyncError('source_mapping', { detail: `The mirrored tables lack ${missing.join(', ')}.` });
    }
    present = there;
    return there;
  }

  return {
    prepare: (signal) =>
      talk(signal, async (ask) => {
        // A user that may not create anything is fine where the tables are there.
        const rows = await ask(
          'SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN (?, ?)',
          [DOCUMENTS, FILESETS],
        );
        if (rows.length < 2) for (const statement of CREATE_TABLES) await ask(statement);
        await columnsThere(ask);
      }),

    write: (batch, signal) =>
      talk(signal, async (ask) => {
        const columns = await columnsThere(ask);
        // Held by the session: a statement of a killed process ends before another process gets it.
        const [{ locked } = { locked: 0 }] = await ask(
          "SELECT GET_LOCK(CONCAT('chartsync:', MD5(DATABASE())), 0) AS locked",
        );
        if (Number(locked) !== 1) return false;
        // After a failure the connection is dropped, and the lock with it.
        await ask('START TRANSACTION');
        await upsert(ask, FILESETS, columns.filesets, batch.filesets);
        await upsert(ask, DOCUMENTS, columns.documents, batch.documents);
        if (batch.gone.length > 0) {
          await ask(`DELETE FROM ${DOCUMENTS} WHERE silknoteDocumentUuid IN (?)`, [[...batch.gone]]);
        }
        await ask('COMMIT');
        await ask("SELECT RELEASE_LOCK(CONCAT('chartsync:', MD5(DATABASE())))");
        return true;
      }),

    async *documents(signal) {
      for (let after = ''; ; ) {
        const from = after;
        const rows = await talk(signal, async (ask) => {
          const { documents } = await columnsThere(ask);
          return ask(
            `SELECT ${documents.map(({ name }) => `\`${name}\``).join(', ')} FROM ${DOCUMENTS}
             WHERE silknoteDocumentUuid > ? ORDER BY silknoteDocumentUuid LIMIT ${PAGE}`,
            [from],
          );
        });
        for (const row of rows) yield documentOf(row);
        if (rows.length < PAGE) return;
        after = String(rows.at(-1)?.silknoteDocumentUuid ?? '');
      }
    },

    asHeld(document) {
      const most = new Map(present?.documents.map((column) => [column.name, column.most] as const));
      const held = (name: string, text: string | null) =>
        text === null ? null : withinColumn(text, most.get(name) ?? NO_LIMIT);
      return {
        ...document,
        originalName: held('originalName', document.originalName) ?? '',
        storedPath: held('storedPath', document.storedPath),
        mimeType: held('mimeType', document.mimeType),
      };
    },

    async close() {
      const connection = open;
      open = null;
      present = null;
      await connection?.then(
        (it) => it.end().catch(() => it.destroy()),
        () => undefined,
      );
    },
  };
}

/** The columns that the tables have. */
interface Present {
  readonly documents: readonly PresentColumn<MirroredDocument>[];
  readonly filesets: readonly PresentColumn<MirroredFileset>[];
}
type PresentColumn<T> = MirrorColumn<T> & { readonly most: ColumnLength };

type Ask = (sql: string, values?: readonly unknown[]) => Promise<RowDataPacket[]>;

async function upsert<T>(
  ask: Ask,
  table: string,
  columns: readonly PresentColumn<T>[],
  rows: readonly T[],
): Promise<void> {
  const names = columns.map(({ name }) => `\`${name}\``);
  const updates = columns.slice(1).flatMap(({ name, keeps }) => {
    if (keeps === 'own') return [];
    const ours = `VALUES(\`${name}\`)`;
    const given = keeps === 'filledText' ? `NULLIF(${ours}, '')` : ours;
    return [`\`${name}\` = ${keeps === undefined ? ours : `COALESCE(${given}, \`${name}\`)`}`];
  });
  for (let i = 0; i < rows.length; i += ROWS) {
    const values = rows.slice(i, i + ROWS).map((row) => columns.map((column) => heldValue(column, row)));
    await ask(`INSERT INTO ${table} (${names.join(', ')}) VALUES ? ON DUPLICATE KEY UPDATE ${updates.join(', ')}`, [
      values,
    ]);
  }
}

function heldValue<T>({ value, most, json }: PresentColumn<T>, row: T) {
  const given = value(row);
  if (typeof given !== 'string') return given;
  const held = withinColumn(given, most);
  return json === true && held !== given ? null : held;
}

function documentOf(row: RowDataPacket): MirroredDocument {
  const fields = Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]));
  const text = (name: string) => {
    const value: unknown = fields[name.toLowerCase()];
    return value === null || value === undefined ? null : String(value);
  };
  const number = (name: string) => (text(name) === null ? null : Number(text(name)));
  return {
    documentUuid: text('silknoteDocumentUuid') ?? '',
    patientUuid: text('patientUuid') ?? '',
    clientFileId: text('clientFileId'),
    originalName: text('originalName') ?? '',
    reference: text('VSRXReference'),
    storedPath: text('storedPath'),
    status: text('status') ?? '',
    category: text('category'),
    mimeType: text('mimeType'),
    sizeBytes: number('sizeBytes'),
    pageCount: number('pageCount'),
    documentDate: text('documentDate'),
    uploadDate: text('uploadDate'),
    processedAt: text('processedAt'),
    title: text('title'),
    author: text('author'),
    sourceSystem: text('sourceSystem') ?? '',
    createdAt: text('createdAt') ?? '',
    updatedAt: text('updatedAt') ?? '',
  };
}
