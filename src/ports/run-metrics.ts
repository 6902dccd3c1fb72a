/** What the metrics tell about runs and connections. Ids only. */
import type { ConnectionKey } from './document-records.ts';

export interface RunTotals extends ConnectionKey {
  readonly state: string;
  readonly outcome: string;
  readonly runs: number;
  readonly seconds: number;
  /** Runs that took at most so long, for each of {@link MetricsSnapshot.durationBounds}. */
  readonly buckets: readonly number[];
  /** Name of a count → sum over all runs. */
  readonly items: Readonly<Record<string, number>>;
}

export interface ConnectionGauges extends ConnectionKey {
  /** Epoch seconds; null: never. */
  readonly lastSuccess: number | null;
  readonly consecutiveFailures: number;
  readonly paused: boolean;
  readonly heldItems: number;
}

export interface QueueGauges {
  readonly organizationId: string;
  readonly active: number;
  readonly queued: number;
  readonly oldestQueuedSeconds: number;
}

export interface MetricsSnapshot {
  /** Seconds, ascending. */
  readonly durationBounds: readonly number[];
  readonly totals: readonly RunTotals[];
  readonly connections: readonly ConnectionGauges[];
  readonly queues: readonly QueueGauges[];
  readonly failures: readonly (ConnectionKey & { readonly code: string; readonly items: number })[];
}

export interface RunMetrics {
  snapshot(organizationIds: readonly string[]): Promise<MetricsSnapshot>;
}
