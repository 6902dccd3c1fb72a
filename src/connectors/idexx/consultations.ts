/**
 * The list of consultations, page by page. The portal counts them itself: unless every page adds up to that count, each one once, the
 * list is not known, and what is not on it says nothing.
 */

import { widestInterval } from '../../domain/clinic-day.ts';
import type { Consultation, ConsultationState, Vitals } from '../../domain/consultations.ts';
import { SyncError } from '../../domain/errors.ts';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import { isObject, type Json, optionalText } from './answer.ts';
import { doubt } from './calendar.ts';
import { dateOf, parseWall } from './wall-time.ts';

interface Page {
  readonly items: readonly Json[];
  readonly total: number;
  readonly page: number;
  readonly perPage: number;
}

/** People write while it is read: then it is read again. */
const ATTEMPTS = 3;
/** More are a mistake. */
const MOST = 200_000;
const LONGEST_NOTES = 100_000;
/** Without one of these, something that we keep would be lost without a word. */
const FIELDS = [
  'id',
  'appointmentId',
  'patientName',
  'clientName',
  'providerName',
  'consultedAt',
  'status',
  'clinicalNotes',
  'vitals',
  'diagnoses',
];

/** As the portal's own page asks for them. */
export function consultationQuery(window: DateWindow, page: number): Record<string, string> {
  const dotted = (date: string) => date.split('-').reverse().join('.');
  return {
    page: String(page),
    date_start: `${dotted(window.from)} 00:00:00`,
    date_end: `${dotted(window.to)} 23:59:59`,
    'order[]': 'consultedAt:desc',
  };
}

/**
 * @param ask answers with the body of one page
 * @throws SyncError `source_incomplete` when the pages do not add up, `source_contract_changed`
 */
export async function readAllPages(
  ask: (page: number) => Promise<unknown>,
  about: { readonly window: DateWindow; readonly timeZone: string },
  onPage: (read: number, total: number) => void = () => undefined,
): Promise<{ consultations: readonly Consultation[]; total: number }> {
  for (let attempt = 1; ; attempt++) {
    const items: Json[] = [];
    const first = pageOf(await ask(1));
    const pages = Math.max(1, Math.ceil(first.total / first.perPage));
    let trouble = wrongWith(first, first, 1);
    items.push(...first.items);
    onPage(items.length, first.total);
    for (let number = 2; number <= pages && trouble === null; number++) {
      const page = pageOf(await ask(number));
      trouble = wrongWith(page, first, number);
      items.push(...page.items);
      onPage(items.length, first.total);
    }
    const ids = new Set(items.map((item) => idOf(item.id)));
    if (trouble === null && ids.size < items.length) trouble = 'A consultation comes twice.';
    if (trouble === null) {
      return { consultations: items.map((item) => consultationOf(item, about)), total: first.total };
    }
    if (attempt >= ATTEMPTS) throw new SyncError('source_incomplete', { detail: trouble });
  }
}

function pageOf(body: unknown): Page {
  if (!isObject(body) || !Array.isArray(body.data) || !body.data.every(isObject)) {
    throw doubt('The list of consultations has no known shape.');
  }
  const number = (name: string, least: number) => {
    const value = Number(body[name]);
    if (body[name] === null || !Number.isInteger(value) || value < least || value > MOST) {
      throw doubt(`The list of consultations does not say ${name}.`);
    }
    return value;
  };
  return { items: body.data, total: number('total', 0), page: number('page', 1), perPage: number('perPage', 1) };
}

/** @returns a sentence; null: it fits to the first page */
function wrongWith(page: Page, first: Page, number: number): string | null {
  if (page.total !== first.total || page.perPage !== first.perPage) {
    return `The number of consultations changed from ${first.total} to ${page.total} while they were read.`;
  }
  if (page.page !== number) return `Page ${page.page} came in place of page ${number}.`;
  const expected = Math.min(first.perPage, first.total - (number - 1) * first.perPage);
  if (page.items.length === expected) return null;
  return `Page ${number} of consultations has ${page.items.length} in place of ${expected}.`;
}

function consultationOf(
  item: Json,
  { window, timeZone }: { readonly window: DateWindow; readonly timeZone: string },
): Consultation {
  const missing = FIELDS.filter((field) => !Object.hasOwn(item, field));
  if (missing.length > 0) throw doubt(`Fields of a consultation are missing: ${missing.join(', ')}.`);
  const wall = parseWall(item.consultedAt);
  if (wall === null) throw doubt('The time of a consultation is none.');
  const date = dateOf(wall);
  if (date < window.from || date > window.to) throw doubt('A consultation lies outside of the dates asked for.');
  const rawStatus = optionalText(item, 'status') ?? '';
  const appointment = item.appointmentId;
  const isNone = appointment === null || appointment === '';
  return {
    neoConsultationId: idOf(item.id),
    neoAppointmentId: isNone ? null : idOf(appointment),
    consultedAt: widestInterval(wall, wall, timeZone).startsAt,
    date,
    patientName: optionalText(item, 'patientName'),
    clientName: optionalText(item, 'clientName'),
    providerName: optionalText(item, 'providerName'),
    status: stateOf(rawStatus),
    rawStatus,
    notes: notesOf(item.clinicalNotes),
    vitals: item.vitals === null ? null : vitalsOf(item.vitals),
    diagnoses: diagnosesOf(item.diagnoses),
  };
}

function stateOf(text: string): ConsultationState {
  const lower = text.toLowerCase();
  if (lower.includes('cancel')) return 'cancelled';
  return /finali[sz]ed|\bcomplete/.test(lower) ? 'completed' : 'in_progress';
}

function idOf(value: unknown): string {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^[\w.-]{1,100}$/.test(text)) throw doubt('An id of a consultation is none.');
  return text;
}

function notesOf(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value !== 'string' || value.length > LONGEST_NOTES) throw doubt('Notes are no text.');
  const text = value.replaceAll('\0', '').trim();
  return text === '' ? null : text;
}

function diagnosesOf(value: unknown): readonly string[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw doubt('Diagnoses are no list.');
  return value.map((one) => {
    const name = isObject(one) ? one.name : one;
    if (typeof name !== 'string') throw doubt('A diagnosis has no name.');
    return name.replaceAll('\0', '').trim();
  });
}

function vitalsOf(value: unknown): Vitals {
  if (!isObject(value)) throw doubt('Vital signs have no known shape.');
  const measured = (name: string) => {
    const given = value[name];
    if (given === undefined || given === null || given === '') return null;
    const number = Number(given);
    if (!Number.isFinite(number)) throw doubt(`The vital sign ${name} is no number.`);
    return number;
  };
  return {
    temperature: measured('temperature'),
    // What the portal means where it names no unit.
    temperatureUnit: optionalText(value, 'temperatureUnit') ?? 'F',
    pulse: measured('pulse'),
    respiration: measured('respiration'),
    weight: measured('weight'),
    weightUnit: optionalText(value, 'weightUnit') ?? 'lb',
    bloodPressure: optionalText(value, 'bloodPressure'),
  };
}

/** @returns the clinic-local date of one that was asked for by its id */
export function dateOfConsultation(body: unknown): string {
  const found = isObject(body) ? body.consultation : undefined;
  const wall = isObject(found) ? parseWall(found.date) : null;
  if (wall === null) throw doubt('The answer about a consultation has no known shape.');
  return dateOf(wall);
}
