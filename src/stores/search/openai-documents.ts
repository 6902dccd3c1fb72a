/**
 * Puts and removes documents, in the store that answers and in the one that a rebuild fills. A writer looks at the patient's
 * store before and after its work, and repeats it while that has changed.
 */
import { randomUUID } from 'node:crypto';
import { SyncError } from '../../domain/errors.ts';
import type { Page, PutOutcome, RebuildOutcome, Removal, SearchEntry, SearchPlace } from '../../ports/search-index.ts';
import { passagesOf } from './indexed-passages.ts';
import { headOf, isThere, type OpenAiFiles, type Part, partsOf, REMOVED, type StoreFile } from './openai-files.ts';
import type { OpenAiStores, PatientStore } from './openai-stores.ts';

/** Raised when text is cut otherwise. */
export const PROFILE = '1';
const TRIES = 20;

interface Content {
  readonly parts: readonly Part[];
  readonly passages: number;
}

export type OpenAiDocuments = ReturnType<typeof createOpenAiDocuments>;

export function createOpenAiDocuments({
  stores,
  files,
}: {
  readonly stores: OpenAiStores;
  readonly files: OpenAiFiles;
}) {
  const busy = new Map<string, Promise<unknown>>();

  /** One at a time for each document in this process; between processes the heads decide. */
  async function alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = busy.get(key);
    const mine = (async () => {
      await before?.catch(() => {});
      return work();
    })();
    busy.set(key, mine);
    try {
      return await mine;
    } finally {
      if (busy.get(key) === mine) busy.delete(key);
    }
  }

  async function read(entry: SearchEntry, signal?: AbortSignal): Promise<Content> {
    const texts = new Map<number, string>();
    async function* noted(): AsyncGenerator<Page> {
      for await (const page of entry.pages as AsyncIterable<Page>) {
        texts.set(page.number, page.text.toWellFormed());
        yield page;
      }
    }
    const passages = await passagesOf(noted(), signal);
    return { parts: partsOf(passages, texts), passages: passages.length };
  }

  async function inAll(
    store: PatientStore,
    work: (ids: string[], first: boolean) => Promise<'settled' | 'done'>,
    signal?: AbortSignal,
  ): Promise<void> {
    let now = store;
    for (let tried = 0; tried < TRIES; tried++) {
      const ids = now.building === '' ? [now.id] : [now.id, now.building];
      if ((await work(ids, tried === 0)) === 'settled') return;
      const after = await stores.findOrMake(now, signal);
      if (after.id === now.id && after.building === now.building) return;
      now = after;
    }
    throw new SyncError('search_unavailable', { detail: 'Rebuilds follow each other too fast.' });
  }

  /** @returns false when another process has taken the head away meanwhile: to be repeated */
  async function write(
    storeId: string,
    entry: SearchEntry,
    content: Content,
    older: boolean,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const { documentUuid, version } = entry;
    const present = headOf(await files.list(storeId, signal), documentUuid);
    const head = present ?? (await files.addHead(storeId, entry, documentUuid, signal));
    if (present === null) {
      const chosen = headOf(await files.list(storeId, signal), documentUuid);
      if (chosen?.id !== head.id) {
        await files.remove(storeId, head.id, signal);
        return false;
      }
    }
    const stamp = randomUUID();
    await files.addParts(storeId, entry, head, { version, stamp, parts: content.parts }, signal);
    const before = await files.head(storeId, head.id, signal);
    const overtaken = before === null || (older && before.stamp !== '');
    const to = { version, stamp, passages: content.passages, profile: PROFILE };
    if (overtaken || !(await files.setHead(storeId, entry, head, to, signal))) {
      await removeStamp(storeId, documentUuid, stamp, signal);
      return overtaken && before !== null;
    }
    if (before.stamp !== '') await removeStamp(storeId, documentUuid, before.stamp, signal);
    return true;
  }

  async function removeStamp(
    storeId: string,
    documentUuid: string,
    stamp: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const all = await files.list(storeId, signal);
    const stale = all.filter(
      (file) => file.kind === 'part' && file.documentUuid === documentUuid && file.stamp === stamp,
    );
    await files.removeAll(storeId, stale, signal);
  }

  async function writeSurely(
    storeId: string,
    entry: SearchEntry,
    content: Content,
    older: boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    for (let tried = 0; tried < TRIES; tried++) if (await write(storeId, entry, content, older, signal)) return;
    throw new SyncError('search_unavailable', { detail: 'Too many write the same document at once.' });
  }

  function isSame(head: StoreFile | null, { version }: SearchEntry): boolean {
    return isThere(head) && head.version === version && head.profile === PROFILE;
  }

  return {
    put(entry: SearchEntry, signal?: AbortSignal): Promise<PutOutcome> {
      return alone(`${entry.organizationId}/${entry.patientUuid}/${entry.documentUuid}`, async () => {
        let outcome: PutOutcome = 'unchanged';
        let content: Content | undefined;
        const store = await stores.findOrMake(entry, signal);
        const work = async (ids: string[], first: boolean): Promise<'settled' | 'done'> => {
          const head = headOf(await files.list(ids[0]!, signal), entry.documentUuid);
          if (first && ids.length === 1 && isSame(head, entry)) return 'settled';
          if (first) outcome = isThere(head) ? 'replaced' : 'created';
          content ??= await read(entry, signal);
          for (const id of ids) await writeSurely(id, entry, content, false, signal);
          return 'done';
        };
        await inAll(store, work, signal);
        return outcome;
      });
    },

    /** @param storeId that a rebuild fills: what is there already is newer than the rebuild. */
    async putOlder(storeId: string, entry: SearchEntry, signal?: AbortSignal): Promise<RebuildOutcome> {
      const outcome = async (): Promise<RebuildOutcome | null> => {
        const head = headOf(await files.list(storeId, signal), entry.documentUuid);
        return head === null || head.stamp === '' ? null : isSame(head, entry) ? 'unchanged' : 'kept';
      };
      const present = await outcome();
      if (present !== null) return present;
      await writeSurely(storeId, entry, await read(entry, signal), true, signal);
      return (await outcome()) === 'unchanged' ? 'created' : 'kept';
    },

    async remove(place: SearchPlace, documentUuids: readonly string[] | 'all', signal?: AbortSignal): Promise<Removal> {
      const store = await stores.find(place, signal);
      if (store === null) return { removed: 0, remaining: 0 };
      const wanted = documentUuids === 'all' ? null : new Set(documentUuids);
      let removed = 0;
      let remaining = 0;
      const work = async (ids: string[], first: boolean): Promise<'done'> => {
        remaining = 0;
        for (const [i, id] of ids.entries()) {
          const present = await files.list(id, signal);
          const found = present.filter((file) => wanted?.has(file.documentUuid) ?? true);
          if (first && i === 0) removed = found.filter((file) => file.kind === 'head' && isThere(file)).length;
          if (i > 0) await bury(id, place, wanted ?? new Set(found.map((file) => file.documentUuid)), present, signal);
          await files.removeAll(id, i > 0 ? found.filter((file) => file.kind === 'part') : found, signal);
          const left = (await files.list(id, signal)).filter((file) => wanted?.has(file.documentUuid) ?? true);
          remaining += new Set(left.filter((file) => file.kind === 'part' || isThere(file)).map((f) => f.documentUuid))
            .size;
        }
        return 'done';
      };
      await inAll(store, work, signal);
      return { removed, remaining };
    },
  };

  /** So that a rebuild does not bring back what is removed meanwhile. */
  async function bury(
    storeId: string,
    place: SearchPlace,
    documentUuids: ReadonlySet<string>,
    present: readonly StoreFile[],
    signal?: AbortSignal,
  ): Promise<void> {
    for (const documentUuid of documentUuids) {
      const head = headOf(present, documentUuid) ?? (await files.addHead(storeId, place, documentUuid, signal));
      const to = { version: '', stamp: randomUUID(), passages: REMOVED, profile: '' };
      await files.setHead(storeId, place, head, to, signal);
    }
  }
}
