/** When failures pause a connection, and how long its schedule waits after one. */
import { ERROR_CATALOGUE, type ErrorCode } from './errors.ts';

/** More tries with refused credentials lock the account at the other side. */
const PAUSES_AT_ONCE: ReadonlySet<string> = new Set<ErrorCode>([
  'source_credentials',
  'second_factor_required',
  'blob_credentials',
  // What is misread could be stored or removed wrongly: a person looks first.
  'source_contract_changed',
  'source_account_changed',
]);

const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 3600_000;

/**
 * @param code of the failed run
 * @param failures in a row, this one included
 * @param limit null: failures do not pause
 * @returns why the connection is paused now, for people; null: it is not
 */
export function pauseReason(code: string, failures: number, limit: number | null): string | null {
  const summary = ERROR_CATALOGUE[code as ErrorCode]?.summary ?? code;
  if (code === 'source_contract_changed') {
    return `${summary} What it holds is unknown, not empty: nothing was removed. It is not tried again by itself.`;
  }
  if (PAUSES_AT_ONCE.has(code)) return `${summary} It is not tried again by itself.`;
  if (limit === null || failures < limit) return null;
  return `${failures} runs in a row failed, the last one with ${code}: ${summary}`;
}

/**
 * How long a schedule waits after failures: exponential with jitter, at most an hour.
 *
 * @param failures in a row
 * @param chance 0 ≤ x < 1, the same for every process that asks about the same failure
 */
export function waitAfterFailures(failures: number, chance: number): number {
  if (failures === 0) return 0;
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 16)) * chance;
}
