/** Times are whole seconds of UNIX time inside, and text with a `Z` outside. */
export type Seconds = number;

export const MINUTE = 60;
export const HOUR = 3600;
export const DAY = 86_400;

export function secondsOf(date: Date): Seconds {
  return Math.floor(date.getTime() / 1000);
}

export function utc(seconds: Seconds): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

export function utcOrNull(seconds: Seconds | null): string | null {
  return seconds === null ? null : utc(seconds);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Fractions are kept: a filter may carry them although no record does. @returns null when it is no UTC time */
export function parseUtc(text: string): number | null {
  if (!TIME.test(text)) return null;
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? null : milliseconds / 1000;
}

/** Local calendar day and minute of the day in a time zone. */
export function localTime(seconds: Seconds, formatter: Intl.DateTimeFormat): { day: string; minute: number } {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatter.formatToParts(seconds * 1000)) parts[type] = value;
  return {
    day: `${parts.year}-${parts.month}-${parts.day}`,
    minute: Number(parts.hour) * 60 + Number(parts.minute),
  };
}

export function localFormatter(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
}
