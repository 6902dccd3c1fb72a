/** Opens a located file so that what is read is the file that was judged, and reads one state of it. */
import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { contentHash } from '../../domain/content-hash.ts';
import { SyncError } from '../../domain/errors.ts';
import { throwIfCancelled } from './cancellation.ts';
import { isInside, type LocatedFile, linkLeavesBase } from './locate-file.ts';
import { systemCode, toShareError } from './share-error.ts';

/** Windows has neither flag: there the check of the opened file alone decides. */
const FLAGS =
  constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

const CHUNK = 256 * 1024;

/**
 * @returns a handle on exactly the located file; the caller closes it
 * @throws SyncError `file_path_refused`, `file_not_regular`, `file_changed_while_read`; else the system's error
 */
export async function openLocated(located: LocatedFile): Promise<FileHandle> {
  const handle = await openInside(located);
  try {
    const opened = await handle.stat({ bigint: true });
    if (!opened.isFile()) throw new SyncError('file_not_regular');
    assertSameState(located.stat, opened);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Enough for a file that is read at once: `assertUnchanged` afterwards tells whether it was the located one.
 *
 * @returns a handle on a file inside the base; the caller closes it
 * @throws SyncError `file_path_refused`, `file_changed_while_read`; else the system's error
 */
export async function openInside(located: LocatedFile): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(located.realPath, FLAGS);
  } catch (error) {
    // The resolved path held no link a moment ago.
    if (systemCode(error) === 'ELOOP') throw new SyncError('file_changed_while_read', { cause: error });
    throw error;
  }
  try {
    // A folder of the path may have been swapped for a link between resolving and opening.
    if (!isInside(located.realBase, await openedPath(handle, located.realPath))) throw linkLeavesBase();
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Where the open file really lies. */
async function openedPath(handle: FileHandle, path: string): Promise<string> {
  if (process.platform === 'linux') {
    try {
      return await readlink(`/proc/self/fd/${handle.fd}`);
    } catch {
      // No /proc here: as on other systems.
    }
  }
  return pathByIdentity(handle, path);
}

/** Resolves the path once more and compares what is there now with the open file. */
export async function pathByIdentity(handle: FileHandle, path: string): Promise<string> {
  const again = await realpath(path);
  const [opened, there] = await Promise.all([handle.stat({ bigint: true }), stat(again, { bigint: true })]);
  if (opened.ino !== there.ino || opened.dev !== there.dev) throw new SyncError('file_changed_while_read');
  return again;
}

/** @throws SyncError `file_changed_while_read` */
export async function assertUnchanged(handle: FileHandle, before: BigIntStats): Promise<void> {
  assertSameState(before, await handle.stat({ bigint: true }));
}

function assertSameState(before: BigIntStats, after: BigIntStats): void {
  const same =
    before.size === after.size &&
    before.mtimeNs === after.mtimeNs &&
    before.ino === after.ino &&
    before.dev === after.dev &&
    // Removed or replaced while it was open. (Some file systems always say 0.)
    (after.nlink > 0n || before.nlink === 0n);
  if (!same) throw new SyncError('file_changed_while_read');
}

/** @throws SyncError `file_changed_while_read` when there are not exactly `size` bytes */
export async function readWhole(handle: FileHandle, size: number): Promise<{ bytes: Buffer; sha256: string }> {
  // One byte more: it stays unread unless the file has grown.
  const buffer = Buffer.allocUnsafeSlow(size + 1);
  const length = await readFully(handle, buffer, 0, size);
  if (length !== size) throw new SyncError('file_changed_while_read');
  const bytes = buffer.subarray(0, size);
  return { bytes, sha256: contentHash(bytes) };
}

/**
 * Fills the buffer from a position of the file.
 *
 * @param enough bytes with which the caller is content; short reads are continued up to here
 */
export async function readFully(handle: FileHandle, buffer: Buffer, position: number, enough: number): Promise<number> {
  let length = 0;
  while (length < enough) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

/** SHA-256 of the whole file in lower-case hex. @throws SyncError `file_changed_while_read`, `cancelled` */
export async function hashFile(handle: FileHandle, size: number, signal: AbortSignal | undefined): Promise<string> {
  const digest = createHash('sha256');
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  let position = 0;
  for (;;) {
    throwIfCancelled(signal);
    const length = await readFully(handle, buffer, position, 1);
    if (length === 0) break;
    position += length;
    if (position > size) break;
    digest.update(buffer.subarray(0, length));
  }
  if (position !== size) throw new SyncError('file_changed_while_read');
  return digest.digest('hex');
}

export interface StreamedContent {
  readonly size: number;
  readonly sha256: string;
}

/**
 * A new stream over the open file. It ends with an error unless it delivered exactly the expected content:
 * `file_changed_while_read`, `cancelled`, or what reading failed with.
 */
export function streamFile(handle: FileHandle, expected: StreamedContent, signal: AbortSignal | undefined): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    const digest = createHash('sha256');
    let position = 0;
    for (;;) {
      throwIfCancelled(signal);
      const chunk = await nextChunk(handle, position);
      if (chunk.length === 0) break;
      position += chunk.length;
      if (position > expected.size) break;
      digest.update(chunk);
      yield chunk;
    }
    if (position !== expected.size || digest.digest('hex') !== expected.sha256) {
      throw new SyncError('file_changed_while_read');
    }
  }
  return Readable.from(chunks(), { objectMode: false });
}

async function nextChunk(handle: FileHandle, position: number): Promise<Buffer> {
  if (handle.fd < 0) throw new SyncError('unexpected', { detail: 'A file was closed before it was read to its end.' });
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  try {
    return buffer.subarray(0, await readFully(handle, buffer, position, 1));
  } catch (error) {
    throw toShareError(error);
  }
}
