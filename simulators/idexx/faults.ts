/** Everything that can be wrong with the portal. All switches may be changed between two requests. */
import type { CalendarRow } from './calendar.ts';
import type { ConsultationPage } from './consultations.ts';
import { addDays, type Day, dayOf, daysBetween } from './wall.ts';
import type { Clinic } from './world.ts';

export interface Faults {
  /** Requests that `slowMs`, `reset`, `serverError`, `tooManyRequests`, `html` and `halfJson` hit, by how the path begins; null: all JSON calls. */
  paths: string[] | null;
  /** These six end by themselves after so many requests; null: never. */
  remaining: number | null;

  slowMs: number;
  /** The connection is cut before an answer. */
  reset: boolean;
  /** An HTML error page with this status. */
  serverError: 500 | 502 | 503 | null;
  tooManyRequests: { retryAfterSeconds: number | null } | null;
  /** 200 with an HTML page in place of JSON. */
  html: boolean;
  /** 200 with the first half of the JSON. */
  halfJson: boolean;

  /** Nothing answers any more: connections are cut, or a maintenance page with 503. */
  down: 'reset' | 'maintenance' | null;
  /** After so many further requests of any kind `down` begins, as `downAs`. */
  downAfter: number | null;
  downAs: 'reset' | 'maintenance';
  /** Every k-th JSON call finds its session ended. */
  loseSessionEvery: number | null;
  /** JSON calls are refused to whoever is no page of the portal: with 403, or with an HTML page. */
  onlyPages: 'forbidden' | 'html' | null;
  /** A write is done, but its answer never arrives. */
  loseWriteAnswers: boolean;

  /** Calendar: 200 and no rows, for all or for some dates. */
  emptyCalendar: boolean;
  emptyDates: Day[];
  /** Calendar: 200 with rosters and blocks, and without one visit, for these dates. */
  visitlessDates: Day[];
  /** Calendar: a request that touches this date fails so many times. */
  failDates: Record<Day, number>;
  failDatesWith: 'error' | 'reset' | 'html' | 'empty';
  /** Calendar: when the answer for `after` has been made, an appointment goes to the same time of another date; once. */
  moves: { after: Day; id: string; to: Day }[];
  /** Calendar: times that are no times, lie an hour off, or end before they start. */
  wrongTimes: 'invalid' | 'shifted' | 'reversed' | null;
  /** Calendar: every third row has the id of the row before it. */
  repeatIds: boolean;
  /** Calendar: the last row once more, as if it were in the year before. */
  outsideWindow: boolean;
  /** Calendar: fields have other names, or the list is in an object under a name nobody knows. */
  changedShape: 'fields' | 'wrapper' | null;
  /**
   * Consultations: the second page lacks one, or is the first one again; somebody writes one while they are read; one in three is
   * left out and not counted; their fields have other names.
   */
  consultationPages: 'short' | 'same' | 'growing' | 'hidden' | 'renamed' | null;
}

export function noFaults(): Faults {
  return {
    paths: null,
    remaining: null,
    slowMs: 0,
    reset: false,
    serverError: null,
    tooManyRequests: null,
    html: false,
    halfJson: false,
    down: null,
    downAfter: null,
    downAs: 'reset',
    loseSessionEvery: null,
    onlyPages: null,
    loseWriteAnswers: false,
    emptyCalendar: false,
    emptyDates: [],
    visitlessDates: [],
    failDates: {},
    failDatesWith: 'error',
    moves: [],
    wrongTimes: null,
    repeatIds: false,
    outsideWindow: false,
    changedShape: null,
    consultationPages: null,
  };
}

/** Whether the general faults hit this request; uses one of the remaining times up. */
export function hits(faults: Faults, path: string, isCall: boolean): boolean {
  const { paths, slowMs, reset, serverError, tooManyRequests, html, halfJson } = faults;
  if (!(slowMs > 0 || reset || serverError !== null || tooManyRequests !== null || html || halfJson)) return false;
  if (!(paths === null ? isCall : paths.some((start) => path.startsWith(start)))) return false;
  if (faults.remaining === null) return true;
  if (faults.remaining <= 0) return false;
  faults.remaining--;
  return true;
}

/** Counts a request towards `downAfter`. */
export function countDown(faults: Faults): void {
  if (faults.downAfter === null || faults.down !== null) return;
  if (faults.downAfter > 0) faults.downAfter--;
  else faults.down = faults.downAs;
}

/** Whether a calendar request for these days fails; uses one time of each such date up. */
export function failsDates(faults: Faults, first: Day, last: Day): boolean {
  let fails = false;
  for (const [day, left] of Object.entries(faults.failDates)) {
    if (left <= 0 || day < first || day > last) continue;
    faults.failDates[day] = left - 1;
    fails = true;
  }
  return fails;
}

