/** Times and sizes as people write them. */
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** `10m`, `1.5h`, `250ms` … in milliseconds, or null. */
export function parseDuration(text: string): number | null {
  return parse(text, DURATION_UNITS);
}

/** `50MiB`, `20 MB`, `1GiB` … in bytes, or null. */
export function parseSize(text: string): number | null {
  return parse(text, SIZE_UNITS);
}

/** `08:30` in minutes after midnight; `24:00` is 1440; else null. */
export function parseTimeOfDay(text: string): number | null {
  const match = /^(\d{1,2}):([0-5]\d)$/.exec(text);
  if (!match) return null;
  const minute = Number(match[1]) * 60 + Number(match[2]);
  return minute <= 1440 ? minute : null;
}

/** `10/1m`: so many per time, or null. */
export function parseRate(text: string): { count: number; periodMs: number } | null {
  const match = /^(\d{1,9})\/(.+)$/.exec(text);
  const count = Number(match?.[1]);
  const periodMs = match === null ? null : parseDuration(match[2]!);
  return periodMs === null || count < 1 || periodMs < 1000 || periodMs > 86_400_000 ? null : { count, periodMs };
}

function parse(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]+)$/.exec(text);
  const unit = match && Object.hasOwn(units, match[2]!) ? units[match[2]!] : undefined;
  if (!match || unit === undefined) return null;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : null;
}
