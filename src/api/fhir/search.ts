/** The kinds of resources and what each can be searched by. */
import { APPOINTMENT_STATES, type AppointmentState } from '../../domain/clinic.ts';
import type { ClinicReports, Page } from '../../ports/clinic-reports.ts';
import { HttpError } from '../errors.ts';
import {
  appointmentResource,
  locationResource,
  patientResource,
  practitionerResource,
  type Resource,
} from './resources.ts';

/** Name → every value that was given. */
export type Parameters = Readonly<Record<string, readonly string[] | undefined>>;

export interface FindQuestion {
  readonly ids: readonly string[] | undefined;
  readonly limit: number;
  readonly after: readonly string[] | null;
  readonly parameters: Parameters;
  readonly deleted: boolean;
}

export interface SearchKind {
  readonly type: string;
  readonly parameters: readonly string[];
  /** Personal data: only in a body. */
  readonly personal: readonly string[];
  find(clinic: ClinicReports, organizationId: string, question: FindQuestion): Promise<Page<Resource>>;
}

export const KINDS: readonly SearchKind[] = [
  {
    type: 'Patient',
    parameters: ['active'],
    personal: ['name', 'family', 'given', 'birthdate'],
    async find(clinic, organizationId, question) {
      const { parameters } = question;
      const active = flagOf(parameters, 'active');
      const page = await clinic.patients({
        ...commonOf(organizationId, question),
        archived: active === undefined ? undefined : !active,
        name: oneOf(parameters, 'name'),
        family: oneOf(parameters, 'family'),
        given: oneOf(parameters, 'given'),
        birthDate: dateOf(parameters, 'birthdate'),
      });
      return { ...page, items: page.items.map(patientResource) };
    },
  },
  {
    type: 'Appointment',
    parameters: ['date', 'status', 'patient', 'practitioner', 'location', 'actor'],
    personal: [],
    async find(clinic, organizationId, question) {
      const { parameters } = question;
      const { from, before } = rangeOf(parameters, 'date');
      const actor = actorOf(parameters);
      const statuses = statesOf(oneOf(parameters, 'status'));
      const page = await clinic.appointments({
        ...commonOf(organizationId, question),
        from,
        before,
        statuses,
        // What the source deleted is entered in error.
        deleted: question.deleted || statuses?.includes('deleted') === true,
        patientId: referenceOf(parameters, 'patient', 'Patient') ?? actor.Patient,
        practitionerId: referenceOf(parameters, 'practitioner', 'Practitioner') ?? actor.Practitioner,
        businessId: referenceOf(parameters, 'location', 'Location') ?? actor.Location,
      });
      return { ...page, items: page.items.map((record) => appointmentResource(record, Date.now())) };
    },
  },
  {
    type: 'Practitioner',
    parameters: ['active'],
    personal: [],
    async find(clinic, organizationId, question) {
      const active = flagOf(question.parameters, 'active');
      const page = await clinic.practitioners({ ...commonOf(organizationId, question), active });
      return { ...page, items: page.items.map(practitionerResource) };
    },
  },
  {
    type: 'Location',
    parameters: [],
    personal: [],
    async find(clinic, organizationId, question) {
      const page = await clinic.businesses(commonOf(organizationId, question));
      return { ...page, items: page.items.map(locationResource) };
    },
  },
];

function commonOf(organizationId: string, question: FindQuestion) {
  const { ids, limit, after, parameters, deleted } = question;
  const { from, before } = rangeOf(parameters, '_lastUpdated');
  const { connectionId, reference } = identifierOf(oneOf(parameters, 'identifier'));
  return {
    organizationId,
    limit,
    after,
    ids,
    deleted,
    connectionId,
    reference,
    updatedFrom: from,
    updatedBefore: before,
  };
}

function refuse(name: string, expected: string): HttpError {
  return new HttpError(400, 'invalid_request', `${name} is ${expected}.`);
}

function oneOf(parameters: Parameters, name: string): string | undefined {
  const values = parameters[name];
  if (values !== undefined && values.length > 1) throw refuse(name, 'given once');
  return values?.[0];
}

function flagOf(parameters: Parameters, name: string): boolean | undefined {
  const value = oneOf(parameters, name);
  if (value !== undefined && value !== 'true' && value !== 'false') throw refuse(name, 'true or false');
  return value === undefined ? undefined : value === 'true';
}

