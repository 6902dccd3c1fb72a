/** Brings contents from the share into the blob store. */
import { SyncError } from '../../domain/errors.ts';
import { blobName } from '../../ports/blob-store.ts';
import type { ReadFile } from '../../ports/file-share.ts';
import { withRetry } from '../retry.ts';
import type { ItemLine } from './change-line.ts';
import type { CopyContext, Prepared } from './copy-context.ts';
import { itemError } from './item-failure.ts';

/** @returns null when the item needs no copy */
export async function readItem(context: CopyContext, line: ItemLine): Promise<ReadFile | null> {
  const { ports, session, settings, input } = context;
  const path = line.item.path;
  if (path === null || path === '') throw new SyncError('file_missing', { detail: 'The source names no path.' });
  const retry = { clock: ports.clock, random: ports.random, signal: session.signal };
  return withRetry(
    async () => {
      if (line.kind === 'inspect' && !input.rehash) {
        const stat = await ports.share.stat(path, session.signal);
        if (stat.size === line.stored.sourceSize && stat.modifiedAt === line.stored.sourceModifiedAt) return null;
      }
      const file = await ports.share.read(path, session.signal);
      if (line.kind !== 'inspect' || file.sha256 !== line.stored.sha256) return file;
      const unchanged =
        file.size === line.stored.sourceSize &&
        file.modifiedAt === line.stored.sourceModifiedAt &&
        (!input.rehash || (await contentIsThere(context, file)));
      if (!unchanged) return file;
      await file.close();
      return null;
    },
    settings.retry,
    retry,
  );
}

async function contentIsThere(context: CopyContext, file: ReadFile): Promise<boolean> {
  const { ports, settings, session } = context;
  const info = await ports.blobs.stat(blobName(settings.organizationId, file.sha256), session.signal);
  return info !== null && info.size === file.size;
}

/** Puts each content that is not there yet, once for equal contents. Errors of the store end the run. */
export async function storeContents(
  context: CopyContext,
  prepared: readonly Prepared[],
  onDone: (entry: Prepared, error: SyncError | null) => void,
): Promise<void> {
  const { ports, session, settings, input } = context;
  const states = await ports.records.reserveBlobs(
    session.fence,
    prepared.map((entry) => ({ sha256: entry.file.sha256, size: entry.file.size })),
  );
  const puts = new Map<string, Promise<void>>();
  await all(
    prepared.map(async (entry) => {
      const { sha256 } = entry.file;
      // A hash run trusts no row: the content may have been lost behind it.
      if (states.get(sha256) === 'stored' && !input.rehash) return onDone(entry, null);
      let put = puts.get(sha256);
      if (put === undefined) {
        put = context.uploads(() => putContent(entry));
        puts.set(sha256, put);
      }
      try {
        await put;
        onDone(entry, null);
      } catch (error) {
        onDone(entry, itemError(error));
      }
    }),
  );

  async function putContent(entry: Prepared): Promise<void> {
    await withRetry(
      () => ports.blobs.put(blobName(settings.organizationId, entry.file.sha256), entry.file, session.signal),
      settings.retry,
      { clock: ports.clock, random: ports.random, signal: session.signal },
    );
    session.count({ bytes: entry.file.size });
  }
}

/** Waits for all, then throws the first error: nothing goes on behind the back of the caller. */
export async function all(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
