/** The calls that change something. All need the session's token; the portal never tells the id of what it created. */
import type { Reply } from './exchange.ts';
import { freePlaces } from './places.ts';
import type { PortalVariant } from './portal.ts';
import { dayOf, minutesBetween, parseWall, timeOf } from './wall.ts';
import { type Clinic, newEvent, newId } from './world.ts';

export interface Written {
  readonly clinic: Clinic;
  readonly variant: PortalVariant;
  readonly fields: ReadonlyMap<string, string>;
  readonly now: number;
}

/** Null: there is no such call. */
export function answerWrite(path: string, written: Written): Reply | null {
  const id = /^\/appointments\/delete\/(\d+)$/.exec(path)?.[1];
  if (id !== undefined) return remove(id, written);
  if (path === '/appointments/create') return create(written);
  if (path === '/clients/create') return createClient(written);
  if (path === '/patients/create') return createPatient(written);
  return null;
}

const DONE: Reply = { status: 200, body: { success: true } };

function refuse(error: string, status = 422): Reply {
  return { status, body: { success: false, error } };
}

function create({ clinic, variant, fields, now }: Written): Reply {
  const day = parseWall(fields.get('appointment_date') ?? '');
  const start = day && parseWall(`${dayOf(day)} ${fields.get('time') ?? ''}`);
  const end = day && parseWall(`${dayOf(day)} ${fields.get('time_end') ?? ''}`);
  const type = clinic.types.find(({ id }) => id === fields.get('type_id'));
  const room = clinic.rooms.find(({ id }) => id === fields.get('room'));
  const provider = clinic.providers.find(({ id }) => id === fields.get('user_id'));
  const patient = clinic.patients.find(({ id }) => id === fields.get('patient_id'));
  if (!start || !end || end <= start) return refuse('The date or time is not valid.');
  if (!type || !room || !provider || !patient) return refuse('The patient, type, user or room is not known.');
  if (variant.refuseDoubleBooking) {
    const free = freePlaces(clinic, dayOf(start), minutesBetween(start, end), room.id);
    if (!free.some((place) => place.start === start)) return refuse(`${timeOf(start)} is not free.`, 200);
  }
  newEvent(clinic, {
    kind: 'appointment',
    start,
    // Without the flag the portal goes by the type.
    end: fields.get('useRealEndTime') === 'true' ? end : null,
    roomId: room.id,
    providerId: provider.id,
    typeId: type.id,
    patientId: patient.id,
    reason: fields.get('reason') ?? '',
    notes: fields.get('notes') ?? '',
    bookedBy: 'Portal user',
    createdAt: new Date(now).toISOString(),
  });
  return DONE;
}

function remove(id: string, { clinic, fields }: Written): Reply {
  const at = clinic.events.findIndex((event) => event.id === id && event.kind !== 'roster');
  const event = clinic.events[at];
  if (!event) return refuse('Not found', 404);
  const action = fields.get('action');
  if (action === 'delete') clinic.events.splice(at, 1);
  else if (action === 'cancel') {
    event.stage = 'cancelled';
    event.statusText = null;
    event.cancelledReason = fields.get('reason') ?? '';
  } else return refuse('The action must be cancel or delete.');
  return DONE;
}

function createClient({ clinic, fields }: Written): Reply {
  const lastName = fields.get('last_name') ?? fields.get('lastName');
  if (!lastName) return refuse('The last name is needed.');
  clinic.clients.push({
    id: newId(clinic),
    firstName: fields.get('first_name') ?? fields.get('firstName') ?? '',
    lastName,
    email: fields.get('email') ?? '',
    phone: fields.get('phone_number') ?? fields.get('phone') ?? '',
  });
  return DONE;
}

function createPatient({ clinic, fields }: Written): Reply {
  const clientId = fields.get('client_id') ?? fields.get('clientId') ?? '';
  const name = fields.get('name');
  if (!name || !clinic.clients.some(({ id }) => id === clientId)) return refuse('A name and a client are needed.');
  const [species, breed] = [fields.get('species') ?? '', fields.get('breed') ?? ''];
  clinic.patients.push({ id: newId(clinic), clientId, name, species, breed });
  return DONE;
}

/** JSON, multipart or an ordinary form. Null when it is none of them. */
export async function readFields(contentType: string, body: Buffer): Promise<Map<string, string> | null> {
  try {
    if (contentType.startsWith('application/json')) {
      const found: unknown = JSON.parse(body.toString());
      if (typeof found !== 'object' || found === null) return null;
      return new Map(Object.entries(found).map(([name, value]) => [name, String(value)]));
    }
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
    return new Map([...form].map(([name, value]) => [name, String(value)]));
  } catch {
    return null;
  }
}
