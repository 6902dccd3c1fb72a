/**
 * Long lists about runs, page by page: what failed, what is held, what a run did. Each goes on after the last item that was
 * seen, so that one of any length is read in steady pieces. Every method takes the organisation.
 */
import type { ErrorCode } from '../domain/errors.ts';
import type { Page } from './clinic-reports.ts';
import type { RunUnit } from './reports.ts';
import type { HeldItem, HeldSet, OpenFailure } from './run-store.ts';

export interface FailureQuestion {
  readonly organizationId: string;
  readonly connectionIds: readonly string[];
  readonly code?: string | undefined;
  /** Only those whose last try was in this run. */
  readonly runId?: string | undefined;
}

/** Failures with one code: one remedy helps all of them. */
export interface FailureCause {
  readonly code: ErrorCode;
  /** Of the oldest of them. */
  readonly message: string;
  readonly items: number;
}

export interface PageQuestion {
  readonly limit: number;
  /** `next` of a page of the same list; null: the first. */
  readonly after: readonly string[] | null;
}

export interface ListedFailure extends OpenFailure {
  readonly connectionId: string;
}

export interface RunLists {
  /** Oldest first. */
  failures(question: FailureQuestion & PageQuestion): Promise<Page<ListedFailure>>;
  /** The most frequent first. */
  failureCauses(question: FailureQuestion): Promise<readonly FailureCause[]>;
  /** A person's decision about many. @returns how many of them there are */
  decideFailures(organizationId: string, failureIds: readonly string[], decision: 'retry' | 'skip'): Promise<number>;
  /**
   * All waiting ones of a connection are due at once; with a run only those that it failed on: of files also when a later one has
   * failed on them again. @returns how many
   */
  retryFailures(organizationId: string, connectionId: string, runId?: string | null): Promise<number>;
  /** Newest first. Open: pending, or approved and being removed. */
  heldSets(
    question: { readonly organizationId: string; readonly state: 'open' | 'decided' | 'all' } & PageQuestion,
  ): Promise<Page<HeldSet>>;
  heldSet(organizationId: string, setId: string): Promise<HeldSet | null>;
  /** By patient and reference. */
  heldItems(
    question: { readonly organizationId: string; readonly setId: string } & PageQuestion,
  ): Promise<Page<HeldItem>>;
  /** @param documentUuid of the item; of records and entries of a book our id */
  heldItem(organizationId: string, setId: string, documentUuid: string): Promise<HeldItem | null>;
  /** Units that a run changed or failed on, what failed first; the others were found in step. */
  units(question: { readonly organizationId: string; readonly runId: string } & PageQuestion): Promise<Page<RunUnit>>;
  unitCount(organizationId: string, runId: string): Promise<number>;
  /** Why some units failed, the most frequent first. */
  unitCauses(organizationId: string, runId: string): Promise<readonly FailureCause[]>;
}
