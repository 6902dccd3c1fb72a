/**
 * Trouble with what this machine gives – folders, ports, programs – told to the operator. Our own set-up throws sentences that
 * may be shown; what the system says is put into words here. A driver's error may quote data and is neither.
 */
import { type ErrorCode, SyncError } from '../domain/errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'it is not allowed',
  EPERM: 'it is not allowed',
  EROFS: 'the disk can only be read',
  ENOENT: 'it is not there',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it is a file, not a folder',
  EIO: 'the disk does not answer as it should',
  ESTALE: 'the network disk that it was on has gone',
  EMFILE: 'this process has too many files open ("ulimit -n")',
  ENFILE: 'this machine has too many files open',
};
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** @returns null when it is something else */
export function machineTrouble(error: unknown): { readonly code: ErrorCode; readonly message: string } | null {
  if (!(error instanceof Error) || 'severity' in error || 'sqlState' in error) return null;
  const { code = '', syscall, path } = error as NodeJS.ErrnoException;
  if (FULL.has(code)) return { code: 'home_disk_full', message: new SyncError('home_disk_full').message };
  if (syscall === undefined) {
    return error.constructor === Error ? { code: 'machine_trouble', message: error.message } : null;
  }
  const reason = REASONS[code];
  if (path === undefined || reason === undefined) return { code: 'machine_trouble', message: error.message };
  const user = process.getuid === undefined ? '' : ` Chartsync runs as user ${process.getuid()}.`;
  return { code: 'machine_trouble', message: `${path} cannot be used: ${reason} (${syscall}, ${code}).${user}` };
}
