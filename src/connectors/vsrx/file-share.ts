/** The folder in which the practice's system keeps its files, as a mounted file system. */
import type { FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SyncError } from '../../domain/errors.ts';
import type { FileShare, FileStat, ReadFile } from '../../ports/file-share.ts';
import { throwIfCancelled, untilCancelled } from './cancellation.ts';
import { type ContentLimitOptions, contentLimits } from './content-limits.ts';
import { HEAD_SIZE, type SniffedContent, sniffContentType } from './content-type.ts';
import { type LocatedFile, locateFile } from './locate-file.ts';
import { assertUnchanged, hashFile, openInside, openLocated, readFully, readWhole, streamFile } from './open-file.ts';
import { judgePath, parsePrefixes } from './path-rules.ts';
import { toShareError } from './share-error.ts';
import { createShareProbe } from './share-probe.ts';

export interface FileShareOptions extends ContentLimitOptions {
  /** The folder that the paths of the source are relative to. May be reached by a link. */
  readonly basePath: string;
  /** Folders below it in which files may lie. Empty: anywhere. Default `notes/`. */
  readonly prefixes?: readonly string[];
  /** File below the base that exists only while the share is mounted. Null or absent: the folders must hold something. */
  readonly marker?: string | null;
}

export const DEFAULT_PREFIXES: readonly string[] = ['notes/'];

/** @throws RangeError when a prefix or the marker breaks the path rules */
export function createFileShare(options: FileShareOptions): FileShare {
  const base = resolve(options.basePath);
  const prefixes = parsePrefixes(options.prefixes ?? DEFAULT_PREFIXES);
  const limits = contentLimits(options);
  const look = createShareProbe({ base, prefixes, marker: options.marker ?? null });

  /** Kept from one probe to the next: asking for every file what the base is would cost a tenth of its reading. */
  let realBase: string | null = null;

  async function probe(signal?: AbortSignal): Promise<string | null> {
    throwIfCancelled(signal);
    realBase = null;
    return untilCancelled(look(), signal);
  }

  /** Judges the path, then does the work; "missing" is said only while the share is there. */
  async function withFile<T>(
    path: string,
    signal: AbortSignal | undefined,
    work: (located: LocatedFile) => Promise<T>,
    discard?: (result: T) => void,
  ): Promise<T> {
    throwIfCancelled(signal);
    const verdict = judgePath(path, prefixes);
    if (!verdict.ok) throw new SyncError('file_path_refused', { detail: `Rule: ${verdict.refusal}.` });
    try {
      const located = locateFile(base, verdict.segments, realBase).then((found) => {
        realBase = found.realBase;
        return work(found);
      });
      return await untilCancelled(located, signal, discard);
    } catch (error) {
      const failure = toShareError(error);
      if (failure.code !== 'file_missing') throw failure;
      if ((await probe(signal)) === null) throw new SyncError('share_unavailable', { cause: error });
      throw failure;
    }
  }

  async function readLocated(located: LocatedFile, signal: AbortSignal | undefined): Promise<ReadFile> {
    throwIfCancelled(signal);
    const stat = fileStat(located);
    limits.assertSize(stat.size);
    const small = limits.isSmall(stat.size);
    const handle = small ? await openInside(located) : await openLocated(located);
    try {
      const content = small
        ? await readWhole(handle, stat.size)
        : { bytes: null, sha256: await hashFile(handle, stat.size, signal) };
      // Before the type is judged: half a file may look like anything.
      await assertUnchanged(handle, located.stat);
      const mimeType = await sniffContentType(await sniffed(handle, stat.size, content.bytes, signal));
      limits.assertType(mimeType);
      const { bytes, sha256 } = content;
      if (bytes === null) return largeFile(handle, { ...stat, sha256, mimeType }, signal);
      await handle.close();
      return { ...stat, sha256, mimeType, open: () => bytes, close: async () => {} };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  return {
    probe,

    stat(path, signal) {
      return withFile(path, signal, async (located) => fileStat(located));
    },

    read(path, signal) {
      return withFile(
        path,
        signal,
        (located) => readLocated(located, signal),
        (file) => void file.close().catch(() => {}),
      );
    },
  };
}

function fileStat(located: LocatedFile): FileStat {
  return { size: Number(located.stat.size), modifiedAt: Number(located.stat.mtimeMs) };
}

/** What the type is told by: the bytes when they are held, else the open file. */
async function sniffed(
  handle: FileHandle,
  size: number,
  bytes: Buffer | null,
  signal: AbortSignal | undefined,
): Promise<SniffedContent> {
  async function readAt(position: number, length: number): Promise<Buffer> {
    if (bytes !== null) return bytes.subarray(position, position + length);
    throwIfCancelled(signal);
    const buffer = Buffer.allocUnsafeSlow(Math.max(Math.min(length, size - position), 0));
    return buffer.subarray(0, await readFully(handle, buffer, position, buffer.length));
  }
  return { size, head: await readAt(0, HEAD_SIZE), readAt };
}

function largeFile(
  handle: FileHandle,
  file: Omit<ReadFile, 'open' | 'close'>,
  signal: AbortSignal | undefined,
): ReadFile {
  return { ...file, open: () => streamFile(handle, file, signal), close: () => handle.close() };
}
