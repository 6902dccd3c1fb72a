/** Copied patients and appointments as this interface tells them. */
import { type TSchema, Type } from 'typebox';
import { APPOINTMENT_STATES } from '../domain/clinic.ts';
import type { AppointmentRecord, MergeHistory, PatientRecord } from '../ports/clinic-reports.ts';

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const text = () => nullable(Type.String());
const instant = (description?: string) =>
  Type.String({ format: 'date-time', ...(description === undefined ? {} : { description }) });
const uuid = (description: string) => Type.String({ format: 'uuid', description });
const count = () => Type.Integer({ minimum: 0 });

const Address = Type.Object({
  lines: Type.Array(Type.String()),
  city: text(),
  state: text(),
  post_code: text(),
  country_code: text(),
});

export const PatientAnswer = Type.Object(
  {
    id: uuid('Ours; the same for the same patient in every copy.'),
    connection_id: Type.String(),
    cliniko_patient_id: Type.String({ description: 'Id in the source.' }),
    name: text(),
    title: text(),
    first_name: text(),
    last_name: text(),
    preferred_first_name: text(),
    email: text(),
    phones: Type.Array(Type.Object({ type: Type.String(), number: Type.String() })),
    birth_date: nullable(Type.String({ format: 'date' })),
    sex: text(),
    gender_identity: text(),
    address: nullable(Address),
    is_active: Type.Boolean({ description: 'A visit in the last 30 days, or one to come.' }),
    activity_status: Type.Enum(['active', 'recent_only', 'upcoming_only', 'inactive']),
    recent_appointment_count: count(),
    upcoming_appointment_count: count(),
    total_appointment_count: count(),
    first_appointment_date: nullable(instant()),
    last_appointment_date: nullable(instant()),
    next_appointment_time: nullable(instant()),
    next_appointment_type: text(),
    primary_appointment_type: text(),
    archived_at: nullable(instant()),
    deleted_at: nullable(instant('When the source deleted or lost it.')),
    merged_at: nullable(instant()),
    merged_into: nullable(uuid('The patient that this one was merged into.')),
    last_synced_at: instant(),
    updated_at: instant(),
  },
  { $id: 'Patient' },
);

export function patientAnswer(record: PatientRecord): Record<string, unknown> {
  const { address } = record;
  return {
    id: record.id,
    connection_id: record.connectionId,
    cliniko_patient_id: record.reference,
    name: record.name,
    title: record.title,
    first_name: record.firstName,
    last_name: record.lastName,
    preferred_first_name: record.preferredFirstName,
    email: record.email,
    phones: record.phones,
    birth_date: record.birthDate,
    sex: record.sex,
    gender_identity: record.genderIdentity,
    address:
      address === null
        ? null
        : {
            lines: address.lines,
            city: address.city,
            state: address.state,
            post_code: address.postCode,
            country_code: address.countryCode,
          },
    is_active: record.isActive,
    activity_status: record.activityStatus,
    recent_appointment_count: record.recentAppointmentCount,
    upcoming_appointment_count: record.upcomingAppointmentCount,
    total_appointment_count: record.totalAppointmentCount,
    first_appointment_date: record.firstAppointmentDate,
    last_appointment_date: record.lastAppointmentDate,
    next_appointment_time: record.nextAppointmentTime,
    next_appointment_type: record.nextAppointmentType,
    primary_appointment_type: record.primaryAppointmentType,
    archived_at: record.archivedAt,
    deleted_at: record.deletedAt,
    merged_at: record.mergedAt,
    merged_into: record.mergedInto?.id ?? null,
    last_synced_at: record.lastSyncedAt,
    updated_at: record.updatedAt,
  };
}

const Other = Type.Object({
  id: nullable(uuid('Ours; null: that patient is not known here.')),
  cliniko_patient_id: Type.String({ description: 'Id in the source.' }),
});

export const MergesAnswer = Type.Object(
  {
    survivor: { ...Other, description: 'The patient at the end of the chain; its own id where nobody was merged.' },
    merged: Type.Array(
      Type.Object({
        id: uuid('Ours.'),
        cliniko_patient_id: Type.String({ description: 'Id in the source.' }),
        merged_at: nullable(instant()),
        merged_into: { ...Other, description: 'The next one of the chain.' },
      }),
      { description: 'All that ended as the survivor, directly or by others: the newest first, at most 500.' },
    ),
  },
  { $id: 'PatientMerges' },
);

export function mergesAnswer({ survivor, merged }: MergeHistory): Record<string, unknown> {
  const other = ({ id, reference }: MergeHistory['survivor']) => ({ id, cliniko_patient_id: reference });
  return {
    survivor: other(survivor),
    merged: merged.map(({ id, reference, mergedAt, into }) => ({
      id,
      cliniko_patient_id: reference,
      merged_at: mergedAt,
      merged_into: other(into),
    })),
  };
}

export const AppointmentAnswer = Type.Object(
  {
    id: uuid('Ours; the same for the same appointment in every copy.'),
    connection_id: Type.String(),
    cliniko_appointment_id: Type.String({ description: 'Id in the source.' }),
    kind: Type.Enum(['individual', 'group']),
    starts_at: instant(),
    ends_at: nullable(instant()),
    time_zone: nullable(Type.String({ description: 'IANA zone of the place.' })),
    status: Type.Enum([...APPOINTMENT_STATES], {
      description: 'The first that is true of: deleted, archived, cancelled, noshow, arrived, booked.',
    }),
    type: text(),
    patients: Type.Array(
      Type.Object({ patient_id: uuid('See patients.'), status: Type.Enum([...APPOINTMENT_STATES]) }),
      { description: 'One of an individual appointment; the attendees of a group.' },
    ),
    practitioner_id: nullable(uuid('Ours.')),
    business_id: nullable(uuid('Ours.')),
    cancelled_at: nullable(instant()),
    cancellation_reason: nullable(Type.Integer()),
    max_attendees: nullable(Type.Integer()),
    notes: nullable(Type.String({ description: 'Only when the connection copies notes.' })),
    deleted_at: nullable(instant('When the source deleted or lost it.')),
    last_synced_at: instant(),
    updated_at: instant(),
  },
  { $id: 'Appointment' },
);

export function appointmentAnswer(record: AppointmentRecord): Record<string, unknown> {
  return {
    id: record.id,
    connection_id: record.connectionId,
    cliniko_appointment_id: record.reference,
    kind: record.kind,
    starts_at: record.startsAt,
    ends_at: record.endsAt,
    time_zone: record.timeZone,
    status: record.status,
    type: record.type,
    patients: record.attendances.map(({ patientId, status }) => ({ patient_id: patientId, status })),
    practitioner_id: record.practitionerId,
    business_id: record.businessId,
    cancelled_at: record.cancelledAt,
    cancellation_reason: record.cancellationReason,
    max_attendees: record.maxAttendees,
    notes: record.notes,
    deleted_at: record.deletedAt,
    last_synced_at: record.lastSyncedAt,
    updated_at: record.updatedAt,
  };
}
