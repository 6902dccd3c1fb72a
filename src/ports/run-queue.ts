/**
 * Admission: who may run when.
 *
 * Contract, tested on PostgreSQL with several processes by `test/integration/run-queue.test.ts`:
 * - Each method is one transaction that locks the organisation, so its limits hold across processes.
 * - At most `max_running` runs of an organisation are starting or running; further ones wait, people's before the
 *   schedule's, then in the order in which they were asked for; at most `max_queued` wait.
 * - One run of a connection at a time.
 * - Whatever ends a run admits the next one in the same transaction, and its job is written with it.
 */
import type { RunCounts, RunMode, RunTrigger } from '../domain/run.ts';
import type { ConnectionKey, Fence } from './document-records.ts';

export interface QueuedRun extends ConnectionKey {
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  readonly unit: string | null;
  /** For mode `held`: the set to apply. */
  readonly heldSetId: string | null;
  /** The plan that the run keeps to, see `engine/keep-to-plan.ts`; absent or null: none. */
  readonly planId?: string | null;
  /** What failed and waits for its time is left, though a person asked for the run; absent: only the schedule leaves it. */
  readonly onlyDue?: boolean;
}

export interface Enqueued {
  readonly runId: string;
  readonly state: 'starting' | 'queued';
}

export interface ClaimedRun extends QueuedRun {
  readonly fence: Fence;
  /** 1 for the first process that works on it. */
  readonly attempt: number;
  /** What former attempts have done. */
  readonly counts: Partial<RunCounts>;
  /** Of what people chose for the connection; 0: nothing. Read together with the claim. */
  readonly settingsVersion: number;
}

export type CancelAnswer = 'cancelled' | 'requested' | 'ended';

export interface RunQueue {
  /**
   * @param options.whenBusy `refuse`: with an open run of the connection → `connection_busy` with its id; `queue`: wait behind it
   * @param options.ifLastStartedAt for the schedule: null is returned when the connection was started by somebody else since
   *   (epoch ms; null: never)
   * @throws SyncError `connection_busy`, `connection_paused`, `queue_full`
   */
  enqueue(
    run: QueuedRun,
    options: { readonly whenBusy: 'refuse' | 'queue'; readonly ifLastStartedAt?: number | null },
  ): Promise<Enqueued | null>;
  /** Takes the lease for this process. @returns null when somebody else has it, or the run has ended */
  claim(runId: string): Promise<ClaimedRun | null>;
  /** Gives a run back unfinished: another process continues it. */
  handBack(fence: Fence): Promise<void>;
  /** A run that nobody works on yet ends at once; one at work hears of it. @returns null for an unknown run */
  cancel(organizationId: string, runId: string): Promise<CancelAnswer | null>;
  /**
   * Dispatches runs again whose process is gone, ends those that several processes did not survive, admits what was
   * forgotten. @param organizationIds only these; default: all. @returns how many runs were touched
   */
  takeOver(organizationIds?: readonly string[]): Promise<number>;
  /** Announces that this process takes jobs. */
  enlist(): Promise<void>;
  /** A person's pause: waiting runs of the connection are cancelled, no new one starts. @returns false: no such connection */
  pause(key: ConnectionKey, reason: string | null): Promise<boolean>;
  resume(key: ConnectionKey): Promise<boolean>;
}

/** Hears of dispatched runs. */
export interface RunDispatcher {
  /** @param handler never rejects. @param concurrency how many at a time */
  work(handler: (runId: string) => Promise<void>, concurrency: number): Promise<void>;
  /** Hears of no further runs. Those that are being handled are not waited for. */
  rest(): Promise<void>;
  close(): Promise<void>;
}
