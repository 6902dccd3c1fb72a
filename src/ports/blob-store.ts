/**
 * Content by name, `<organisation>/<sha256 in lower-case hex>`. A name says what the content is, so content under a
 * name never changes and writing it twice is harmless.
 *
 * Contract, tested for every adapter by `test/contract/blob-store.ts`:
 * - `put` creates the blob unless it exists. It returns only after the store holds exactly `content.size` bytes with
 *   SHA-256 `content.sha256`. When the store says "exists" (also after a lost answer), the stored size and hash are
 *   compared first: equal → `exists`, and nothing is written; different → the damaged blob is replaced in one step, `replaced`.
 *   Content whose bytes do not match its own `sha256` is refused with `blob_corrupt` and changes nothing; so is content whose
 *   `sha256` is not the name's. When the blob is there already, and right, the content need not be opened. Several concurrent
 *   `put`s of one name all succeed. A store may believe what it wrote down of a blob that has the right size, unless
 *   `distrust` is asked for.
 *   An error of the content's own stream comes out as it is.
 * - A reader sees the whole content or none: never a part, also after a crash. Of a blob that is replaced it sees the former
 *   bytes to their end, or the new ones.
 * - `get` verifies: the stream ends with SyncError `blob_corrupt` when size or hash differ from the name's.
 *   A missing blob is SyncError `blob_missing`.
 * - `stat` of a missing blob is null. `delete` of a missing blob is fine (false).
 * - A deletion is of the blob as it is when `delete` is called. Whatever becomes of its message – a lost answer, a late or a
 *   second arrival – it removes nothing that a later `put` has made or has found ("exists").
 * - `list` goes through names in byte order, page by page; pages may be short or empty.
 * - Failures are SyncErrors: `blob_unavailable`, `blob_credentials`, `blob_disk_full`; an aborted signal → `cancelled`.
 */
import type { Readable } from 'node:stream';

export interface BlobContent {
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** The bytes when they are small enough to be held, else a new stream at each call (a retry calls it again). */
  open(): Uint8Array | Readable;
}

export interface BlobInfo {
  readonly name: string;
  readonly size: number;
}

/** replaced: what was stored under the name was not this content. */
export type PutResult = 'created' | 'exists' | 'replaced';

export interface PutOptions {
  /** What the store has written down about a blob is not believed: the bytes that are there are read. */
  readonly distrust?: boolean;
}

export interface BlobStore {
  readonly kind: 'filesystem' | 'azure' | 'memory';
  /** Checks reachability, creates the container or folder. Called once before use. */
  prepare(signal?: AbortSignal): Promise<void>;
  put(name: string, content: BlobContent, signal?: AbortSignal, options?: PutOptions): Promise<PutResult>;
  get(name: string, signal?: AbortSignal): Promise<{ readonly size: number; readonly stream: Readable }>;
  stat(name: string, signal?: AbortSignal): Promise<BlobInfo | null>;
  list(prefix: string, options?: { pageSize?: number; signal?: AbortSignal }): AsyncIterable<readonly BlobInfo[]>;
  delete(name: string, signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

const NAME = /^([A-Za-z0-9_-]{1,64})\/([0-9a-f]{64})$/;

/** @throws TypeError when the organisation id could leave its folder. */
export function blobName(organizationId: string, sha256: string): string {
  const name = `${organizationId}/${sha256}`;
  if (!NAME.test(name)) throw new TypeError('Not a blob name.');
  return name;
}

/** @throws TypeError when the text is not `<organisation>/<sha256>`, so no adapter can be led out of its folder. */
export function parseBlobName(name: string): { readonly organizationId: string; readonly sha256: string } {
  const match = NAME.exec(name);
  if (!match) throw new TypeError('Not a blob name.');
  return { organizationId: match[1]!, sha256: match[2]! };
}

/** Whether the text is a blob name; stores use it to leave alone what is not theirs. */
export function isBlobName(name: string): boolean {
  return NAME.test(name);
}
