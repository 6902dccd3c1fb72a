/**
 * Puts and removes documents, and holds them for a rebuild as well.
 *
 * A writer reads the control row, writes to every generation that it names, and reads it again: while the epoch has changed
 * it writes again. So whatever a rebuild began or finished meanwhile, what was acknowledged is in the generation that answers.
 */
import type { Table } from '@lancedb/lancedb';
import { toSyncError } from '../../domain/errors.ts';
import type { PutOutcome, RebuildOutcome, Removal, SearchEntry, SearchPlace } from '../../ports/search-index.ts';
import type { Embeddings } from './embeddings.ts';
import { passagesOf } from './indexed-passages.ts';
import {
  decisive,
  documentFilter,
  HEAD_COLUMNS,
  type Head,
  headId,
  NEWEST,
  newStamp,
  REMOVED,
  type Row,
  type RowsOptions,
  rowsOf,
  scopeFilter,
  tombstone,
} from './lancedb-rows.ts';
import type { Control, LanceTables } from './lancedb-tables.ts';
import type { createLanceWriter, Patience, WriteMode, Writing } from './lancedb-writer.ts';
import { termsOf } from './words.ts';

export interface LanceDocumentsOptions {
  readonly tables: LanceTables;
  readonly writer: ReturnType<typeof createLanceWriter>;
  readonly embeddings: Embeddings | null;
  readonly profile: string;
}

export type LanceDocuments = ReturnType<typeof createLanceDocuments>;
type Passages = RowsOptions['passages'];

/** An entry whose pages are read when they are needed, and never twice: they may be a stream, while puts are tried again. */
export interface ReadEntry extends Omit<SearchEntry, 'pages'> {
  /** Of several puts the one that was asked for last stays, however long each of them waits. */
  readonly stamp: string;
  passages(): Promise<Passages>;
  readonly patience: Patience;
}

interface Change {
  readonly mode: WriteMode;
  /** The head and its passages. */
  readonly rows: readonly Row[];
  readonly place: DocumentPlace;
  /** Nothing of the document was there. */
  readonly isNew: boolean;
  readonly patience: Patience;
}

const NONE: Patience = { until: 0 };

type DocumentPlace = SearchPlace & { readonly documentUuid: string };

