/** Read-only questions about copied patients and appointments. Every method takes the organisation; nothing else is seen. */
import type { AppointmentState, Phone, PostalAddress } from '../domain/clinic.ts';

export interface PatientRecord {
  readonly id: string;
  readonly connectionId: string;
  /** Id in the source. */
  readonly reference: string;
  readonly name: string | null;
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
  readonly oldReferenceId: string | null;
  readonly archivedAt: string | null;
  readonly deletedAt: string | null;
  readonly mergedAt: string | null;
  /** Ours and the source's id of the patient that this one was merged into. */
  readonly mergedInto: { readonly id: string; readonly reference: string } | null;
  readonly isActive: boolean;
  readonly activityStatus: string;
  readonly recentAppointmentCount: number;
  readonly upcomingAppointmentCount: number;
  readonly totalAppointmentCount: number;
  readonly firstAppointmentDate: string | null;
  readonly lastAppointmentDate: string | null;
  readonly nextAppointmentTime: string | null;
  readonly nextAppointmentType: string | null;
  readonly primaryAppointmentType: string | null;
  readonly lastSyncedAt: string;
  readonly updatedAt: string;
}

export interface Attendance {
  readonly patientId: string;
  readonly status: AppointmentState;
}

export interface AppointmentRecord {
  readonly id: string;
  readonly connectionId: string;
  readonly reference: string;
  readonly kind: 'individual' | 'group';
  readonly startsAt: string;
  readonly endsAt: string | null;
  readonly status: AppointmentState;
  readonly type: string | null;
  readonly notes: string | null;
  /** One for an individual appointment. */
  readonly attendances: readonly Attendance[];
  readonly practitionerId: string | null;
  readonly businessId: string | null;
  readonly cancelledAt: string | null;
  readonly cancellationReason: number | null;
  readonly maxAttendees: number | null;
  readonly deletedAt: string | null;
  /** IANA zone of the business; null when it is not known. */
  readonly timeZone: string | null;
  readonly lastSyncedAt: string;
  readonly updatedAt: string;
}

export interface PractitionerRecord {
  readonly id: string;
  readonly connectionId: string;
  readonly reference: string;
  readonly title: string | null;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly displayName: string | null;
  readonly designation: string | null;
  readonly active: boolean;
  readonly deletedAt: string | null;
  readonly updatedAt: string;
}

export interface BusinessRecord {
  readonly id: string;
  readonly connectionId: string;
  readonly reference: string;
  readonly name: string | null;
  readonly address: PostalAddress | null;
  readonly timeZone: string | null;
  readonly archivedAt: string | null;
  readonly deletedAt: string | null;
  readonly updatedAt: string;
}

/** What every list understands. */
interface ListQuestion {
  readonly organizationId: string;
  readonly limit: number;
  /** Key of the last item of the page before; null: the first page. */
  readonly after: readonly string[] | null;
  readonly ids?: readonly string[] | undefined;
  readonly connectionId?: string | undefined;
  /** Id in the source. */
  readonly reference?: string | undefined;
  /** ISO instants: changed in our store then or later, before. */
  readonly updatedFrom?: string | undefined;
  readonly updatedBefore?: string | undefined;
  /** Also what the source has deleted or lost. */
  readonly deleted?: boolean | undefined;
}

export interface PatientQuestion extends ListQuestion {
  /** With a visit in the last 30 days or to come. */
  readonly active?: boolean | undefined;
  readonly archived?: boolean | undefined;
  /** Begin of one of the names, whatever the case. */
  readonly name?: string | undefined;
  readonly family?: string | undefined;
  readonly given?: string | undefined;
  readonly birthDate?: string | undefined;
}

export interface AppointmentQuestion extends ListQuestion {
  /** ISO instants: starts then or later, before. */
  readonly from?: string | undefined;
  readonly before?: string | undefined;
  readonly statuses?: readonly AppointmentState[] | undefined;
  readonly patientId?: string | undefined;
  readonly practitionerId?: string | undefined;
  readonly businessId?: string | undefined;
  readonly kind?: 'individual' | 'group' | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Null: there are no more. */
  readonly next: readonly string[] | null;
}

export interface ClinicTotals {
  readonly patients: number;
  readonly activePatients: number;
  readonly withUpcoming: number;
  readonly withRecent: number;
  readonly appointments: number;
  /** Sums over active patients. */
  readonly recentAppointments: number;
  readonly upcomingAppointments: number;
  readonly allAppointments: number;
  readonly lastSyncedAt: string | null;
}

export interface ClinicReports {
  patients(question: PatientQuestion): Promise<Page<PatientRecord>>;
  appointments(question: AppointmentQuestion): Promise<Page<AppointmentRecord>>;
  practitioners(question: ListQuestion & { readonly active?: boolean | undefined }): Promise<Page<PractitionerRecord>>;
  businesses(question: ListQuestion): Promise<Page<BusinessRecord>>;
  totals(organizationId: string, connectionId?: string): Promise<ClinicTotals>;
}
