/** Appointments, attendees and blocks, written through the API. */
import { type Answer, invalid, Refusal } from './answer.ts';
import type { Call } from './call.ts';
import type { BookingFields } from './deeds.ts';
import type { Appointment, Attendee, GroupAppointment, RepeatRule, Timed } from './records.ts';
import { renderAppointment, renderAttendee, renderBlock, renderGroup } from './render-bookings.ts';
import { MINUTE, parseUtc, type Seconds } from './time.ts';

type Errors = Record<string, string>;

export function createAppointment(call: Call): Answer {
  const errors = mistakes(call, ['patient_id', 'practitioner_id', 'business_id', 'appointment_type_id', 'starts_at']);
  if (errors) return invalid(errors);
  const appointment = call.view.world.book(text(call, 'patient_id')!, bookingFields(call));
  const json = renderAppointment(appointment, call.view);
  return { status: 201, json, headers: { Location: `${call.view.url}/individual_appointments/${appointment.id}` } };
}

export function updateAppointment(call: Call, appointment: Appointment): Answer {
  const errors = mistakes(call, []);
  if (errors) return invalid(errors);
  appointment.patientId = text(call, 'patient_id') ?? appointment.patientId;
  call.view.world.tables.attendees.need(appointment.attendeeId).patientId = appointment.patientId;
  updateTimed(call, appointment);
  return { status: 200, json: renderAppointment(appointment, call.view) };
}

export function createGroup(call: Call): Answer {
  const errors = mistakes(call, ['practitioner_id', 'business_id', 'appointment_type_id', 'starts_at']);
  if (errors) return invalid(errors);
  const most = call.body.max_attendees;
  const fields = { ...bookingFields(call), ...(typeof most === 'number' ? { maxAttendees: most } : {}) };
  const group = call.view.world.bookGroup(fields);
  const json = renderGroup(group, call.view);
  return { status: 201, json, headers: { Location: `${call.view.url}/group_appointments/${group.id}` } };
}

export function updateGroup(call: Call, group: GroupAppointment): Answer {
  const errors = mistakes(call, []);
  if (errors) return invalid(errors);
  if (typeof call.body.max_attendees === 'number') group.maxAttendees = call.body.max_attendees;
  updateTimed(call, group);
  return { status: 200, json: renderGroup(group, call.view) };
}

export function createBlock(call: Call): Answer {
  const errors = mistakes(call, [
    'practitioner_id',
    'business_id',
    'unavailable_block_type_id',
    'starts_at',
    'ends_at',
  ]);
  if (errors) return invalid(errors);
  const block = call.view.world.add(call.view.world.tables.blocks, {
    kind: 'block',
    archivedAt: null,
    deletedAt: null,
    startsAt: time(call, 'starts_at')!,
    endsAt: time(call, 'ends_at')!,
    practitionerId: text(call, 'practitioner_id')!,
    businessId: text(call, 'business_id')!,
    blockTypeId: text(call, 'unavailable_block_type_id')!,
    repeatedFrom: null,
    repeatRule: null,
    notes: text(call, 'notes') ?? null,
  });
  const json = renderBlock(block, call.view);
  return { status: 201, json, headers: { Location: `${call.view.url}/unavailable_blocks/${block.id}` } };
}

export function createAttendee(call: Call): Answer {
  const errors = mistakes(call, ['booking_id', 'patient_id']) ?? {};
  const { world } = call.view;
  const group = world.tables.groups.get(text(call, 'booking_id') ?? '');
  if (!group) errors.booking = 'must exist';
  if (Object.keys(errors).length > 0) return invalid(errors);
  const attendee = world.addAttendee(group!.id, text(call, 'patient_id')!);
  changeAttendee(call, attendee);
  const json = renderAttendee(attendee, call.view);
  return { status: 201, json, headers: { Location: `${call.view.url}/attendees/${attendee.id}` } };
}

export function updateAttendee(call: Call, attendee: Attendee): Answer {
  const errors = mistakes(call, []);
  if (errors) return invalid(errors);
  changeAttendee(call, attendee);
  call.view.world.touch(attendee);
  return { status: 200, json: renderAttendee(attendee, call.view) };
}

const REASONS: readonly unknown[] = [10, 20, 30, 40, 50, 60];