export function createLanceDocuments({ tables, writer, embeddings, profile }: LanceDocumentsOptions) {
  /** @throws SyncError whatever the pages failed with: nobody would get them by asking the index again */
  async function cut(entry: SearchEntry, signal?: AbortSignal): Promise<Passages> {
    try {
      const passages = await passagesOf(entry.pages, signal);
      const texts = passages.map((passage) => passage.text);
      const vectors = embeddings === null ? null : await embeddings.of(texts, signal);
      return passages.map((passage, i) => ({ ...passage, terms: termsOf(passage.text), vector: vectors?.[i] ?? null }));
    } catch (error) {
      throw toSyncError(error);
    }
  }

  async function targetsOf(place: SearchPlace, control: Control): Promise<Table[]> {
    const generations = new Set([control.live]);
    if (covers(control, place)) generations.add(control.building);
    return Promise.all([...generations].map((generation) => tables.passages(place.organizationId, generation)));
  }

  /** Repeats until the generations that were written to are still the ones that count. */
  async function inAll(
    place: SearchPlace,
    work: (targets: Table[], control: Control, first: boolean) => Promise<boolean>,
  ): Promise<void> {
    let first = true;
    for (let control = await controlOf(place); ; ) {
      const settled = await work(await targetsOf(place, control), control, first);
      const now = await controlOf(place);
      if (settled || now.epoch === control.epoch) return;
      control = now;
      first = false;
    }
  }

  async function controlOf(place: SearchPlace): Promise<Control> {
    return (await tables.control(place.organizationId, true))!;
  }

  /** Writes a document and deletes what no search sees any more of what was there. */
  async function write(table: Table, { mode, rows, place, isNew, patience }: Change): Promise<void> {
    for (let tried = 1; tried <= WRITE_TRIES; tried++) {
      const { doubled } = await writer.write(table, mode, ready(rows), patience);
      if (isNew && !doubled) return;
      if ((await tidy(table, place)) === 'one') return;
      // A third process has written over both of two, so that nothing tells them apart.
      await table.delete(documentFilter(place.organizationId, place.patientUuid, place.documentUuid));
    }
    throw new Error('Too many processes write the document at once.');
  }

  async function tidy(table: Table, place: DocumentPlace): Promise<'one' | 'several'> {
    const filter = documentFilter(place.organizationId, place.patientUuid, place.documentUuid);
    const rows: Pick<Row, 'id' | 'ordinal' | 'stamp'>[] = await table
      .query()
      .where(filter)
      .select(['id', 'ordinal', 'stamp'])
      .toArray();
    const heads = rows.filter((row) => row.ordinal === 0);
    const stamp = decisive(heads).get(headId(place.patientUuid, place.documentUuid))?.stamp;
    const stale = [...new Set(rows.map((row) => row.stamp))].filter((other) => other !== stamp);
    if (stale.length > 0) await table.delete(`${filter} AND stamp IN (${stale.map((other) => `'${other}'`)})`);
    return heads.filter((head) => head.stamp === stamp).length > 1 ? 'several' : 'one';
  }

  /**
   * Whoever comes with others is new most often, and is looked for and added together with them.
   * @returns false: it was there already, or others have put it so often that it is to be written once more
   */
  async function addNew(table: Table, entry: ReadEntry, control: Control): Promise<boolean> {
    if (covers(control, entry)) return false;
    const { stamp } = entry;
    const writing = {
      id: headId(entry.patientUuid, entry.documentUuid),
      size: 1,
      rows: async () => rowsOf({ entry, passages: await entry.passages(), epoch: control.epoch, profile, stamp }),
    };
    const { present, doubled } = await writer.write(table, { kind: 'absent', alone: false }, writing, entry.patience);
    return present === null && (!doubled || (await tidy(table, entry)) === 'one');
  }

  function olderRows(entry: ReadEntry, passages: Passages, epoch: number): Row[] {
    return rowsOf({ entry, passages, epoch, profile, stamp: newStamp('older') });
  }

  function ready(rows: readonly Row[]): Writing {
    return { id: rows[0]!.id, size: rows.length, rows: async () => rows };
  }

  function isSame(head: Head | null, entry: ReadEntry): boolean {
    return head?.version === entry.version && head.profile === profile;
  }

  return {
    reading(entry: SearchEntry, signal?: AbortSignal, waitMs = 0): ReadEntry {
      let cutting: Promise<Passages> | undefined;
      const { organizationId, patientUuid, documentUuid, version } = entry;
      return {
        organizationId,
        patientUuid,
        documentUuid,
        version,
        stamp: newStamp('newest'),
        // One wait for all that is to be written of it.
        patience: { until: waitMs > 0 ? performance.now() + waitMs : 0, signal },
        passages() {
          cutting ??= cut(entry, signal);
          return cutting;
        },
      };
    },

    async put(entry: ReadEntry): Promise<PutOutcome> {
      let outcome: PutOutcome = 'unchanged';
      await inAll(entry, async (targets, control, first) => {
        const live = targets[0]!;
        if (first && targets.length === 1 && entry.patience.until > 0 && (await addNew(live, entry, control))) {
          outcome = 'created';
          return false;
        }
        const before = await headOf(live, entry);
        if (first && !covers(control, entry) && before?.doubled !== true && isSame(before, entry)) return true;
        if (first && before !== null && before.stamp > entry.stamp) return true;
        if (first) outcome = before === null || before.passages === REMOVED ? 'created' : 'replaced';
        const { stamp } = entry;
        const rows = rowsOf({ entry, passages: await entry.passages(), epoch: control.epoch, profile, stamp });
        // It has waited for others already, if it could.
        const patience = first && targets.length === 1 ? NONE : entry.patience;
        for (const table of targets) {
          await write(table, { mode: { kind: 'newest' }, rows, place: entry, isNew: before === null, patience });
        }
        return false;
      });
      return outcome;
    },

    /**
     * Adds a document of a rebuild to its own table, where nothing is but what was put meanwhile. When that comes between, the
     * document is there twice until {@link settleNew}: the newer one decides.
     */
    async addOlder(table: Table, entry: ReadEntry, epoch: number): Promise<RebuildOutcome> {
      const rows = olderRows(entry, await entry.passages(), epoch);
      const { present } = await writer.write(table, { kind: 'absent', alone: true }, ready(rows), entry.patience);
      if (present === null) return 'created';
      return isSame(present, entry) ? 'unchanged' : 'kept';
    },

    /** Before the table of a rebuild answers: each document is there once. */
    async settleNew(table: Table, organizationId: string): Promise<void> {
      const whole = scopeFilter(organizationId, null);
      const put: Pick<Row, 'id'>[] = await table
        .query()
        .where(`${whole} AND ordinal = 0 AND stamp >= '${NEWEST}'`)
        .select(['id'])
        .toArray();
      await keepDecisive(
        table,
        organizationId,
        put.map(({ id }) => id),
      );
    },

    /** @param epoch of the rebuild: what was written in it is newer than the rebuild. */
    async putOlder(table: Table, entry: ReadEntry, epoch: number): Promise<RebuildOutcome> {
      const before = await headOf(table, entry);
      if (before !== null && before.epoch >= epoch) return isSame(before, entry) ? 'unchanged' : 'kept';
      const rows = olderRows(entry, await entry.passages(), epoch);
      await write(table, {
        mode: { kind: 'older', epoch },
        rows,
        place: entry,
        isNew: false,
        patience: entry.patience,
      });
      const after = await headOf(table, entry);
      if (after?.stamp !== rows[0]!.stamp) return 'kept';
      return before === null ? 'created' : 'replaced';
    },

    async remove(place: SearchPlace, documentUuids: readonly string[] | 'all'): Promise<Removal> {
      if ((await tables.control(place.organizationId, false)) === null) return { removed: 0, remaining: 0 };
      let removed = 0;
      let remaining = 0;
      await inAll(place, async (targets, control, first) => {
        const found = await headsOf(targets[0]!, someFilter(place, documentUuids));
        if (first) removed = found.length;
        for (const table of targets) {
          if (covers(control, place)) await bury(table, place, control, documentUuids);
          else for (const filter of filters(place, documentUuids)) await table.delete(filter);
        }
        remaining = 0;
        for (const table of targets) {
          for (const filter of filters(place, documentUuids)) remaining += (await headsOf(table, filter)).length;
        }
        return false;
      });
      return { removed, remaining };
    },
  };

  async function bury(
    table: Table,
    place: SearchPlace,
    control: Control,
    documentUuids: readonly string[] | 'all',
  ): Promise<void> {
    const known =
      documentUuids === 'all' ? (await headsOf(table, scope(place))).map((head) => head.document) : documentUuids;
    for (const documentUuid of new Set(known)) {
      const row = tombstone({ ...place, documentUuid }, control.epoch, newStamp('newest'));
      const buried = { ...place, documentUuid };
      await write(table, { mode: { kind: 'newest' }, rows: [row], place: buried, isNew: false, patience: NONE });
    }
  }

  function someFilter(place: SearchPlace, documentUuids: readonly string[] | 'all'): string {
    return documentUuids === 'all' ? scope(place) : `${scope(place)} AND ${oneOf(documentUuids)}`;
  }
}

