/** The JSON calls that read. Each takes the clinic, the query and the variant, and gives what is to be sent. */

import { consultationPage, consultationPageData, consultationView } from './consultations.ts';
import type { Asked, Reply } from './exchange.ts';
import { dayOf, formatWall } from './wall.ts';
import { type CalendarEvent, type Clinic, endOf, isShown, peopleOf, statusOf, statusTextOf } from './world.ts';

type Call = (asked: Asked) => unknown;

const CALLS: Readonly<Record<string, Call>> = {
  '/schedule/getScheduleConfigs': scheduleConfigs,
  '/schedule/getCalendarConfigs': scheduleConfigs,
  '/appointments/getAppointmentView': appointmentView,
  '/appointments/getAppointment': appointment,
  '/search/patients': searchPatients,
  '/clients/search': searchClients,
  '/clients/duplicateCheck': duplicateCheck,
  '/genders/getGenders': () =>
    ['Female', 'Female spayed', 'Male', 'Male neutered'].map((name, i) => ({ id: i + 1, name })),
  '/dashboard/getAppointments': dashboard,
  '/dashboard/getArrivals': arrivals,
  '/users/providers': providers,
  '/api/tasks': () => ({ data: [] }),
  '/consultations/search': consultationPage,
};

/** Null: there is no such call. `undefined` from a call becomes 404. */
export function answerCall(path: string, asked: Asked): Reply | null {
  const view = /^\/consultations\/view\/(\d+)$/.exec(path);
  const data = /^\/consultations\/(\d+)\/page-data$/.exec(path);
  let body: unknown;
  if (view) body = consultationView(asked, view[1]!);
  else if (data) body = consultationPageData(asked, data[1]!);
  else if (Object.hasOwn(CALLS, path)) body = CALLS[path]!(asked);
  else return null;
  return body === undefined ? { status: 404, body: { error: 'Not found' } } : { status: 200, body };
}

/** The earlier generation: one opening for all days, numbers as text. */
function scheduleConfigs({ clinic }: Asked): unknown {
  const starts = clinic.hours.map(({ start }) => start).sort();
  const ends = clinic.hours.map(({ end }) => end).sort();
  const daysOfWeek = [...new Set(clinic.hours.flatMap((hours) => hours.daysOfWeek))].sort((a, b) => a - b);
  const [start = '08:00', end = '18:00'] = [starts[0], ends.at(-1)];
  return {
    businessHours: { start, end, daysOfWeek },
    slotDuration: clinic.slotMinutes,
    minTime: `${start}:00`,
    maxTime: `${end}:00`,
    providers: activeProviders(clinic).map(({ id, name, color }) => ({ id, name, color })),
    rooms: clinic.rooms.map(({ id, name }) => ({ id, name })),
  };
}

function appointmentView({ clinic }: Asked): unknown {
  return {
    slotInterval: clinic.slotMinutes,
    businessHours: clinic.hours.map(({ daysOfWeek, start, end }) => ({ daysOfWeek, startTime: start, endTime: end })),
    appointmentTypes: clinic.types.map(({ id, name, duration, color }) => ({ id: Number(id), name, duration, color })),
    appointmentRooms: clinic.rooms.map(({ id, name }, i) => ({ id: Number(id), name, position: i + 1 })),
    providers: activeProviders(clinic).map(({ id, name }) => ({ id: Number(id), name, provider: true })),
    deputyEnabled: false,
  };
}

/** A deleted one is not found; a cancelled one is, also where the calendar no longer shows it. */
function appointment({ clinic, query, variant }: Asked): unknown {
  const event = clinic.events.find(({ id, kind }) => id === query.get('id') && kind !== 'roster');
  if (!event) return undefined;
  const { id, reason, notes, bookedBy, createdAt, cancelledReason } = event;
  const patient = clinic.patients.find((candidate) => candidate.id === event.patientId);
  const client = clinic.clients.find((candidate) => candidate.id === patient?.clientId);
  const type = clinic.types.find((candidate) => candidate.id === event.typeId);
  return {
    appointment: {
      id,
      status: statusTextOf(event, variant).toLowerCase(),
      startAtLocal: formatWall(event.start, 'iso'),
      endAtLocal: formatWall(endOf(clinic, event), 'iso'),
      reason,
      notes,
      deleted: false,
      block: event.kind === 'block',
      bookedBy,
      createdAt,
      patient: patient ? { ...patient, client: client ?? null } : null,
      appointmentType: type ? { id: type.id, name: type.name, duration: type.duration } : null,
      appointmentRoom: clinic.rooms.find((candidate) => candidate.id === event.roomId) ?? null,
      provider: clinic.providers.find((candidate) => candidate.id === event.providerId) ?? null,
      cancelledReason,
    },
  };
}

