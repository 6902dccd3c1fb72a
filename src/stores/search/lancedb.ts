/**
 * A LanceDB in a folder or on Azure Blob Storage. Words by its BM25 index; with an embeddings endpoint by meaning as well.
 *
 * Organisations have tables of their own, so neither their rows nor the frequencies of their words meet; within a table the
 * patient is part of every row's id and of every filter. Several processes may use one folder.
 */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { SyncError } from '../../domain/errors.ts';
import {
  assertEntry,
  assertPlace,
  assertQuery,
  type IndexedDocument,
  type Rebuild,
  type SearchAnswer,
  type SearchCounts,
  type SearchIndex,
  type SearchQuery,
} from '../../ports/search-index.ts';
import { throwIfCancelled } from './cancelled.ts';
import type { Embeddings } from './embeddings.ts';
import { createLanceDocuments, headsOf, type ReadEntry } from './lancedb-documents.ts';
import { attempting } from './lancedb-error.ts';
import { createLanceMaintenance, newGeneration } from './lancedb-maintenance.ts';
import { assertMarker, folderId, leaveMarker } from './lancedb-marker.ts';
import { decisive, HEAD_COLUMNS, type Head, indexedDocument, REMOVED, scopeFilter } from './lancedb-rows.ts';
import { type LanceSearchOptions, searchOnce } from './lancedb-search.ts';
import { type LanceTables, openLanceTables } from './lancedb-tables.ts';
import { createLanceWriter } from './lancedb-writer.ts';
import { isEmpty, type Question, readQuestion } from './question.ts';

export interface LanceSearchIndexOptions {
  /** A folder, or `az://container/path` with the account's name and key in `storageOptions`. */
  readonly folder: string;
  readonly storageOptions?: Readonly<Record<string, string>>;
  readonly embeddings?: Embeddings | null;
  /** Memory for parts of the index. Default 512 MiB. */
  readonly cacheBytes?: number;
  /** How long former states are kept for those who read them. Default 1 hour. */
  readonly keepMs?: number;
}

/** Raised when passages or words are made otherwise: whatever was indexed before is then not current. */
const PROFILE = '1';
const PAGE = 5_000;
const SEARCH_TRIES = 5;
/** A document of a rebuild waits so long for others. */
const GATHER_MS = 250;

interface Opened {
  readonly tables: LanceTables;
  readonly documents: ReturnType<typeof createLanceDocuments>;
  readonly maintenance: ReturnType<typeof createLanceMaintenance>;
}

