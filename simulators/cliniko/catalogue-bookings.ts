/** Bookings and attendees: what is listed, by what it can be filtered, what is hidden. */
import type { Appointment, Attendee, Booking, GroupAppointment, Timed, UnavailableBlock } from './records.ts';
import {
  patientIds,
  renderAppointment,
  renderAttendee,
  renderBlock,
  renderBooking,
  renderGroup,
} from './render-bookings.ts';
import { field, idField, type Resource, storedFields, timeField } from './resources.ts';
import type { World } from './world.ts';

function timedFields<T extends Timed>() {
  return {
    ...storedFields<T>(),
    archived_at: timeField<T>((one) => one.archivedAt),
    business_id: idField<T>((one) => one.businessId),
    deleted_at: timeField<T>((one) => one.deletedAt),
    ends_at: timeField<T>((one) => one.endsAt),
    practitioner_id: idField<T>((one) => one.practitionerId),
    repeated_from_id: idField<T>((one) => one.repeatedFrom),
    starts_at: timeField<T>((one) => one.startsAt),
  };
}

export const individuals: Resource<Appointment> = {
  name: 'individual_appointments',
  rows: (world) => world.tables.appointments.rows,
  get: (world, id) => world.tables.appointments.get(id),
  hides: ['archived_at', 'cancelled_at', 'deleted_at'],
  fields: () => ({
    ...timedFields<Appointment>(),
    appointment_type_id: idField((one) => one.typeId),
    cancelled_at: timeField((one) => one.cancelledAt),
    did_not_arrive: field('boolean', (one) => one.didNotArrive),
    patient_id: idField((one) => one.patientId),
  }),
  render: renderAppointment,
};

export const groups: Resource<GroupAppointment> = {
  name: 'group_appointments',
  rows: (world) => world.tables.groups.rows,
  get: (world, id) => world.tables.groups.get(id),
  hides: ['archived_at', 'deleted_at'],
  fields: (world) => ({
    ...timedFields<GroupAppointment>(),
    appointment_type_id: idField((one) => one.typeId),
    patient_ids: field('array', (one) => patientIds(one, { world })),
  }),
  render: renderGroup,
};

export const blocks: Resource<UnavailableBlock> = {
  name: 'unavailable_blocks',
  rows: (world) => world.tables.blocks.rows,
  get: (world, id) => world.tables.blocks.get(id),
  hides: ['archived_at', 'deleted_at'],
  fields: () => ({
    ...timedFields<UnavailableBlock>(),
    unavailable_block_type_id: idField((one) => one.blockTypeId),
  }),
  render: renderBlock,
};

export const attendees: Resource<Attendee> = {
  name: 'attendees',
  rows: (world) => world.tables.attendees.rows,
  get: (world, id) => world.tables.attendees.get(id),
  hides: ['archived_at', 'cancelled_at', 'deleted_at'],
  fields: () => ({
    ...storedFields<Attendee>(),
    appointment_id: idField((one) => one.bookingId),
    archived_at: timeField((one) => one.archivedAt),
    booking_id: idField((one) => one.bookingId),
    cancelled_at: timeField((one) => one.cancelledAt),
    deleted_at: timeField((one) => one.deletedAt),
    patient_case_id: idField((one) => one.caseId),
    patient_id: idField((one) => one.patientId),
  }),
  render: renderAttendee,
};

export const bookings: Resource<Booking> = {
  name: 'bookings',
  rows: mixed,
  get: ({ tables }, id) => tables.appointments.get(id) ?? tables.groups.get(id) ?? tables.blocks.get(id),
  hides: ['archived_at', 'cancelled_at', 'deleted_at'],
  fields: (world) => ({
    ...timedFields<Booking>(),
    appointment_type_id: idField((one) => (one.kind === 'block' ? null : one.typeId)),
    cancelled_at: timeField((one) => (one.kind === 'individual' ? one.cancelledAt : null)),
    did_not_arrive: field('boolean', (one) => (one.kind === 'individual' ? one.didNotArrive : null)),
    email_reminder_sent: field('boolean', (one) => (one.kind === 'individual' ? false : null)),
    invoice_status: field('number', () => null),
    patient_ids: field('array', (one) => patientsOf(one, world)),
    sms_reminder_sent: field('boolean', (one) => (one.kind === 'individual' ? false : null)),
    treatment_note_status: field('number', () => null),
  }),
  render: renderBooking,
};

function patientsOf(booking: Booking, world: World): readonly string[] {
  if (booking.kind === 'individual') return [booking.patientId];
  return booking.kind === 'group' ? patientIds(booking, { world }) : [];
}

/** All three kinds, in the order of their creation. */
function mixed({ tables }: World): Booking[] {
  const rows: Booking[] = [...tables.appointments.rows, ...tables.groups.rows, ...tables.blocks.rows];
  return rows.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}
