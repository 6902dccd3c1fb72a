/** What is told about runs, across connections: for dashboards, pollers and streams. Read only. */
import type { RunRecord } from './run-store.ts';

export interface RunStatistics {
  /** Runs that have ended. Cancelled ones are in the total only. */
  readonly total: number;
  /** Completed, with some failed items or without. */
  readonly successful: number;
  readonly failed: number;
  readonly lastAt: string | null;
  readonly lastSuccessfulAt: string | null;
  /** Over completed and failed runs; null before the first. */
  readonly averageSeconds: number | null;
}

export interface RunDay {
  /** Such as 2026-03-03, in the zone that was asked for. */
  readonly date: string;
  /** That began on that day and have ended. */
  readonly runs: number;
  readonly failedRuns: number;
  /** Added, updated, moved and removed. */
  readonly items: number;
  /** Tries of items that failed. */
  readonly failures: number;
}

export interface RecordsProcessed {
  readonly patients: number;
  readonly appointments: number;
}

export interface RunHistory {
  /** The runs with these ids, of any organisation; the caller has checked who may see them. */
  byIds(runIds: readonly string[]): Promise<readonly RunRecord[]>;
  /** Newest first. @param connector only connections of this connector */
  recent(organizationId: string, limit: number, connector?: string): Promise<readonly RunRecord[]>;
  /** Queued, starting, running; oldest first. */
  open(organizationIds: readonly string[]): Promise<readonly RunRecord[]>;
  statistics(organizationId: string, connector?: string): Promise<RunStatistics>;
  /** Seconds of the last completed runs of this connection and mode, newest first: what the next one may take. */
  durations(organizationId: string, connectionId: string, mode: string): Promise<readonly number[]>;
  /** The last ended run of each connection, whatever its end. @param unit not those for another patient or date */
  lastOfEach(organizationId: string, unit?: string): Promise<readonly RunRecord[]>;
  /** What runs of record connections looked at, by run; runs that have noted nothing are left out. */
  processed(organizationId: string, runIds: readonly string[]): Promise<ReadonlyMap<string, RecordsProcessed>>;
  /** The last days, today included, oldest first, none left out. @param timeZone IANA zone of the days */
  days(organizationId: string, timeZone: string, days: number): Promise<readonly RunDay[]>;
  /** Place in the queue, 1 = next; null when it does not wait. */
  position(organizationId: string, runId: string): Promise<number | null>;
}
