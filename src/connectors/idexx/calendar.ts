/**
 * An answer of the calendar as appointments. The portal is undocumented, so nothing is taken on trust: a field that is missing, a
 * time that is none or an id that comes twice makes the whole date unknown, because a row that is left out looks like a free place.
 */
import { BLOCK_TYPE, blockId, type CalendarAppointment } from '../../domain/appointments.ts';
import { widestInterval } from '../../domain/clinic-day.ts';
import { SyncError } from '../../domain/errors.ts';
import type { CalendarClinic } from '../../ports/calendar-source.ts';
import { isObject, type Json, optionalText } from './answer.ts';
import { stateOf } from './status.ts';
import { addMinutes, addSeconds, dateOf, nextDate, parseWall, timeOfWall } from './wall-time.ts';

const WRAPPERS = ['events', 'appointments', 'data', 'results'] as const;

/**
 * Fields that every row of a shape has; by them it is recognised. `ofVisits`: those that we read of every row that is neither block
 * nor roster. A field that is called otherwise one day would be lost without a word.
 */
const SHAPES = {
  detailed: {
    ofAll: [
      'id',
      'start',
      'resourceId',
      'title',
      'provider',
      'is_block',
      'is_roster',
      'current_status',
      'status_label',
    ],
    ofVisits: ['patient_name', 'first_name', 'last_name', 'phone_number', 'type_description'],
  },
  compact: {
    ofAll: ['id', 'start', 'resourceId', 'title', 'className'],
    ofVisits: ['clientPhone', 'providerName', 'appointmentType', 'status'],
  },
} as const;
type Shape = keyof typeof SHAPES;

export interface ReadCalendar {
  readonly appointments: readonly CalendarAppointment[];
  readonly rows: number;
  readonly shape: string | null;
  readonly unknownStates: readonly string[];
}

interface Row extends CalendarAppointment {
  readonly unknownState: string | null;
  /** The last date of which it takes a part. */
  readonly lastDate: string;
}

/** @throws SyncError `source_contract_changed` with the action `fail`: about this date nothing is known */
export function readCalendar(
  body: unknown,
  date: string,
  clinic: Pick<CalendarClinic, 'slotMinutes' | 'appointmentTypes'>,
  timeZone: string,
): ReadCalendar {
  const { rows, wrapper } = rowsOf(body);
  const shapes = new Set(rows.map(shapeOf));
  if (shapes.size > 1) throw doubt('Rows of one answer have different shapes.');
  const [shape] = shapes;
  if (shape === undefined) return { appointments: [], rows: 0, shape: null, unknownStates: [] };
  const minutes = new Map(clinic.appointmentTypes.map((type) => [type.name, type.minutes]));
  const durationOf = (type: string | null) => minutes.get(type ?? '') ?? clinic.slotMinutes;
  const read = rows
    .filter((row) => !flagOf(row, 'is_roster'))
    .map((row) => appointmentOf(row, shape, durationOf, timeZone))
    .filter((row) => !touches(row, date));
  refuseTwice(read);
  refuseOutside(read, date);
  return {
    appointments: read.map(({ unknownState: _, lastDate: __, ...appointment }) => appointment),
    rows: rows.length,
    shape: `${shape} in ${wrapper}`,
    unknownStates: read.flatMap((row) => (row.unknownState === null ? [] : [row.unknownState])),
  };
}

function rowsOf(body: unknown): { rows: readonly Json[]; wrapper: string } {
  const name = isObject(body) ? WRAPPERS.find((wrapper) => Array.isArray(body[wrapper])) : undefined;
  const list: unknown = name === undefined ? body : (body as Json)[name];
  if (!Array.isArray(list)) throw doubt('The answer of the calendar has no known list.');
  if (!list.every(isObject)) throw doubt('An entry of the calendar is not an object.');
  return { rows: list, wrapper: name ?? 'a bare list' };
}

function shapeOf(row: Json): Shape {
  const shape: Shape =
    Object.hasOwn(row, 'className') && !Object.hasOwn(row, 'current_status') ? 'compact' : 'detailed';
  const { ofAll, ofVisits } = SHAPES[shape];
  const isVisit = row.is_block !== true && row.is_roster !== true;
  const missing = [...ofAll, ...(isVisit ? ofVisits : [])].filter((field) => !Object.hasOwn(row, field));
  if (missing.length === 0) return shape;
  throw doubt(`Fields are missing: ${missing.join(', ')}.`);
}

function appointmentOf(row: Json, shape: Shape, durationOf: (type: string | null) => number, timeZone: string): Row {
  const isBlock = flagOf(row, 'is_block');
  const id = idOf(row.id);
  const start = parseWall(row.start);
  if (start === null) throw doubt('A time is no time.');
  const type = isBlock ? BLOCK_TYPE : optionalText(row, shape === 'detailed' ? 'type_description' : 'appointmentType');
  const end = endOf(row.end, start, () => durationOf(type));
  const { state, known, text } = isBlock ? OF_BLOCKS : stateIn(row, STATUS_FIELDS[shape]);
  const roomId = row.resourceId === null ? null : idOf(row.resourceId);
  return {
    neoAppointmentId: isBlock ? blockId(id, start, roomId) : id,
    date: dateOf(start),
    startTime: timeOfWall(start),
    endTime: timeOfWall(end),
    ...widestInterval(start, end, timeZone),
    ...peopleOf(row, shape),
    providerName: optionalText(row, shape === 'detailed' ? 'provider' : 'providerName'),
    roomId,
    appointmentType: type,
    status: state,
    unknownState: known ? null : text,
    lastDate: dateOf(addSeconds(end, -1)),
  };
}

