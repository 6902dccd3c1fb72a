/**
 * When an item that failed is tried again by the schedule. A person's run tries everything at once, but for one that is to
 * retry what failed in another run.
 *
 * The source's record of an item does not change when somebody repairs the file on the share, so no failure waits for
 * ever: even a refused type is looked at once a day.
 */
import type { ErrorCode } from '../domain/errors.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Codes that only a person can mend. */
const LASTING: ReadonlySet<ErrorCode> = new Set([
  'attachment_link_refused',
  'attachment_unprocessed',
  'attachment_without_patient',
  'file_path_refused',
  'file_not_regular',
  'file_too_large',
  'file_empty',
  'file_type_unsupported',
  'unit_orphaned',
  'unit_not_linkable',
]);

/**
 * @param attempts tries so far, this one included
 * @returns epoch ms of the next try
 */
export function nextTry(code: ErrorCode, attempts: number, now: number): number {
  if (LASTING.has(code)) return now + DAY;
  return now + Math.min(DAY / 4, 5 * MINUTE * 2 ** Math.min(attempts - 1, 10));
}
