/** Takes dispatched runs and performs them; looks after runs whose process is gone; helps with large runs of others. */
import { SyncError, toSyncError } from '../domain/errors.ts';
import { NO_COUNTS } from '../domain/run.ts';
import type { Clock } from '../ports/clock.ts';
import type { RunBatches } from '../ports/run-batches.ts';
import type { ClaimedRun, RunDispatcher, RunQueue } from '../ports/run-queue.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { Connection } from './connections.ts';
import { startHelper } from './helper.ts';
import { createSlots } from './slots.ts';
import type { SyncService } from './sync-service.ts';

export interface WorkerOptions {
  readonly queue: RunQueue;
  readonly dispatcher: RunDispatcher;
  readonly runs: RunStore;
  readonly connections: readonly Connection[];
  readonly service: SyncService;
  readonly clock: Clock;
  /** Runs at one time in this process, those that it helps with included. */
  readonly concurrency: number;
  readonly batches: RunBatches;
  readonly helpersPerRun: number;
  /** Lets a run begin with what counts at that moment, whoever changed it. */
  readonly refresh?: (run: ClaimedRun) => Promise<void>;
  readonly onError?: (runId: string | null, error: SyncError) => void;
}

export interface RunWorker {
  /** Runs of other processes that it helps with. */
  helping(): number;
  /** Takes no further runs, lets those at work end for a while, hands back the rest. */
  stop(graceMs: number): Promise<void>;
}

/** How often to look for runs whose process is gone: a take-over begins within this time. */
const TAKE_OVER_MS = 2000;

export async function startWorker(options: WorkerOptions): Promise<RunWorker> {
  const { queue, dispatcher, service, clock } = options;
  const ended = new AbortController();
  const handling = new Set<Promise<void>>();

  const slots = createSlots(options.concurrency, () => helper.makeRoom());
  const helper = startHelper({
    batches: options.batches,
    connections: options.connections,
    clock,
    slots,
    helpersPerRun: options.helpersPerRun,
    ...(options.onError === undefined ? {} : { onError: options.onError }),
  });

  async function handle(runId: string): Promise<void> {
    // A helper makes room after its batch. When that takes too long, the run is dispatched again, perhaps to another process.
    const release = await slots.take();
    try {
      if (ended.signal.aborted) return;
      const run = await queue.claim(runId);
      if (run === null) return;
      await options.refresh?.(run);
      const connection = options.connections.find(
        (c) => c.organizationId === run.organizationId && c.id === run.connectionId,
      );
      if (connection === undefined) {
        const { code, message, remedy } = new SyncError('settings_invalid', {
          detail: 'The connection is not in the configuration of the process that took the run.',
        });
        const error = { code, message, remedy };
        await options.runs.finish(run.fence, {
          state: 'failed',
          outcome: 'failed',
          counts: NO_COUNTS,
          error,
          completeRead: null,
        });
        return;
      }
      const result = await service.perform(connection, run);
      if (result.state === 'handed_back') await queue.handBack(run.fence);
    } catch (error) {
      // The lease expires, and the run is taken over.
      options.onError?.(runId, toSyncError(error));
    } finally {
      release();
    }
  }

  await queue.enlist();
  await dispatcher.work((runId) => {
    const work = handle(runId).finally(() => handling.delete(work));
    handling.add(work);
    return work;
  }, options.concurrency);

  const watch = (async () => {
    while (!ended.signal.aborted) {
      try {
        // Again and again: while our session to the database was lost, others took us for dead and struck us off.
        await queue.enlist();
        await queue.takeOver();
      } catch (error) {
        options.onError?.(null, toSyncError(error));
      }
      await clock.sleep(TAKE_OVER_MS, ended.signal).catch(() => undefined);
    }
  })();

  return {
    helping: () => helper.helping,
    async stop(graceMs) {
      ended.abort();
      await dispatcher.rest();
      await watch;
      await Promise.all([service.stop(graceMs), helper.stop(graceMs)]);
      await Promise.allSettled(handling);
      await dispatcher.close();
    },
  };
}
