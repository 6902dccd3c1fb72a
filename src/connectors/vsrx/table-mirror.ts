/** `TableMirror` on MySQL or MariaDB. Only the two silknote tables are ever written. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import type { MirroredDocument, MirroredFileset, TableMirror } from '../../ports/table-mirror.ts';
import { isWhole, type Repertoire, repertoireOf, withCharactersOf } from './column-characters.ts';
import { type ColumnLength, lengthOf, withinColumn } from './column-length.ts';
import { classifyMysqlError } from './database-error.ts';
import {
  createTables,
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
  const repertoires = new Map<string, Repertoire>();

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
      `SELECT LOWER(c.table_name) AS t, LOWER(c.column_name) AS c, c.character_maximum_length AS characters,
              c.character_octet_length AS bytes, c.character_set_name AS charset, s.maxlen AS widest
       FROM information_schema.columns AS c
       LEFT JOIN information_schema.character_sets AS s ON s.character_set_name = c.character_set_name
       WHERE c.table_schema = DATABASE() AND c.table_name IN (?, ?)`,
      [DOCUMENTS, FILESETS],
    );
    const found = new Map<string, Holds>();
    for (const { t, c, characters, bytes, charset, widest } of rows) {
      const repertoire = isWhole(charset) ? null : await repertoireIn(ask, String(charset));
      found.set(`${t}.${c}`, { most: lengthOf(characters, bytes, charset, widest), repertoire });
    }
    const missing: string[] = [];
    const those = <T>(table: string, columns: readonly MirrorColumn<T>[]) =>
      columns.flatMap((column): PresentColumn<T>[] => {
        const holds = found.get(`${table}.${column.name.toLowerCase()}`);
        if (holds !== undefined) return [{ ...column, ...holds }];
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

  async function repertoireIn(ask: Ask, charset: string): Promise<Repertoire> {
    const known = repertoires.get(charset);
    if (known !== undefined) return known;
    const repertoire = await repertoireOf(charset, async (text) => {
      const [row] = await ask(`SELECT CONVERT(CONVERT(? USING \`${charset}\`) USING utf8mb4) AS held`, [text]);
      return String(row?.held ?? '');
    });
    repertoires.set(charset, repertoire);
    return repertoire;
  }

  return {
    prepare: (signal) =>
      talk(signal, async (ask) => {
        // A user that may not create anything is fine where the tables are there.
        const rows = await ask(
          'SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN (?, ?)',
          [DOCUMENTS, FILESETS],
        );
        if (rows.length < 2) {
          const [key] = await ask(
            `SELECT character_set_name AS charset, collation_name AS collation FROM information_schema.columns
             WHERE table_schema = DATABASE() AND table_name = ? AND column_name = 'silknotePatientUuid'`,
            [FILESETS],
          );
          const like = key === undefined ? null : { charset: String(key.charset), collation: String(key.collation) };
          for (const statement of createTables(like)) await ask(statement);
        }
        // Somebody may have made more of them than they were.
        if (present !== null && isNarrow(present)) present = null;
        const there = await columnsThere(ask);
        return { narrow: isNarrow(there) };
      }),

    write: (batch, signal) =>
      talk(signal, async (ask) => {
        const columns = await columnsThere(ask);
        // Held by the session: a statement of a killed process ends before another process gets it.
        const [{ locked } = { locked: 0 }] = await ask(
          "SELECT GET_LOCK(CONCAT('chartsync:', MD5(DATABASE())), 0) AS locked",
        );
        if (Number(locked) !== 1) return null;
        // After a failure the connection is dropped, and the lock with it.
        await ask('START TRANSACTION');
        await upsert(ask, FILESETS, columns.filesets, batch.filesets);
        await upsert(ask, DOCUMENTS, columns.documents, batch.documents);
        if (batch.gone.length > 0) {
          await ask(`DELETE FROM ${DOCUMENTS} WHERE silknoteDocumentUuid IN (?)`, [[...batch.gone]]);
        }
        await ask('COMMIT');
        await ask("SELECT RELEASE_LOCK(CONCAT('chartsync:', MD5(DATABASE())))");
        const lacking = [
          ...batch.filesets.filter((fileset) => lacks(columns.filesets, fileset)),
          ...batch.documents.filter((document) => lacks(columns.documents, document)),
        ];
        return { replaced: lacking.length };
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
      const columns = new Map(present?.documents.map((column) => [column.name, column] as const));
      const held = (name: string, text: string | null) => {
        const column = columns.get(name);
        return text === null || column === undefined ? text : heldText(column, text);
      };
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
interface Holds {
  readonly most: ColumnLength;
  /** Null: every character. */
  readonly repertoire: Repertoire | null;
}
type PresentColumn<T> = MirrorColumn<T> & Holds;

function isNarrow({ documents, filesets }: Present): boolean {
  const lossy = ({ repertoire, plain, json }: Pick<PresentColumn<never>, 'repertoire' | 'plain' | 'json'>) =>
    repertoire !== null && plain !== true && json !== true;
  return documents.some(lossy) || filesets.some(lossy);
}

/** Whether characters of the row are another one in the table. */
function lacks<T>(columns: readonly PresentColumn<T>[], row: T): boolean {
  return columns.some(({ value, repertoire, plain, json }) => {
    const given = repertoire === null || plain === true || json === true ? null : value(row);
    return repertoire !== null && typeof given === 'string' && withCharactersOf(repertoire, given, false) !== given;
  });
}

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

function heldValue<T>(column: PresentColumn<T>, row: T) {
  const given = column.value(row);
  return typeof given === 'string' ? heldText(column, given) : given;
}

function heldText({ most, repertoire, json }: Holds & { readonly json?: true }, given: string): string | null {
  const text = repertoire === null ? given : withCharactersOf(repertoire, given, json === true);
  const held = withinColumn(text, most);
  return json === true && held !== text ? null : held;
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
