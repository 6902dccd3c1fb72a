/** What a command's exit code means. */
import type { SyncError } from '../domain/errors.ts';

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  held: 4,
  busy: 75,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export function exitCodeOfError(error: SyncError): ExitCode {
  return error.code === 'connection_busy' || error.code === 'organization_busy' ? EXIT.busy : EXIT.failed;
}
