/** What the account remembers of each thing. Small on purpose: everything else of an answer is made when it is served. */
import type { Seconds } from './time.ts';

export interface Stored {
  readonly id: string;
  readonly createdAt: Seconds;
  updatedAt: Seconds;
}

export interface Archivable extends Stored {
  archivedAt: Seconds | null;
}

export interface Deletable extends Archivable {
  deletedAt: Seconds | null;
}

export interface Cancellable extends Deletable {
  cancelledAt: Seconds | null;
  cancellationReason: number | null;
  cancellationNote: string | null;
}

export interface Patient extends Deletable {
  mergedAt: Seconds | null;
  mergedInto: string | null;
  firstName: string;
  lastName: string;
  dateOfBirth: string | null;
  email: string | null;
  phone: string | null;
  /** Whatever else was written, in the words of the API. */
  extra: Readonly<Record<string, unknown>> | null;
}

export interface RepeatRule {
  readonly type: 'Daily' | 'Weekly' | 'Monthly';
  readonly interval: number;
  /** How many follow the first. */
  readonly count: number;
}

export interface Timed extends Deletable {
  startsAt: Seconds;
  endsAt: Seconds;
  practitionerId: string;
  businessId: string;
  repeatedFrom: string | null;
  repeatRule: RepeatRule | null;
  notes: string | null;
}

export interface Appointment extends Timed, Cancellable {
  readonly kind: 'individual';
  typeId: string;
  patientId: string;
  caseId: string | null;
  readonly attendeeId: string;
  didNotArrive: boolean;
  arrived: boolean;
}

export interface GroupAppointment extends Timed {
  readonly kind: 'group';
  typeId: string;
  maxAttendees: number;
}

export interface UnavailableBlock extends Timed {
  readonly kind: 'block';
  blockTypeId: string;
}

export type Booking = Appointment | GroupAppointment | UnavailableBlock;

export interface Attendee extends Cancellable {
  readonly bookingId: string;
  patientId: string;
  caseId: string | null;
  arrived: boolean;
  notes: string | null;
}

export interface User extends Stored {
  firstName: string;
  lastName: string;
  email: string;
  role: 'administrator' | 'bookkeeper' | 'power receptionist' | 'practitioner' | 'receptionist' | 'scheduler';
  active: boolean;
}

export interface Practitioner extends Stored {
  firstName: string;
  lastName: string;
  designation: string;
  active: boolean;
  showOnline: boolean;
  readonly userId: string;
}

export interface Business extends Deletable {
  name: string;
  /** IANA */
  timeZone: string;
  timeZoneLabel: string;
  showOnline: boolean;
  typeIds: readonly string[];
  practitionerIds: readonly string[];
}

export interface AppointmentType extends Archivable {
  name: string;
  category: string | null;
  color: string;
  durationMinutes: number;
  maxAttendees: number;
  showOnline: boolean;
  practitionerIds: readonly string[];
}

export interface UnavailableBlockType extends Archivable {
  name: string;
  color: string;
  durationMinutes: number;
}

export interface PatientAttachment extends Archivable {
  patientId: string;
  readonly userId: string | null;
  description: string | null;
  /** Null until processed. */
  filename: string | null;
  contentType: string | null;
  processedAt: Seconds | null;
  /** What it is called and of which type it is once processed. */
  source: { readonly filename: string; readonly contentType: string; readonly bytes: Buffer | null };
  /** Reads that still see it unprocessed; null: processing never finishes. */
  readsUntilProcessed: number | null;
}

export interface PatientCase extends Archivable {
  patientId: string;
  name: string;
  notes: string | null;
  issueDate: string | null;
  expiryDate: string | null;
  closedAt: Seconds | null;
  maxSessions: number | null;
}

export interface AvailabilityBlock extends Stored {
  readonly practitionerId: string;
  readonly businessId: string;
  readonly startsAt: Seconds;
  readonly endsAt: Seconds;
}

export interface DailyAvailability extends Stored {
  readonly practitionerId: string;
  readonly businessId: string;
  readonly dayOfWeek: number;
  /** `HH:MM`, in the zone of the business. */
  readonly startsAt: string;
  readonly endsAt: string;
}
