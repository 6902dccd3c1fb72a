/** Takes batches of a shared run and copies them, in the process that owns the run and in those that help it. */
import { SyncError, toSyncError } from '../../domain/errors.ts';
import { NO_COUNTS } from '../../domain/run.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { BatchFence, RunBatches, TakenBatch } from '../../ports/run-batches.ts';
import { addCounts, type RunSession } from '../run-session.ts';
import { type BatchResult, readBatch } from './batch-text.ts';
import type { CopyLimits } from './copy-context.ts';
import { copyItems, copyLimits } from './copy-items.ts';
import type { FilePorts, FileSettings } from './settings.ts';

export type SharedPorts = FilePorts & { readonly batches: RunBatches };

/** Two at one time: the end of one batch must not leave the process idle. */
const LANES = 2;
const RENEW_MS = 1000;

export interface CopyBatches {
  readonly as: 'owner' | 'helper';
  /** The run's, without a batch. */
  readonly fence: Fence;
  /** Ends it at once. */
  readonly signal: AbortSignal;
  /** Nothing to take at the moment. @returns false to end; it waits as long as it likes */
  readonly onIdle: (signal: AbortSignal) => Promise<boolean>;
  /** Aborted: no further batch is taken, those at work are brought to their end. */
  readonly enough?: AbortSignal;
}

/** @throws SyncError what ended it; its batches wait again by then. `lease_lost`: the run is over or somebody else's */
export async function copyBatches(ports: SharedPorts, settings: FileSettings, how: CopyBatches): Promise<void> {
  const { batches, clock } = ports;
  const stop = new AbortController();
  const signal = AbortSignal.any([how.signal, stop.signal]);
  const ended = new AbortController();
  const held = new Set<BatchFence>();
  const limits = copyLimits(settings);

  async function lane(): Promise<void> {
    while (how.enough?.aborted !== true) {
      signal.throwIfAborted();
      const batch = await batches.take(how.fence, how.as);
      if (batch !== null) await work(batch);
      else if (!(await how.onIdle(signal))) return;
    }
  }

  async function work(batch: TakenBatch): Promise<void> {
    held.add(batch.fence);
    try {
      const result = await copyBatch(ports, settings, batch, limits, signal);
      await batches.complete(batch.fence, JSON.stringify(result));
    } catch (error) {
      await batches.giveBack(batch.fence).catch(() => undefined);
      if (toSyncError(error).code !== 'lease_lost') throw error;
      // Perhaps only the batch: we were silent for too long, and somebody else has it.
      await batches.renew(how.fence, []);
    } finally {
      held.delete(batch.fence);
    }
  }

  async function renew(): Promise<void> {
    while (!ended.signal.aborted) {
      await clock.sleep(RENEW_MS, ended.signal).catch(() => undefined);
      if (ended.signal.aborted) return;
      try {
        const { cancelRequested } = await batches.renew(how.fence, [...held]);
        if (cancelRequested) stop.abort(new SyncError('cancelled'));
      } catch (error) {
        // Another failure may pass; if it does not, the batches expire and their fence refuses our writes.
        const failure = toSyncError(error);
        if (failure.code === 'lease_lost') stop.abort(failure);
      }
    }
  }

  const renewing = renew();
  const lanes = Array.from({ length: LANES }, () =>
    lane().catch((error) => {
      stop.abort(error);
      throw error;
    }),
  );
  const results = await Promise.allSettled(lanes);
  ended.abort();
  await renewing;
  if (signal.aborted) throw toSyncError(signal.reason);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function copyBatch(
  ports: FilePorts,
  settings: FileSettings,
  batch: TakenBatch,
  limits: CopyLimits,
  signal: AbortSignal,
): Promise<BatchResult> {
  let counts = NO_COUNTS;
  // A run tells of its progress where it is owned.
  const session: RunSession = {
    fence: batch.fence,
    signal,
    count(delta) {
      counts = addCounts(counts, delta);
    },
    counts: () => counts,
    step: () => undefined,
    advance: () => undefined,
  };
  const copied = await copyItems(ports, settings, session, { ...readBatch(batch.changes), limits });
  return {
    counts,
    open: [...copied.openUnits.values()].map((result) => ({
      result,
      absences: copied.unjudged.get(result.unit) ?? [],
    })),
  };
}
