/** Instants and lengths of time, as people say them. */

/** Made once for each zone: a long list asks for them with every row, and making one takes longer than using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(
  kind: string,
  options: Intl.DateTimeFormatOptions,
  timeZone: string | undefined,
): Intl.DateTimeFormat {
  const key = `${kind} ${timeZone ?? ''}`;
  const known = formats.get(key);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-GB', { ...options, ...(timeZone === undefined ? {} : { timeZone }) });
  formats.set(key, made);
  return made;
}

/** In a zone, such as "3 Mar 2026, 20:05". */
export function instantIn(timeZone: string | undefined, iso: string): string {
  return formatOf('instant', { dateStyle: 'medium', timeStyle: 'short' }, timeZone).format(new Date(iso));
}

/** The zone as it is called at that moment, such as "GMT+11". */
export function zoneName(timeZone: string | undefined, iso: string): string {
  const parts = formatOf('zone', { timeZoneName: 'short' }, timeZone).formatToParts(new Date(iso));
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

/** The largest unit that says enough: "45 s", "4 min", "3 h", "2 days". */
export function length(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} days`;
}

/** Exact enough for a run: "1.2 s", "3 min 4 s", "2 h 5 min". */
export function took(from: string, to: string): string {
  const tenths = Math.round((Date.parse(to) - Date.parse(from)) / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(tenths / 10);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** When a day begins in a zone. @param date such as 2026-03-03 */
export function startOfDay(timeZone: string, date: string): string {
  const utc = Date.parse(`${date}T00:00:00Z`);
  // The zone's offset may change on that very day: what it is at the first guess is corrected by what it is there.
  const first = utc - offsetAt(timeZone, utc);
  return new Date(utc - offsetAt(timeZone, first)).toISOString();
}

/** How far the wall clock is ahead of UTC, in ms. */
function offsetAt(timeZone: string, at: number): number {
  const options = { timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' } as const;
  const clock = { hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
  const parts = new Intl.DateTimeFormat('en', { ...options, ...clock }).formatToParts(new Date(at));
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const wall = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  return wall - Math.floor(at / 1000) * 1000;
}
