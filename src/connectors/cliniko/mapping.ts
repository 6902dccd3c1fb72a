/**
 * Cliniko's records as ours. Only what is named here is taken: clinical notes, custom fields, secret links (telehealth,
 * cancellation) and numbers of insurances stay where they are.
 */
import { hash } from 'node:crypto';
import {
  type AppointmentData,
  type AppointmentFlags,
  type AttachmentData,
  type AttendeeData,
  appointmentState,
  type ClinicRecord,
  type Phone,
  type PostalAddress,
  type RecordStream,
  type StreamData,
} from '../../domain/clinic.ts';
import { changed, isObject, type Json } from './answer.ts';
import { dateOf, flagOf, idOf, instantOf, integerOf, linkOf, textOf } from './fields.ts';
import { zoneOf } from './time-zone.ts';

export interface MappingOptions {
  /** Keep the notes of appointments. */
  readonly notes: boolean;
}

type Mapper<S extends RecordStream> = (record: Json, options: MappingOptions) => StreamData[S];

/** @throws SyncError `source_contract_changed` when a field has not the type that it should have */
export function recordOf<S extends RecordStream>(stream: S, record: Json, options: MappingOptions): ClinicRecord<S> {
  const reference = idOf(record, stream);
  const data = MAPPERS[stream](record, options);
  return { stream, reference, fingerprint: hash('sha256', JSON.stringify(data), 'base64url').slice(0, 22), data };
}

const dated = (record: Json) => ({
  createdAt: instantOf(record, 'created_at'),
  updatedAt: instantOf(record, 'updated_at'),
});

const MAPPERS: { readonly [S in RecordStream]: Mapper<S> } = {
  businesses: (record) => ({
    ...dated(record),
    name: textOf(record, 'display_name') ?? textOf(record, 'business_name'),
    address: addressOf(record),
    timeZone: zoneOf(textOf(record, 'time_zone_identifier'), textOf(record, 'time_zone')),
    archivedAt: instantOf(record, 'archived_at'),
    deletedAt: instantOf(record, 'deleted_at'),
  }),
  practitioners: (record) => ({
    ...dated(record),
    title: textOf(record, 'title'),
    firstName: textOf(record, 'first_name'),
    lastName: textOf(record, 'last_name'),
    displayName: textOf(record, 'display_name') ?? textOf(record, 'label'),
    designation: textOf(record, 'designation'),
    active: flagOf(record, 'active') ?? true,
  }),
  appointment_types: (record) => ({
    ...dated(record),
    name: textOf(record, 'name'),
    category: textOf(record, 'category'),
    durationMinutes: integerOf(record, 'duration_in_minutes'),
    maxAttendees: integerOf(record, 'max_attendees'),
    archivedAt: instantOf(record, 'archived_at'),
  }),
  patients: (record) => ({
    ...dated(record),
    title: textOf(record, 'title'),
    firstName: textOf(record, 'first_name'),
    lastName: textOf(record, 'last_name'),
    preferredFirstName: textOf(record, 'preferred_first_name'),
    email: textOf(record, 'email'),
    phones: phonesOf(record),
    birthDate: dateOf(record, 'date_of_birth'),
    sex: textOf(record, 'sex') ?? textOf(record, 'gender'),
    genderIdentity: textOf(record, 'gender_identity'),
    address: addressOf(record),
    timeZone: zoneOf(textOf(record, 'time_zone'), null),
    oldReferenceId: textOf(record, 'old_reference_id'),
    archivedAt: instantOf(record, 'archived_at'),
    deletedAt: instantOf(record, 'deleted_at'),
    mergedAt: instantOf(record, 'merged_at'),
    mergedInto: linkOf(record, 'merged_with_patient'),
  }),
  individual_appointments: (record, options) =>
    appointmentOf(record, options, {
      didNotArrive: flagOf(record, 'did_not_arrive') ?? false,
      arrived: flagOf(record, 'patient_arrived') ?? false,
      patient: linkOf(record, 'patient'),
      maxAttendees: null,
    }),
  group_appointments: (record, options) =>
    appointmentOf(record, options, {
      didNotArrive: false,
      arrived: false,
      patient: null,
      maxAttendees: integerOf(record, 'max_attendees'),
    }),
  attendees: attendeeOf,
  unavailable_blocks: (record) => ({
    ...dated(record),
    startsAt: startOf(record),
    endsAt: instantOf(record, 'ends_at'),
    practitioner: linkOf(record, 'practitioner'),
    business: linkOf(record, 'business'),
    repeatedFrom: linkOf(record, 'repeated_from'),
    archivedAt: instantOf(record, 'archived_at'),
    deletedAt: instantOf(record, 'deleted_at'),
  }),
  patient_attachments: attachmentOf,
};

