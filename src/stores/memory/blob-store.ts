import { Readable } from 'node:stream';
import { contentHash } from '../../domain/content-hash.ts';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import { type BlobStore, isBlobName, parseBlobName } from '../../ports/blob-store.ts';
import {
  assertNamed,
  contentChunks,
  createContentCheck,
  type StoredContent,
  throwIfCancelled,
} from '../blobs/content-check.ts';
import { verifiedStream } from '../blobs/verified-stream.ts';

/**
 * Blobs in memory, for simulation and tests, under the whole contract of the port.
 *
 * @param options.contents where they are kept: shared by several stores it is one store seen by several processes.
 */
export function createMemoryBlobStore(options: { readonly contents?: Map<string, Uint8Array> } = {}): BlobStore {
  const contents = options.contents ?? new Map<string, Uint8Array>();

  /** Like an ETag, the object is another one after each `put`: a deletion under way means the one before. */
  function renewed(name: string, content: { readonly size: number; readonly sha256: string }): StoredContent {
    const stored = contents.get(name);
    if (!stored) return 'absent';
    if (stored.byteLength !== content.size || contentHash(stored) !== content.sha256) return 'wrong';
    contents.set(name, stored.subarray());
    return 'right';
  }

  return {
    kind: 'memory',

    async prepare(signal) {
      throwIfCancelled(signal);
    },

    async put(name, content, signal) {
      assertNamed(content, parseBlobName(name).sha256);
      throwIfCancelled(signal);
      if (renewed(name, content) === 'right') return 'exists';
      const check = createContentCheck(content);
      const chunks: Uint8Array[] = [];
      try {
        for await (const chunk of contentChunks(content, signal)) {
          throwIfCancelled(signal);
          check.update(chunk);
          chunks.push(chunk);
        }
      } catch (error) {
        throw toSyncError(error);
      }
      check.finish();
      throwIfCancelled(signal);
      const before = renewed(name, content);
      if (before === 'right') return 'exists';
      contents.set(name, Buffer.concat(chunks));
      return before === 'wrong' ? 'replaced' : 'created';
    },

    async get(name, signal) {
      const { sha256 } = parseBlobName(name);
      throwIfCancelled(signal);
      const stored = contents.get(name);
      if (!stored) throw new SyncError('blob_missing');
      const size = stored.byteLength;
      const source = Readable.from(slices(stored), { objectMode: false });
      return { size, stream: verifiedStream({ source, expected: { size, sha256 }, toError: toSyncError, signal }) };
    },

    async stat(name, signal) {
      parseBlobName(name);
      throwIfCancelled(signal);
      const stored = contents.get(name);
      return stored ? { name, size: stored.byteLength } : null;
    },

    async *list(prefix, { pageSize = 1000, signal } = {}) {
      throwIfCancelled(signal);
      const names = [...contents.keys()].filter((name) => name.startsWith(prefix) && isBlobName(name)).sort();
      for (let start = 0; start < names.length; start += pageSize) {
        throwIfCancelled(signal);
        yield names.slice(start, start + pageSize).flatMap((name) => {
          const stored = contents.get(name);
          return stored ? [{ name, size: stored.byteLength }] : [];
        });
      }
    },

    async delete(name, signal) {
      parseBlobName(name);
      throwIfCancelled(signal);
      return contents.delete(name);
    },

    async close() {},
  };
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  const step = 64 * 1024;
  for (let start = 0; start < bytes.byteLength; start += step) yield bytes.subarray(start, start + step);
}
