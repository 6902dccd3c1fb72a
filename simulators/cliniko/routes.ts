/** Which list or record a path means. */
import { RESOURCES } from './catalogue.ts';
import type { Faults } from './faults.ts';
import type { Scope } from './lists.ts';
import type { Attendee, PatientAttachment, Practitioner, Stored } from './records.ts';
import type { Resource } from './resources.ts';
import type { World } from './world.ts';

export type Route =
  | { readonly kind: 'list'; readonly resource: Resource; readonly scope: Scope | null }
  | { readonly kind: 'one'; readonly resource: Resource; readonly id: string }
  | { readonly kind: 'deed'; readonly resource: Resource; readonly id: string; readonly deed: string }
  | { readonly kind: 'other' };

const OTHER: Route = { kind: 'other' };

export function routeOf(segments: readonly string[], query: URLSearchParams, world: World, faults: Faults): Route {
  const [first = '', second, third, fourth] = segments;
  const resource = RESOURCES.get(first);
  if (!resource || segments.length > 4) return OTHER;
  if (second === undefined) return { kind: 'list', resource, scope: rootScope(first, query, faults) };
  if (first === 'practitioners' && second === 'inactive' && third === undefined)
    return practitioners(false, () => true);
  if (first === 'patient_cases' && second === 'active' && third === undefined) {
    return { kind: 'list', resource, scope: { name: 'active', test: (row) => closedAt(row) === null } };
  }
  if (!/^\d+$/.test(second)) return OTHER;
  if (third === undefined) return { kind: 'one', resource, id: second };
  return nested(first, second, third, fourth, world) ?? (fourth === undefined ? deed(resource, second, third) : OTHER);
}

function deed(resource: Resource, id: string, name: string): Route {
  return { kind: 'deed', resource, id, deed: name };
}

function rootScope(name: string, query: URLSearchParams, faults: Faults): Scope | null {
  if (name !== 'practitioners' || faults.listInactivePractitioners) return null;
  const asked = [...query.values()].some((value) => value.startsWith('active:'));
  return asked ? null : { name: 'active', test: (row) => (row as Practitioner).active };
}

function practitioners(active: boolean, among: (row: Stored) => boolean, name = ''): Route {
  const resource = RESOURCES.get('practitioners')!;
  const scope = {
    name: `${active}${name}`,
    test: (row: Stored) => (row as Practitioner).active === active && among(row),
  };
  return { kind: 'list', resource, scope };
}

/** Lists below a record. @returns null when the path is not one */
function nested(parent: string, id: string, child: string, more: string | undefined, world: World): Route | null {
  const { tables } = world;
  if (child === 'practitioners' && (more === undefined || more === 'inactive')) {
    const record = parent === 'businesses' ? tables.businesses.get(id) : tables.appointmentTypes.get(id);
    if (!record || (parent !== 'businesses' && parent !== 'appointment_types')) return null;
    return practitioners(more === undefined, (row) => record.practitionerIds.includes(row.id), `/${id}`);
  }
  if (more !== undefined) return null;
  const test = belongs(parent, id, child, world);
  const resource = RESOURCES.get(child);
  if (!test || !resource || !RESOURCES.get(parent)!.get(world, id)) return null;
  return { kind: 'list', resource, scope: { name: `${parent}/${id}`, test } };
}

function belongs(parent: string, id: string, child: string, world: World): ((row: Stored) => boolean) | null {
  switch (`${parent}/${child}`) {
    case 'practitioners/appointment_types': {
      const types = world.tables.appointmentTypes;
      return (row) => types.need(row.id).practitionerIds.includes(id);
    }
    case 'patients/patient_attachments':
      return (row) => (row as PatientAttachment).patientId === id;
    case 'individual_appointments/attendees':
    case 'group_appointments/attendees':
      return (row) => (row as Attendee).bookingId === id;
    case 'patient_cases/attendees':
    case 'patient_cases/bookings':
      return (row) => (row as Partial<Attendee>).caseId === id;
    case 'patient_cases/patient_attachments':
      return () => false;
    default:
      return null;
  }
}

function closedAt(row: Stored): number | null {
  return (row as Stored & { closedAt: number | null }).closedAt;
}
