/** Which contents are taken from the share: how large, and of which type. */
import { SyncError } from '../../domain/errors.ts';
import { STORED_TYPES } from './content-type.ts';

export interface ContentLimitOptions {
  /** Bytes. Default 50 MiB. */
  readonly maxFileSize?: number;
  /** Bytes up to which a file is held in memory instead of streamed. Default 4 MiB. */
  readonly smallFileSize?: number;
  /** MIME types that are stored. `any`: all, also unknown ones. Default: `STORED_TYPES`. */
  readonly allowedTypes?: readonly string[] | 'any';
}

export const DEFAULT_MAX_FILE_SIZE = 50 * 1024 * 1024;
export const DEFAULT_SMALL_FILE_SIZE = 4 * 1024 * 1024;

export interface ContentLimits {
  isSmall(size: number): boolean;
  /** @throws SyncError `file_empty`, `file_too_large` */
  assertSize(size: number): void;
  /** @throws SyncError `file_type_unsupported` */
  assertType(mimeType: string | null): void;
}

export function contentLimits(options: ContentLimitOptions): ContentLimits {
  const maxFileSize = options.maxFileSize ?? DEFAULT_MAX_FILE_SIZE;
  const smallFileSize = options.smallFileSize ?? DEFAULT_SMALL_FILE_SIZE;
  const types = options.allowedTypes === 'any' ? null : new Set(options.allowedTypes ?? STORED_TYPES);
  return {
    isSmall(size) {
      return size <= smallFileSize;
    },

    assertSize(size) {
      if (size === 0) throw new SyncError('file_empty');
      if (size > maxFileSize) {
        throw new SyncError('file_too_large', { detail: `${size} bytes; the limit is ${maxFileSize}.` });
      }
    },

    assertType(mimeType) {
      if (types === null || (mimeType !== null && types.has(mimeType))) return;
      throw new SyncError('file_type_unsupported', { detail: `Content type: ${mimeType ?? 'unknown'}.` });
    },
  };
}