export function createLanceSearchIndex(options: LanceSearchIndexOptions): SearchIndex {
  const { embeddings = null, cacheBytes = 512 * 1024 * 1024, keepMs = 60 * 60 * 1000 } = options;
  const local = !options.folder.includes('://');
  const uri = local ? resolve(options.folder) : options.folder;
  const vectors = embeddings && { name: columnOf(embeddings), dimensions: embeddings.dimensions };
  const profile = vectors === null ? PROFILE : `${PROFILE} ${vectors.name}`;
  let opening: Promise<Opened> | undefined;

  function opened(): Promise<Opened> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function open(): Promise<Opened> {
    const { storageOptions } = options;
    const assertPresent = async () => {
      if (local) await assertMarker(uri);
    };
    if (local) await leaveMarker(uri);
    const tables = await openLanceTables({
      uri,
      vectors,
      cacheBytes,
      assertPresent,
      ...(storageOptions ? { storageOptions } : {}),
    });
    const maintenance = createLanceMaintenance({ tables, keepMs });
    const writer = createLanceWriter(tables, maintenance.noticed);
    return { tables, maintenance, documents: createLanceDocuments({ tables, writer, embeddings, profile }) };
  }

  function asking<T>(signal: AbortSignal | undefined, work: (opened: Opened) => Promise<T>): Promise<T> {
    return attempting(local ? uri : null, signal, async () => work(await opened()));
  }

  /** Null for an organisation that has nothing. */
  async function liveTable({ tables }: Opened, organizationId: string) {
    const control = await tables.control(organizationId, false);
    return control && tables.passages(organizationId, control.live);
  }

  async function searchNow(
    now: Opened,
    query: SearchQuery,
    question: Question,
    meaning: LanceSearchOptions['meaning'],
  ) {
    const { lance } = now.tables;
    for (let tried = 1; tried <= SEARCH_TRIES; tried++) {
      const control = await now.tables.control(query.organizationId, false);
      if (control === null) return { passages: [], next: null, byMeaning: meaning !== null };
      // Opening a snapshot costs time, so only where documents change under the search.
      const read = tried === 1 ? now.tables.passages : now.tables.snapshot;
      const table = await read(query.organizationId, control.live);
      const answer = await searchOnce({ lance, table, query, question, meaning });
      if (answer !== null) return answer;
    }
    throw new SyncError('search_unavailable', { detail: 'The documents change faster than they can be searched.' });
  }

  async function meaningOf(
    question: Question,
    text: string,
    signal?: AbortSignal,
  ): Promise<LanceSearchOptions['meaning']> {
    // Who asks for words in an order, or for beginnings, wants just these.
    if (embeddings === null || vectors === null || question.phrases.length + question.beginnings.length > 0)
      return null;
    try {
      const [vector] = await embeddings.ofQuestion(text, signal);
      return { column: vectors, vector: vector! };
    } catch (error) {
      throwIfCancelled(signal);
      if (error instanceof SyncError && error.code === 'embeddings_unavailable') return null;
      throw error;
    }
  }

  async function countNow(now: Opened, organizationId: string, patientUuid: string | null): Promise<SearchCounts> {
    const table = await liveTable(now, organizationId);
    const heads = table === null ? [] : await headsOf(table, scopeFilter(organizationId, patientUuid));
    return { documents: heads.length, passages: heads.reduce((sum, head) => sum + head.passages, 0) };
  }

  return {
    kind: 'lancedb',
    capabilities: { available: true, hybrid: embeddings !== null, phrases: true, immediate: true },

    prepare: (signal) =>
      asking(signal, async ({ tables }) => {
        await tables.names();
        if (embeddings !== null) await embeddings.check(signal);
      }),

    async put(entry, signal, waitMs) {
      assertEntry(entry);
      let reading: ReadEntry | undefined;
      return asking(signal, ({ documents }) => {
        reading ??= documents.reading(entry, signal, waitMs);
        return documents.put(reading);
      });
    },

    async remove(place, documentUuids, signal) {
      assertPlace(place.organizationId, place.patientUuid, ...(documentUuids === 'all' ? [] : documentUuids));
      return asking(signal, ({ documents }) => documents.remove(place, documentUuids));
    },

    async *list(organizationId, patientUuid, signal) {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      const scope = scopeFilter(organizationId, patientUuid);
      let after = '';
      for (;;) {
        let full = false;
        const page: IndexedDocument[] = await asking(signal, async (now) => {
          const table = await liveTable(now, organizationId);
          if (table === null) return [];
          const heads: Head[] = await table
            .query()
            .where(`${scope} AND id > '${after}' AND ordinal = 0 AND passages > ${REMOVED}`)
            .orderBy({ columnName: 'id', ascending: true })
            .select(HEAD_COLUMNS)
            .limit(PAGE)
            .toArray();
          after = heads.at(-1)?.id ?? after;
          full = heads.length === PAGE;
          return [...decisive(heads).values()].map((head) => indexedDocument(head, profile));
        });
        for (const document of page) {
          throwIfCancelled(signal);
          yield document;
        }
        if (!full) return;
      }
    },

    async count(organizationId, patientUuid, signal) {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      return asking(signal, (now) => countNow(now, organizationId, patientUuid));
    },

    async search(query, signal): Promise<SearchAnswer> {
      assertQuery(query);
      const question = readQuestion(query.text);
      throwIfCancelled(signal);
      if (isEmpty(question)) return { passages: [], next: null, byMeaning: false };
      const meaning = await meaningOf(question, query.text, signal);
      return asking(signal, (now) => searchNow(now, query, question, meaning));
    },

    async beginRebuild(organizationId, patientUuid, signal): Promise<Rebuild> {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      const building = await asking(signal, async ({ tables }) => {
        const control = (await tables.control(organizationId, true))!;
        const generation = patientUuid === null ? newGeneration() : control.live;
        await tables.passages(organizationId, generation);
        const to = { live: control.live, building: generation, covers: patientUuid ?? '' };
        // A lost race is tried again, as everything is.
        if (!(await tables.changeControl(organizationId, control, to))) throw new Error('Another process was first.');
        return { ...to, epoch: control.epoch + 1 };
      });

      async function assertOpen({ tables }: Opened): Promise<void> {
        const control = await tables.control(organizationId, true);
        if (control?.epoch !== building.epoch) throw new SyncError('search_rebuild_ended');
      }

      return {
        async put(entry, putSignal) {
          assertEntry(entry);
          if (entry.organizationId !== organizationId) throw new TypeError('Of another organisation than the rebuild.');
          if (patientUuid !== null && entry.patientUuid !== patientUuid) throw new TypeError('Of another patient.');
          let reading: ReadEntry | undefined;
          return asking(putSignal, async (now) => {
            await assertOpen(now);
            const table = await now.tables.passages(organizationId, building.building);
            reading ??= now.documents.reading(entry, putSignal, patientUuid === null ? GATHER_MS : 0);
            return patientUuid === null
              ? now.documents.addOlder(table, reading, building.epoch)
              : now.documents.putOlder(table, reading, building.epoch);
          });
        },

        async finish(finishSignal) {
          return asking(finishSignal, async (now) => {
            await assertOpen(now);
            const table = await now.tables.passages(organizationId, building.building);
            if (patientUuid !== null) {
              await table.delete(`${scopeFilter(organizationId, patientUuid)} AND epoch < ${building.epoch}`);
            } else {
              await now.documents.settleNew(table, organizationId);
              await now.maintenance.makeReady(table);
            }
            const ended = { live: building.building, building: '', covers: '' };
            if (!(await now.tables.changeControl(organizationId, building, ended))) {
              throw new SyncError('search_rebuild_ended');
            }
            return countNow(now, organizationId, patientUuid);
          });
        },

        async abandon(abandonSignal) {
          await asking(abandonSignal, async ({ tables }) => {
            const ended = { live: building.live, building: '', covers: '' };
            await tables.changeControl(organizationId, building, ended);
          });
        },
      };
    },

    async maintain(signal) {
      const found = await asking(signal, ({ tables }) => tables.organizations());
      for (const { organizationId, generations } of found) {
        await asking(signal, ({ maintenance }) => maintenance.organization(organizationId, generations));
      }
    },

    home: (signal) =>
      asking(signal, async () =>
        local ? folderId(uri) : `address ${createHash('sha256').update(uri).digest('hex').slice(0, 32)}`,
      ),

    async health(signal) {
      try {
        await asking(signal, ({ tables }) => tables.names());
        return { error: null };
      } catch (error) {
        throwIfCancelled(signal);
        return { error: error instanceof SyncError ? error : new SyncError('search_unavailable', { cause: error }) };
      }
    },

    async close() {
      const now = await opening?.catch(() => null);
      opening = undefined;
      await now?.maintenance.settled();
      now?.tables.close();
    },
  };
}

/** Vectors of different models cannot be compared, so each model has a column. */
function columnOf({ model, dimensions }: Embeddings): string {
  return `vector_${createHash('sha256').update(`${model} ${dimensions}`).digest('hex').slice(0, 12)}`;
}
