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

/** What is still to be done about documents. */
export interface OutboxGauges {
  readonly organizationId: string;
  readonly waiting: number;
  readonly working: number;
  /** Of those that wait, those whose last try failed. */
  readonly failing: number;
  readonly oldestSeconds: number;
  /** Documents whose content could not be read, or that another machine refused. */
  readonly refused: number;
}

/** Messages of alerts on their way. */
export interface AlertGauges {
  readonly organizationId: string;
  readonly waiting: number;
  /** Of those that wait, those whose last try failed. */
  readonly failing: number;
  readonly oldestSeconds: number;
  /** Given up in the last 30 days: nobody was told. */
  readonly givenUp: number;
}

export interface MirrorGauges extends ConnectionKey {
  readonly pending: number;
  readonly oldestSeconds: number;
  /** Some of its columns cannot hold every character that was written. */
  readonly lacksCharacters: boolean;
}

export interface ConsistencyGauges {
  readonly organizationId: string;
  /** Epoch seconds of the last one that came to its end. */
  readonly finishedAt: number;
  readonly store: string | null;
  readonly kind: string | null;
  readonly count: number;
}

export interface MetricsSnapshot {
  /** Seconds, ascending. */
  readonly durationBounds: readonly number[];
  readonly totals: readonly RunTotals[];
  readonly connections: readonly ConnectionGauges[];
  readonly queues: readonly QueueGauges[];
  readonly outbox: readonly OutboxGauges[];
  readonly alerts: readonly AlertGauges[];
  readonly mirrors: readonly MirrorGauges[];
  readonly consistency: readonly ConsistencyGauges[];
  readonly failures: readonly (ConnectionKey & { readonly code: string; readonly items: number })[];
}

export interface RunMetrics {
  snapshot(organizationIds: readonly string[]): Promise<MetricsSnapshot>;
}
