/**
 * Vector stores of OpenAI or Azure OpenAI, one for each patient: texts go to that service. It ranks by meaning and words alike,
 * indexes a little later, and gives at most 50 parts for a question. Words in an order and beginnings only help ranking.
 */
import OpenAI, { AzureOpenAI } from 'openai';
import { SyncError } from '../../domain/errors.ts';
import { compareBytes } from '../../domain/reference.ts';
import {
  assertEntry,
  assertPlace,
  assertQuery,
  type FoundPassage,
  type IndexedDocument,
  type SearchCounts,
  type SearchIndex,
  type SearchQuery,
} from '../../ports/search-index.ts';
import { throwIfCancelled } from './cancelled.ts';
import { createOpenAiDocuments, PROFILE } from './openai-documents.ts';
import { toOpenAiError, unlessAbsent } from './openai-error.ts';
import { createOpenAiFiles, FILE_NAME, headOf, isThere, type StoreFile } from './openai-files.ts';
import { beginOpenAiRebuild } from './openai-rebuild.ts';
import { createOpenAiStores, type PatientStore } from './openai-stores.ts';
import { cutPassages } from './passages.ts';
import { highlightsOf, isEmpty, type Question, readQuestion } from './question.ts';

export interface OpenAiSearchIndexOptions {
  /** Secret. */
  readonly apiKey: string;
  /** Ends before `/vector_stores`; of Azure with `apiVersion` the resource, such as `https://name.openai.azure.com`. */
  readonly endpoint?: string | null;
  /** Of Azure's older interface. */
  readonly apiVersion?: string | null;
  /** For one request; it is tried a few times. Default 30,000. */
  readonly timeoutMs?: number;
  readonly pollMs?: number;
  /** How long a file may take to be indexed. Default 5 minutes. */
  readonly indexingTimeoutMs?: number;
  /** Parts below are not like what was asked for. Default 0.2. */
  readonly leastScore?: number;
  /** What a killed process has left is removed when it is so old. Default 1 hour. */
  readonly leftOverMs?: number;
}

const MOST_RESULTS = 50;
const RETRIES = 4;