/** Somebody moves appointments between two requests. */
export function moveOn(faults: Faults, clinic: Clinic, first: Day, last: Day): void {
  const due = faults.moves.filter(({ after }) => after >= first && after <= last);
  for (const { id, to } of due) {
    const event = clinic.events.find((candidate) => candidate.id === id);
    if (event === undefined) continue;
    const days = daysBetween(dayOf(event.start), dayOf(event.end ?? event.start)).length - 1;
    event.start = `${to}${event.start.slice(10)}`;
    if (event.end !== null) event.end = `${addDays(to, days)}${event.end.slice(10)}`;
  }
  faults.moves = faults.moves.filter((move) => !due.includes(move));
}

/** The rows as the faults leave them. */
export function spoilRows(faults: Faults, rows: readonly CalendarRow[], first: Day, last: Day): CalendarRow[] {
  if (faults.emptyCalendar) return [];
  const empty =
    faults.emptyDates.length > 0 ? daysBetween(first, last).filter((d) => faults.emptyDates.includes(d)) : [];
  let out = rows.filter(({ start }) => !empty.some((day) => String(start).startsWith(day)));
  const isVisit = (row: CalendarRow) => row.is_block !== true && row.is_roster !== true;
  out = out.filter((row) => !(isVisit(row) && faults.visitlessDates.some((day) => String(row.start).startsWith(day))));
  if (faults.repeatIds) out = out.map((row, i) => (i % 3 === 2 ? { ...row, ...idsOf(out[i - 1]!) } : row));
  if (faults.outsideWindow && out.length > 0) out.push(yearBefore(out.at(-1)!));
  if (faults.wrongTimes) out = out.map((row) => spoilTimes(row, faults.wrongTimes!));
  if (faults.changedShape === 'fields') out = out.map(renameFields);
  return out;
}

/** A page of consultations as the faults leave it. @param page its number. @param again the page with another number */
export function spoilConsultations(
  faults: Faults,
  body: ConsultationPage,
  page: number,
  again: (page: number) => ConsultationPage,
): ConsultationPage {
  const how = faults.consultationPages;
  if (how === 'short' && page === 2) return { ...body, data: body.data.slice(1) };
  if (how === 'same' && page > 1) return { ...body, data: again(1).data.slice(0, body.data.length) };
  if (how === 'growing' && page > 1) return { ...body, total: body.total + 1 };
  if (how === 'hidden') {
    const left = body.data.filter((_, i) => i % 3 !== 2);
    return { ...body, data: left, total: left.length };
  }
  if (how === 'renamed') {
    return { ...body, data: body.data.map(({ appointmentId, ...item }) => ({ ...item, visitId: appointmentId })) };
  }
  return body;
}

/** For a rename of the list itself. */
export function spoilWrapper(faults: Faults, body: unknown, rows: readonly CalendarRow[]): unknown {
  return faults.changedShape === 'wrapper' ? { payload: { items: rows }, version: 2 } : body;
}

function idsOf(row: CalendarRow): CalendarRow {
  return 'appointment_id' in row ? { id: row.id, appointment_id: row.appointment_id } : { id: row.id };
}

function eachTime(row: CalendarRow, change: (text: string) => string): CalendarRow {
  const out = { ...row, start: change(String(row.start)) };
  return 'end' in row ? { ...out, end: change(String(row.end)) } : out;
}

function yearBefore(row: CalendarRow): CalendarRow {
  const earlier = eachTime(row, (text) => text.replace(/\b2\d{3}\b/, (year) => String(Number(year) - 1)));
  const id = `${String(row.id)}0`;
  return 'appointment_id' in row ? { ...earlier, id, appointment_id: id } : { ...earlier, id };
}

function spoilTimes(row: CalendarRow, how: 'invalid' | 'shifted' | 'reversed'): CalendarRow {
  if (how === 'invalid') return eachTime(row, (text) => text.replace(/\d\d:\d\d:\d\d$/, '25:61:00'));
  if (how === 'reversed') return 'end' in row ? { ...row, start: row.end, end: row.start } : row;
  return eachTime(row, (text) =>
    text.replace(
      /(\d\d):(\d\d:\d\d)$/,
      (_, hour: string, rest: string) => `${String((Number(hour) + 1) % 24).padStart(2, '0')}:${rest}`,
    ),
  );
}

function renameFields(row: CalendarRow): CalendarRow {
  const names: Record<string, string> = { id: 'eventId', start: 'startsAt', end: 'endsAt', resourceId: 'columnId' };
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [names[name] ?? name, value]));
}
