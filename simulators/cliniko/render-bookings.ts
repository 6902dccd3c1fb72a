/** Appointments of one, appointments of many, blocks, and attendees as the API shows them. */
import type {
  Appointment,
  Attendee,
  Booking,
  GroupAppointment,
  RepeatRule,
  Timed,
  UnavailableBlock,
} from './records.ts';
import type { View } from './resources.ts';
import { blank, isOdd, type Json, link, reasonDescription, relate } from './shapes.ts';
import { utc, utcOrNull } from './time.ts';

export function renderAppointment(appointment: Appointment, view: View): Json {
  const self = `${view.url}/individual_appointments/${appointment.id}`;
  const odd = isOdd(appointment);
  const patient = view.world.tables.patients.get(appointment.patientId);
  const out: Json = {
    ...timed(appointment, view, 'individual_appointments'),
    appointment_type: link(`${view.url}/appointment_types/${appointment.typeId}`),
    attendees: link(`${self}/attendees`),
    booking_ip_address: odd ? null : '192.0.2.7',
    ...cancellation(appointment),
    did_not_arrive: appointment.didNotArrive,
    email_reminder_sent: odd,
    has_patient_appointment_notes: false,
    invoice_status: null,
    online_booking_policy_accepted: null,
    patient: link(`${view.url}/patients/${appointment.patientId}`),
    patient_arrived: appointment.arrived,
    patient_name: patient ? `${patient.firstName} ${patient.lastName}` : null,
    sms_reminder_sent: false,
    telehealth_url: odd ? `https://telehealth.invalid/${appointment.id}` : null,
    treatment_note_status: null,
  };
  const { caseId } = appointment;
  relate(out, 'patient_case', appointment, view, caseId === null ? null : `patient_cases/${caseId}`);
  return out;
}

export function renderGroup(group: GroupAppointment, view: View): Json {
  const self = `${view.url}/group_appointments/${group.id}`;
  return {
    ...timed(group, view, 'group_appointments'),
    appointment_type: link(`${view.url}/appointment_types/${group.typeId}`),
    attendees: link(`${self}/attendees`),
    max_attendees: group.maxAttendees,
    patient_ids: patientIds(group, view),
    telehealth_url: null,
  };
}

export function renderBlock(block: UnavailableBlock, view: View): Json {
  return {
    ...timed(block, view, 'unavailable_blocks'),
    unavailable_block_type: link(`${view.url}/unavailable_block_types/${block.blockTypeId}`),
  };
}

/** One of the three, with the address it has in the mixed list. */
export function renderBooking(booking: Booking, view: View): Json {
  const shown =
    booking.kind === 'individual'
      ? renderAppointment(booking, view)
      : booking.kind === 'group'
        ? renderGroup(booking, view)
        : renderBlock(booking, view);
  shown.links = { self: `${view.url}/bookings/${booking.id}` };
  return shown;
}

export function renderAttendee(attendee: Attendee, view: View): Json {
  const self = `${view.url}/attendees/${attendee.id}`;
  const odd = isOdd(attendee);
  const out: Json = {
    archived_at: utcOrNull(attendee.archivedAt),
    arrived: attendee.arrived,
    booking: link(`${view.url}/bookings/${attendee.bookingId}`),
    booking_ip_address: null,
    ...cancellation(attendee),
    cancellation_url: odd ? `https://cancel.invalid/${attendee.id}` : null,
    created_at: utc(attendee.createdAt),
    deleted_at: utcOrNull(attendee.deletedAt),
    email_reminder_sent: false,
    id: attendee.id,
    invoice_status: odd ? 20 : null,
    invoices: link(`${self}/invoices`),
    links: { self },
    notes: attendee.notes ?? blank(attendee),
    online_booking_policy_accepted: null,
    patient: link(`${view.url}/patients/${attendee.patientId}`),
    patient_forms: link(`${self}/patient_forms`),
    sent_email_follow_ups_count: 0,
    sent_email_reminders_count: 0,
    sent_sms_follow_ups_count: 0,
    sent_sms_reminders_count: 0,
    sms_reminder_sent: false,
    telehealth_url: null,
    treatment_note_status: null,
    updated_at: utc(attendee.updatedAt),
  };
  const { caseId } = attendee;
  relate(out, 'patient_case', attendee, view, caseId === null ? null : `patient_cases/${caseId}`);
  return out;
}

/** Who comes to a group appointment. */
export function patientIds(group: GroupAppointment, view: Pick<View, 'world'>): string[] {
  return view.world
    .attendeesOfGroup(group.id)
    .filter((one) => one.cancelledAt === null && one.archivedAt === null && one.deletedAt === null)
    .map((one) => one.patientId);
}

function timed(booking: Timed, view: View, path: string): Json {
  const self = `${view.url}/${path}/${booking.id}`;
  const out: Json = {
    archived_at: utcOrNull(booking.archivedAt),
    business: link(`${view.url}/businesses/${booking.businessId}`),
    conflicts: link(`${self}/conflicts`),
    created_at: utc(booking.createdAt),
    deleted_at: utcOrNull(booking.deletedAt),
    ends_at: utc(booking.endsAt),
    id: booking.id,
    links: { self },
    notes: booking.notes,
    practitioner: link(`${view.url}/practitioners/${booking.practitionerId}`),
    repeat_rule: booking.repeatRule ? repeatRule(booking.repeatRule) : {},
    starts_at: utc(booking.startsAt),
    updated_at: utc(booking.updatedAt),
  };
  const { repeatedFrom } = booking;
  relate(out, 'repeated_from', booking, view, repeatedFrom === null ? null : `${path}/${repeatedFrom}`);
  const first = booking.repeatRule && repeatedFrom === null;
  out.repeats = first ? link(`${view.url}/${path}?q[]=repeated_from_id:=${booking.id}`) : null;
  return out;
}

function repeatRule({ count, type, interval }: RepeatRule): Json {
  return { number_of_repeats: count, repeat_type: type, repeating_interval: interval };
}

function cancellation(record: Appointment | Attendee): Json {
  return {
    cancellation_note: record.cancellationNote,
    cancellation_reason: record.cancellationReason,
    cancellation_reason_description: reasonDescription(record.cancellationReason, record),
    cancelled_at: utcOrNull(record.cancelledAt),
  };
}