const OF_BLOCKS = { state: 'scheduled', known: true, text: '' } as const;
/** What people read may be in their language where the other one is not. */
const STATUS_FIELDS = { detailed: ['status_label', 'current_status'], compact: ['status', 'className'] } as const;

/** The first text that is understood; when none is, the first one. */
function stateIn(row: Json, fields: readonly string[]) {
  const texts = fields.flatMap((field) => optionalText(row, field) ?? []);
  const read = texts.map((text) => ({ ...stateOf(text), text }));
  return read.find(({ known }) => known) ?? read[0] ?? { state: 'scheduled' as const, known: false, text: '' };
}

/** A flag of another kind would make an appointment of a roster, which takes a place for the whole day. */
function flagOf(row: Json, field: string): boolean {
  const value = row[field];
  if (typeof value === 'boolean') return value;
  if (value === undefined || value === null) return false;
  throw doubt(`The flag ${field} is neither true nor false.`);
}

function idOf(value: unknown): string {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^[\w.:-]{1,100}$/.test(text)) throw doubt('An id is none.');
  return text;
}

function endOf(value: unknown, start: string, minutes: () => number): string {
  if (value === undefined || value === null || value === '') return addMinutes(start, minutes());
  const end = parseWall(value);
  if (end === null) throw doubt('A time is no time.');
  if (end === start) return addMinutes(start, minutes());
  if (end < start) throw doubt('An entry ends before it begins.');
  // Longer ones are mistakes, and would block weeks.
  if (Date.parse(`${end}Z`) - Date.parse(`${start}Z`) > 7 * 86_400_000) throw doubt('An entry is longer than a week.');
  return end;
}

type People = Pick<CalendarAppointment, 'patientName' | 'clientName' | 'clientPhone'>;

function peopleOf(row: Json, shape: Shape): People {
  const phone = phoneOf(optionalText(row, shape === 'detailed' ? 'phone_number' : 'clientPhone'));
  if (row.is_block === true) return { patientName: null, clientName: null, clientPhone: phone };
  const patient = optionalText(row, shape === 'detailed' ? 'patient_name' : 'patientName');
  const client =
    shape === 'detailed'
      ? fullName(optionalText(row, 'first_name'), optionalText(row, 'last_name'))
      : turned(optionalText(row, 'clientName'));
  if (patient !== null || client !== null) return { patientName: patient, clientName: client, clientPhone: phone };
  // `PATIENT; LAST, FIRST`; without the semicolon it is the title of something else.
  const title = /^([^;]+); ?(.*)$/.exec(optionalText(row, 'title') ?? '');
  return { patientName: title?.[1] ?? null, clientName: turned(title?.[2] ?? null), clientPhone: phone };
}

function turned(name: string | null): string | null {
  if (name === null) return null;
  const [last = '', first = ''] = name.split(',').map((part) => part.trim());
  return fullName(first, last);
}

function fullName(first: string | null, last: string | null): string | null {
  const name = `${first ?? ''} ${last ?? ''}`.trim();
  return name === '' ? null : name;
}

/** E.164 of numbers that name their country, and of North American ones; others cannot be told. */
function phoneOf(typed: string | null): string | null {
  const text = (typed ?? '').trim();
  // +44 (0)20 …: the zero is for callers from the same country.
  const digits = text.replace('(0)', '').replaceAll(/\D/g, '');
  if (text.startsWith('+')) return /^[1-9]\d{7,14}$/.test(digits) ? `+${digits}` : null;
  // No area code there begins with 0 or 1.
  if (/^[2-9]\d{9}$/.test(digits)) return `+1${digits}`;
  return digits.length === 11 && digits.startsWith('1') ? `+${digits}` : null;
}

function refuseTwice(rows: readonly Row[]): void {
  const ids = new Set(rows.map((row) => row.neoAppointmentId));
  if (ids.size < rows.length) throw doubt('An id comes twice.');
}

/** Ends at the midnight at which the date begins, or begins at the one at which it ends: it belongs to another date's answer. */
function touches(row: Row, date: string): boolean {
  const before = row.endTime === '00:00' && nextDate(row.lastDate) === date;
  return before || (row.startTime === '00:00' && row.date === nextDate(date));
}

/** What takes a part of the date belongs to it; an entry over midnight comes on both dates. */
function refuseOutside(rows: readonly Row[], date: string): void {
  if (rows.some((row) => row.date > date || row.lastDate < date)) {
    throw doubt('An entry lies outside of the date that was asked for.');
  }
}

export function doubt(detail: string): SyncError {
  return new SyncError('source_contract_changed', { action: 'fail', detail });
}
