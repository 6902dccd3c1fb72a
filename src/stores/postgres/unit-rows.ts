/** Rows of what a run did to one unit. */
import type { ItemFailure, Outcome } from '../../domain/run.ts';
import type { RunUnit } from '../../ports/reports.ts';

export interface UnitRow {
  readonly unit: string;
  readonly outcome: string;
  readonly counts: unknown;
  readonly errors: unknown;
  readonly finished_at: Date;
}

export function unitOf(row: UnitRow): RunUnit {
  const counts = row.counts as { added?: number; removed?: number };
  return {
    unit: row.unit,
    outcome: row.outcome as Outcome,
    filesAdded: counts.added ?? 0,
    filesDeleted: counts.removed ?? 0,
    errors: row.errors as ItemFailure[],
    finishedAt: row.finished_at.toISOString(),
  };
}
