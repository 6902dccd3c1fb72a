/**
 * The frame of a run: lease and heartbeat, cancellation, progress, and an end that is always written.
 */
import { SyncError, toSyncError } from '../domain/errors.ts';
import { NO_COUNTS, type Outcome, type RunCounts } from '../domain/run.ts';
import type { Clock } from '../ports/clock.ts';
import type { Fence } from '../ports/document-records.ts';
import type { RunEnd, RunProgress, RunStart, RunStore } from '../ports/run-store.ts';

export interface RunSession {
  readonly fence: Fence;
  /** Aborted when the run is cancelled, its lease is lost, or the process stops. */
  readonly signal: AbortSignal;
  /** Adds to the counts. */
  count(delta: Partial<RunCounts>): void;
  counts(): RunCounts;
  /** Begins a step. @param itemsTotal null while unknown */
  step(name: string, itemsTotal: number | null): void;
  /** Items of the present step that are done. */
  advance(items: number): void;
}

export interface RunResult {
  readonly runId: string;
  /** `handed_back`: not ended, another process continues it. */
  readonly state: RunEnd['state'] | 'handed_back';
  readonly outcome: Outcome;
  readonly counts: RunCounts;
  readonly error: RunEnd['error'];
  readonly startedAt: number;
  readonly finishedAt: number;
}

export interface SessionOptions {
  readonly runs: RunStore;
  readonly clock: Clock;
  readonly start: RunStart;
  /** The run was claimed already: it has its lease, and perhaps something was done before. */
  readonly claimed?: { readonly fence: Fence; readonly counts: Partial<RunCounts> };
  /** How many steps the run will have, for the percentage. */
  readonly totalSteps: number;
  /** Called once, when the run has its id and lease. */
  readonly onStarted?: (runId: string) => void;
  /** Called at most every `progressMs` and at each step. */
  readonly onProgress?: (progress: RunProgress & { readonly runId: string }) => void;
  readonly signal?: AbortSignal;
  readonly heartbeatMs?: number;
  readonly progressMs?: number;
}

export interface WorkResult {
  readonly completeRead: RunEnd['completeRead'];
}

/**
 * Takes the lease, runs `work`, writes the end. Errors of `work` end the run; they are not thrown.
 * @throws SyncError `connection_busy`, `connection_paused` or `database_unavailable` when the run could not begin
 */
export async function withRun(
  options: SessionOptions,
  work: (session: RunSession) => Promise<WorkResult>,
): Promise<RunResult> {
  const { runs, clock } = options;
  const startedAt = clock.now();
  const fence = options.claimed?.fence ?? (await runs.start(options.start));
  options.onStarted?.(fence.runId);
  const stop = new AbortController();
  // Why it is stopped matters: cancelled, out of time, or given back when the process ends.
  const outer = () => {
    const reason = options.signal?.reason;
    stop.abort(reason instanceof SyncError ? reason : new SyncError('cancelled'));
  };
  if (options.signal?.aborted) outer();
  options.signal?.addEventListener('abort', outer, { once: true });

  const reporter = createReporter(options, fence, stop);
  const ended = new AbortController();
  const heart = beat(options, fence, stop, ended.signal);

  let error: RunEnd['error'] = null;
  let state: RunEnd['state'] = 'completed';
  let completeRead: RunEnd['completeRead'] = null;
  try {
    ({ completeRead } = await work(reporter.session));
    stop.signal.throwIfAborted();
  } catch (thrown) {
    const failure = stop.signal.aborted ? toSyncError(stop.signal.reason) : toSyncError(thrown);
    // Whoever starts a run with a plan wants it to stop at anything else: the connection has not failed.
    state = failure.code === 'cancelled' || failure.code === 'plan_differs' ? 'cancelled' : 'failed';
    error = { code: failure.code, message: failure.message, remedy: failure.remedy };
  }
  ended.abort();
  options.signal?.removeEventListener('abort', outer);
  await heart;
  await reporter.settle();

  const counts = reporter.session.counts();
  const outcome = outcomeOf(state, counts);
  const handedBack = error?.code === 'handed_back';
  // A run that lost its lease has nothing to say any more; its successor wrote its end. One that is handed back has not ended.
  if (error?.code !== 'lease_lost' && !handedBack) {
    await runs.finish(fence, { state, outcome, counts, error, completeRead }).catch((thrown) => {
      error ??= sentence(toSyncError(thrown));
      state = 'failed';
    });
  }
  return {
    runId: fence.runId,
    state: handedBack ? 'handed_back' : state,
    outcome: state === 'completed' ? outcome : 'failed',
    counts,
    error,
    startedAt,
    finishedAt: clock.now(),
  };
}