export function cancel(call: Call, record: Appointment | Attendee): Answer {
  const { world } = call.view;
  const reason = call.body.cancellation_reason;
  if (reason === undefined || reason === null) return invalid({ cancellation_reason: "can't be blank" });
  if (!REASONS.includes(reason)) return invalid({ cancellation_reason: 'is not included in the list' });
  if (record.cancelledAt !== null) return invalid({ base: 'is already cancelled' });
  const applyToRepeats = call.body.apply_to_repeats === true;
  const cancellation = { reason: reason as number, note: text(call, 'cancellation_note') ?? null, applyToRepeats };
  if ('attendeeId' in record) world.cancel(record.id, cancellation);
  else if (world.tables.groups.get(record.bookingId)) world.cancelAttendee(record.id, cancellation);
  else return invalid({ base: 'is not an attendee of a group appointment' });
  return { status: 204 };
}

function changeAttendee(call: Call, attendee: Attendee): void {
  if (typeof call.body.arrived === 'boolean') attendee.arrived = call.body.arrived;
  if ('notes' in call.body) attendee.notes = text(call, 'notes') ?? null;
  if ('patient_case_id' in call.body) attendee.caseId = text(call, 'patient_case_id') ?? null;
}

function updateTimed(call: Call, booking: Timed & { typeId: string; caseId?: string | null }): void {
  const { world } = call.view;
  booking.practitionerId = text(call, 'practitioner_id') ?? booking.practitionerId;
  booking.businessId = text(call, 'business_id') ?? booking.businessId;
  booking.typeId = text(call, 'appointment_type_id') ?? booking.typeId;
  booking.startsAt = time(call, 'starts_at') ?? booking.startsAt;
  const length = world.tables.appointmentTypes.need(booking.typeId).durationMinutes * MINUTE;
  if ('ends_at' in call.body || 'starts_at' in call.body) {
    booking.endsAt = time(call, 'ends_at') ?? booking.startsAt + length;
  }
  if ('notes' in call.body) booking.notes = text(call, 'notes') ?? null;
  if ('patient_case_id' in call.body && 'caseId' in booking) booking.caseId = text(call, 'patient_case_id') ?? null;
  world.touch(booking);
}

function bookingFields(call: Call): BookingFields {
  const endsAt = time(call, 'ends_at');
  const repeat = repeatRule(call.body.repeat_rule);
  return {
    typeId: text(call, 'appointment_type_id')!,
    practitionerId: text(call, 'practitioner_id')!,
    businessId: text(call, 'business_id')!,
    startsAt: time(call, 'starts_at')!,
    notes: text(call, 'notes') ?? null,
    ...(endsAt === null ? {} : { endsAt }),
    ...(repeat ? { repeat } : {}),
  };
}

function repeatRule(value: unknown): RepeatRule | null {
  const rule = (value ?? {}) as Record<string, unknown>;
  const type = rule.repeat_type;
  if (type !== 'Daily' && type !== 'Weekly' && type !== 'Monthly') return null;
  const count = Math.min(100, Math.max(0, Number(rule.number_of_repeats ?? 0)));
  return { type, interval: Math.max(1, Number(rule.repeating_interval ?? 1)), count };
}

function mistakes(call: Call, required: readonly string[]): Errors | null {
  const { tables } = call.view.world;
  const errors: Errors = {};
  for (const name of required) if ((text(call, name) ?? '') === '') errors[name] = "can't be blank";
  const known = {
    patient_id: tables.patients,
    practitioner_id: tables.practitioners,
    business_id: tables.businesses,
    appointment_type_id: tables.appointmentTypes,
    unavailable_block_type_id: tables.blockTypes,
    patient_case_id: tables.cases,
  };
  for (const [name, table] of Object.entries(known)) {
    const id = text(call, name);
    if (id !== undefined && id !== '' && !table.get(id)) errors[name.slice(0, -3)] = 'must exist';
  }
  for (const name of ['starts_at', 'ends_at']) {
    if (text(call, name) !== undefined && time(call, name) === null) errors[name] ??= 'is invalid';
  }
  return Object.keys(errors).length > 0 ? errors : null;
}

/** Numbers are taken as well: old clients send identifiers as such. */
function text(call: Call, name: string): string | undefined {
  const value = call.body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') throw new Refusal(400, `${name} must be a string`);
  return String(value);
}

function time(call: Call, name: string): Seconds | null {
  const value = parseUtc(text(call, name) ?? '');
  return value === null ? null : Math.floor(value);
}
