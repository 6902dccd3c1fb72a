/** What a run for a clinic's book works with. */
import type { ClinicBreak } from '../../domain/slots.ts';
import type { CalendarSource } from '../../ports/calendar-source.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ConsultationBook } from '../../ports/consultation-book.ts';
import type { ConsultationSource } from '../../ports/consultation-source.ts';
import type { RunStore } from '../../ports/run-store.ts';
import type { SlotBook } from '../../ports/slot-book.ts';
import type { GuardLimits } from '../guard.ts';

export interface BookPorts {
  readonly source: CalendarSource & ConsultationSource;
  readonly book: SlotBook;
  readonly consultations: ConsultationBook;
  readonly runs: RunStore;
  readonly clock: Clock;
}

export interface BookSettings {
  readonly organizationId: string;
  readonly connectionId: string;
  readonly clinicId: string;
  readonly timeZone: string;
  readonly daysAhead: number;
  readonly datesAtOnce: number;
  readonly staleAfterMinutes: number;
  readonly alarmAfterMinutes: number;
  /** Null: what the source says. */
  readonly slotMinutes: number | null;
  /** Null: one place for each calendar column that counts. */
  readonly capacity: number | null;
  /** Names or ids of calendar columns; null: all count. */
  readonly rooms: readonly string[] | null;
  /** Null: as they are stored. */
  readonly breaks: readonly ClinicBreak[] | null;
  readonly moveHolds: boolean;
  readonly believeEmpty: boolean;
  /** Dates before today whose consultations are read. */
  readonly consultationDaysBack: number;
  /** How often the schedule reads them; null: only when somebody asks. */
  readonly consultationsEveryMs: number | null;
  readonly guard: GuardLimits;
}
