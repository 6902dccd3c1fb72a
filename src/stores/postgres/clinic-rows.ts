/** Each list of a source as rows of its table. */
import { hash } from 'node:crypto';
import type { AppointmentData, ClinicRecord, RecordStream, StreamData } from '../../domain/clinic.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';

export interface StreamTable<S extends RecordStream = RecordStream> {
  readonly table: string;
  /** Column of the source's id. */
  readonly reference: string;
  /** Rows of the table that belong to the stream, as SQL; empty: all. */
  readonly only: '' | "kind = 'individual'" | "kind = 'group'";
  /** Columns beyond the common ones, with their types for a recordset. */
  readonly columns: Readonly<Record<string, string>>;
  row(data: StreamData[S], key: ConnectionKey): Readonly<Record<string, unknown>>;
  /** Patients whose activity the record can change. */
  patientsOf(record: ClinicRecord<S>): readonly string[];
}

/** The same id for the same record, in whatever database. */
export function recordId(key: ConnectionKey, kind: string, reference: string): string {
  const digest = hash('sha256', `${key.organizationId}\0${key.connectionId}\0${kind}\0${reference}`, 'hex');
  // A UUID of version 8: its bits are ours.
  const variant = ((Number.parseInt(digest[16] ?? '0', 16) & 3) | 8).toString(16);
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}

const patientId = (key: ConnectionKey, patient: string | null) =>
  patient === null ? null : recordId(key, 'patients', patient);

const APPOINTMENT_COLUMNS = {
  kind: 'text',
  patient_id: 'uuid',
  cliniko_patient_id: 'text',
  appointment_date: 'timestamptz',
  ends_at: 'timestamptz',
  status: 'text',
  notes: 'text',
  cliniko_practitioner_id: 'text',
  cliniko_business_id: 'text',
  cliniko_appointment_type_id: 'text',
  cancelled_at: 'timestamptz',
  cancellation_reason: 'integer',
  archived_at: 'timestamptz',
  max_attendees: 'integer',
  metadata: 'jsonb',
};

const appointmentRow = (kind: 'individual' | 'group') => (data: AppointmentData, key: ConnectionKey) => ({
  kind,
  patient_id: patientId(key, data.patient),
  cliniko_patient_id: data.patient,
  appointment_date: data.startsAt,
  ends_at: data.endsAt,
  status: data.state,
  notes: data.notes,
  cliniko_practitioner_id: data.practitioner,
  cliniko_business_id: data.business,
  cliniko_appointment_type_id: data.appointmentType,
  cancelled_at: data.cancelledAt,
  cancellation_reason: data.cancellationReason,
  archived_at: data.archivedAt,
  max_attendees: data.maxAttendees,
  metadata: { patient_case_id: data.patientCase, repeated_from: data.repeatedFrom },
});

