/**
 * The calendar of a clinic, as its practice system shows it.
 *
 * Contract: a date is read completely or not at all. What is not understood, or could be a mistake, is a `SyncError`, never an
 * empty date. Dates are clinic-local `YYYY-MM-DD`.
 */
import type { CalendarAppointment } from '../domain/appointments.ts';
import type { ClinicHours } from '../domain/slots.ts';
import type { AppointmentType } from './slot-book.ts';

export interface ReadContext {
  readonly signal: AbortSignal;
  /** A person waits for it. */
  readonly urgent: boolean;
}

export interface CalendarRoom {
  readonly id: string;
  readonly name: string;
}

/** What the source says about the clinic itself. */
export interface CalendarClinic {
  readonly hours: ClinicHours['hours'];
  readonly slotMinutes: number;
  readonly rooms: readonly CalendarRoom[];
  readonly appointmentTypes: readonly AppointmentType[];
}

export interface CalendarDay {
  /** When the call began, epoch ms. */
  readonly readAt: number;
  readonly appointments: readonly CalendarAppointment[];
  /** Everything that the answer held, also what is no appointment. */
  readonly rows: number;
  /** How answers look; null: there was nothing to tell it by. */
  readonly shape: string | null;
  /** Texts that no state is known for, once per appointment. */
  readonly unknownStates: readonly string[];
}

/**
 * What the source says about one appointment that its calendar does not show. `elsewhere`: deleted, cancelled or moved. `unclear`: under
 * the id of a blocked time it tells of another one, which may be another of those that recur.
 */
export type Whereabouts = 'there' | 'elsewhere' | 'unclear';

export interface CalendarSource {
  /** Makes sure that somebody is logged in. */
  check(signal: AbortSignal): Promise<{ readonly responseMs: number }>;
  clinic(context: ReadContext): Promise<CalendarClinic>;
  readDate(date: string, clinic: CalendarClinic, context: ReadContext): Promise<CalendarDay>;
  /** Asks for one appointment that was stored for the date. */
  find(neoAppointmentId: string, date: string, context: ReadContext): Promise<Whereabouts>;
  /** @returns the date on which an appointment is now; null: deleted, cancelled or unknown. Not for blocked times */
  dateOf(neoAppointmentId: string, context: ReadContext): Promise<string | null>;
  close(): Promise<void>;
}
