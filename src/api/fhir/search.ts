/** The kinds of resources and what each can be searched by. */
import { APPOINTMENT_STATES, type AppointmentState } from '../../domain/clinic.ts';
import type { ClinicReports, Identifier, Page } from '../../ports/clinic-reports.ts';
import { commonOf, datesOf, flagOf, listOf, listsOf, type Parameters, partsOf, refuse } from './parameters.ts';
import {
  appointmentResource,
  locationResource,
  patientResource,
  practitionerResource,
  type Resource,
} from './resources.ts';

export interface FindQuestion {
  /** 0: only how many there are. */
  readonly limit: number;
  readonly after: readonly string[] | null;
  readonly parameters: Parameters;
  readonly deleted: boolean;
}

export interface SearchKind {
  readonly type: string;
  /** How identifiers of the source are called, see `systemOf`. */
  readonly list: string;
  readonly parameters: readonly string[];
  /** Personal data: only in a body. */
  readonly personal: readonly string[];
  find(clinic: ClinicReports, organizationId: string, question: FindQuestion): Promise<Page<Resource>>;
}

export const KINDS: readonly SearchKind[] = [
  {
    type: 'Patient',
    list: 'patients',
    parameters: ['active'],
    personal: ['name', 'family', 'given', 'birthdate'],
    async find(clinic, organizationId, question) {
      const { parameters } = question;
      const active = flagOf(parameters, 'active');
      const page = await clinic.patients({
        ...inAll(this, organizationId, question),
        inUse: active,
        names: listOf(parameters, 'name'),
        families: listOf(parameters, 'family'),
        givens: listOf(parameters, 'given'),
        born: datesOf(parameters, 'birthdate', { daysOnly: true }),
      });
      return { ...page, items: page.items.map(patientResource) };
    },
  },
  {
    type: 'Appointment',
    list: 'appointments',
    parameters: ['date', 'status', 'patient', 'practitioner', 'location', 'actor'],
    personal: [],
    async find(clinic, organizationId, question) {
      const { parameters } = question;
      const now = Date.now();
      const actor = actorOf(parameters);
      const { statuses, over } = statesOf(commonOf(listsOf(parameters, 'status')));
      const page = await clinic.appointments({
        ...inAll(this, organizationId, question),
        starts: datesOf(parameters, 'date'),
        statuses,
        arrivedAndOver: over === undefined ? undefined : { over, at: new Date(now).toISOString() },
        // What the source deleted is entered in error.
        deleted: question.deleted || statuses?.includes('deleted') === true,
        patientIds: referencesOf(parameters, 'patient', 'Patient') ?? actor.Patient,
        practitionerIds: referencesOf(parameters, 'practitioner', 'Practitioner') ?? actor.Practitioner,
        businessIds: referencesOf(parameters, 'location', 'Location') ?? actor.Location,
      });
      return { ...page, items: page.items.map((record) => appointmentResource(record, now)) };
    },
  },
  {
    type: 'Practitioner',
    list: 'practitioners',
    parameters: ['active'],
    personal: [],
    async find(clinic, organizationId, question) {
      const active = flagOf(question.parameters, 'active');
      const page = await clinic.practitioners({ ...inAll(this, organizationId, question), active });
      return { ...page, items: page.items.map(practitionerResource) };
    },
  },
  {
    type: 'Location',
    list: 'businesses',
    parameters: [],
    personal: [],
    async find(clinic, organizationId, question) {
      const page = await clinic.businesses(inAll(this, organizationId, question));
      return { ...page, items: page.items.map(locationResource) };
    },
  },
];

/** What every kind understands. */
function inAll(kind: SearchKind, organizationId: string, question: FindQuestion) {
  const { limit, after, parameters, deleted } = question;
  return {
    organizationId,
    limit,
    after,
    deleted,
    ids: commonOf(listsOf(parameters, '_id')),
    identifiers: listOf(parameters, 'identifier')?.flatMap((text) => identifiersOf(kind, text)),
    updated: datesOf(parameters, '_lastUpdated'),
  };
}

const SYSTEM = /^urn:chartsync:connection:([\w-]{1,64}):([a-z-]+)$/;

/** `system|value` as the resources show it, the value alone, or the system alone with its bar. */
function identifiersOf(kind: SearchKind, text: string): Identifier[] {
  const bar = text.indexOf('|');
  const hasOld = kind.type === 'Patient';
  if (bar < 0) return [{ reference: text }, ...(hasOld ? [{ oldReference: text }] : [])];
  const [, connectionId, list] = SYSTEM.exec(text.slice(0, bar)) ?? [];
  const value = text.slice(bar + 1);
  // Neither a system that is not ours nor one of other records has anything here, and nothing is without a system.
  if (connectionId === undefined) return [];
  if (list === kind.list) return [{ connectionId, ...(value === '' ? {} : { reference: value }) }];
  return hasOld && list === 'old-reference' && value !== '' ? [{ connectionId, oldReference: value }] : [];
}

const ACTORS: Readonly<Record<string, string>> = {
  Patient: 'patient',
  Practitioner: 'practitioner',
  Location: 'location',
};

function actorOf(parameters: Parameters): Readonly<Record<string, string[] | undefined>> {
  const values = parameters.actor;
  if (values === undefined) return {};
  const [value = '', ...others] = values.flatMap(partsOf);
  const [type = '', id = '', more] = value.split('/');
  const name = Object.hasOwn(ACTORS, type) ? ACTORS[type] : undefined;
  if (name === undefined || id === '' || more !== undefined || others.length > 0) {
    throw refuse('actor', `one of ${Object.keys(ACTORS).join(', ')} with its id, such as Patient/…`);
  }
  if (parameters[name] !== undefined) throw refuse('actor', `given once: there is ${name} already`);
  return { [type]: [id] };
}

/** Ids, each with or without its type. */
function referencesOf(parameters: Parameters, name: string, type: string): string[] | undefined {
  return listOf(parameters, name)?.map((value) =>
    value.startsWith(`${type}/`) ? value.slice(type.length + 1) : value,
  );
}

const STATES: Readonly<Record<string, readonly AppointmentState[]>> = {
  booked: ['booked'],
  // Which of the two it is depends on whether it is over.
  arrived: ['arrived'],
  fulfilled: ['arrived'],
  noshow: ['noshow'],
  cancelled: ['cancelled'],
  'entered-in-error': ['archived', 'deleted'],
  // FHIR knows these; the sources do not.
  proposed: [],
  pending: [],
  'checked-in': [],
  waitlist: [],
};

/** @returns `over` when of those whose patient arrived only some are wanted */
function statesOf(names: readonly string[] | undefined): { statuses?: AppointmentState[]; over?: boolean } {
  if (names === undefined) return {};
  const wanted = new Set(
    names.flatMap((name) => {
      const states = Object.hasOwn(STATES, name) ? STATES[name] : undefined;
      if (states === undefined) throw refuse('status', `some of ${Object.keys(STATES).join(', ')}`);
      return states;
    }),
  );
  const arrived = ['arrived', 'fulfilled'].filter((name) => names.includes(name));
  return {
    statuses: APPOINTMENT_STATES.filter((state) => wanted.has(state)),
    ...(arrived.length === 1 ? { over: arrived[0] === 'fulfilled' } : {}),
  };
}
