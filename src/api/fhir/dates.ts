/**
 * Dates of a search as ranges of instants (HL7 FHIR R4, "Search", date parameters): a year, month, day or instant is all the time
 * that it covers, and a prefix says where the value has to be.
 */

/** Half open, ISO instants. */
export interface Range {
  readonly from?: string;
  readonly before?: string;
}

const DATE =
  /^(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d{4})(?:-(\d\d)(?:-(\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?)?)?$/;
/** PostgreSQL knows no year 0, and ISO texts of years with five digits look otherwise. */
const FIRST = Date.parse('0001-01-02T00:00:00Z');
const END = Date.parse('9999-12-31T00:00:00Z');
/** Of the time between now and the date: what counts as about that date. */
const ABOUT = 0.1;

/** @returns the ranges of which one has to hold the value; null when the text is no date */
export function rangesOf(text: string, now: number): Range[] | null {
  // In a URL a plus sign is a blank.
  const match = DATE.exec(text.replace(' ', '+'));
  if (match === null) return null;
  const [, prefix = 'eq', year = '', month, day, time] = match;
  const covered = coveredBy(Number(year), month, day, time);
  if (covered === null) return null;
  const { start, end } = covered;
  const margin = Math.abs(now - start) * ABOUT;
  switch (prefix) {
    case 'ge':
      return [range(start, null)];
    case 'gt':
    case 'sa':
      return [range(end, null)];
    case 'lt':
    case 'eb':
      return [range(null, start)];
    case 'le':
      return [range(null, end)];
    case 'ne':
      return [range(null, start), range(end, null)];
    case 'ap':
      return [range(start - margin, end + margin)];
    default:
      return [range(start, end)];
  }
}

function coveredBy(
  year: number,
  month: string | undefined,
  day: string | undefined,
  time: string | undefined,
): { start: number; end: number } | null {
  if (time !== undefined) {
    const start = Date.parse(`${String(year).padStart(4, '0')}-${month}-${day}${time}`);
    // A second or a minute, when nothing smaller is said.
    const length = time.includes('.') ? 1 : /T\d\d:\d\d:\d\d/.test(time) ? 1000 : 60_000;
    return isCovered(start) && isDay(year, month, day) ? { start, end: start + length } : null;
  }
  if (!isDay(year, month ?? '01', day ?? '01')) return null;
  const at = (y: number, m: number, d: number) => new Date(0).setUTCFullYear(y, m, d);
  const m = Number(month ?? 1) - 1;
  const d = Number(day ?? 1);
  const start = at(year, m, d);
  const end = month === undefined ? at(year + 1, 0, 1) : day === undefined ? at(year, m + 1, 1) : at(year, m, d + 1);
  return isCovered(end) || year === 9999 ? { start: Math.max(start, FIRST), end } : null;
}

function isCovered(at: number): boolean {
  return at > FIRST;
}

function isDay(year: number, month = '', day = ''): boolean {
  const date = new Date(new Date(0).setUTCFullYear(year, Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

function range(from: number | null, before: number | null): Range {
  return {
    ...(from === null || from <= FIRST ? {} : { from: new Date(Math.min(from, END)).toISOString() }),
    ...(before === null || before >= END ? {} : { before: new Date(Math.max(before, FIRST)).toISOString() }),
  };
}
