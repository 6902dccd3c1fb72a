import { SyncError } from '../../domain/errors.ts';
import { compareBytes } from '../../domain/reference.ts';
import {
  assertEntry,
  assertPlace,
  assertQuery,
  type FoundPassage,
  type IndexedDocument,
  MAX_DEPTH,
  type Rebuild,
  type SearchCounts,
  type SearchEntry,
  type SearchIndex,
  type SearchPlace,
} from '../../ports/search-index.ts';
import { throwIfCancelled } from '../search/cancelled.ts';
import { type PagePassage, passagesOf } from '../search/indexed-passages.ts';
import { highlightsOf, type Question, readQuestion } from '../search/question.ts';
import { wordsOf } from '../search/words.ts';

interface StoredDocument {
  readonly patientUuid: string;
  readonly documentUuid: string;
  readonly version: string;
  readonly passages: readonly PagePassage[];
}

/** By `patient/document`. Null: removed while a rebuild went on. */
type Generation = Map<string, StoredDocument | null>;

interface OpenRebuild {
  readonly patientUuid: string | null;
  readonly generation: Generation;
}

interface Organization {
  live: Generation;
  rebuild: OpenRebuild | null;
}

/** Shared by several indices it is one index seen by several processes. */
export type MemorySearchContents = Map<string, Organization>;

/** The index in memory, for simulation and tests, under the whole contract of the port. */
export function createMemorySearchIndex(options: { readonly contents?: MemorySearchContents } = {}): SearchIndex {
  const contents: MemorySearchContents = options.contents ?? new Map();

  function organization(id: string): Organization {
    const found = contents.get(id) ?? { live: new Map(), rebuild: null };
    contents.set(id, found);
    return found;
  }

  /** What a write of this patient goes to. */
  function targets(place: SearchPlace): Generation[] {
    const { live, rebuild } = organization(place.organizationId);
    const covered = rebuild !== null && (rebuild.patientUuid ?? place.patientUuid) === place.patientUuid;
    return covered ? [live, rebuild.generation] : [live];
  }

  function documents(organizationId: string, patientUuid: string | null): StoredDocument[] {
    const all = [...(contents.get(organizationId)?.live ?? [])].sort(([a], [b]) => compareBytes(a, b));
    return all.flatMap(([, document]) =>
      document !== null && (patientUuid ?? document.patientUuid) === document.patientUuid ? [document] : [],
    );
  }

  function counted(organizationId: string, patientUuid: string | null): SearchCounts {
    const found = documents(organizationId, patientUuid);
    return { documents: found.length, passages: found.reduce((sum, document) => sum + document.passages.length, 0) };
  }

  async function read(entry: SearchEntry, signal?: AbortSignal): Promise<StoredDocument> {
    const { patientUuid, documentUuid, version, pages } = entry;
    return { patientUuid, documentUuid, version, passages: await passagesOf(pages, signal) };
  }

  return {
    kind: 'memory',
    capabilities: { available: true, hybrid: false, phrases: true, immediate: true },

    async prepare(signal) {
      throwIfCancelled(signal);
    },

    async put(entry, signal) {
      assertEntry(entry);
      throwIfCancelled(signal);
      const key = keyOf(entry);
      const same = (): boolean => organization(entry.organizationId).live.get(key)?.version === entry.version;
      if (same() && targets(entry).length === 1) return 'unchanged';
      const document = await read(entry, signal);
      const before = organization(entry.organizationId).live.get(key);
      for (const generation of targets(entry)) generation.set(key, document);
      return before ? 'replaced' : 'created';
    },

    async remove(place, documentUuids, signal) {
      assertPlace(place.organizationId, place.patientUuid, ...(documentUuids === 'all' ? [] : documentUuids));
      throwIfCancelled(signal);
      const [live, building] = targets(place) as [Generation, Generation?];
      const keys =
        documentUuids === 'all' ? null : new Set(documentUuids.map((uuid) => `${place.patientUuid}/${uuid}`));
      const there = (key: string): boolean => keys?.has(key) ?? key.startsWith(`${place.patientUuid}/`);
      let removed = 0;
      for (const key of [...live.keys()].filter(there)) if (live.delete(key)) removed++;
      for (const key of keys ?? [...(building?.keys() ?? [])].filter(there)) building?.set(key, null);
      return { removed, remaining: 0 };
    },

    async *list(organizationId, patientUuid, signal) {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      for (const { passages, ...document } of documents(organizationId, patientUuid)) {
        throwIfCancelled(signal);
        yield { ...document, passages: passages.length, current: true } satisfies IndexedDocument;
      }
      throwIfCancelled(signal);
    },

    async count(organizationId, patientUuid, signal) {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      throwIfCancelled(signal);
      return counted(organizationId, patientUuid);
    },

    async search(query, signal) {
      assertQuery(query);
      throwIfCancelled(signal);
      const from = Number(query.after ?? 0);
      const all = rank(documents(query.organizationId, query.patientUuid), readQuestion(query.text));
      const to = from + query.limit;
      return { passages: all.slice(from, to), next: to < all.length ? String(to) : null, byMeaning: false };
    },

    async beginRebuild(organizationId, patientUuid, signal): Promise<Rebuild> {
      assertPlace(organizationId, ...(patientUuid === null ? [] : [patientUuid]));
      throwIfCancelled(signal);
      const owner = organization(organizationId);
      const rebuild: OpenRebuild = { patientUuid, generation: new Map() };
      owner.rebuild = rebuild;
      const assertOpen = (openSignal?: AbortSignal): void => {
        throwIfCancelled(openSignal);
        if (owner.rebuild !== rebuild) throw new SyncError('search_rebuild_ended');
      };
      return {
        async put(entry, putSignal) {
          assertEntry(entry);
          if (entry.organizationId !== organizationId) throw new TypeError('Of another organisation than the rebuild.');
          if (patientUuid !== null && entry.patientUuid !== patientUuid) throw new TypeError('Of another patient.');
          assertOpen(putSignal);
          const document = await read(entry, putSignal);
          assertOpen(putSignal);
          const key = keyOf(entry);
          const present = rebuild.generation.get(key);
          if (present !== undefined) return present?.version === entry.version ? 'unchanged' : 'kept';
          rebuild.generation.set(key, document);
          return patientUuid !== null && owner.live.get(key) ? 'replaced' : 'created';
        },
        async finish(finishSignal) {
          assertOpen(finishSignal);
          const others = [...owner.live].filter(([key]) => patientUuid !== null && !key.startsWith(`${patientUuid}/`));
          owner.live = new Map([...others, ...[...rebuild.generation].filter(([, document]) => document !== null)]);
          owner.rebuild = null;
          return counted(organizationId, patientUuid);
        },
        async abandon(abandonSignal) {
          throwIfCancelled(abandonSignal);
          if (owner.rebuild === rebuild) owner.rebuild = null;
        },
      };
    },

    async maintain(signal) {
      throwIfCancelled(signal);
    },

    home: async () => null,

    async health() {
      return { error: null };
    },

    async close() {},
  };
}

