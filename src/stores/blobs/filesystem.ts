/**
 * Blobs in a folder: `<folder>/<organisation>/<first two hex digits>/<sha256>`.
 *
 * A blob is written to `<folder>/.tmp`, checked and fsynced there, then given its name by `link`, which refuses an existing
 * name, or by `rename` in the place of a damaged one: a reader, also one after a crash, finds the whole blob or none. `.tmp`
 * also tells that the disk is mounted: while it is absent nothing is "missing", the store is unavailable.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, link, mkdir, open, opendir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import { type BlobContent, type BlobStore, type PutResult, parseBlobName } from '../../ports/blob-store.ts';
import {
  assertNamed,
  contentChunks,
  createContentCheck,
  type StoredContent,
  storedContent,
  throwIfCancelled,
} from './content-check.ts';
import { systemCode, toFilesystemError } from './filesystem-error.ts';
import { listBlobFiles } from './filesystem-list.ts';
import { createFolderSync, type SyncFolder } from './folder-sync.ts';
import { verifiedStream } from './verified-stream.ts';

export interface FilesystemBlobStoreOptions {
  /** Absolute path. Created by `prepare`. */
  readonly folder: string;
  /** False gives up durability after a power failure, for trials and tests. Default true. */
  readonly fsync?: boolean;
}

