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
  /** Merged into another one, whether that is known or not. */
  readonly merged: boolean;
  /** The source's id of the patient that this one was merged into, and ours; null: that one is not known. */
  readonly mergedInto: { readonly id: string | null; readonly reference: string } | null;
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

/** Half open, ISO instants. */
export interface Range {
  readonly from?: string;
  readonly before?: string;
}

/** All have to hold the value, each in one of its ranges. */
export type Ranges = readonly (readonly Range[])[];

/** A record by what its source, or a former one, calls it. */
export interface Identifier {
  readonly connectionId?: string;
  readonly reference?: string;
  /** Of patients only. */
  readonly oldReference?: string;
}

/** What every list understands. */
interface ListQuestion {
  readonly organizationId: string;
  /** 0: nothing but how many there are. */
  readonly limit: number;
  /** Key of the last item of the page before; null: the first page. */
  readonly after: readonly string[] | null;
  readonly ids?: readonly string[] | undefined;
  readonly connectionId?: string | undefined;
  /** Id in the source. */
  readonly reference?: string | undefined;
  /** One of them. */
  readonly identifiers?: readonly Identifier[] | undefined;
  /** ISO instant: changed in our store then or later. */
  readonly updatedFrom?: string | undefined;
  readonly updated?: Ranges | undefined;
  /** Also what the source has deleted or lost. */
  readonly deleted?: boolean | undefined;
}

export interface PatientQuestion extends ListQuestion {
  /** With a visit in the last 30 days or to come. */
  readonly active?: boolean | undefined;
  readonly archived?: boolean | undefined;
  /** Neither archived nor merged into another one. */
  readonly inUse?: boolean | undefined;
  /** How one of the names begins, whatever the case: one of these texts. */
  readonly names?: readonly string[] | undefined;
  readonly families?: readonly string[] | undefined;
  readonly givens?: readonly string[] | undefined;
  readonly birthDate?: string | undefined;
  /** Of whole days. */
  readonly born?: Ranges | undefined;
}

export interface AppointmentQuestion extends ListQuestion {
  /** ISO instants: starts then or later, before. */
  readonly from?: string | undefined;
  readonly before?: string | undefined;
  readonly starts?: Ranges | undefined;
  readonly statuses?: readonly AppointmentState[] | undefined;
  /** Of those whose patient arrived: only the ones that are over at an instant, or are not. */
  readonly arrivedAndOver?: { readonly over: boolean; readonly at: string } | undefined;
  /** One of them. */
  readonly patientIds?: readonly string[] | undefined;
  readonly practitionerIds?: readonly string[] | undefined;
  readonly businessIds?: readonly string[] | undefined;
  readonly kind?: 'individual' | 'group' | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Null: there are no more. */
  readonly next: readonly string[] | null;
  /** Of all pages; only when no items were asked for. */
  readonly total?: number;
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

/** A patient whose record was merged into another one. */
export interface MergedRecord {
  readonly id: string;
  /** Id in the source. */
  readonly reference: string;
  readonly mergedAt: string | null;
  /** The source's id of the one that it was merged into, and ours; null: that one is not known. */
  readonly into: { readonly id: string | null; readonly reference: string };
}

/** Everybody who ended as the same patient. */
export interface MergeHistory {
  /** The one at the end of the chain; its id is null while it is not known. */
  readonly survivor: { readonly id: string | null; readonly reference: string };
  /** Merged into it, by others or directly: the newest first, at most 500. */
  readonly merged: readonly MergedRecord[];
}

export interface ClinicReports {
  patients(question: PatientQuestion): Promise<Page<PatientRecord>>;
  /** @returns null: there is no such patient */
  merges(organizationId: string, patientId: string): Promise<MergeHistory | null>;
  appointments(question: AppointmentQuestion): Promise<Page<AppointmentRecord>>;
  practitioners(question: ListQuestion & { readonly active?: boolean | undefined }): Promise<Page<PractitionerRecord>>;
  businesses(question: ListQuestion): Promise<Page<BusinessRecord>>;
  totals(organizationId: string, connectionId?: string): Promise<ClinicTotals>;
}
