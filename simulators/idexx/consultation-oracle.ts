/** What a correct copy must know of a clinic's consultations, worked out from the world alone. */
import type { Wall } from './wall.ts';
import { type Clinic, peopleOf } from './world.ts';

export interface ExpectedConsultation {
  readonly externalId: string;
  /** Null: nothing says where it belongs, and nobody may guess. */
  readonly appointmentExternalId: string | null;
  readonly patientName: string | null;
  readonly consultedAt: Wall;
  readonly status: 'completed' | 'cancelled' | 'in_progress';
  readonly rawStatus: string;
  /** Null where nobody wrote any. */
  readonly notes: string | null;
  readonly diagnoses: readonly string[];
  /** With the units that count where the portal names none. */
  readonly temperature: { readonly value: number; readonly unit: 'F' | 'C' } | null;
  readonly weight: { readonly value: number; readonly unit: 'lb' | 'kg' } | null;
}

/** Of these times, both ends included; the oldest first, then by id. */
export function expectedConsultations(clinic: Clinic, from: Wall, to: Wall): ExpectedConsultation[] {
  return clinic.consultations
    .filter(({ consultedAt }) => from <= consultedAt && consultedAt <= to)
    .map(({ id, appointmentId, patientId, consultedAt, status, clinicalNotes, diagnoses, vitals }) => ({
      externalId: id,
      appointmentExternalId: appointmentId,
      patientName: peopleOf(clinic, patientId).patientName,
      consultedAt,
      status:
        status === 'Completed'
          ? ('completed' as const)
          : status === 'Cancelled'
            ? ('cancelled' as const)
            : ('in_progress' as const),
      rawStatus: status,
      notes: clinicalNotes === '' ? null : clinicalNotes,
      diagnoses,
      temperature: vitals && { value: vitals.temperature, unit: vitals.temperatureUnit ?? 'F' },
      weight: vitals && { value: vitals.weight, unit: vitals.weightUnit ?? 'lb' },
    }))
    .sort((a, b) =>
      a.consultedAt === b.consultedAt
        ? Number(a.externalId) - Number(b.externalId)
        : a.consultedAt < b.consultedAt
          ? -1
          : 1,
    );
}