const LEFT_OVER_AFTER_MS = 24 * 60 * 60 * 1000;
const READ_CHUNK_BYTES = 256 * 1024;
/** What file systems without hard links answer to `link`. */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Several processes may share one folder. */
export function createFilesystemBlobStore(options: FilesystemBlobStoreOptions): BlobStore {
  const { folder, fsync = true } = options;
  const temporary = join(folder, '.tmp');
  const syncFolder: SyncFolder = fsync ? createFolderSync() : async () => {};
  const shards = new Map<string, Promise<void>>();

  function place(name: string): { organization: string; shard: string; path: string; sha256: string } {
    const { organizationId, sha256 } = parseBlobName(name);
    const organization = join(folder, organizationId);
    const shard = join(organization, sha256.slice(0, 2));
    return { organization, shard, path: join(shard, sha256), sha256 };
  }

  /** @throws SyncError `blob_unavailable` when the store itself is away, so that its absence is not taken for a missing blob. */
  async function assertMounted(): Promise<void> {
    await stat(temporary);
  }

  /** Not recursive: a folder that is away must not be created anew beside the unmounted disk. */
  async function createShard(organization: string, shard: string): Promise<void> {
    await assertMounted();
    await mkdir(organization, { mode: 0o700 }).catch(unlessExists);
    await mkdir(shard, { mode: 0o700 }).catch(unlessExists);
    await Promise.all([syncFolder(folder), syncFolder(organization)]);
  }

  function ensureShard(organization: string, shard: string): Promise<void> {
    let ensured = shards.get(shard);
    if (!ensured) {
      ensured = createShard(organization, shard);
      ensured.catch(() => shards.delete(shard));
      shards.set(shard, ensured);
    }
    return ensured;
  }

  async function compare(path: string, content: BlobContent, signal?: AbortSignal): Promise<StoredContent> {
    const handle = await openIfPresent(path);
    if (!handle) return 'absent';
    try {
      const chunks = handle.createReadStream({ highWaterMark: READ_CHUNK_BYTES, autoClose: false });
      return await storedContent(chunks, content, signal);
    } finally {
      await handle.close();
    }
  }

  async function writeChecked(handle: FileHandle, content: BlobContent, signal?: AbortSignal): Promise<void> {
    const check = createContentCheck(content);
    let ownFailure: SyncError | undefined;
    try {
      for await (const chunk of contentChunks(content, signal)) {
        throwIfCancelled(signal);
        check.update(chunk);
        await handle.writeFile(chunk).catch((error: unknown) => {
          ownFailure = toFilesystemError(error);
          throw ownFailure;
        });
      }
    } catch (error) {
      // What the content's own stream says is not about this store: an unreadable source is not a broken blob store.
      throw ownFailure ?? toSyncError(error);
    }
    check.finish();
    if (fsync) await handle.sync();
  }

  /** @returns false when there is a blob of this name. */
  async function nameIt(from: string, path: string): Promise<boolean> {
    try {
      await link(from, path);
      return true;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EEXIST') return false;
      if (code === null || !NO_HARD_LINKS.has(code)) throw error;
      // `rename` may replace a blob that another writer has just made, by the same checked content.
      if ((await stat(path).catch(unlessAbsent)) !== null) return false;
      await rename(from, path);
      return true;
    }
  }

  /** Gives the checked file its name, where no right blob has it. */
  async function settle(from: string, path: string, content: BlobContent, signal?: AbortSignal): Promise<PutResult> {
    if (await nameIt(from, path)) return 'created';
    const there = await compare(path, content, signal);
    if (there === 'right') return 'exists';
    if (there === 'absent') {
      throw new SyncError('blob_unavailable', { detail: 'The blob was deleted while it was written.' });
    }
    // Whoever replaces it at the same time does so by the same checked content.
    await rename(from, path);
    return 'replaced';
  }

  async function create(name: string, content: BlobContent, signal?: AbortSignal): Promise<PutResult> {
    const { organization, shard, path } = place(name);
    const from = join(temporary, randomUUID());
    const handle = await open(from, 'wx', 0o600);
    try {
      try {
        await writeChecked(handle, content, signal);
      } finally {
        await handle.close();
      }
      throwIfCancelled(signal);
      await ensureShard(organization, shard);
      let result: PutResult;
      try {
        result = await settle(from, path, content, signal);
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error;
        // Someone has removed the empty shard folder since it was ensured.
        shards.delete(shard);
        await ensureShard(organization, shard);
        result = await settle(from, path, content, signal);
      }
      // Also when another writer was first: it may not have come to its own fsync yet.
      await syncFolder(shard);
      return result;
    } finally {
      await unlink(from).catch(() => {});
    }
  }

  return {
    kind: 'filesystem',

    async prepare(signal) {
      throwIfCancelled(signal);
      await storing(async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await mkdir(temporary, { mode: 0o700 }).catch(unlessExists);
        await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
        await syncFolder(folder);
        await removeLeftOvers(temporary, signal);
      });
    },

    async put(name, content, signal) {
      const { shard, path, sha256 } = place(name);
      assertNamed(content, sha256);
      throwIfCancelled(signal);
      return storing(async () => {
        if ((await compare(path, content, signal)) === 'right') {
          await syncFolder(shard);
          return 'exists';
        }
        return create(name, content, signal);
      });
    },

    async get(name, signal) {
      const { path, sha256 } = place(name);
      throwIfCancelled(signal);
      return storing(async () => {
        const handle = await openIfPresent(path);
        if (!handle) {
          await assertMounted();
          throw new SyncError('blob_missing');
        }
        const { size } = await handle.stat().catch(async (error: unknown) => {
          await handle.close();
          throw error;
        });
        const source = handle.createReadStream({ highWaterMark: READ_CHUNK_BYTES });
        const stream = verifiedStream({ source, expected: { size, sha256 }, toError: toFilesystemError, signal });
        return { size, stream };
      });
    },

    async stat(name, signal) {
      const { path } = place(name);
      throwIfCancelled(signal);
      return storing(async () => {
        const found = await stat(path).catch(unlessAbsent);
        if (found) return { name, size: found.size };
        await assertMounted();
        return null;
      });
    },

    async *list(prefix, { pageSize = 1000, signal } = {}) {
      throwIfCancelled(signal);
      try {
        await assertMounted();
        yield* listBlobFiles({ folder, prefix, pageSize, signal });
      } catch (error) {
        throw toFilesystemError(error);
      }
    },

    async delete(name, signal) {
      const { shard, path } = place(name);
      throwIfCancelled(signal);
      return storing(async () => {
        const removed = await unlink(path).then(() => true, unlessAbsent);
        if (removed) await syncFolder(shard);
        else await assertMounted();
        return removed === true;
      });
    },

    async close() {},
  };
}

async function storing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toFilesystemError(error);
  }
}

function unlessExists(error: unknown): void {
  if (systemCode(error) !== 'EEXIST') throw error;
}

function unlessAbsent(error: unknown): null {
  if (systemCode(error) !== 'ENOENT') throw error;
  return null;
}

function openIfPresent(path: string): Promise<FileHandle | null> {
  return open(path, 'r').catch(unlessAbsent);
}

/** What a crash left. Young files may belong to a writer in another process. */
async function removeLeftOvers(temporary: string, signal?: AbortSignal): Promise<void> {
  const before = Date.now() - LEFT_OVER_AFTER_MS;
  for await (const entry of await opendir(temporary)) {
    throwIfCancelled(signal);
    const path = join(temporary, entry.name);
    const found = await stat(path).catch(unlessAbsent);
    if (found?.isFile() && found.mtimeMs < before) await unlink(path).catch(unlessAbsent);
  }
}
