/** Performs runs in this process and keeps hold of them, so that it can cancel them and end in order. */
import { SyncError, toSyncError } from '../domain/errors.ts';
import { type PlannedItems, readPlannedItems } from '../domain/planned-items.ts';
import type { FileMode, RecordMode, RunMode, RunTrigger } from '../domain/run.ts';
import { applyHeldSet } from '../engine/files/apply-held.ts';
import { syncFiles } from '../engine/files/sync-files.ts';
import type { PlanOfRun } from '../engine/keep-to-plan.ts';
import { applyHeldRecords } from '../engine/records/apply-held.ts';
import { syncRecords } from '../engine/records/sync-records.ts';
import type { RunResult, SessionOptions } from '../engine/run-session.ts';
import { applyHeldBook } from '../engine/schedule/apply-held.ts';
import { syncBook, windowOf } from '../engine/schedule/sync-book.ts';
import { MOST_CONSULTATION_DATES, syncConsultations } from '../engine/schedule/sync-consultations.ts';
import type { Clock } from '../ports/clock.ts';
import type { InspectionStore } from '../ports/inspection-store.ts';
import type { ClaimedRun } from '../ports/run-queue.ts';
import type { RunProgress } from '../ports/run-store.ts';
import { type Connection, isBookConnection, isFileConnection } from './connections.ts';

export interface SyncRequest {
  /** One of the connection's kind. */
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  /** A patient's files, or the dates of a book. */
  readonly unit?: string;
  readonly keepTo?: PlanOfRun;
  /** See `QueuedRun`. A book has no items that wait. */
  readonly onlyDue?: boolean;
  readonly onProgress?: (progress: RunProgress & { readonly runId: string }) => void;
  readonly signal?: AbortSignal;
}

export interface StartedRun {
  readonly runId: string;
  /** Never rejects: how a run ended is in the result. */
  readonly result: Promise<RunResult>;
}

export interface SyncService {
  /** Starts a run past the queue. @throws SyncError when it could not begin, e.g. `connection_busy` */
  start(connection: Connection, request: SyncRequest): Promise<StartedRun>;
  /** Performs a run of the queue that this process has claimed. Never rejects. */
  perform(connection: Connection, run: ClaimedRun): Promise<RunResult>;
  /** Aborts a run of this process at once. @returns false when it is not one of its */
  cancel(runId: string): boolean;
  /** Ids of the runs that this process works on. */
  readonly active: ReadonlySet<string>;
  /** Stops accepting, waits up to `graceMs` for the active runs, then hands back those of the queue and cancels others. */
  stop(graceMs: number): Promise<void>;
}

