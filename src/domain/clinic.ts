/**
 * What a practice management system says about a clinic, in our words and without its own format.
 *
 * Instants are ISO texts in UTC; references are the source's ids as text. Nothing here holds clinical notes unless the
 * connection asks for them, and never a link that lets its holder join or cancel.
 */

/** Lists of a source, each a unit of a run. In this order what is referred to comes before what refers to it. */
export const RECORD_STREAMS = [
  'businesses',
  'practitioners',
  'appointment_types',
  'patients',
  'individual_appointments',
  'group_appointments',
  'attendees',
  'unavailable_blocks',
  'patient_attachments',
] as const;
export type RecordStream = (typeof RECORD_STREAMS)[number];

/** Deleted before cancelled before did not arrive before arrived: contradicting flags occur, and one order decides. */
export const APPOINTMENT_STATES = ['booked', 'arrived', 'noshow', 'cancelled', 'archived', 'deleted'] as const;
export type AppointmentState = (typeof APPOINTMENT_STATES)[number];

/** Why a source may hide a record. */
export type HiddenKind = 'archived' | 'cancelled' | 'deleted';

export interface AppointmentFlags {
  readonly deletedAt: string | null;
  readonly archivedAt: string | null;
  readonly cancelledAt: string | null;
  readonly didNotArrive: boolean;
  readonly arrived: boolean;
}

export function appointmentState(flags: AppointmentFlags): AppointmentState {
  if (flags.deletedAt !== null) return 'deleted';
  if (flags.archivedAt !== null) return 'archived';
  if (flags.cancelledAt !== null) return 'cancelled';
  if (flags.didNotArrive) return 'noshow';
  return flags.arrived ? 'arrived' : 'booked';
}

interface Dated {
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

export interface BusinessData extends Dated {
  readonly name: string | null;
  readonly address: PostalAddress | null;
  /** IANA; null: the source names none that we know. */
  readonly timeZone: string | null;
  readonly archivedAt: string | null;
  readonly deletedAt: string | null;
}

export interface PostalAddress {
  readonly lines: readonly string[];
  readonly city: string | null;
  readonly state: string | null;
  readonly postCode: string | null;
  readonly countryCode: string | null;
}

export interface PractitionerData extends Dated {
  readonly title: string | null;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly displayName: string | null;
  readonly designation: string | null;
  readonly active: boolean;
}

export interface AppointmentTypeData extends Dated {
  readonly name: string | null;
  readonly category: string | null;
  readonly durationMinutes: number | null;
  readonly maxAttendees: number | null;
  readonly archivedAt: string | null;
}

export interface Phone {
  readonly type: string;
  readonly number: string;
}

export interface PatientData extends Dated {
  readonly title: string | null;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly preferredFirstName: string | null;
  readonly email: string | null;
  readonly phones: readonly Phone[];
  /** `YYYY-MM-DD` */
  readonly birthDate: string | null;
  readonly sex: string | null;
  readonly genderIdentity: string | null;
  readonly address: PostalAddress | null;
  readonly timeZone: string | null;
  readonly oldReferenceId: string | null;
  readonly archivedAt: string | null;
  readonly deletedAt: string | null;
  readonly mergedAt: string | null;
  /** The patient that this one was merged into. */
  readonly mergedInto: string | null;
}

export interface AppointmentData extends Dated {
  readonly startsAt: string;
  readonly endsAt: string | null;
  readonly state: AppointmentState;
  readonly archivedAt: string | null;
  readonly deletedAt: string | null;
  readonly cancelledAt: string | null;
  readonly cancellationReason: number | null;
  readonly didNotArrive: boolean;
  readonly arrived: boolean;
  /** Null for group appointments, whose patients are attendees. */
  readonly patient: string | null;
  readonly practitioner: string | null;
  readonly business: string | null;
  readonly appointmentType: string | null;
  readonly patientCase: string | null;
  readonly repeatedFrom: string | null;
  readonly maxAttendees: number | null;
  readonly notes: string | null;
}

export interface AttendeeData extends Dated {
  readonly appointment: string | null;
  readonly patient: string | null;
  readonly arrived: boolean;
  readonly archivedAt: string | null;
  readonly deletedAt: string | null;
  readonly cancelledAt: string | null;
  readonly cancellationReason: number | null;
  readonly state: AppointmentState;
}

export interface BlockData extends Dated {
  readonly startsAt: string;
  readonly endsAt: string | null;
  readonly practitioner: string | null;
  readonly business: string | null;
  readonly repeatedFrom: string | null;
  readonly archivedAt: string | null;
  readonly deletedAt: string | null;
}

/** A file that somebody put into a patient's record. It becomes a document. */
export interface AttachmentData extends Dated {
  readonly patient: string | null;
  readonly fileName: string | null;
  readonly description: string | null;
  /** What the source says; its bytes may say otherwise. */
  readonly mimeType: string | null;
  readonly sizeBytes: number | null;
  readonly processedAt: string | null;
  /** The source has finished with it: its content can be fetched. */
  readonly ready: boolean;
  /** Where its content is, below the source's address: that can change, ids do not. */
  readonly contentPath: string;
  readonly archivedAt: string | null;
}

export interface StreamData {
  businesses: BusinessData;
  practitioners: PractitionerData;
  appointment_types: AppointmentTypeData;
  patients: PatientData;
  individual_appointments: AppointmentData;
  group_appointments: AppointmentData;
  attendees: AttendeeData;
  unavailable_blocks: BlockData;
  patient_attachments: AttachmentData;
}

export interface ClinicRecord<S extends RecordStream = RecordStream> {
  readonly stream: S;
  readonly reference: string;
  /** Equal text = nothing that we keep has changed. */
  readonly fingerprint: string;
  readonly data: StreamData[S];
}

/** The source still shows the record and says that it is no more. Others are kept with their state; an attachment goes. */
export function isWithdrawn(record: ClinicRecord): boolean {
  return isAttachment(record) && record.data.archivedAt !== null;
}

export function isAttachment(record: ClinicRecord): record is ClinicRecord<'patient_attachments'> {
  return record.stream === 'patient_attachments';
}
