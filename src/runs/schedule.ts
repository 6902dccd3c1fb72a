/** When is the next run due? Pure: the caller brings the clock. */
import { Temporal } from 'temporal-polyfill';
import type { EverySchedule, WindowSchedule } from '../domain/schedule.ts';

/** Intervals are at most a week and a window comes at least once a week, so two weeks always hold a due time. */
const HORIZON_DAYS = 16;

interface Interval {
  /** Epoch ms, end exclusive. */
  readonly start: number;
  readonly end: number;
}

/**
 * @param lastStart epoch ms of the latest run's start, null before the first
 * @param now epoch ms
 * @param timeZone IANA zone of the windows' wall time
 * @returns epoch ms, never before `now`: equal to `now` when a run is due. A schedule that was missed is made up for
 *   once, and only at a time at which it runs at all.
 */
export function nextDue(
  schedule: EverySchedule | WindowSchedule,
  lastStart: number | null,
  now: number,
  timeZone: string,
): number {
  // A start in the future was written by a clock that has been set back; waiting for it could take years.
  const last = lastStart === null ? null : Math.min(lastStart, now);
  const dueAfter = (intervalMs: number) => (last === null ? now : Math.max(now, last + intervalMs));
  if (schedule.kind === 'every') return dueAfter(schedule.everyMs);

  let outsideFrom = now;
  for (const window of windowsFrom(schedule, now, timeZone)) {
    if (schedule.elseMs !== null) {
      const due = Math.max(dueAfter(schedule.elseMs), outsideFrom);
      if (due < window.start) return due;
    }
    const due = Math.max(dueAfter(schedule.everyMs), window.start);
    if (due < window.end) return due;
    outsideFrom = window.end;
  }
  // Only windows that a clock change swallows whole, every time, lead here.
  return Math.max(dueAfter(schedule.elseMs ?? schedule.everyMs), outsideFrom);
}

/** Windows that end after `now`, in order, joined where they touch or overlap. Mostly the first one is all that is asked for. */
function* windowsFrom(schedule: WindowSchedule, now: number, timeZone: string): Generator<Interval, void, undefined> {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate();
  let open: Interval | null = null;
  for (let offset = -1; offset <= HORIZON_DAYS; offset++) {
    const day = today.add({ days: offset });
    if (!schedule.days.includes(day.dayOfWeek)) continue;
    const overnight = schedule.toMinute <= schedule.fromMinute ? 1440 : 0;
    const start = instantOf(day, schedule.fromMinute, timeZone);
    const end = instantOf(day, schedule.toMinute + overnight, timeZone);
    if (open !== null && start <= open.end) {
      open = { start: open.start, end: Math.max(open.end, end) };
    } else if (end > now && end > start) {
      if (open !== null) yield open;
      open = { start, end };
    }
  }
  if (open !== null) yield open;
}

/** Wall time that a clock change skips is taken as the same distance after the change; one that comes twice, as the first. */
function instantOf(day: Temporal.PlainDate, minute: number, timeZone: string): number {
  const date = day.add({ days: Math.floor(minute / 1440) });
  const time = Temporal.PlainTime.from({ hour: Math.floor((minute % 1440) / 60), minute: minute % 60 });
  return date.toZonedDateTime({ timeZone, plainTime: time }).epochMilliseconds;
}
