/**
 * Runs, leases, failures and held sets.
 *
 * Contract, tested for PostgreSQL and the in-memory twin by `test/contract/run-store.ts`:
 * - Each method is one transaction.
 * - `start` takes the lease of the connection: exactly one of several concurrent calls succeeds, the others get
 *   `connection_busy` with the running run's id in `detail`. An expired lease, or one whose process is gone, is taken over:
 *   its run becomes `failed`, and the new fence number is higher.
 * - An organisation has a limit of runs at one time; above it → `organization_busy` (PostgreSQL only, see `run-queue.ts`).
 * - A failed run counts; a connection that reaches its limit of failures, or whose credentials were refused, is paused: then the
 *   schedule does not start it, a person may, and a run that succeeds makes it active again.
 * - Writes with a fence that was overtaken → `lease_lost`. Final states are final.
 */

import type { AbsenceKind } from '../domain/change-set.ts';
import type { ReadEvidence } from '../domain/completeness.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { ItemFailure, Outcome, RunCounts, RunMode, RunState, RunTrigger } from '../domain/run.ts';
import type { ConnectionKey, Fence } from './document-records.ts';

export interface RunStart extends ConnectionKey {
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  /** Only this unit. */
  readonly unit?: string;
}

export interface RunProgress {
  readonly step: string;
  readonly totalSteps: number;
  readonly completedSteps: number;
  /** 0–100 */
  readonly percentage: number;
  readonly itemsProcessed: number;
  readonly itemsTotal: number | null;
  readonly counts: RunCounts;
}

export interface RunEnd {
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly outcome: Outcome;
  readonly counts: RunCounts;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly remedy: string } | null;
  /** Set when the whole source was read completely: what the next guard is weighed against. */
  readonly completeRead: { readonly itemsInSource: number; readonly evidence: ReadEvidence } | null;
}

export interface RunRecord extends ConnectionKey {
  readonly id: string;
  readonly connector: string;
  readonly mode: string;
  readonly trigger: string;
  readonly unit: string | null;
  readonly state: RunState;
  readonly outcome: Outcome | null;
  readonly step: string | null;
  readonly totalSteps: number;
  readonly completedSteps: number;
  readonly percentage: number;
  readonly itemsProcessed: number;
  readonly itemsTotal: number | null;
  readonly counts: RunCounts;
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string } | null;
  readonly cancelRequested: boolean;
  /** How many processes have worked on it. */
  readonly attempt: number;
  /** ISO instants. Asked for, begun (while it waits: asked for), ended. */
  readonly queuedAt: string;
  readonly startedAt: string;
  readonly finishedAt: string | null;
}

export interface OpenFailure {
  readonly id: string;
  readonly unit: string;
  readonly reference: string;
  readonly operation: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly attempts: number;
  /** `waiting` is tried again after `nextRetryAt`; `skipped` only when its source item changes or a person asks. */
  readonly state: 'waiting' | 'skipped';
  readonly fingerprint: string | null;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly nextRetryAt: string | null;
}

export interface HeldItem {
  readonly documentUuid: string;
  readonly unit: string;
  readonly reference: string;
  readonly absence: AbsenceKind;
  /** `kept`: a person said no, or the item was back when the set was applied. */
  readonly state: 'held' | 'applied' | 'kept';
}

export interface HeldSet extends ConnectionKey {
  readonly id: string;
  readonly runId: string;
  readonly unit: string | null;
  readonly state: 'pending' | 'approved' | 'rejected' | 'superseded' | 'applied';
  readonly reason: string;
  readonly evidence: ReadEvidence;
  readonly itemCount: number;
  readonly createdAt: string;
  readonly decidedAt: string | null;
  readonly decidedBy: string | null;
  readonly note: string | null;
}

export interface RunStore {
  start(start: RunStart): Promise<Fence>;
  /** Renews the lease. @returns whether somebody asked to cancel */
  heartbeat(fence: Fence): Promise<{ readonly cancelRequested: boolean }>;
  progress(fence: Fence, progress: RunProgress): Promise<void>;
  /** Writes the final state and gives the lease back. */
  finish(fence: Fence, end: RunEnd): Promise<void>;
  requestCancel(organizationId: string, runId: string): Promise<boolean>;
  run(organizationId: string, runId: string): Promise<RunRecord | null>;
  /** Newest first. */
  runs(key: { organizationId: string; connectionId?: string }, limit: number): Promise<readonly RunRecord[]>;

  /** Items in the source at the last complete read of the whole connection; null before the first. */
  lastCompleteRead(key: ConnectionKey): Promise<{ readonly itemsInSource: number } | null>;

  /** Counts an attempt; `nextRetryAt` (epoch ms) null = only when the item changes or a person asks. */
  recordFailures(
    fence: Fence,
    failures: readonly (ItemFailure & { readonly nextRetryAt: number | null })[],
  ): Promise<void>;
  resolveFailures(fence: Fence, references: readonly { unit: string; reference: string }[]): Promise<void>;
  openFailures(key: ConnectionKey, unit?: string): Promise<readonly OpenFailure[]>;
  /** A person's decision. @returns false when there is no such failure */
  decideFailure(organizationId: string, failureId: string, decision: 'retry' | 'skip'): Promise<boolean>;

  /**
   * Stores the removals that the guard held back, in place of the pending set of the same connection and unit. An equal pending set stays as
   * it is. An empty list withdraws the pending set. @returns the pending set's id, or null
   */
  holdRemovals(
    fence: Fence,
    held: {
      /** Set for a run of one unit only: such a run says nothing about the connection's set. */
      unit: string | null;
      reason: string;
      evidence: ReadEvidence;
      items: readonly Omit<HeldItem, 'state'>[];
    },
    at: number,
  ): Promise<string | null>;
  heldSets(organizationId: string, connectionId?: string): Promise<readonly HeldSet[]>;
  heldSet(organizationId: string, setId: string): Promise<{ set: HeldSet; items: readonly HeldItem[] } | null>;
  /**
   * Only a pending set can be decided. Rejecting marks its documents as kept: they are not held again until the source
   * shows them. @returns false when the set is not pending (any more)
   */
  decideHeldSet(
    organizationId: string,
    setId: string,
    decision: { approve: boolean; by: string; note: string | null },
    at: number,
  ): Promise<boolean>;
  /**
   * Decides some items of a pending set: they become a set of their own, decided at once, with the same proof; the others
   * wait on. All of them: the set itself is decided. @returns the id of the decided set; null when the set is not pending
   * (any more) or does not hold every one of them
   */
  decideHeldItems(
    organizationId: string,
    setId: string,
    documentUuids: readonly string[],
    decision: { approve: boolean; by: string; note: string | null },
    at: number,
  ): Promise<string | null>;
  /** Records what became of the items of an approved set. */
  completeHeldSet(
    fence: Fence,
    setId: string,
    results: readonly { documentUuid: string; state: 'applied' | 'kept' }[],
  ): Promise<void>;
}
