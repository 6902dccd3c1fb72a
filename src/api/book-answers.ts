/** Runs and dates of a clinic's book as the interface tells them. */
import type { DayFreshness } from '../domain/freshness.ts';
import type { RunRecord } from '../ports/run-store.ts';
import type { RunWindow } from '../ports/slot-book.ts';

export function iso<T extends number | null>(at: T): T extends null ? string | null : string {
  return (at === null ? null : new Date(at).toISOString()) as T extends null ? string | null : string;
}

export function dayAnswer(day: DayFreshness) {
  const { date, ageMinutes, freshness, failedCode, sentence } = day;
  return { date, readAt: iso(day.readAt), ageMinutes, freshness, failedAt: iso(day.failedAt), failedCode, sentence };
}

/** Counts that the transactions of a run have written beside those of every run. */
export function statsOf(run: RunRecord) {
  const counts = run.counts as unknown as Readonly<Record<string, number | undefined>>;
  const of = (name: string) => counts[name] ?? 0;
  return {
    slotsCreated: of('slotsCreated'),
    slotsUpdated: of('slotsUpdated'),
    appointmentsAdded: of('added'),
    appointmentsUpdated: of('updated') + of('moved'),
    appointmentsRemoved: of('removed'),
    conflictsDetected: of('conflictsDetected'),
    conflictsResolved: of('conflictsResolved'),
  };
}

export function durationOf(run: RunRecord): number | null {
  return run.finishedAt === null ? null : Math.max(0, Date.parse(run.finishedAt) - Date.parse(run.startedAt));
}

export function isPartial(run: RunRecord): boolean {
  return run.outcome === 'partial' || run.counts.held > 0;
}

export function rangeOf(window: RunWindow | null) {
  return window === null ? null : { start: window.from, end: window.to };
}

export function runAnswer(run: RunRecord, window: RunWindow | null) {
  return {
    id: run.id,
    syncId: run.id,
    status: run.finishedAt === null ? (run.state === 'queued' ? 'queued' : 'in_progress') : run.state,
    completedAt: run.finishedAt,
    progressPercentage: run.percentage,
    currentDate: run.finishedAt === null ? (window?.currentDate ?? null) : null,
    dateRange: rangeOf(window),
    stats: statsOf(run),
    failedDates: window?.failedDates ?? [],
    partialSuccess: isPartial(run),
    error: run.error?.message ?? null,
    durationMs: durationOf(run),
  };
}