function dateOf(parameters: Parameters, name: string): string | undefined {
  const value = oneOf(parameters, name);
  if (value === undefined) return undefined;
  const isDate = /^\d{4}-\d\d-\d\d$/.test(value) && new Date(`${value}T00:00:00Z`).toJSON()?.startsWith(value);
  if (!isDate) throw refuse(name, 'a date such as 1980-01-31');
  return value;
}

/** `system|value` or the value alone, as the resources show it. */
function identifierOf(text: string | undefined): { connectionId?: string; reference?: string } {
  if (text === undefined) return {};
  const bar = text.indexOf('|');
  const connectionId = /^urn:chartsync:connection:([\w-]{1,64}):/.exec(text.slice(0, Math.max(0, bar)))?.[1];
  // A system that is not ours has nothing here.
  if (bar > 0 && connectionId === undefined) return { reference: '' };
  return { reference: text.slice(bar + 1), ...(connectionId === undefined ? {} : { connectionId }) };
}

const ACTORS: Readonly<Record<string, string>> = {
  Patient: 'patient',
  Practitioner: 'practitioner',
  Location: 'location',
};

function actorOf(parameters: Parameters): Readonly<Record<string, string | undefined>> {
  const value = oneOf(parameters, 'actor');
  if (value === undefined) return {};
  const [type = '', id = '', more] = value.split('/');
  const name = Object.hasOwn(ACTORS, type) ? ACTORS[type] : undefined;
  if (name === undefined || id === '' || more !== undefined) {
    throw refuse('actor', `one of ${Object.keys(ACTORS).join(', ')} with its id, such as Patient/…`);
  }
  if (parameters[name] !== undefined) throw refuse('actor', `given once: there is ${name} already`);
  return { [type]: id };
}

function referenceOf(parameters: Parameters, name: string, type: string): string | undefined {
  const value = oneOf(parameters, name);
  return value?.startsWith(`${type}/`) === true ? value.slice(type.length + 1) : value;
}

const STATES: Readonly<Record<string, readonly AppointmentState[]>> = {
  booked: ['booked'],
  // Which of the two it is depends on whether it is over.
  arrived: ['arrived'],
  fulfilled: ['arrived'],
  noshow: ['noshow'],
  cancelled: ['cancelled'],
  'entered-in-error': ['archived', 'deleted'],
};

function statesOf(text: string | undefined): AppointmentState[] | undefined {
  if (text === undefined) return undefined;
  const wanted = new Set(
    text.split(',').flatMap((name) => {
      const states = Object.hasOwn(STATES, name) ? STATES[name] : undefined;
      if (states === undefined) throw refuse('status', `some of ${Object.keys(STATES).join(', ')}`);
      return states;
    }),
  );
  return APPOINTMENT_STATES.filter((state) => wanted.has(state));
}

const DATE = /^(eq|ge|gt|le|lt)?(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?)$/;
const DAY_MS = 24 * 3600 * 1000;

/** Prefixes of FHIR dates; a date without a time is the whole day in UTC. Half open. */
function rangeOf(parameters: Parameters, name: string): { from?: string; before?: string } {
  let from = Number.NEGATIVE_INFINITY;
  let before = Number.POSITIVE_INFINITY;
  for (const value of parameters[name] ?? []) {
    // In a URL a plus sign is a blank.
    const [, prefix = 'eq', text = ''] = DATE.exec(value.replace(' ', '+')) ?? [];
    const start = Date.parse(text.includes('T') ? text : `${text}T00:00:00Z`);
    if (!(start > Date.parse('0001-01-02T00:00:00Z')))
      throw refuse(name, 'a date or an instant with its offset, with eq, ge, gt, le or lt before it');
    const end = start + (text.includes('T') ? 1 : DAY_MS);
    if (prefix === 'ge') from = Math.max(from, start);
    else if (prefix === 'gt') from = Math.max(from, end);
    else if (prefix === 'lt') before = Math.min(before, start);
    else if (prefix === 'le') before = Math.min(before, end);
    else {
      from = Math.max(from, start);
      before = Math.min(before, end);
    }
  }
  return {
    ...(Number.isFinite(from) ? { from: new Date(from).toISOString() } : {}),
    ...(Number.isFinite(before) ? { before: new Date(before).toISOString() } : {}),
  };
}
