/**
 * The files of a vector store. A document is a head, whose attributes say which version is there, and parts with its text.
 * **The head decides**: parts of another stamp are not there, so one change of the head's attributes replaces a document.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { SyncError } from '../../domain/errors.ts';
import type { SearchPlace } from '../../ports/search-index.ts';
import { unlessCancelled } from './cancelled.ts';
import type { PagePassage } from './indexed-passages.ts';
import { unlessAbsent } from './openai-error.ts';

export interface StoreFile {
  readonly id: string;
  readonly createdAt: number;
  readonly kind: 'head' | 'part';
  readonly documentUuid: string;
  readonly version: string;
  /** '' for a head whose first parts are not all there yet. */
  readonly stamp: string;
  readonly profile: string;
  /** Of a head; -1 for a document that was removed during a rebuild. */
  readonly passages: number;
}

export interface Part {
  readonly page: number;
  readonly start: number;
  readonly text: string;
}

export interface OpenAiFilesOptions {
  readonly client: OpenAI;
  readonly pollMs: number;
  /** How long a file may take to be indexed. */
  readonly indexingTimeoutMs: number;
}

/** No token has less than a byte, so no part is ever cut in two. */
const CHUNK_TOKENS = 4096;
const PART_BYTES = 4_000;
const AT_ONCE = 4;
export const REMOVED = -1;
/** Tells our files from those of others in the same account. */
export const FILE_NAME = 'chartsync-passage.txt';

export type OpenAiFiles = ReturnType<typeof createOpenAiFiles>;

export function createOpenAiFiles({ client, pollMs, indexingTimeoutMs }: OpenAiFilesOptions) {
  async function add(storeId: string, text: string, attributes: Record<string, string | number>, signal?: AbortSignal) {
    const content = await toFile(Buffer.from(text, 'utf8'), FILE_NAME, { type: 'text/plain' });
    const { id } = await client.files.create({ file: content, purpose: 'assistants' }, { signal });
    const chunking = {
      type: 'static' as const,
      static: { max_chunk_size_tokens: CHUNK_TOKENS, chunk_overlap_tokens: 0 },
    };
    try {
      const body = { file_id: id, attributes, chunking_strategy: chunking };
      await client.vectorStores.files.create(storeId, body, { signal });
      await untilIndexed(storeId, id, signal);
    } catch (error) {
      // Without the signal: what was not finished must not stay.
      await remove(storeId, id).catch(() => {});
      throw error;
    }
    return id;
  }

  async function untilIndexed(storeId: string, fileId: string, signal?: AbortSignal): Promise<void> {
    const end = performance.now() + indexingTimeoutMs;
    for (let pause = pollMs; ; pause = Math.min(pause * 1.5, 5_000)) {
      const file = await client.vectorStores.files.retrieve(fileId, { vector_store_id: storeId }, { signal });
      if (file.status === 'completed') return;
      if (file.status !== 'in_progress') {
        const code = file.last_error?.code ?? file.status;
        // Its own trouble may pass; a text that it cannot read stays one.
        throw new SyncError(code === 'server_error' ? 'search_unavailable' : 'search_refused', { detail: `${code}.` });
      }
      if (performance.now() > end) throw new SyncError('search_unavailable', { detail: 'Indexing does not end.' });
      await unlessCancelled(signal, sleep(pause));
    }
  }

  /** First from the store, then the file itself: a file that is deleted first may be counted for ever. */
  async function remove(storeId: string, fileId: string, signal?: AbortSignal): Promise<void> {
    await unlessAbsent(client.vectorStores.files.delete(fileId, { vector_store_id: storeId }, { signal }));
    await unlessAbsent(client.files.delete(fileId, { signal }));
  }

  function attributesOf(place: SearchPlace, documentUuid: string) {
    return { organization_id: place.organizationId, patient_uuid: place.patientUuid, document_uuid: documentUuid };
  }

  return {
    remove,

    async list(storeId: string, signal?: AbortSignal): Promise<StoreFile[]> {
      const files: StoreFile[] = [];
      for await (const file of client.vectorStores.files.list(storeId, { limit: 100 }, { signal })) {
        const own = read(file);
        if (own !== null) files.push(own);
      }
      return files;
    },

    async addHead(storeId: string, place: SearchPlace, documentUuid: string, signal?: AbortSignal): Promise<StoreFile> {
      const attributes = { ...attributesOf(place, documentUuid), kind: 'head', version: '', stamp: '', passages: 0 };
      const id = await add(storeId, `Document ${documentUuid}`, attributes, signal);
      const { created_at } = await client.vectorStores.files.retrieve(id, { vector_store_id: storeId }, { signal });
      return {
        id,
        createdAt: created_at,
        kind: 'head',
        documentUuid,
        version: '',
        stamp: '',
        profile: '',
        passages: 0,
      };
    },

    /** Null when the document is not there. */
    async head(storeId: string, headId: string, signal?: AbortSignal): Promise<StoreFile | null> {
      const file = await unlessAbsent(
        client.vectorStores.files.retrieve(headId, { vector_store_id: storeId }, { signal }),
      );
      return file && read(file);
    },

    async setHead(
      storeId: string,
      place: SearchPlace,
      head: StoreFile,
      to: Pick<StoreFile, 'version' | 'stamp' | 'passages' | 'profile'>,
      signal?: AbortSignal,
    ): Promise<boolean> {
      const attributes = { ...attributesOf(place, head.documentUuid), kind: 'head', ...to };
      const params = { vector_store_id: storeId, attributes };
      return (await unlessAbsent(client.vectorStores.files.update(head.id, params, { signal }))) !== null;
    },

    async addParts(
      storeId: string,
      place: SearchPlace,
      head: StoreFile,
      { version, stamp, parts }: { readonly version: string; readonly stamp: string; readonly parts: readonly Part[] },
      signal?: AbortSignal,
    ): Promise<void> {
      const common = { ...attributesOf(place, head.documentUuid), kind: 'part', head: head.id, version, stamp };
      await inTurns(parts, ({ text, page, start }) => add(storeId, text, { ...common, page, start }, signal));
    },

    async removeAll(storeId: string, files: readonly StoreFile[], signal?: AbortSignal): Promise<void> {
      // Heads first: from then on nothing of the document is seen.
      for (const head of files.filter((file) => file.kind === 'head')) await remove(storeId, head.id, signal);
      await inTurns(
        files.filter((file) => file.kind === 'part'),
        (file) => remove(storeId, file.id, signal),
      );
    },
  };
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  const all = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, items.length) }, one));
  // Only when nothing is under way any more.
  for (const each of all) if (each.status === 'rejected') throw each.reason;
}

