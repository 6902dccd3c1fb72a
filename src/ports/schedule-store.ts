/** What the scheduler asks of the stores. */
import type { FileMode } from '../domain/run.ts';
import type { ConnectionKey } from './document-records.ts';

export interface ScheduleState {
  /** Start of the newest run of the whole connection, whatever its end; null before the first. Epoch ms. */
  readonly lastStartedAt: number | null;
  /** The same for completed runs of one mode. */
  readonly lastCompletedByMode: Readonly<Partial<Record<FileMode, number>>>;
  readonly consecutiveFailures: number;
  readonly paused: boolean;
}

export interface ScheduleStore {
  state(key: ConnectionKey): Promise<ScheduleState>;
}
