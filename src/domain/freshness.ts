/** How old the book of a date is, and when that must be told to somebody. */

export interface DayRead {
  readonly date: string;
  /** Epoch ms at which the last good read of the date began; null: there was none. */
  readonly readAt: number | null;
  /** Of the last read, when it failed. */
  readonly failedAt: number | null;
  readonly failedCode: string | null;
}

export interface FreshnessLimits {
  readonly staleAfterMinutes: number;
  readonly alarmAfterMinutes: number;
}

/** `alarm`: older than the limit of alarms, or never read at all. */
export type Freshness = 'fresh' | 'stale' | 'alarm';

export interface DayFreshness extends DayRead {
  /** Null: never read. */
  readonly ageMinutes: number | null;
  readonly freshness: Freshness;
  /** `Tomorrow's book is 4 minutes old.` */
  readonly sentence: string;
}

/**
 * @param today where the clinic is
 * @param tomorrow the date after it
 */
export function freshnessOf(
  day: DayRead,
  at: { readonly now: number; readonly today: string; readonly tomorrow: string },
  limits: FreshnessLimits,
): DayFreshness {
  const ageMinutes = day.readAt === null ? null : Math.max(0, Math.floor((at.now - day.readAt) / 60_000));
  const name =
    day.date === at.today ? "Today's book" : day.date === at.tomorrow ? "Tomorrow's book" : `The book of ${day.date}`;
  const age = ageMinutes === null ? 'has never been read' : `is ${ageOf(ageMinutes)} old`;
  const failed = day.failedAt === null ? '' : '; its last read failed';
  return { ...day, ageMinutes, freshness: judge(ageMinutes, limits), sentence: `${name} ${age}${failed}.` };
}

function judge(ageMinutes: number | null, limits: FreshnessLimits): Freshness {
  if (ageMinutes === null || ageMinutes >= limits.alarmAfterMinutes) return 'alarm';
  return ageMinutes >= limits.staleAfterMinutes ? 'stale' : 'fresh';
}

function ageOf(minutes: number): string {
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
