/** What a clinic wrote down about a visit. */
import { hash } from 'node:crypto';
import type { StoredItem } from './change-set.ts';

export const CONSULTATION_STATES = ['in_progress', 'completed', 'cancelled'] as const;
export type ConsultationState = (typeof CONSULTATION_STATES)[number];

/** Why nobody can say where a consultation belongs. */
export const QUARANTINE_REASONS = ['no_appointment_id', 'appointment_unknown'] as const;
export type QuarantineReason = (typeof QUARANTINE_REASONS)[number];

export interface Vitals {
  readonly temperature: number | null;
  readonly temperatureUnit: string;
  readonly pulse: number | null;
  readonly respiration: number | null;
  readonly weight: number | null;
  readonly weightUnit: string;
  readonly bloodPressure: string | null;
}

export interface Consultation {
  readonly neoConsultationId: string;
  /** Null: the source names none. */
  readonly neoAppointmentId: string | null;
  /** Epoch ms; the earlier one of a time that comes twice. */
  readonly consultedAt: number;
  /** Clinic-local. */
  readonly date: string;
  readonly patientName: string | null;
  readonly clientName: string | null;
  readonly providerName: string | null;
  readonly status: ConsultationState;
  readonly rawStatus: string;
  readonly notes: string | null;
  readonly vitals: Vitals | null;
  readonly diagnoses: readonly string[];
}

/** As it is stored: `unit` is {@link CONSULTATION_UNIT}, `reference` the source's id. */
export interface StoredConsultation extends StoredItem {
  readonly deleted: boolean;
}

/** The unit of failures and of held removals. */
export const CONSULTATION_UNIT = 'consultations';

/** SHA-256 of all that we keep. */
export function consultationFingerprint(c: Consultation): string {
  const content = [
    c.neoAppointmentId,
    c.consultedAt,
    c.date,
    c.patientName,
    c.clientName,
    c.providerName,
    c.status,
    c.rawStatus,
    c.notes,
    c.vitals,
    c.diagnoses,
  ];
  return hash('sha256', JSON.stringify(content), 'hex');
}