/** Passages that follow each other on a page are one part: fewer files, and the service sees more of the sense. */
export function partsOf(passages: readonly PagePassage[], pageTexts: ReadonlyMap<number, string>): Part[] {
  const parts: Part[] = [];
  for (const [page, ofPage] of Map.groupBy(passages, (passage) => passage.page)) {
    const text = pageTexts.get(page)!;
    let from = 0;
    for (let i = 1; i <= ofPage.length; i++) {
      const start = ofPage[from]!.start;
      const next = ofPage[i];
      if (next && Buffer.byteLength(text.slice(start, next.end)) <= PART_BYTES) continue;
      parts.push({ page, start, text: text.slice(start, ofPage[i - 1]!.end) });
      from = i;
    }
  }
  return parts;
}

/** Null for a file that is not ours. */
function read(file: OpenAI.VectorStores.VectorStoreFile): StoreFile | null {
  const { kind, document_uuid, version, stamp, profile, passages } = file.attributes ?? {};
  if ((kind !== 'head' && kind !== 'part') || typeof document_uuid !== 'string') return null;
  return {
    id: file.id,
    createdAt: file.created_at,
    kind,
    documentUuid: document_uuid,
    version: String(version ?? ''),
    stamp: String(stamp ?? ''),
    profile: String(profile ?? ''),
    passages: Number(passages ?? 0),
  };
}

/** Of several heads, which two processes have made at once, all take the same. */
export function headOf(files: readonly StoreFile[], documentUuid: string): StoreFile | null {
  const heads = files.filter((file) => file.kind === 'head' && file.documentUuid === documentUuid);
  heads.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  return heads[0] ?? null;
}

/** Whether a document is there. */
export function isThere(head: StoreFile | null): head is StoreFile {
  return head !== null && head.stamp !== '' && head.passages !== REMOVED;
}