function keyOf({ patientUuid, documentUuid }: SearchEntry): string {
  return `${patientUuid}/${documentUuid}`;
}

/** Rarer words weigh more, and more of them in a short passage. */
function rank(documents: readonly StoredDocument[], question: Question): FoundPassage[] {
  const found = documents.flatMap((document) =>
    document.passages.map((passage) => ({ document, passage, terms: wordsOf(passage.text).map((word) => word.term) })),
  );
  const tests = [
    ...question.words.map((word) => (term: string) => term === word),
    ...question.beginnings.map((beginning) => (term: string) => term.startsWith(beginning)),
  ];
  const frequencies = tests.map((test) => found.filter(({ terms }) => terms.some(test)).length);
  return found
    .filter(({ terms }) => question.phrases.every((phrase) => holds(terms, phrase)))
    .flatMap(({ document, passage, terms }) => {
      let score = question.phrases.length;
      for (const [i, test] of tests.entries()) {
        const times = terms.filter(test).length;
        score += (Math.log(1 + found.length / (frequencies[i]! + 0.5)) * times) / (times + 1 + terms.length / 200);
      }
      if (score === 0) return [];
      const { page, start, end, text } = passage;
      const { documentUuid, version } = document;
      return [{ documentUuid, version, page, start, end, text, highlights: highlightsOf(text, question), score }];
    })
    .sort((a, b) => b.score - a.score)
    .slice(0, MAX_DEPTH);
}

function holds(terms: readonly string[], phrase: readonly string[]): boolean {
  return terms.some((_, i) => phrase.every((term, k) => terms[i + k] === term));
}