function searchPatients({ clinic, query }: Asked): unknown {
  const words = wordsOf(query.get('q'));
  const found = clinic.patients
    .map((patient) => ({ patient, people: peopleOf(clinic, patient.id) }))
    .filter(({ patient, people }) => matches(words, [patient.name, people.firstName, people.lastName, people.phone]))
    .slice(0, limitOf(query))
    .map(({ patient, people }) => ({
      id: patient.id,
      name: patient.name,
      species: patient.species,
      breed: patient.breed,
      clientId: people.clientId,
      clientName: `${people.lastName}, ${people.firstName}`,
      clientPhone: people.phone,
    }));
  return { data: found, total: found.length };
}

function searchClients({ clinic, query }: Asked): unknown {
  const words = wordsOf(query.get('term'));
  const found = clinic.clients
    .filter(({ firstName, lastName, email, phone }) => matches(words, [firstName, lastName, email, phone]))
    .slice(0, limitOf(query));
  return { data: found, total: found.length };
}

function duplicateCheck({ clinic, query }: Asked): unknown {
  const asked = ['email', 'phone', 'lastName'] as const;
  const duplicates = clinic.clients.filter((client) =>
    asked.some((field) => query.get(field) && query.get(field) === client[field]),
  );
  return { duplicates };
}

function dashboard(asked: Asked): unknown {
  const { clinic, variant, wall } = asked;
  const today = todays(asked);
  const waits = today.filter(
    (event) => statusOf(event, variant).status === 'scheduled' && event.stage !== 'readyToPay',
  );
  const rows = (events: readonly CalendarEvent[]): unknown[] => events.map((event) => dashboardRow(clinic, event));
  return {
    upcoming: rows(waits.filter(({ start }) => start > wall)),
    late: rows(waits.filter(({ start }) => start <= wall)),
    noShow: rows(today.filter(({ stage }) => stage === 'noShow')),
    waitingToPay: rows(today.filter(({ stage }) => stage === 'readyToPay')),
  };
}

function arrivals(asked: Asked): unknown {
  return todays(asked)
    .filter(({ stage }) => stage === 'arrived' || stage === 'inProgress')
    .map((event) => dashboardRow(asked.clinic, event));
}

function todays({ clinic, variant, wall }: Asked): CalendarEvent[] {
  return clinic.events.filter(
    (event) => event.kind === 'appointment' && dayOf(event.start) === dayOf(wall) && isShown(event, variant),
  );
}

function dashboardRow(clinic: Clinic, event: CalendarEvent): unknown {
  const { patientName, firstName, lastName } = peopleOf(clinic, event.patientId);
  return { id: event.id, start: event.start, patientName, clientName: `${lastName}, ${firstName}` };
}

function providers({ clinic, query }: Asked): unknown {
  const all = query.get('includeInactive') === 'true' ? clinic.providers : activeProviders(clinic);
  return all.map(({ id, name, active }) => ({ id: Number(id), name, provider: true, active }));
}

function activeProviders(clinic: Clinic): Clinic['providers'] {
  return clinic.providers.filter(({ active }) => active);
}

function wordsOf(text: string | null): string[] {
  return (text ?? '')
    .toLowerCase()
    .split(/[\s,;]+/)
    .filter(Boolean);
}

function matches(words: readonly string[], fields: readonly (string | null)[]): boolean {
  const text = fields.join(' ').toLowerCase();
  return words.length > 0 && words.every((word) => text.includes(word));
}

function limitOf(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? 20);
  return Number.isInteger(limit) && limit > 0 ? Math.min(limit, 100) : 20;
}
