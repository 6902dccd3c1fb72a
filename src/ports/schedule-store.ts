/** What the scheduler asks of the stores. */
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { Schedule } from '../domain/schedule.ts';
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
  /** As a person said it in the pages; null: as the configuration says. */
  readonly chosen: ChosenSchedule | null;
}

export interface ChosenSchedule {
  /** Null: only when somebody asks. */
  readonly schedule: Schedule | null;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

export interface ScheduleStore {
  /** All connections that are not removed. */
  states(): Promise<readonly ScheduleState[]>;
  /** Epoch ms by the clock that starts of runs are written with. */
  now(): Promise<number>;
  /** The audit entry is written in the same transaction. @param schedule undefined: as the configuration says, from now on */
  choose(
    connection: ConnectionKey,
    schedule: Schedule | null | undefined,
    by: string,
    audit: AuditEntry,
  ): Promise<void>;
}
