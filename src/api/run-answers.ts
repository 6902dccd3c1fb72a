/** A run as clients see it. */
import { Type } from 'typebox';
import type { ClinicReports } from '../ports/clinic-reports.ts';
import type { RecordsProcessed, RunHistory } from '../ports/run-history.ts';
import type { RunRecord } from '../ports/run-store.ts';
import { createFindings } from './run-findings.ts';

/** The interface knows five states; a run that waits for its turn is about to start. */
export function statusOfRun(run: RunRecord): string {
  return run.state === 'queued' ? 'starting' : run.state;
}

export function stepOf(run: RunRecord): string {
  if (run.state === 'queued') return 'Waiting for other runs of the organisation';
  if (run.finishedAt !== null) return run.step ?? 'Ended';
  return run.step ?? 'Starting';
}

type Estimate = (run: RunRecord) => Promise<string | null>;

const KEPT_MS = 30_000;
/** Below that share the run's own speed says nothing. */
const TELLING_PERCENTAGE = 5;

/**
 * When a run will end: at first as long as the last ones of its kind took, then more and more by its own speed. Null while
 * neither is known.
 */
function createEstimate(history: RunHistory, now: () => number): Estimate {
  const known = new Map<string, { at: number; seconds: Promise<number | null> }>();
  const usual = (run: RunRecord): Promise<number | null> => {
    const key = `${run.organizationId}/${run.connectionId}/${run.mode}`;
    const kept = known.get(key);
    if (kept !== undefined && now() - kept.at < KEPT_MS) return kept.seconds;
    const seconds = history
      .durations(run.organizationId, run.connectionId, run.mode)
      .then((last) => median(last))
      .catch(() => null);
    known.set(key, { at: now(), seconds });
    return seconds;
  };
  return async (run) => {
    if (run.finishedAt !== null || run.state === 'queued') return null;
    const begun = Date.parse(run.startedAt);
    const elapsed = (now() - begun) / 1000;
    const share = run.percentage / 100;
    const own = run.percentage >= TELLING_PERCENTAGE ? elapsed / share : null;
    const before = run.unit === null ? await usual(run) : null;
    const total = own === null ? before : before === null ? own : share * own + (1 - share) * before;
    if (total === null) return null;
    return new Date(begun + Math.max(total, elapsed) * 1000).toISOString();
  };
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}

export type ProgressOf = (run: RunRecord) => Promise<Record<string, unknown>>;

export function createProgress(
  services: { readonly history: RunHistory; readonly clinic: ClinicReports },
  now: () => number,
): ProgressOf {
  const estimate = createEstimate(services.history, now);
  const findings = createFindings(services, now);
  return async (run) => ({
    sync_id: run.id,
    organization_id: run.organizationId,
    connection_id: run.connectionId,
    status: statusOfRun(run),
    progress_percentage: run.percentage,
    current_step: stepOf(run),
    current_step_number: Math.min(run.completedSteps + (run.finishedAt === null ? 1 : 0), run.totalSteps),
    total_steps: run.totalSteps,
    completed_steps: run.completedSteps,
    started_at: run.startedAt,
    completed_at: run.finishedAt,
    last_updated: run.finishedAt ?? new Date(now()).toISOString(),
    estimated_completion: await estimate(run),
    records_processed: run.itemsProcessed,
    records_total: run.itemsTotal,
    current_operation: run.step,
    ...(await findings(run)),
    partial_success: run.outcome === 'partial',
    queued: run.state === 'queued',
    counts: run.counts,
    errors: run.error === null ? [] : [run.error],
  });
}

/**
 * In a history: what a run has done, by the words of the interface.
 * @param processed of a run that copies records
 */
export function historyEntryOf(run: RunRecord, processed?: RecordsProcessed): Record<string, unknown> {
  const { added, updated, moved, removed, same, failed, waiting } = run.counts;
  const success = added + updated + moved + removed + same;
  return {
    sync_id: run.id,
    connection_id: run.connectionId,
    started_at: run.startedAt,
    completed_at: run.finishedAt,
    status: statusOfRun(run),
    records_processed: success + failed + waiting,
    records_success: success,
    records_failed: failed + waiting,
    partial_success: run.outcome === 'partial',
    error: run.error,
    error_message: run.error?.message ?? null,
    metadata: {
      sync_type: run.mode,
      trigger: run.trigger,
      connector: run.connector,
      ...(processed === undefined
        ? {}
        : {
            patients_processed: processed.patients,
            appointments_processed: processed.appointments,
            patients_found: processed.patients,
            appointments_found: processed.appointments,
          }),
      ...run.counts,
    },
  };
}

const text = (description: string) => Type.String({ description });
const nullable = (description: string) => Type.Union([Type.String(), Type.Null()], { description });
const count = () => Type.Integer({ minimum: 0 });

export const HistoryEntry = Type.Object(
  {
    sync_id: text('Id of the run.'),
    connection_id: text('The connection that it was for.'),
    started_at: text('ISO 8601, UTC.'),
    completed_at: nullable('Null while it runs.'),
    status: Type.Enum(['starting', 'running', 'completed', 'failed', 'cancelled']),
    records_processed: Type.Integer({ minimum: 0, description: 'Items that the run looked at.' }),
    records_success: count(),
    records_failed: count(),
    partial_success: Type.Boolean(),
    error: Type.Union([
      Type.Object({ code: Type.String(), message: Type.String(), remedy: Type.String() }),
      Type.Null(),
    ]),
    error_message: nullable('The sentence of the error.'),
    metadata: Type.Record(Type.String(), Type.Unknown(), {
      description:
        'Kind, trigger and all counts; in a history of records also patients_processed and appointments_processed, and the same as patients_found and appointments_found.',
    }),
  },
  { $id: 'Run' },
);
