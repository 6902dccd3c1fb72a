/**
 * Comparisons of all stores of an organisation, which may take several nights, and what they found.
 *
 * Contract:
 * - An organisation has at most one open check. `begin` goes on with it, or opens one; null while another process holds it.
 * - What a step found, and how far it came, is written in one transaction; a step of a process that no longer holds the check
 *   is refused with `lease_lost`.
 */

export const CONSISTENCY_STORES = ['source', 'row', 'blob', 'index', 'remote'] as const;
export type ConsistencyStoreName = (typeof CONSISTENCY_STORES)[number];
export type DifferenceKind = 'missing' | 'surplus' | 'different';

export interface FoundDifference {
  readonly store: ConsistencyStoreName;
  readonly kind: DifferenceKind;
  /** A sentence without personal data. */
  readonly message: string;
  readonly connectionId: string | null;
  readonly unit: string | null;
  readonly reference: string | null;
  readonly documentUuid: string | null;
  readonly sha256: string | null;
  readonly code: string | null;
}

export interface ConsistencyCounts {
  readonly patients: number;
  readonly documents: number;
  /** Documents whose content was read and hashed. */
  readonly sampled: number;
  /** Comparisons that could not be made, e.g. because a source did not answer. */
  readonly unknown: number;
  /** Differences beyond those that are listed. */
  readonly unlisted: number;
}

export interface OpenCheck {
  readonly organizationId: string;
  readonly id: string;
  readonly holder: string;
  /** Goes on after this patient; empty at the beginning. */
  readonly afterPatient: string;
}

export interface ConsistencyReport extends ConsistencyCounts {
  readonly id: string;
  readonly startedAt: string;
  /** Null: not at its end yet. */
  readonly finishedAt: string | null;
  /** How many of each; those that are not named were not found. */
  readonly totals: readonly {
    readonly store: ConsistencyStoreName;
    readonly kind: DifferenceKind;
    readonly count: number;
  }[];
}

export interface ConsistencyStore {
  begin(organizationId: string, holder: string, leaseMs: number): Promise<OpenCheck | null>;
  /** Patients of the organisation after this one, in byte order. */
  patients(organizationId: string, after: string, limit: number): Promise<readonly string[]>;
  /** Among these, those that the records know. */
  known(organizationId: string, patientUuids: readonly string[]): Promise<ReadonlySet<string>>;
  step(
    check: OpenCheck,
    step: {
      readonly afterPatient: string;
      readonly counts: ConsistencyCounts;
      readonly differences: readonly FoundDifference[];
      readonly leaseMs: number;
    },
  ): Promise<void>;
  /** Another process may go on. */
  release(check: OpenCheck): Promise<void>;
  finish(check: OpenCheck): Promise<void>;
  /** Newest first. */
  reports(organizationId: string, limit: number): Promise<readonly ConsistencyReport[]>;
  differences(
    organizationId: string,
    checkId: string,
    page: { readonly after: string; readonly limit: number },
  ): Promise<readonly (FoundDifference & { readonly id: string })[]>;
}
