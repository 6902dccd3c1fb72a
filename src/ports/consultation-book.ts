/**
 * Consultations of a clinic as they are kept, and where they belong.
 *
 * Contract:
 * - Each method is one transaction. Every write carries a {@link Fence} of the clinic's own connection, else `lease_lost` or
 *   `settings_invalid`, nothing written. For the wrong organisation a clinic does not exist.
 * - `write` and `link` are idempotent. A consultation belongs to the appointment of the same clinic whose id it names, and to nothing
 *   else; where there is none it is in quarantine.
 * - A removal hides it and says why; one that comes back is live again.
 */
import type { Removal } from '../domain/completeness.ts';
import type { Consultation, ConsultationState, QuarantineReason, StoredConsultation } from '../domain/consultations.ts';
import type { DateWindow } from '../domain/reconcile-appointments.ts';
import type { Fence } from './document-records.ts';
import type { ClinicKey } from './slot-book.ts';

export interface QuarantinedConsultation {
  readonly reference: string;
  readonly reason: QuarantineReason;
  readonly neoAppointmentId: string | null;
  /** Clinic-local. */
  readonly date: string;
}

export interface ConsultationCounts {
  readonly linked: number;
  readonly noAppointmentId: number;
  readonly appointmentUnknown: number;
}

/** What may be shown of one: no names and no notes. */
export interface ConsultationEntry {
  /** Ours. */
  readonly id: string;
  readonly neoConsultationId: string;
  readonly neoAppointmentId: string | null;
  readonly consultedAt: number;
  readonly date: string;
  readonly status: ConsultationState;
  readonly caseId: string | null;
  /** Null: it is linked. */
  readonly quarantineReason: QuarantineReason | null;
}

export interface ConsultationQuery extends ClinicKey {
  readonly from?: string;
  readonly to?: string;
  /** Absent: all. */
  readonly state?: 'linked' | 'quarantined';
  readonly limit: number;
  /** Key of the last entry before. */
  readonly after: readonly string[] | null;
}

export interface ConsultationPage {
  readonly items: readonly ConsultationEntry[];
  /** Null: there are no more. */
  readonly next: readonly string[] | null;
}

export interface ConsultationBook {
  /** Those with a date in the window or one of these ids, removed ones included. */
  stored(key: ClinicKey, window: DateWindow, references: readonly string[]): Promise<readonly StoredConsultation[]>;
  /** @returns what changed */
  write(
    fence: Fence,
    clinicId: string,
    consultations: readonly Consultation[],
  ): Promise<{ readonly added: number; readonly updated: number }>;
  /** @returns references that this call removed */
  remove(fence: Fence, clinicId: string, removals: readonly Removal<StoredConsultation>[]): Promise<readonly string[]>;
  /** They were kept against the source, and it shows them again. */
  seenAgain(fence: Fence, clinicId: string, references: readonly string[]): Promise<void>;
  /** Finds the appointment and the case of each that has none, and sets cases right. @returns all that are in quarantine now */
  link(fence: Fence, clinicId: string): Promise<readonly QuarantinedConsultation[]>;
  counts(key: ClinicKey): Promise<ConsultationCounts>;
  list(query: ConsultationQuery): Promise<ConsultationPage>;
}
