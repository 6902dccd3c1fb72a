/**
 * The folder in which the EHR keeps its files. Read only.
 *
 * Contract, tested by `test/contract/file-share.ts`:
 * - `probe` returns a text that stays equal while the same share is mounted, or null when it is not (base or prefix folder
 *   absent or empty, marker file absent). It never throws for an absent share.
 * - Paths are what the source database says: untrusted. All path rules are applied at each call; a path that breaks one is
 *   `file_path_refused`, never `file_missing`. Only a regular file is opened, without following a link out of the base and
 *   without blocking on a pipe or device.
 * - `read` sees one state of the file: when size or modification time differ before and after, it fails with
 *   `file_changed_while_read`.
 * - A file is found by its exact name, or by the name's other normal form (NFC, NFD) when only that one exists; never by
 *   other case. `file_missing` is said only while the share is there, else `share_unavailable`.
 * - Errors: `file_path_refused`, `file_missing`, `file_not_regular`, `file_unreadable`, `file_too_large` (before reading),
 *   `file_empty`, `file_type_unsupported`, `file_changed_while_read`, `share_unavailable`, `cancelled`. `stat` does not
 *   judge size or type.
 */
import type { BlobContent } from './blob-store.ts';

export interface FileStat {
  readonly size: number;
  /** Epoch ms, whole. */
  readonly modifiedAt: number;
}

export interface ReadFile extends FileStat, BlobContent {
  /** Sniffed from the bytes; null when unknown. */
  readonly mimeType: string | null;
  /** Frees what the file holds open. Always called. */
  close(): Promise<void>;
}

export interface FileShare {
  probe(signal?: AbortSignal): Promise<string | null>;
  stat(path: string, signal?: AbortSignal): Promise<FileStat>;
  /**
   * Hashes the whole file. Small files are held in memory, large ones are streamed again by `open()`: such a stream fails
   * with `file_changed_while_read` unless it delivers the content that was hashed.
   */
  read(path: string, signal?: AbortSignal): Promise<ReadFile>;
}
