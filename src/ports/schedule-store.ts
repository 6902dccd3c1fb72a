/** What the scheduler asks of the stores. */
import type { ConnectionKey } from './document-records.ts';

export interface ScheduleState extends ConnectionKey {
  /** Start of the newest run of the whole connection, whatever its end; null before the first. Epoch ms. */
  readonly lastStartedAt: number | null;
  /** The same for completed runs of one mode. */
  readonly lastCompletedByMode: Readonly<Record<string, number>>;
  readonly consecutiveFailures: number;
  /** Epoch ms. */
  readonly lastFailureAt: number | null;
  readonly lastFailureCode: string | null;
  readonly paused: boolean;
  /** A run waits or is at work. */
  readonly open: boolean;
}

export interface ScheduleStore {
  /** All connections that are not removed. */
  states(): Promise<readonly ScheduleState[]>;
}
