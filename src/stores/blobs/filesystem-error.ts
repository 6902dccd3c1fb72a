import { SyncError, toSyncError } from '../../domain/errors.ts';

/** The system's code of a failed call (`ENOENT`), or null when it was not a system call that failed. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('errno' in error)) return null;
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === 'string' ? code : null;
}

/** Every failed system call on the store's own folder means that the store cannot be used now; a full disk says so. */
export function toFilesystemError(error: unknown): SyncError {
  const code = systemCode(error);
  if (code === null) return toSyncError(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new SyncError('blob_disk_full', { cause: error });
  return new SyncError('blob_unavailable', { detail: `The system answered ${code}.`, cause: error });
}