function sentence(failure: SyncError): NonNullable<RunEnd['error']> {
  return { code: failure.code, message: failure.message, remedy: failure.remedy };
}

function outcomeOf(state: RunEnd['state'], counts: RunCounts): Outcome {
  if (state !== 'completed') return 'failed';
  return counts.failed > 0 || counts.waiting > 0 ? 'partial' : 'success';
}

/** Renews the lease until `ended`; aborts the run when the lease is lost or somebody cancels. */
async function beat(options: SessionOptions, fence: Fence, stop: AbortController, ended: AbortSignal): Promise<void> {
  const every = options.heartbeatMs ?? 1000;
  while (!ended.aborted) {
    try {
      await options.clock.sleep(every, ended);
    } catch {
      return;
    }
    try {
      const { cancelRequested } = await options.runs.heartbeat(fence);
      if (cancelRequested) stop.abort(new SyncError('cancelled'));
    } catch (error) {
      const failure = toSyncError(error);
      // Another failure may pass; if it does not, the lease expires and the fence refuses our writes.
      if (failure.code === 'lease_lost') stop.abort(failure);
    }
  }
}

interface Reporter {
  readonly session: RunSession;
  settle(): Promise<void>;
}

function createReporter(options: SessionOptions, fence: Fence, stop: AbortController): Reporter {
  const { clock, runs, totalSteps } = options;
  const every = options.progressMs ?? 500;
  let counts: RunCounts = { ...NO_COUNTS, ...options.claimed?.counts };
  let step = 'Starting';
  let stepNumber = 0;
  let percentage = 0;
  let done = 0;
  let total: number | null = null;
  let lastWrite = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();
  /** What is to be written when the write before is over. */
  let waiting: RunProgress | null = null;
  let busy = false;

  function report(force: boolean): void {
    if (stop.signal.aborted) return;
    const now = clock.now();
    if (!force && now - lastWrite < every) return;
    const completedSteps = Math.max(0, stepNumber - 1);
    const share = total === null || total === 0 ? 0 : Math.min(1, done / total);
    // A run with more steps than were foreseen stays where it is instead of going back.
    percentage = Math.max(percentage, Math.round(((completedSteps + share) / totalSteps) * 1000) / 10);
    const progress: RunProgress = {
      step,
      totalSteps,
      completedSteps,
      percentage,
      itemsProcessed: done,
      itemsTotal: total,
      counts,
    };
    options.onProgress?.({ ...progress, runId: fence.runId });
    // One write at a time; a slow database must not pile them up.
    if (busy && !force) return;
    lastWrite = now;
    busy = true;
    const isQueued = waiting !== null;
    waiting = progress;
    if (isQueued) return;
    writing = writing
      .then(() => {
        const newest = waiting!;
        waiting = null;
        return runs.progress(fence, newest);
      })
      .catch((error) => {
        const failure = toSyncError(error);
        if (failure.code === 'lease_lost') stop.abort(failure);
      })
      .then(() => {
        busy = false;
      });
  }

  return {
    session: {
      fence,
      signal: stop.signal,
      count(delta) {
        counts = addCounts(counts, delta);
      },
      counts: () => counts,
      step(name, itemsTotal) {
        step = name;
        stepNumber = Math.min(stepNumber + 1, totalSteps);
        done = 0;
        total = itemsTotal;
        report(true);
      },
      advance(items) {
        done += items;
        report(false);
      },
    },
    settle: () => writing,
  };
}

export function addCounts(counts: RunCounts, delta: Partial<RunCounts>): RunCounts {
  const next: Record<string, number> = { ...counts };
  for (const [name, value] of Object.entries(delta)) next[name] = (next[name] ?? 0) + value;
  return next as unknown as RunCounts;
}
