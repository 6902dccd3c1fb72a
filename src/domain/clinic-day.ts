/**
 * The wall clock of a clinic: which instants a local time stands for.
 *
 * A day has 23 or 25 hours (or half an hour more or less) when the clocks change, so a day is a list of stretches in which wall
 * time and real time go at one speed. Times are `HH:MM`, dates `YYYY-MM-DD`, instants epoch milliseconds.
 */
import { Temporal } from 'temporal-polyfill';

const MINUTE_MS = 60_000;
const MINUTES_OF_DAY = 1440;

/** A part of a day without a change of the clocks. */
export interface Stretch {
  readonly startsAt: number;
  readonly endsAt: number;
  /** What the clock shows at its beginning, in minutes after midnight. */
  readonly wallStart: number;
}

/** In the order of time. Two with overlapping wall times when an hour comes twice, with a gap between them when one is left out. */
export function stretchesOf(date: string, timeZone: string): readonly Stretch[] {
  const day = Temporal.PlainDate.from(date);
  const midnight = Date.UTC(day.year, day.month - 1, day.day);
  const start = day.toZonedDateTime(timeZone);
  const end = day.add({ days: 1 }).toZonedDateTime(timeZone);
  const stretch = (from: Temporal.ZonedDateTime, to: Temporal.ZonedDateTime): Stretch => ({
    startsAt: from.epochMilliseconds,
    endsAt: to.epochMilliseconds,
    wallStart: (from.epochMilliseconds + from.offsetNanoseconds / 1e6 - midnight) / MINUTE_MS,
  });
  // Some midnights do not exist: then both may already stand after a change, and the day is shorter.
  const change = start.offsetNanoseconds === end.offsetNanoseconds ? null : start.getTimeZoneTransition('next');
  if (change === null || change.epochMilliseconds >= end.epochMilliseconds) return [stretch(start, end)];
  return [stretch(start, change), stretch(change, end)];
}

/** Today where the clinic is. */
export function localDate(instant: number, timeZone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timeZone).toPlainDate().toString();
}

/** All dates from `from` to `to`, both included; none when `to` is earlier. */
export function datesBetween(from: string, to: string): readonly string[] {
  const dates: string[] = [];
  const last = Temporal.PlainDate.from(to);
  for (
    let day = Temporal.PlainDate.from(from);
    Temporal.PlainDate.compare(day, last) <= 0;
    day = day.add({ days: 1 })
  ) {
    dates.push(day.toString());
  }
  return dates;
}

/** 0 = Sunday. */
export function weekdayOf(date: string): number {
  return Temporal.PlainDate.from(date).dayOfWeek % 7;
}

/**
 * The instants between two wall times of a source that knows no zone.
 *
 * A time in the hour that comes twice may mean either, one in the hour that is left out means neither: then this is the
 * longest time that may be meant. A place too many that is kept free costs less than one that is sold twice.
 *
 * @param start `YYYY-MM-DDTHH:MM[:SS]`
 */
export function widestInterval(start: string, end: string, timeZone: string): { startsAt: number; endsAt: number } {
  const instant = (text: string, disambiguation: 'earlier' | 'later') =>
    Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone, { disambiguation }).epochMilliseconds;
  return { startsAt: instant(start, 'earlier'), endsAt: instant(end, 'later') };
}

/** The instant of a wall time; one that the clocks leave out is as much later, one that comes twice the first. @param wall `YYYY-MM-DDTHH:MM[:SS[.fff]]` */
export function instantAt(wall: string, timeZone: string): number {
  return Temporal.PlainDateTime.from(wall).toZonedDateTime(timeZone).epochMilliseconds;
}

/** @param time `HH:MM`, seconds are ignored; 24:00 is the end of the day */
export function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}

/** @param minutes after midnight, 0–1440 */
export function timeOf(minutes: number): string {
  if (!Number.isInteger(minutes) || minutes < 0 || minutes > MINUTES_OF_DAY) {
    throw new RangeError(`${minutes} is no time of a day.`);
  }
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}
