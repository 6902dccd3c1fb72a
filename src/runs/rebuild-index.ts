/** Fills the search index anew from the stored texts, while the present one answers and documents come and go. */
import pLimit from 'p-limit';
import { toSyncError } from '../domain/errors.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import { isIndexable, type SearchCounts } from '../ports/search-index.ts';
import type { IndexPorts, IndexScope } from './compare-index.ts';
import { readPageLines } from './page-lines.ts';

/** The index makes one commit of what is put at the same time: some, while the next ones are read. */
const AT_ONCE = 96;
const FEW_AT_ONCE = 16;
/** Of text. Of those that have more, one at a time is in memory. */
const LARGE_TEXT = 512 * 1024;

export async function rebuildIndex(
  { desk, search, blobs }: IndexPorts & { readonly blobs: BlobStore },
  { organizationId, patientUuid, signal }: IndexScope,
  onProgress: (documents: number) => void = () => undefined,
): Promise<
  SearchCounts & { /** Their stored text is lost or damaged: the service reads them again. */ readonly again: number }
> {
  const rebuild = await search.beginRebuild(organizationId, patientUuid, signal);
  // Where each of them asks a service as well, many at once would only be refused.
  const atOnce = search.kind === 'lancedb' && !search.capabilities.hybrid ? AT_ONCE : FEW_AT_ONCE;
  const limit = pLimit(atOnce);
  const large = pLimit(1);
  const work = new Set<Promise<void>>();
  const lost: string[] = [];
  let done = 0;
  // The first one counts; a promise that nobody waits for at that moment would lose it.
  let failure: { readonly error: unknown } | null = null;
  const check = () => {
    if (failure !== null) throw failure.error;
  };
  try {
    // After it began: what changes from here on is put into both.
    for await (const expected of desk.expectations(organizationId, patientUuid, signal)) {
      const { version } = expected;
      if (version === null || !isIndexable(expected)) continue;
      const task: Promise<void> = limit(async () => {
        const place = { organizationId, patientUuid: expected.patientUuid, documentUuid: expected.documentUuid };
        const over = Promise.withResolvers<void>();
        const enter = () =>
          new Promise<void>((begin) => {
            void large(() => {
              begin();
              return over.promise;
            });
          });
        try {
          await rebuild.put({ ...place, version, pages: pagesOf(blobs, place, { version, enter, signal }) }, signal);
        } catch (error) {
          const { code } = toSyncError(error);
          // What is still to be done about it says how that ends.
          if (code === 'search_refused' && expected.open) return;
          if (code !== 'blob_missing' && code !== 'blob_corrupt') throw error;
          lost.push(expected.documentUuid);
        } finally {
          over.resolve();
        }
        onProgress(++done);
      })
        .catch((error) => {
          failure ??= { error };
        })
        .finally(() => work.delete(task));
      work.add(task);
      if (work.size > atOnce * 2) await Promise.race(work);
      check();
    }
    await Promise.all(work);
    check();
    for (const documentUuid of lost) await desk.askAgain(organizationId, documentUuid);
    const counts = await rebuild.finish(signal);
    return { ...counts, again: lost.length };
  } catch (error) {
    await Promise.allSettled(work);
    await rebuild.abandon().catch(() => undefined);
    throw error;
  }
}

async function* pagesOf(
  blobs: BlobStore,
  { organizationId }: { readonly organizationId: string },
  {
    version,
    enter,
    signal,
  }: { readonly version: string; readonly enter: () => Promise<void>; readonly signal: AbortSignal },
) {
  const name = blobName(organizationId, version);
  let content = await blobs.get(name, signal);
  if (content.size > LARGE_TEXT) {
    // A connection that waits may be cut.
    content.stream.destroy();
    await enter();
    content = await blobs.get(name, signal);
  }
  yield* readPageLines(content.stream);
}
