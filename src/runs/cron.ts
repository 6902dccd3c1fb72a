/** Cron expressions in a time zone. */
import { Cron } from 'croner';

/**
 * @param expression five fields
 * @param after epoch ms
 * @returns epoch ms of the first firing after it; infinity when there is none
 */
export function nextCron(expression: string, after: number, timeZone: string): number {
  const cron = new Cron(expression, { timezone: timeZone, paused: true });
  return cron.nextRun(new Date(after))?.getTime() ?? Number.POSITIVE_INFINITY;
}

/** @returns epoch ms of the last firing at or before it; minus infinity when there was none */
export function previousCron(expression: string, at: number, timeZone: string): number {
  const cron = new Cron(expression, { timezone: timeZone, paused: true });
  const [last] = cron.previousRuns(1, new Date(at + 1000));
  return last?.getTime() ?? Number.NEGATIVE_INFINITY;
}
