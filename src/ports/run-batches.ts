/**
 * The copying of one large run, shared by several processes.
 *
 * Contract, tested on PostgreSQL by `test/integration/run-batches.test.ts`:
 * - The process that holds the run's lease is its owner; it offers the work in batches and ends the run. Others join it as
 *   helpers and write under the same fence number: whatever ends or takes over the run fences all of them.
 * - A taken batch has a fence of its own within that: when its process is gone or was silent for too long, the next taker
 *   makes the former one's writes `lease_lost`, so no batch is worked on by two.
 * - A batch that is done is never given out again.
 * - Nobody works on a run that has ended, and nothing of its batches is kept.
 */
import type { RunCounts } from '../domain/run.ts';
import type { ConnectionKey, Fence } from './document-records.ts';

export interface OfferedBatch {
  readonly units: number;
  /** What it adds to the progress. */
  readonly items: number;
  readonly changes: string;
}

export interface TakenBatch {
  /** With the batch in it. */
  readonly fence: BatchFence;
  readonly changes: string;
}

export type BatchFence = Fence & { readonly batch: NonNullable<Fence['batch']> };

export interface BatchesProgress {
  /** Batches that are not done. */
  readonly open: number;
  /** Items of those that are. */
  readonly itemsDone: number;
  /** What the transactions of all processes have done so far. */
  readonly effects: Partial<RunCounts>;
}

export interface RunBatches {
  /**
   * Replaces all batches of the run, in one transaction: what an owner before left is void, its documents are compared again.
   * @param batches called again when the transaction has to be repeated
   */
  offer(fence: Fence, batches: () => AsyncIterable<OfferedBatch>): Promise<void>;
  /**
   * Becomes a helper of a run that has waiting batches.
   * @param options.maxHelpers of one run, its owner not counted
   * @param options.except ids of runs that are not wanted
   * @returns the run's fence, or null when nobody needs help
   */
  join(
    connections: readonly ConnectionKey[],
    options: { readonly maxHelpers: number; readonly except: ReadonlySet<string> },
  ): Promise<Fence | null>;
  leave(fence: Fence): Promise<void>;
  /** @param as helpers leave alone what two processes did not bring to an end. @returns null when there is nothing to take */
  take(fence: Fence, as: 'owner' | 'helper'): Promise<TakenBatch | null>;
  /** The batch is done. */
  complete(fence: BatchFence, result: string): Promise<void>;
  /** The batch waits again. */
  giveBack(fence: BatchFence): Promise<void>;
  /** Renews this process's place as a helper and its batches. @throws SyncError `lease_lost` when the run is another's */
  renew(fence: Fence, batches: readonly BatchFence[]): Promise<{ readonly cancelRequested: boolean }>;
  progress(fence: Fence): Promise<BatchesProgress>;
  /** Of the batches that are done, in their order. */
  results(fence: Fence): AsyncIterable<string>;
}
