/**
 * A file share in memory, for simulation and tests, under the whole contract of the port and with the path rules and
 * content checks of the real one.
 */
import { createHash, hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ErrorCode, SyncError } from '../../domain/errors.ts';
import type { FileShare, FileStat } from '../../ports/file-share.ts';
import { throwIfCancelled } from './cancellation.ts';
import { type ContentLimitOptions, contentLimits } from './content-limits.ts';
import { HEAD_SIZE, sniffContentType } from './content-type.ts';
import { DEFAULT_PREFIXES } from './file-share.ts';
import { judgePath, otherForms, parsePrefixes } from './path-rules.ts';

export interface MemoryFile {
  readonly bytes: Uint8Array;
  /** Epoch ms, whole. */
  readonly modifiedAt: number;
}

export interface MemoryFileShareOptions extends ContentLimitOptions {
  /** By normalised path (`notes/a.pdf`). */
  readonly files?: Map<string, MemoryFile>;
  /** Default `notes/`. */
  readonly prefixes?: readonly string[];
  readonly marker?: string | null;
}

export interface MemoryFileShare extends FileShare {
  /** What lies on the share; may be changed at any time. */
  readonly files: Map<string, MemoryFile>;
  unmount(): void;
  /** Mounts the share again; another `identity` is another share in the same place. */
  mount(identity?: string): void;
  /** Every call for this path fails with this code until `heal`. */
  fail(path: string, code: ErrorCode): void;
  heal(path: string): void;
}

export function createMemoryFileShare(options: MemoryFileShareOptions = {}): MemoryFileShare {
  const files = options.files ?? new Map<string, MemoryFile>();
  const prefixes = parsePrefixes(options.prefixes ?? DEFAULT_PREFIXES);
  const marker = options.marker ?? null;
  const limits = contentLimits(options);
  const faults = new Map<string, ErrorCode>();
  let mounted: string | null = 'first';

  function token(): string | null {
    if (mounted === null) return null;
    if (marker !== null) {
      const file = files.get(marker);
      return file === undefined ? null : hash('sha256', `${mounted} ${sha256Of(file.bytes)}`);
    }
    const folders = prefixes.length > 0 ? prefixes.map((prefix) => `${prefix.join('/')}/`) : [''];
    return folders.every((folder) => hasFolder(files, folder)) ? hash('sha256', mounted) : null;
  }

  function find(path: string, signal: AbortSignal | undefined): { readonly key: string; readonly file: MemoryFile } {
    throwIfCancelled(signal);
    const verdict = judgePath(path, prefixes);
    if (!verdict.ok) throw new SyncError('file_path_refused', { detail: `Rule: ${verdict.refusal}.` });
    const key = mounted === null ? null : spell(files, verdict.segments);
    const fault = faults.get(key ?? verdict.segments.join('/'));
    if (mounted !== null && fault !== undefined) throw new SyncError(fault);
    if (key === null) throw new SyncError(token() === null ? 'share_unavailable' : 'file_missing');
    const file = files.get(key);
    if (file === undefined) throw new SyncError('file_not_regular');
    return { key, file };
  }

  return {
    files,

    async probe(signal) {
      throwIfCancelled(signal);
      return token();
    },

    async stat(path, signal) {
      return statOf(find(path, signal).file);
    },

    async read(path, signal) {
      const { key, file } = find(path, signal);
      const bytes = Buffer.from(file.bytes);
      limits.assertSize(bytes.length);
      const mimeType = await sniffContentType({
        size: bytes.length,
        head: bytes.subarray(0, HEAD_SIZE),
        readAt: async (position, length) => bytes.subarray(position, position + length),
      });
      limits.assertType(mimeType);
      const sha256 = sha256Of(bytes);
      const open = () => {
        if (limits.isSmall(bytes.length)) return bytes;
        // The file may have been removed since: an open file stays readable.
        return Readable.from(
          sameContent(() => files.get(key)?.bytes ?? bytes, sha256),
          { objectMode: false },
        );
      };
      return { ...statOf(file), sha256, mimeType, open, close: async () => {} };
    },

    unmount() {
      mounted = null;
    },

    mount(identity = 'first') {
      mounted = identity;
    },

    fail(path, code) {
      faults.set(path, code);
    },

    heal(path) {
      faults.delete(path);
    },
  };
}

function statOf(file: MemoryFile): FileStat {
  return { size: file.bytes.byteLength, modifiedAt: file.modifiedAt };
}

function sha256Of(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

function hasFolder(files: ReadonlyMap<string, MemoryFile>, folder: string): boolean {
  return files.keys().some((path) => path.startsWith(folder) && !path.startsWith('.', folder.length));
}

/** @returns the path under which the file or folder lies: name by name, as a file system finds it. Null: nowhere */
function spell(files: ReadonlyMap<string, MemoryFile>, segments: readonly string[]): string | null {
  const exact = segments.join('/');
  if (files.has(exact)) return exact;
  let path = '';
  for (const segment of segments) {
    const there = (name: string): boolean => files.has(path + name) || hasName(files, `${path}${name}/`);
    const found = there(segment) ? [segment] : otherForms(segment).filter(there);
    if (found.length !== 1) return null;
    path += `${found[0]}/`;
  }
  return path.slice(0, -1);
}

function hasName(files: ReadonlyMap<string, MemoryFile>, folder: string): boolean {
  return files.keys().some((path) => path.startsWith(folder));
}

async function* sameContent(current: () => Uint8Array, sha256: string): AsyncGenerator<Uint8Array> {
  const digest = createHash('sha256');
  const step = 64 * 1024;
  for (let start = 0; start < current().byteLength; start += step) {
    const chunk = current().subarray(start, start + step);
    digest.update(chunk);
    yield chunk;
  }
  if (digest.digest('hex') !== sha256) throw new SyncError('file_changed_while_read');
}
