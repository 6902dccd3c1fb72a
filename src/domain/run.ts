/**
 * A run: one execution for one connection.
 *
 * States, and what leaves them:
 *   queued    → starting (admitted) | cancelled
 *   starting  → running (lease taken) | failed | cancelled
 *   running   → completed | failed | cancelled
 *   completed, failed, cancelled are final: nothing leaves them.
 * A run whose lease expired is abandoned; the next taker of the lease marks it failed.
 */
import type { ErrorAction, ErrorCode } from './errors.ts';

export const RUN_STATES = ['queued', 'starting', 'running', 'completed', 'failed', 'cancelled'] as const;
export type RunState = (typeof RUN_STATES)[number];

export type Outcome = 'success' | 'partial' | 'failed';

/** quick: compare the database; deep: also stat each file; checksum: hash each file again. */
export const FILE_MODES = ['quick', 'deep', 'checksum'] as const;
export type FileMode = (typeof FILE_MODES)[number];

/**
 * How much a run for records reads. incremental: what changed since the cursor; comprehensive: everything, so that absence is
 * proven; active: all patients, appointments from 30 days back on; patients-only: all patients. Only comprehensive removes.
 */
export const RECORD_MODES = ['incremental', 'comprehensive', 'active', 'patients-only'] as const;
export type RecordMode = (typeof RECORD_MODES)[number];

/** A clinic's book is always read for its whole window; what was written down about visits is read by itself. */
export const BOOK_MODES = ['calendar', 'consultations'] as const;
export type BookMode = (typeof BOOK_MODES)[number];

/** What a run is for. `plan`: executes a plan file; `held`: applies an approved set of held removals. */
export type RunMode = FileMode | RecordMode | BookMode | 'plan' | 'held';

/** Who asked: a person is served before the schedule. */
export type RunTrigger = 'manual' | 'api' | 'schedule';

export interface RunCounts {
  readonly added: number;
  readonly updated: number;
  readonly moved: number;
  readonly removed: number;
  readonly same: number;
  readonly failed: number;
  /** Failures of earlier runs whose next try has not come yet: the run is partial because of them. */
  readonly waiting: number;
  /** Failures that a person told us to skip. */
  readonly skipped: number;
  /** Removals that wait for a person. */
  readonly held: number;
  /** Missing for the first time; removed when the next complete read misses them too. */
  readonly missing: number;
  readonly bytes: number;
}

export const NO_COUNTS: RunCounts = {
  added: 0,
  updated: 0,
  moved: 0,
  removed: 0,
  same: 0,
  failed: 0,
  waiting: 0,
  skipped: 0,
  held: 0,
  missing: 0,
  bytes: 0,
};

/** Item-level failure as it is shown and stored. */
export interface ItemFailure {
  readonly unit: string;
  readonly reference: string;
  readonly operation: 'add' | 'update' | 'delete' | 'inspect' | 'unit';
  readonly code: ErrorCode;
  readonly action: ErrorAction;
  readonly message: string;
  /** Fingerprint of the source item when it failed: a changed item is tried again at once. */
  readonly fingerprint: string | null;
}

/** The exit code of a command that ended with this result (architecture: exit codes). */
export function exitCodeOf(result: { outcome: Outcome; counts: Pick<RunCounts, 'held'> }): 0 | 1 | 3 | 4 {
  if (result.outcome === 'failed') return 1;
  if (result.counts.held > 0) return 4;
  return result.outcome === 'partial' ? 3 : 0;
}

/** @param attempts how often something was tried that failed each time */
export function retriesOf(attempts = 1): number {
  return Math.max(0, attempts - 1);
}
