/** Cron expressions in a time zone. */
import { Cron } from 'croner';

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
    known.next = known.cron.nextRun(new Date(after))?.getTime() ?? Number.POSITIVE_INFINITY;
    known.after = after;
  }
  return known.next;
}

/** @returns epoch ms of the last firing at or before it; minus infinity when there was none */
export function previousCron(expression: string, at: number, timeZone: string): number {
  const cron = new Cron(expression, { timezone: timeZone, paused: true });
  const [last] = cron.previousRuns(1, new Date(at + 1000));
  return last?.getTime() ?? Number.NEGATIVE_INFINITY;
}