export function createOpenAiSearchIndex(options: OpenAiSearchIndexOptions): SearchIndex {
  const { pollMs = 250, indexingTimeoutMs = 300_000, leastScore = 0.2, leftOverMs = 3_600_000 } = options;
  const client = connect(options);
  const stores = createOpenAiStores(client);
  const files = createOpenAiFiles({ client, pollMs, indexingTimeoutMs });
  const documents = createOpenAiDocuments({ stores, files });

  async function asking<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    try {
      return await work();
    } catch (error) {
      throw toOpenAiError(error, signal);
    }
  }

  async function storesOf(
    organizationId: string,
    patientUuid: string | null,
    signal?: AbortSignal,
  ): Promise<PatientStore[]> {
    if (patientUuid === null) return stores.live(organizationId, signal);
    const store = await stores.find({ organizationId, patientUuid }, signal);
    return store === null ? [] : [store];
  }

  async function listStore(store: PatientStore, signal?: AbortSignal): Promise<IndexedDocument[]> {
    const all = await files.list(store.id, signal);
    const heads = all.filter(
      (file) => file.kind === 'head' && headOf(all, file.documentUuid)?.id === file.id && isThere(file),
    );
    return heads
      .sort((a, b) => compareBytes(a.documentUuid, b.documentUuid))
      .map(({ documentUuid, version, passages, profile }) => ({
        patientUuid: store.patientUuid,
        documentUuid,
        version,
        passages,
        current: profile === PROFILE,
      }));
  }

  async function counted(
    organizationId: string,
    patientUuid: string | null,
    signal?: AbortSignal,
  ): Promise<SearchCounts> {
    const lists = [];
    for (const store of await storesOf(organizationId, patientUuid, signal))
      lists.push(...(await listStore(store, signal)));
    return { documents: lists.length, passages: lists.reduce((sum, document) => sum + document.passages, 0) };
  }

  async function find(query: SearchQuery, question: Question, signal?: AbortSignal): Promise<FoundPassage[]> {
    const store = await stores.find(query, signal);
    if (store === null) return [];
    const equal = (key: string, value: string) => ({ type: 'eq' as const, key, value });
    const answer = await client.vectorStores.search(
      store.id,
      {
        query: query.text.toWellFormed().slice(0, 2000),
        filters: {
          type: 'and',
          // The store is the patient's already; a store that somebody has changed by hand does not undo that.
          filters: [
            equal('kind', 'part'),
            equal('organization_id', query.organizationId),
            equal('patient_uuid', query.patientUuid),
          ],
        },
        max_num_results: MOST_RESULTS,
        ranking_options: { score_threshold: leastScore },
      },
      { signal },
    );
    const results = answer.data.filter((result) => result.attributes?.patient_uuid === query.patientUuid);
    const headIds = [...new Set(results.map((result) => String(result.attributes?.head)))];
    const heads = new Map<string, StoreFile | null>(
      await Promise.all(headIds.map(async (id) => [id, await files.head(store.id, id, signal)] as const)),
    );
    return results.flatMap(({ attributes, content, score }) => {
      const head = heads.get(String(attributes?.head)) ?? null;
      // Replaced or removed, and not yet forgotten.
      if (!isThere(head) || head.stamp !== attributes?.stamp) return [];
      const text = content.map((piece) => piece.text).join('');
      const at = { page: Number(attributes.page), start: Number(attributes.start) };
      return passagesIn(text, at, question).map((passage) => ({
        ...passage,
        documentUuid: head.documentUuid,
        version: head.version,
        score,
      }));
    });
  }

  return {
    kind: 'openai',
    capabilities: { available: true, hybrid: true, phrases: false, immediate: false },

    prepare: (signal) =>
      asking(signal, async () => {
        await client.vectorStores.list({ limit: 1 }, { signal });
      }),

    async put(entry, signal) {
      assertEntry(entry);
      return asking(signal, () => documents.put(entry, signal));
    },

    async remove(place, documentUuids, signal) {
      assertPlace(place.organizationId, place.patientUuid, ...(documentUuids === 'all' ? [] : documentUuids));
      return asking(signal, () => documents.remove(place, documentUuids, signal));
    },

    async *list(organizationId, patientUuid, signal) {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      const all = await asking(signal, () => storesOf(organizationId, patientUuid, signal));
      for (const store of all.sort((a, b) => compareBytes(a.patientUuid, b.patientUuid))) {
        yield* await asking(signal, () => listStore(store, signal));
      }
    },

    async count(organizationId, patientUuid, signal) {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      return asking(signal, () => counted(organizationId, patientUuid, signal));
    },

    async search(query, signal) {
      assertQuery(query);
      const question = readQuestion(query.text);
      const from = Number(query.after ?? 0);
      const all =
        isEmpty(question) && !signal?.aborted ? [] : await asking(signal, () => find(query, question, signal));
      const to = from + query.limit;
      return { passages: all.slice(from, to), next: to < all.length ? String(to) : null, byMeaning: true };
    },

    async beginRebuild(organizationId, patientUuid, signal) {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      const begun = await asking(signal, () =>
        beginOpenAiRebuild({ stores, files, documents, organizationId, patientUuid }, signal),
      );
      return {
        async put(entry, putSignal) {
          assertEntry(entry);
          if (entry.organizationId !== organizationId) throw new TypeError('Of another organisation than the rebuild.');
          if (patientUuid !== null && entry.patientUuid !== patientUuid) throw new TypeError('Of another patient.');
          return asking(putSignal, () => begun.put(entry, putSignal));
        },
        finish: (finishSignal) =>
          asking(finishSignal, async () => {
            await begun.finish(finishSignal);
            return counted(organizationId, patientUuid, finishSignal);
          }),
        abandon: (abandonSignal) => asking(abandonSignal, () => begun.abandon(abandonSignal)),
      };
    },

    maintain: (signal) => asking(signal, () => removeLeftOvers(signal)),

    home: async () => null,

    async health(signal) {
      try {
        await asking(signal, () => client.vectorStores.list({ limit: 1 }, { signal }));
        return { error: null };
      } catch (error) {
        throwIfCancelled(signal);
        return { error: error instanceof SyncError ? error : new SyncError('search_unavailable', { cause: error }) };
      }
    },

    async close() {},
  };

  /** What processes that were killed have left: stores, parts without a head, files that no store has. */
  async function removeLeftOvers(signal?: AbortSignal): Promise<void> {
    const before = Date.now() / 1000 - leftOverMs / 1000;
    const used = new Set<string>();
    const all = await stores.all(null, signal);
    const live = new Set<string>();
    for (const organizationId of new Set(all.map((store) => store.organizationId))) {
      for (const store of await stores.live(organizationId, signal)) live.add(store.id).add(store.building);
    }
    for (const store of all) {
      const present = await unlessAbsent(files.list(store.id, signal));
      if (present === null) continue;
      const abandoned = !live.has(store.id) && store.createdAt < before;
      const stale = abandoned ? present : present.filter((file) => file.createdAt < before && isStale(file, present));
      await files.removeAll(store.id, stale, signal);
      if (abandoned) await stores.delete(store.id, signal);
      for (const file of present) used.add(file.id);
    }
    for await (const file of client.files.list({ purpose: 'assistants', limit: 100, order: 'asc' }, { signal })) {
      if (file.filename !== FILE_NAME || file.created_at >= before || used.has(file.id)) continue;
      await unlessAbsent(client.files.delete(file.id, { signal }));
    }
  }
}

function isStale(file: StoreFile, all: readonly StoreFile[]): boolean {
  const head = headOf(all, file.documentUuid);
  return file.kind === 'head' ? head?.id !== file.id || file.stamp === '' : head?.stamp !== file.stamp;
}

/** The passages of a part that have words of the question; without any, the part was found by its meaning: its beginning. */
function passagesIn(text: string, at: { readonly page: number; readonly start: number }, question: Question) {
  const all = [...cutPassages(text)].map((passage) => ({
    page: at.page,
    start: at.start + passage.start,
    end: at.start + passage.end,
    text: passage.text,
    highlights: highlightsOf(passage.text, question),
  }));
  const marked = all.filter((passage) => passage.highlights.length > 0);
  return marked.length > 0 ? marked.sort((a, b) => b.highlights.length - a.highlights.length) : all.slice(0, 1);
}

function connect({ apiKey, endpoint = null, apiVersion = null, timeoutMs = 30_000 }: OpenAiSearchIndexOptions): OpenAI {
  const common = { apiKey, timeout: timeoutMs, maxRetries: RETRIES };
  if (apiVersion !== null && endpoint !== null) return new AzureOpenAI({ ...common, endpoint, apiVersion });
  if (endpoint === null) return new OpenAI(common);
  return new OpenAI({ ...common, baseURL: endpoint, defaultHeaders: { 'api-key': apiKey } });
}
