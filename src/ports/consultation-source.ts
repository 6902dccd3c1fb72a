/**
 * What a clinic wrote down about visits, as its practice system lists it.
 *
 * Contract: a window is read completely or not at all: every page, as many as the source counted, each once. Otherwise
 * `source_incomplete`; what is not understood is `source_contract_changed`. Never a shorter list.
 */
import type { Consultation } from '../domain/consultations.ts';
import type { DateWindow } from '../domain/reconcile-appointments.ts';
import type { ReadContext } from './calendar-source.ts';

export interface ConsultationList {
  readonly consultations: readonly Consultation[];
  /** What the source counted. */
  readonly total: number;
}

export interface ConsultationSource {
  /** @param onPage called after each page with how many of how many are read */
  readConsultations(
    window: DateWindow,
    context: ReadContext,
    onPage?: (read: number, total: number) => void,
  ): Promise<ConsultationList>;
  /** Asks for one by its id. @returns its clinic-local date; null: the source does not know it */
  findConsultation(neoConsultationId: string, context: ReadContext): Promise<string | null>;
}
