/** How much a run reads: which mode is due by the schedule, and what the words of a request mean for each kind of connection. */
import { Temporal } from 'temporal-polyfill';
import { SyncError } from '../domain/errors.ts';
import {
  BOOK_MODES,
  type BookMode,
  FILE_MODES,
  type FileMode,
  RECORD_MODES,
  type RecordMode,
  type RunMode,
} from '../domain/run.ts';
import type { ScheduleState } from '../ports/schedule-store.ts';
import {
  type BookConnection,
  type Connection,
  type FileConnection,
  isBookConnection,
  isFileConnection,
  type RecordConnection,
} from './connections.ts';

/** For so long after a failure only the calendar is read by itself. */
const AFTER_FAILURE_MS = 15 * 60_000;

/** The most thorough mode that is due. */
export function modeDue(
  connection: Connection,
  state: Pick<ScheduleState, 'lastCompletedByMode' | 'lastFailureAt'>,
  now: number,
): RunMode {
  if (isBookConnection(connection)) return bookModeDue(connection, state, now);
  return isFileConnection(connection) ? fileModeDue(connection, state, now) : recordModeDue(connection, state, now);
}

/**
 * The first run counts as one of every mode (see the run store). A mode that never was, although there were runs, is due: the
 * newest run of another mode says nothing about it.
 */
export function fileModeDue(
  connection: Pick<FileConnection, 'modes'>,
  state: Pick<ScheduleState, 'lastCompletedByMode'>,
  now: number,
): FileMode {
  if (Object.keys(state.lastCompletedByMode).length === 0) return 'quick';
  const due = (mode: FileMode, everyMs: number | null) =>
    everyMs !== null && now - (state.lastCompletedByMode[mode] ?? 0) >= everyMs;
  if (due('checksum', connection.modes.checksumEveryMs)) return 'checksum';
  return due('deep', connection.modes.deepEveryMs) ? 'deep' : 'quick';
}

/** The calendar first: what is said of consultations refers to its appointments. */
export function bookModeDue(
  connection: Pick<BookConnection, 'settings'>,
  state: Pick<ScheduleState, 'lastCompletedByMode' | 'lastFailureAt'>,
  now: number,
): BookMode {
  const every = connection.settings.consultationsEveryMs;
  const { calendar, consultations = 0 } = state.lastCompletedByMode;
  if (every === null || calendar === undefined || now - consultations < every) return 'calendar';
  // A list that fails must not keep the calendar from being read.
  const failed = state.lastFailureAt !== null && now - state.lastFailureAt < Math.min(every, AFTER_FAILURE_MS);
  return failed ? 'calendar' : 'consultations';
}

/** Everything at first, and then once after each passing of the night's time in the connection's zone. */
export function recordModeDue(
  connection: Pick<RecordConnection, 'fullCompareAt' | 'timeZone'>,
  state: Pick<ScheduleState, 'lastCompletedByMode'>,
  now: number,
): RecordMode {
  const { comprehensive, incremental } = state.lastCompletedByMode;
  if (comprehensive === undefined && incremental === undefined) return 'comprehensive';
  if (connection.fullCompareAt === null) return 'incremental';
  return (comprehensive ?? 0) < lastPassing(connection.fullCompareAt, connection.timeZone, now)
    ? 'comprehensive'
    : 'incremental';
}

/** When the wall clock last showed that time; a time that a clock change skips counts as the same distance after it. */
function lastPassing(minute: number, timeZone: string, now: number): number {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate();
  const plainTime = Temporal.PlainTime.from({ hour: Math.floor(minute / 60), minute: minute % 60 });
  for (const days of [0, -1]) {
    const at = today.add({ days }).toZonedDateTime({ timeZone, plainTime }).epochMilliseconds;
    if (at <= now) return at;
  }
  return now;
}

/** What a person asked for, in words that fit every connector. */
export type Thoroughness = 'changes' | 'active' | 'comprehensive';

export function modeFor(connection: Connection, thoroughness: Thoroughness): RunMode {
  if (isBookConnection(connection)) return 'calendar';
  if (isFileConnection(connection)) return thoroughness === 'comprehensive' ? 'deep' : 'quick';
  return thoroughness === 'changes' ? 'incremental' : thoroughness;
}

/** What was written down about visits is compared while it is copied: nobody can say before what that will be. */
export function hasPlan(mode: string): boolean {
  return mode !== 'consultations';
}

/** @throws SyncError `settings_invalid` when the connection has no such mode */
export function checkMode(connection: Connection, mode: string): RunMode {
  const modes: readonly RunMode[] = isFileConnection(connection)
    ? FILE_MODES
    : isBookConnection(connection)
      ? BOOK_MODES
      : RECORD_MODES;
  const known = modes.find((name) => name === mode);
  if (known !== undefined) return known;
  throw new SyncError('settings_invalid', {
    detail: `The connection ${connection.id} (${connection.connector}) has no mode "${mode}"; it has ${modes.join(', ')}.`,
  });
}
