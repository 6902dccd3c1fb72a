/** Cron expressions in a time zone. */
import { Cron } from 'croner';
import { Temporal } from 'temporal-polyfill';

/** More than any clock change moves the clock. */
const CHANGE_MS = 3 * 3600_000;

/** What was found last for an expression: a schedule asks again and again about the same firing, and the search is slow. */
interface Found {
  readonly cron: Cron;
  /** The first firing after `after` is `next`, and so it is after every instant between them. Epoch ms. */
  after: number;
  next: number;
}

/** By zone and expression. */
const found = new Map<string, Found>();
/** People may choose schedules: those of former days are forgotten. */
const KEPT = 1000;

/**
 * Times of day come once each: in the hour that a clock change repeats the first time, and one that it leaves out as much later.
 * What comes every hour goes on evenly.
 * @param expression five fields
 * @param after epoch ms
 * @returns epoch ms of the first firing after it; infinity when there is none
 */
export function nextCron(expression: string, after: number, timeZone: string): number {
  const key = `${timeZone} ${expression}`;
  let known = found.get(key);
  if (known === undefined) {
    if (found.size >= KEPT) found.clear();
    known = { cron: new Cron(expression, { timezone: timeZone, paused: true }), after: Number.NaN, next: Number.NaN };
    found.set(key, known);
  }
  if (!(known.after <= after && after < known.next)) {
    known.next = search(known.cron, expression, after, timeZone);
    known.after = after;
  }
  return known.next;
}

function search(cron: Cron, expression: string, after: number, timeZone: string): number {
  const next = cron.nextRun(new Date(after))?.getTime() ?? Number.POSITIVE_INFINITY;
  const everyHour = expression.trim().split(/\s+/)[1] === '*';
  if (everyHour || !Number.isFinite(next) || !isNearChange(after, next, timeZone)) return next;
  return nextTimeOfDay(expression, after, timeZone);
}

/** Of each zone the time around the last question in which its clock does not change: looked up seldom, as that takes long. */
const steady = new Map<string, { readonly from: number; readonly to: number }>();

function isNearChange(after: number, next: number, timeZone: string): boolean {
  const begin = after - CHANGE_MS;
  let known = steady.get(timeZone);
  if (known === undefined || begin < known.from || begin >= known.to) {
    const changeOf = (ms: number, which: 'previous' | 'next') =>
      zonedOf(ms, timeZone).getTimeZoneTransition(which)?.epochMilliseconds;
    known = {
      from: changeOf(begin + 1, 'previous') ?? Number.NEGATIVE_INFINITY,
      to: changeOf(begin, 'next') ?? Number.POSITIVE_INFINITY,
    };
    steady.set(timeZone, known);
  }
  return next + CHANGE_MS >= known.to;
}

/** By the clock on the wall, which is then looked up in the zone. */
function nextTimeOfDay(expression: string, after: number, timeZone: string): number {
  const cron = new Cron(expression, { timezone: 'UTC', paused: true });
  const wallOf = (ms: number) => zonedOf(ms, timeZone).toPlainDateTime().toZonedDateTime('UTC').epochMilliseconds;
  let first = Number.POSITIVE_INFINITY;
  for (let last = wallOf(after) - CHANGE_MS; ; ) {
    const wall = cron.nextRun(new Date(last))?.getTime();
    // What a change moves may come after what followed it on the wall.
    if (wall === undefined || (Number.isFinite(first) && wall > wallOf(first) + CHANGE_MS)) return first;
    const at = zonedOf(wall, 'UTC').toPlainDateTime().toZonedDateTime(timeZone).epochMilliseconds;
    if (at > after) first = Math.min(first, at);
    last = wall;
  }
}

function zonedOf(ms: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone);
}

/** @returns epoch ms of the last firing at or before it; minus infinity when there was none */
export function previousCron(expression: string, at: number, timeZone: string): number {
  const cron = new Cron(expression, { timezone: timeZone, paused: true });
  const [last] = cron.previousRuns(1, new Date(at + 1000));
  return last?.getTime() ?? Number.NEGATIVE_INFINITY;
}