export function createSyncService(options: {
  clock: Clock;
  /** What a plan showed, for the runs of the queue that were started with one. */
  plans?: Pick<InspectionStore, 'planned'>;
  onStart?: (connection: Connection, runId: string) => void;
  /** Of every run of this process, at least at each of its steps. */
  onProgress?: (progress: RunProgress & { readonly runId: string }) => void;
  onEnd?: (connection: Connection, result: RunResult) => void;
}): SyncService {
  const tell = (progress: RunProgress & { readonly runId: string }) => options.onProgress?.(progress);
  const active = new Set<Promise<unknown>>();
  const byId = new Map<string, AbortController>();
  const stopping = { cancel: new AbortController(), handBack: new AbortController() };
  let closed = false;

  /** @param work begins the run; its signal aborts it */
  function launch(
    connection: Connection,
    end: AbortSignal,
    work: (signal: AbortSignal, onStarted: (runId: string) => void) => Promise<RunResult>,
  ): Promise<RunResult> {
    const own = new AbortController();
    const ended = new AbortController();
    if (connection.timeoutMs !== null) {
      const late = () => own.abort(new SyncError('run_timeout', { detail: `Limit: ${connection.timeoutMs} ms.` }));
      options.clock.sleep(connection.timeoutMs, ended.signal).then(late, () => undefined);
    }
    let id: string | null = null;
    const result = work(AbortSignal.any([end, own.signal]), (runId) => {
      id = runId;
      byId.set(runId, own);
      options.onStart?.(connection, runId);
    });
    active.add(result);
    result
      .then((it) => options.onEnd?.(connection, it))
      // Before the start: the caller hears it. After it nothing is thrown.
      .catch(() => undefined)
      .finally(() => {
        ended.abort();
        active.delete(result);
        if (id !== null) byId.delete(id);
      });
    return result;
  }

  async function plannedOf({ organizationId, connectionId }: ClaimedRun, planId: string): Promise<PlannedItems> {
    const bytes = await options.plans?.planned({ organizationId, connectionId }, planId);
    if (!bytes) throw new SyncError('plan_differs', { detail: 'All that the plan showed is not kept any more.' });
    return readPlannedItems(bytes);
  }

  return {
    get active() {
      return new Set(byId.keys());
    },
    start(connection, request) {
      if (closed) return Promise.reject(new SyncError('cancelled', { detail: 'Chartsync is stopping.' }));
      return new Promise<StartedRun>((resolve, reject) => {
        const end =
          request.signal === undefined
            ? stopping.cancel.signal
            : AbortSignal.any([stopping.cancel.signal, request.signal]);
        const result: Promise<RunResult> = launch(connection, end, (signal, onStarted) =>
          runOnce(connection, {
            ...request,
            signal,
            onProgress(progress) {
              tell(progress);
              request.onProgress?.(progress);
            },
            onStarted: (runId) => {
              onStarted(runId);
              resolve({ runId, result });
            },
          }),
        );
        result.catch((error) => reject(toSyncError(error)));
      });
    },
    perform(connection, run) {
      const claimed: SessionOptions['claimed'] = { fence: run.fence, counts: run.counts };
      const { planId = null, onlyDue = false } = run;
      return launch(connection, stopping.handBack.signal, (signal, onStarted) => {
        onStarted(run.fence.runId);
        if (run.heldSetId !== null)
          return applyHeld(connection, { setId: run.heldSetId, claimed, signal, onProgress: tell });
        return runOnce(connection, {
          mode: run.mode,
          trigger: run.trigger,
          onlyDue,
          claimed,
          signal,
          onProgress: tell,
          ...(run.unit === null ? {} : { unit: run.unit }),
          ...(planId === null ? {} : { keepTo: () => plannedOf(run, planId) }),
        });
      });
    },
    cancel(runId) {
      const run = byId.get(runId);
      run?.abort(new SyncError('cancelled'));
      return run !== undefined;
    },
    async stop(graceMs) {
      closed = true;
      if (active.size === 0) return;
      const ended = new AbortController();
      const grace = options.clock.sleep(graceMs, ended.signal).then(
        () => {
          stopping.cancel.abort(new SyncError('cancelled'));
          stopping.handBack.abort(new SyncError('handed_back'));
        },
        () => undefined,
      );
      await Promise.allSettled(active);
      ended.abort();
      await grace;
    },
  };
}

/** One run of whatever kind of connection, in a mode of that kind. */
export function runOnce(
  connection: Connection,
  request: SyncRequest & Pick<SessionOptions, 'claimed' | 'onStarted'>,
): Promise<RunResult> {
  const { mode, unit, ...rest } = request;
  if (isBookConnection(connection)) {
    const isCalendar = mode !== 'consultations';
    const window =
      unit === undefined ? {} : { window: windowOf(unit, isCalendar ? undefined : MOST_CONSULTATION_DATES) };
    const work = isCalendar ? syncBook : syncConsultations;
    return work(connection.ports, connection.settings, { ...rest, ...window });
  }
  return isFileConnection(connection)
    ? syncFiles(connection.ports, connection.settings, {
        ...rest,
        mode: mode as FileMode,
        ...(unit === undefined ? {} : { unit }),
      })
    : syncRecords(connection.ports, connection.settings, { ...rest, mode: mode as RecordMode });
}

/** Applies a held set that a person approved. */
export function applyHeld(
  connection: Connection,
  request: { setId: string } & Pick<SessionOptions, 'claimed' | 'onProgress' | 'signal'>,
): Promise<RunResult> {
  if (isBookConnection(connection)) return applyHeldBook(connection.ports, connection.settings, request);
  return isFileConnection(connection)
    ? applyHeldSet(connection.ports, connection.settings, request)
    : applyHeldRecords(connection.ports, connection.settings, request);
}