function startOf(record: Json): string {
  const startsAt = instantOf(record, 'starts_at');
  if (startsAt === null) throw changed('An appointment has no start.');
  return startsAt;
}

const hiding = (record: Json) => ({
  deletedAt: instantOf(record, 'deleted_at'),
  archivedAt: instantOf(record, 'archived_at'),
  cancelledAt: instantOf(record, 'cancelled_at'),
});

function appointmentOf(
  record: Json,
  options: MappingOptions,
  own: Pick<AppointmentData, 'didNotArrive' | 'arrived' | 'patient' | 'maxAttendees'>,
): AppointmentData {
  const flags: AppointmentFlags = { ...hiding(record), didNotArrive: own.didNotArrive, arrived: own.arrived };
  return {
    ...dated(record),
    startsAt: startOf(record),
    endsAt: instantOf(record, 'ends_at'),
    state: appointmentState(flags),
    ...flags,
    ...own,
    cancellationReason: integerOf(record, 'cancellation_reason'),
    practitioner: linkOf(record, 'practitioner'),
    business: linkOf(record, 'business'),
    appointmentType: linkOf(record, 'appointment_type'),
    patientCase: linkOf(record, 'patient_case'),
    repeatedFrom: linkOf(record, 'repeated_from'),
    notes: options.notes ? textOf(record, 'notes') : null,
  };
}

function attendeeOf(record: Json): AttendeeData {
  const flags = { ...hiding(record), didNotArrive: false, arrived: flagOf(record, 'arrived') ?? false };
  return {
    ...dated(record),
    appointment: linkOf(record, 'booking'),
    patient: linkOf(record, 'patient'),
    arrived: flags.arrived,
    archivedAt: flags.archivedAt,
    deletedAt: flags.deletedAt,
    cancelledAt: flags.cancelledAt,
    cancellationReason: integerOf(record, 'cancellation_reason'),
    state: appointmentState(flags),
  };
}

function attachmentOf(record: Json): AttachmentData {
  const sizeBytes = integerOf(record, 'size');
  return {
    ...dated(record),
    patient: linkOf(record, 'patient'),
    fileName: textOf(record, 'filename'),
    description: textOf(record, 'description'),
    mimeType: textOf(record, 'content_type'),
    sizeBytes,
    processedAt: instantOf(record, 'processed_at'),
    // Older records may not say that they are processed; what has a size is.
    ready: flagOf(record, 'processing_completed') ?? sizeBytes !== null,
    contentPath: contentPathOf(record),
    archivedAt: instantOf(record, 'archived_at'),
  };
}

/** Of the link only its path is taken, and only one of this very record: the key goes nowhere else. */
function contentPathOf(record: Json): string {
  const id = idOf(record, 'patient_attachments');
  const { content } = record;
  const self = isObject(content) && isObject(content.links) ? content.links.self : undefined;
  const path = `patient_attachments/${id}`;
  if (self === undefined || self === null || self === '') return `${path}/content`;
  const pathname = typeof self === 'string' ? URL.parse(self)?.pathname : undefined;
  const found = [path, `${path}/content`].find((known) => pathname?.endsWith(`/${known}`));
  if (found === undefined) throw changed('The content of an attachment is said to be at another place.');
  return found;
}

function addressOf(record: Json): PostalAddress | null {
  const lines = ['address_1', 'address_2', 'address_3'].flatMap((field) => textOf(record, field) ?? []);
  const address = {
    lines,
    city: textOf(record, 'city'),
    state: textOf(record, 'state'),
    postCode: textOf(record, 'post_code'),
    countryCode: textOf(record, 'country_code'),
  };
  const { lines: _, ...rest } = address;
  return lines.length === 0 && Object.values(rest).every((value) => value === null) ? null : address;
}

function phonesOf(record: Json): Phone[] {
  const list = record.patient_phone_numbers;
  if (list === undefined || list === null || list === '') return [];
  if (!Array.isArray(list)) throw changed('The phone numbers of a patient are not a list.');
  return list.flatMap((phone) => {
    if (!isObject(phone)) throw changed('A phone number of a patient is not an object.');
    const number = textOf(phone, 'normalized_number') ?? textOf(phone, 'number');
    return number === null ? [] : [{ type: textOf(phone, 'phone_type') ?? 'Other', number }];
  });
}