export const STREAM_TABLES: { readonly [S in RecordStream]: StreamTable<S> } = {
  patients: {
    table: 'patients',
    reference: 'cliniko_patient_id',
    only: '',
    columns: {
      name: 'text',
      email: 'text',
      phone: 'text',
      title: 'text',
      first_name: 'text',
      last_name: 'text',
      preferred_first_name: 'text',
      phones: 'jsonb',
      birth_date: 'date',
      sex: 'text',
      gender_identity: 'text',
      address: 'jsonb',
      time_zone: 'text',
      old_reference_id: 'text',
      archived_at: 'timestamptz',
      merged_at: 'timestamptz',
      merged_into: 'text',
    },
    row: (data) => ({
      name: [data.firstName, data.lastName].filter((part) => part !== null).join(' ') || null,
      email: data.email,
      phone: data.phones.find((phone) => phone.type !== 'Fax')?.number ?? null,
      title: data.title,
      first_name: data.firstName,
      last_name: data.lastName,
      preferred_first_name: data.preferredFirstName,
      phones: data.phones,
      birth_date: data.birthDate,
      sex: data.sex,
      gender_identity: data.genderIdentity,
      address: data.address,
      time_zone: data.timeZone,
      old_reference_id: data.oldReferenceId,
      archived_at: data.archivedAt,
      merged_at: data.mergedAt,
      merged_into: data.mergedInto,
    }),
    patientsOf: (record) => [record.reference, ...(record.data.mergedInto === null ? [] : [record.data.mergedInto])],
  },
  individual_appointments: {
    table: 'appointments',
    reference: 'cliniko_appointment_id',
    only: "kind = 'individual'",
    columns: APPOINTMENT_COLUMNS,
    row: appointmentRow('individual'),
    patientsOf: (record) => (record.data.patient === null ? [] : [record.data.patient]),
  },
  group_appointments: {
    table: 'appointments',
    reference: 'cliniko_appointment_id',
    only: "kind = 'group'",
    columns: APPOINTMENT_COLUMNS,
    row: appointmentRow('group'),
    patientsOf: () => [],
  },
  attendees: {
    table: 'appointment_attendees',
    reference: 'cliniko_attendee_id',
    only: '',
    columns: {
      cliniko_appointment_id: 'text',
      patient_id: 'uuid',
      cliniko_patient_id: 'text',
      status: 'text',
      cancelled_at: 'timestamptz',
      cancellation_reason: 'integer',
      archived_at: 'timestamptz',
    },
    row: (data, key) => ({
      cliniko_appointment_id: data.appointment,
      patient_id: patientId(key, data.patient),
      cliniko_patient_id: data.patient,
      status: data.state,
      cancelled_at: data.cancelledAt,
      cancellation_reason: data.cancellationReason,
      archived_at: data.archivedAt,
    }),
    patientsOf: (record) => (record.data.patient === null ? [] : [record.data.patient]),
  },
  practitioners: {
    table: 'practitioners',
    reference: 'cliniko_practitioner_id',
    only: '',
    columns: {
      title: 'text',
      first_name: 'text',
      last_name: 'text',
      display_name: 'text',
      designation: 'text',
      active: 'boolean',
    },
    row: (data) => ({
      title: data.title,
      first_name: data.firstName,
      last_name: data.lastName,
      display_name: data.displayName,
      designation: data.designation,
      active: data.active,
    }),
    patientsOf: () => [],
  },
  businesses: {
    table: 'businesses',
    reference: 'cliniko_business_id',
    only: '',
    columns: { name: 'text', address: 'jsonb', time_zone: 'text', archived_at: 'timestamptz' },
    row: (data) => ({
      name: data.name,
      address: data.address,
      time_zone: data.timeZone,
      archived_at: data.archivedAt,
    }),
    patientsOf: () => [],
  },
  appointment_types: {
    table: 'appointment_types',
    reference: 'cliniko_appointment_type_id',
    only: '',
    columns: {
      name: 'text',
      category: 'text',
      duration_minutes: 'integer',
      max_attendees: 'integer',
      archived_at: 'timestamptz',
    },
    row: (data) => ({
      name: data.name,
      category: data.category,
      duration_minutes: data.durationMinutes,
      max_attendees: data.maxAttendees,
      archived_at: data.archivedAt,
    }),
    patientsOf: () => [],
  },
  unavailable_blocks: {
    table: 'unavailable_blocks',
    reference: 'cliniko_block_id',
    only: '',
    columns: {
      starts_at: 'timestamptz',
      ends_at: 'timestamptz',
      cliniko_practitioner_id: 'text',
      cliniko_business_id: 'text',
      repeated_from: 'text',
      archived_at: 'timestamptz',
    },
    row: (data) => ({
      starts_at: data.startsAt,
      ends_at: data.endsAt,
      cliniko_practitioner_id: data.practitioner,
      cliniko_business_id: data.business,
      repeated_from: data.repeatedFrom,
      archived_at: data.archivedAt,
    }),
    patientsOf: () => [],
  },
  patient_attachments: {
    table: 'patient_attachments',
    reference: 'cliniko_attachment_id',
    only: '',
    columns: {
      patient_id: 'uuid',
      cliniko_patient_id: 'text',
      file_name: 'text',
      description: 'text',
      mime_type: 'text',
      size_bytes: 'integer',
      processed_at: 'timestamptz',
      ready: 'boolean',
      content_path: 'text',
      archived_at: 'timestamptz',
    },
    row: (data, key) => ({
      patient_id: patientId(key, data.patient),
      cliniko_patient_id: data.patient,
      file_name: data.fileName,
      description: data.description,
      mime_type: data.mimeType,
      size_bytes: data.sizeBytes,
      processed_at: data.processedAt,
      ready: data.ready,
      content_path: data.contentPath,
      archived_at: data.archivedAt,
    }),
    patientsOf: () => [],
  },
};

/** Columns that every table has and `write` fills. */
export const COMMON_COLUMNS = {
  id: 'uuid',
  organization_id: 'text',
  connection_id: 'text',
  source_created_at: 'timestamptz',
  source_updated_at: 'timestamptz',
  last_synced_at: 'timestamptz',
  fingerprint: 'text',
  deleted_at: 'timestamptz',
} as const;

export function rowOf(record: ClinicRecord, key: ConnectionKey, at: string): Record<string, unknown> {
  const table = STREAM_TABLES[record.stream] as StreamTable;
  const { data } = record;
  return {
    id: recordId(key, table.table, record.reference),
    organization_id: key.organizationId,
    connection_id: key.connectionId,
    [table.reference]: record.reference,
    source_created_at: data.createdAt,
    source_updated_at: data.updatedAt,
    last_synced_at: at,
    fingerprint: record.fingerprint,
    deleted_at: 'deletedAt' in data ? data.deletedAt : null,
    ...table.row(data, key),
  };
}
