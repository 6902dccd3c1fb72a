/** What a perfect copy must hold, said from the records alone: shares nothing with the lists and filters that are served. */
import type { Appointment, Attendee, GroupAppointment } from './records.ts';
import { DAY, secondsOf, utc } from './time.ts';
import type { World } from './world.ts';

export interface ExpectedPatient {
  readonly id: string;
  readonly archived: boolean;
  readonly deleted: boolean;
  readonly mergedInto: string | null;
  readonly updatedAt: string;
}

export type ExpectedState = 'booked' | 'arrived' | 'noshow' | 'cancelled' | 'deleted' | 'archived';

export interface ExpectedAppointment {
  readonly id: string;
  readonly kind: 'individual' | 'group';
  readonly state: ExpectedState;
  /** What the state would be if nothing were ever archived. */
  readonly progress: Exclude<ExpectedState, 'archived'>;
  readonly archived: boolean;
  readonly startsAt: string;
  readonly endsAt: string;
  /** Of a group: whoever is neither cancelled nor archived nor deleted, in the order of identifiers. */
  readonly patientIds: readonly string[];
  readonly practitionerId: string;
  readonly businessId: string;
  readonly updatedAt: string;
}

export function expectedPatients(world: World): ExpectedPatient[] {
  return world.tables.patients.rows.map((one) => ({
    id: one.id,
    archived: one.archivedAt !== null,
    deleted: one.deletedAt !== null,
    mergedInto: one.mergedInto,
    updatedAt: utc(one.updatedAt),
  }));
}

/** Individual appointments, then group appointments. */
export function expectedAppointments(world: World): ExpectedAppointment[] {
  const comers = comersByGroup(world);
  return [
    ...world.tables.appointments.rows.map((one) => expected(one, progressOf(one), [one.patientId])),
    ...world.tables.groups.rows.map((one) => {
      const patients = new Set((comers.get(one.id) ?? []).map((attendee) => attendee.patientId));
      return expected(one, one.deletedAt === null ? 'booked' : 'deleted', [...patients].sort());
    }),
  ];
}

/** Patients with a booking that counts in the last 30 days or at any time to come. */
export function activePatients(world: World, now: Date): ReadonlySet<string> {
  const since = secondsOf(now) - 30 * DAY;
  const active = new Set<string>();
  for (const one of world.tables.appointments.rows) {
    if (one.startsAt >= since && counts(one)) active.add(one.patientId);
  }
  const comers = comersByGroup(world);
  for (const group of world.tables.groups.rows) {
    if (group.startsAt < since || group.deletedAt !== null || group.archivedAt !== null) continue;
    for (const attendee of comers.get(group.id) ?? []) active.add(attendee.patientId);
  }
  return active;
}

function counts(one: Appointment): boolean {
  return one.deletedAt === null && one.cancelledAt === null && one.archivedAt === null && !one.didNotArrive;
}

function progressOf(one: Appointment): ExpectedAppointment['progress'] {
  if (one.deletedAt !== null) return 'deleted';
  if (one.cancelledAt !== null) return 'cancelled';
  if (one.didNotArrive) return 'noshow';
  return one.arrived ? 'arrived' : 'booked';
}

function comersByGroup(world: World): Map<string, Attendee[]> {
  const comers = new Map<string, Attendee[]>();
  for (const attendee of world.tables.attendees.rows) {
    if (attendee.cancelledAt !== null || attendee.archivedAt !== null || attendee.deletedAt !== null) continue;
    const others = comers.get(attendee.bookingId);
    if (others) others.push(attendee);
    else comers.set(attendee.bookingId, [attendee]);
  }
  return comers;
}

/** Deleted and cancelled say more than archived; archived says more than the rest. */
function expected(
  one: Appointment | GroupAppointment,
  progress: ExpectedAppointment['progress'],
  patientIds: readonly string[],
): ExpectedAppointment {
  const archived = one.archivedAt !== null;
  const final = progress === 'deleted' || progress === 'cancelled';
  return {
    id: one.id,
    kind: one.kind,
    state: archived && !final ? 'archived' : progress,
    progress,
    archived,
    startsAt: utc(one.startsAt),
    endsAt: utc(one.endsAt),
    patientIds,
    practitionerId: one.practitionerId,
    businessId: one.businessId,
    updatedAt: utc(one.updatedAt),
  };
}
