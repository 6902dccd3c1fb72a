/**
 * The check every blob passes on its way in and out: the bytes must have the size and SHA-256 that they should have.
 */
import { createHash } from 'node:crypto';
import { contentHash } from '../../domain/content-hash.ts';
import { SyncError } from '../../domain/errors.ts';
import type { BlobContent } from '../../ports/blob-store.ts';

export interface ContentCheck {
  /** @throws SyncError `blob_corrupt` as soon as there are more bytes than there should be. */
  update(chunk: Uint8Array): void;
  /** @throws SyncError `blob_corrupt` when size or hash differ. */
  finish(): void;
}

export function createContentCheck(expected: { readonly size: number; readonly sha256: string }): ContentCheck {
  const hash = createHash('sha256');
  let whole: Uint8Array | null = null;
  let size = 0;
  return {
    update(chunk) {
      size += chunk.byteLength;
      if (size > expected.size) {
        throw new SyncError('blob_corrupt', { detail: `More than the expected ${expected.size} bytes.` });
      }
      // All at once: whoever read it may have hashed these very bytes.
      if (chunk.byteLength === expected.size) whole = chunk;
      else hash.update(chunk);
    },
    finish() {
      if (size !== expected.size) {
        throw new SyncError('blob_corrupt', { detail: `${size} bytes instead of ${expected.size}.` });
      }
      const sha256 = whole === null ? hash.digest('hex') : contentHash(whole);
      if (sha256 !== expected.sha256) throw new SyncError('blob_corrupt');
    },
  };
}

/**
 * Opens the content and yields its bytes. Leaving the loop early closes the content's stream. An abort ends the loop at once,
 * without waiting for a source that hangs.
 *
 * @throws SyncError `cancelled`; an error of the stream as it is.
 */
export async function* contentChunks(content: BlobContent, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  throwIfCancelled(signal);
  const opened = content.open();
  if (opened instanceof Uint8Array) {
    yield opened;
    return;
  }
  // After an abort nobody iterates any more, and an 'error' without listener would end the process.
  opened.on('error', () => {});
  const iterator: AsyncIterator<Uint8Array> = opened[Symbol.asyncIterator]();
  let cancel = (): void => {};
  const onAbort = (): void => cancel();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      const result = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        cancel = () => reject(new SyncError('cancelled', { cause: signal?.reason }));
        if (signal?.aborted) cancel();
        iterator.next().then(resolve, reject);
      });
      if (result.done) return;
      yield result.value;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    opened.destroy();
  }
}

/** What the store has under a name, compared with the content that shall be there. */
export type StoredContent = 'absent' | 'right' | 'wrong';

/** Compares the chunks of what is stored. @throws whatever reading them throws */
export async function storedContent(
  chunks: AsyncIterable<Uint8Array>,
  expected: { readonly size: number; readonly sha256: string },
  signal?: AbortSignal,
): Promise<Exclude<StoredContent, 'absent'>> {
  const check = createContentCheck(expected);
  try {
    for await (const chunk of chunks) {
      throwIfCancelled(signal);
      check.update(chunk);
    }
    check.finish();
    return 'right';
  } catch (error) {
    if (error instanceof SyncError && error.code === 'blob_corrupt') return 'wrong';
    throw error;
  }
}

/** @throws SyncError `cancelled` */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new SyncError('cancelled', { cause: signal.reason });
}

/** @throws SyncError `blob_corrupt` when the content claims another hash than the name it is to be stored under. */
export function assertNamed(content: BlobContent, sha256: string): void {
  if (content.sha256 !== sha256) {
    throw new SyncError('blob_corrupt', { detail: 'The content has another SHA-256 than its name.' });
  }
}
