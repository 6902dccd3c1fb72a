/** Times as the portal has them: wall clock of the clinic, without a zone. Written with `Intl` alone. */

/** `YYYY-MM-DD HH:MM:SS`. Sorts and compares as text. */
export type Wall = string;
/** `YYYY-MM-DD` */
export type Day = string;
export type TimeFormat = 'space' | 'iso' | 'dotted';

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timeZone: string): Intl.DateTimeFormat {
  let found = formatters.get(timeZone);
  if (!found) {
    found = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formatters.set(timeZone, found);
  }
  return found;
}

/** What the clock on the clinic's wall shows. @throws RangeError for an unknown zone */
export function wallAt(instant: number, timeZone: string): Wall {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatter(timeZone).formatToParts(instant)) parts[type] = value;
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}:${parts.second}`;
}

/** The instants at which the clock shows this: none in a spring gap, two in an autumn overlap. */
export function instantsOf(wall: Wall, timeZone: string): number[] {
  const serial = serialOf(wall);
  const found = new Set<number>();
  for (const around of [serial - 86_400_000, serial + 86_400_000]) {
    const offset = serialOf(wallAt(around, timeZone)) - around;
    if (wallAt(serial - offset, timeZone) === wall) found.add(serial - offset);
  }
  return [...found].sort((a, b) => a - b);
}

function serialOf(wall: Wall): number {
  return Date.parse(`${wall.replace(' ', 'T')}Z`);
}

/** On the dial only: an hour that a change of the clock skips is counted too. */
export function addMinutes(wall: Wall, minutes: number): Wall {
  // Most often it stays within the day; then text is ten times as fast as a date.
  const inDay = Number(wall.slice(11, 13)) * 60 + Number(wall.slice(14, 16)) + minutes;
  if (inDay >= 0 && inDay < 1440 && Number.isInteger(inDay)) {
    const hour = String(Math.floor(inDay / 60)).padStart(2, '0');
    return `${wall.slice(0, 11)}${hour}:${String(inDay % 60).padStart(2, '0')}${wall.slice(16)}`;
  }
  return new Date(serialOf(wall) + minutes * 60_000).toISOString().slice(0, 19).replace('T', ' ');
}

export function minutesBetween(from: Wall, to: Wall): number {
  return (serialOf(to) - serialOf(from)) / 60_000;
}

export function dayOf(wall: Wall): Day {
  return wall.slice(0, 10);
}

/** `HH:MM` */
export function timeOf(wall: Wall): string {
  return wall.slice(11, 16);
}

export function at(day: Day, time: string): Wall {
  return `${day} ${time}:00`;
}

export function addDays(day: Day, days: number): Day {
  return dayOf(addMinutes(at(day, '00:00'), days * 1440));
}

/** From the first to the last day, both included. */
export function daysBetween(first: Day, last: Day): Day[] {
  const days: Day[] = [];
  for (let day = first; day <= last; day = addDays(day, 1)) days.push(day);
  return days;
}

/** 0 = Sunday */
export function weekdayOf(day: Day): number {
  return new Date(`${day}T00:00:00Z`).getUTCDay();
}

export function formatWall(wall: Wall, format: TimeFormat): string {
  if (format === 'iso') return wall.replace(' ', 'T');
  if (format === 'dotted') return wall.replace(/^(\d{4})-(\d\d)-(\d\d)/, '$3.$2.$1');
  return wall;
}

/** Reads all three formats, with or without seconds, and a bare date. Null when it is none of them. */
export function parseWall(text: string): Wall | null {
  const match = /^(?:(\d{4})-(\d\d)-(\d\d)|(\d\d)\.(\d\d)\.(\d{4}))(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?$/.exec(
    text.trim(),
  );
  if (!match) return null;
  const [, y, m, d, d2, m2, y2, hour = '00', minute = '00', second = '00'] = match;
  const wall = `${y ?? y2}-${m ?? m2}-${d ?? d2} ${hour}:${minute}:${second}`;
  return Number.isNaN(serialOf(wall)) ? null : wall;
}
