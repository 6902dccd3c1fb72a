/** What an error of the file system means, decided by its code. */
import { type ErrorCode, SyncError, type SyncErrorOptions } from '../../domain/errors.ts';

/** The share is away, not this file. */
const SHARE_AWAY = new Set([
  'ESTALE',
  'ENOTCONN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'ENODEV',
  'ESHUTDOWN',
]);

/** Passes by itself: somebody holds a lock, or this process is short of something. */
const PASSING = new Set(['EAGAIN', 'EBUSY', 'ETXTBSY', 'EMFILE', 'ENFILE', 'ENOMEM', 'EINTR']);

const MEANING: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'file_missing',
  ENOTDIR: 'file_missing',
  EISDIR: 'file_not_regular',
  ENXIO: 'file_not_regular',
  // Links that lead in a circle, or a text that this file system cannot have as a name.
  ELOOP: 'file_path_refused',
  ENAMETOOLONG: 'file_path_refused',
  EILSEQ: 'file_path_refused',
};

/** @returns the code of a system error (`ENOENT` …), or null for any other value */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** True when the name leads nowhere. Says nothing about whether the share is there. */
export function isAbsent(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** True when the process, not the share, is the reason. */
export function isShortage(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM';
}

/**
 * Turns what a file call threw into the port's error. Only the system's code goes into its text, never a path.
 *
 * @returns SyncError `file_missing`, `file_not_regular`, `file_path_refused`, `file_unreadable`, `share_unavailable`;
 *   `unexpected` for what is no system error
 */
export function toShareError(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const code = systemCode(error);
  if (code === null) return new SyncError('unexpected', { cause: error });
  const options: SyncErrorOptions = { detail: `System error ${code}.`, cause: error };
  if (SHARE_AWAY.has(code)) return new SyncError('share_unavailable', options);
  if (PASSING.has(code)) return new SyncError('file_unreadable', { ...options, action: 'retry' });
  return new SyncError(MEANING[code] ?? 'file_unreadable', options);
}