const AT_ONCE = 500;
const WRITE_TRIES = 10;

/** As many as a filter may name. */
function filters(place: SearchPlace, documentUuids: readonly string[] | 'all'): string[] {
  if (documentUuids === 'all') return [scope(place)];
  const chunks: string[] = [];
  for (let i = 0; i < documentUuids.length; i += AT_ONCE) {
    chunks.push(`${scope(place)} AND ${oneOf(documentUuids.slice(i, i + AT_ONCE))}`);
  }
  return chunks;
}

function oneOf(documentUuids: readonly string[]): string {
  return documentUuids.length === 0 ? 'false' : `document IN (${documentUuids.map((uuid) => `'${uuid}'`)})`;
}

function scope({ organizationId, patientUuid }: SearchPlace): string {
  return scopeFilter(organizationId, patientUuid);
}

function covers(control: Control, { patientUuid }: SearchPlace): boolean {
  return control.building !== '' && (control.covers === '' || control.covers === patientUuid);
}

/** Deletes the rows of those states that do not decide. @param ids of heads */
export async function keepDecisive(table: Table, organizationId: string, ids: readonly string[]): Promise<void> {
  for (let i = 0; i < ids.length; i += AT_ONCE) {
    const some = ids.slice(i, i + AT_ONCE).map((id) => `'${id}'`);
    const heads: Pick<Row, 'id' | 'stamp'>[] = await table
      .query()
      .where(`${scopeFilter(organizationId, null)} AND id IN (${some})`)
      .select(['id', 'stamp'])
      .toArray();
    const decides = decisive(heads);
    const stale = heads.filter(({ id, stamp }) => decides.get(id)?.stamp !== stamp);
    if (stale.length > 0) await table.delete(`stamp IN (${stale.map(({ stamp }) => `'${stamp}'`)})`);
  }
}

/** Of documents that are there. */
export async function headsOf(table: Table, filter: string): Promise<Head[]> {
  return [...decisive(await allHeadsOf(table, filter)).values()];
}

/** Also those that do not decide. */
export async function allHeadsOf(table: Table, filter: string): Promise<Head[]> {
  return table.query().where(`${filter} AND ordinal = 0 AND passages >= 0`).select(HEAD_COLUMNS).toArray();
}

/** Also of a document that was removed during a rebuild. */
async function headOf(table: Table, place: DocumentPlace): Promise<(Head & { readonly doubled: boolean }) | null> {
  const id = headId(place.patientUuid, place.documentUuid);
  const filter = `id = '${id}' AND ${scope(place)}`;
  const heads: Head[] = await table.query().where(filter).select(HEAD_COLUMNS).limit(2).toArray();
  const head = decisive(heads).get(id);
  return head === undefined ? null : { ...plain(head), doubled: heads.length > 1 };
}

/** The library's rows are no plain objects: spread they would be empty. */
function plain({ id, scope, document, stamp, epoch, version, profile, passages }: Head): Head {
  return { id, scope, document, stamp, epoch, version, profile, passages };
}
