/**
 * The book of a clinic: slots, appointments as its calendar shows them, and how old that knowledge is.
 *
 * Contract, tested by `test/contract/slot-book.ts`:
 * - Each method is one transaction. Every write carries a {@link Fence} of the clinic's own connection; when the lease was taken
 *   over: `lease_lost`, nothing written.
 * - All writes are idempotent: the same again changes nothing and counts nothing.
 * - A slot whose time a booking needs is never dropped; it is retired, so nobody else is offered it.
 * - Appointments are removed only by orders of a complete read of the window, and hidden with run and reason, not destroyed.
 * - A clinic's UUID belongs to the connection that first configured it: another one gets `settings_invalid`. For the wrong
 *   organisation a clinic does not exist.
 *
 * Dates are clinic-local `YYYY-MM-DD`, wall times `HH:MM`, instants epoch milliseconds. "Now" is the database's clock.
 */
import type { CalendarAppointment } from '../domain/appointments.ts';
import type { BookingConflict } from '../domain/booking-conflicts.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { DayFreshness, Freshness } from '../domain/freshness.ts';
import type {
  AppointmentChange,
  AppointmentRemoval,
  DateWindow,
  StoredAppointment,
} from '../domain/reconcile-appointments.ts';
import type { ClinicHours, Interval } from '../domain/slots.ts';
import type { Fence } from './document-records.ts';

export interface ClinicKey {
  readonly organizationId: string;
  /** UUID. */
  readonly clinicId: string;
}

export interface AppointmentType {
  readonly name: string;
  readonly minutes: number;
}

export interface ClinicSettings {
  readonly hours: Omit<ClinicHours, 'breaks' | 'closedDays'>;
  /** Absent: as they are stored, where a person or another application may edit them. */
  readonly breaks?: ClinicHours['breaks'];
  readonly closedDays?: readonly { readonly date: string; readonly name: string }[];
  readonly horizonDays: number;
  readonly staleAfterMinutes: number;
  readonly alarmAfterMinutes: number;
  /** Calendar columns whose appointments count; null: all. Appointments without a column always count. */
  readonly roomIds: readonly string[] | null;
  readonly appointmentTypes: readonly AppointmentType[];
  /** What the source said about itself, kept for people. */
  readonly sourceConfig: unknown;
}

/** The settings as they are in force, with breaks and closed days. */
export interface Clinic extends Omit<ClinicSettings, 'hours' | 'breaks' | 'closedDays' | 'sourceConfig'> {
  readonly connectionId: string;
  readonly hours: ClinicHours;
}

export interface SlotCounts {
  readonly created: number;
  readonly updated: number;
  readonly removed: number;
  readonly retired: number;
}

/** A slot that is offered. */
export interface AvailableSlot extends Interval {
  readonly slotId: string;
  readonly date: string;
  readonly startTime: string;
  readonly endTime: string;
  readonly fold: 0 | 1;
  readonly capacity: number;
  /** Appointments of the calendar, holds and bookings. */
  readonly booked: number;
  readonly places: number;
  /** When its date was last read; null: never. */
  readonly readAt: number | null;
  readonly freshness: Freshness;
}

export interface AvailabilityQuery extends ClinicKey, DateWindow {
  /** Default 1; 0: full slots too. */
  readonly minPlaces?: number;
  /** How long it takes; default: one slot. Not together with `appointmentType`. */
  readonly minutes?: number;
  /** Name of a type of the clinic. An unknown one → `settings_invalid`. */
  readonly appointmentType?: string;
  readonly limit?: number;
}

export type DateResult =
  | { readonly date: string; readonly state: 'complete'; readonly readAt: number }
  | { readonly date: string; readonly state: 'failed'; readonly code: ErrorCode };

export interface Conflict extends BookingConflict {
  readonly date: string;
  /** Nobody had flagged it before. */
  readonly isNew: boolean;
  /** A hold that was moved to the proposal. */
  readonly moved: boolean;
}

/** Which dates a run is about. */
/** What a run found on a date and changed there. */
export interface DateSummary {
  readonly date: string;
  readonly state: 'complete' | 'failed' | 'not_read';
  readonly found: number;
  readonly added: number;
  /** Also those that came here from another date. */
  readonly updated: number;
  readonly removed: number;
}

export interface RunWindow extends DateWindow {
  /** The date that was read last. */
  readonly currentDate: string | null;
  readonly failedDates: readonly string[];
  /** Empty until the book was written. */
  readonly dates: readonly DateSummary[];
}

export interface SlotBook {
  /** Stores what the clinic and its source say about opening hours; other settings of the clinic are replaced as a whole. */
  configure(fence: Fence, clinicId: string, settings: ClinicSettings): Promise<void>;
  clinic(key: ClinicKey): Promise<Clinic | null>;
  /** Clinics of the organisation. */
  clinics(organizationId: string): Promise<readonly string[]>;
  /** Notes which dates a run is about; for whoever looks on. */
  beginWindow(fence: Fence, clinicId: string, window: DateWindow): Promise<void>;
  noteProgress(fence: Fence, clinicId: string, date: string): Promise<void>;

  /** Makes the slots of the dates those of the stored opening hours. Counts of appointments are not touched. */
  regenerate(fence: Fence, clinicId: string, window: DateWindow): Promise<SlotCounts>;
  /**
   * Appointments with one of these ids, removed ones included, or with a date in the window; also those that began before it and reach
   * into it.
   */
  storedAppointments(key: ClinicKey, window: DateWindow, ids: readonly string[]): Promise<readonly StoredAppointment[]>;
  /** Any size; callers send batches. @returns what each one was */
  writeAppointments(
    fence: Fence,
    clinicId: string,
    appointments: readonly CalendarAppointment[],
  ): Promise<readonly AppointmentChange[]>;
  /**
   * Passes over appointments that changed since they were compared. @returns ids of those removed by this call
   */
  removeAppointments(
    fence: Fence,
    clinicId: string,
    removals: readonly AppointmentRemoval[],
  ): Promise<readonly string[]>;
  /** Marks appointments that were not seen and must stay, and clears the mark of those that were seen again. By our id. */
  markUnconfirmed(
    fence: Fence,
    clinicId: string,
    marks: { readonly missed: readonly string[]; readonly confirmed: readonly string[] },
  ): Promise<void>;
  /**
   * What follows from all appointments of the window: each one's slot, the count of each slot, and bookings whose appointment
   * has appeared. One statement each, however many dates. A booking's appointment is the one that it names, or the only one that
   * appeared after it at its time with its caller's phone.
   * @param ended how the reads of dates ended, recorded together with it: a book is as young as its counts. A failed date keeps
   * the time of its last good read
   * @returns counts that changed
   */
  settle(
    fence: Fence,
    clinicId: string,
    window: DateWindow,
    ended?: { readonly results: readonly DateResult[]; readonly dates: readonly DateSummary[] },
  ): Promise<{ readonly counts: number; readonly seen: number }>;
  /**
   * Flags bookings without a place, clears flags without a reason. Confirmed bookings stay where they are; with `moveHolds`
   * holds go to their proposal.
   */
  findConflicts(
    fence: Fence,
    clinicId: string,
    window: DateWindow,
    options: { readonly moveHolds: boolean },
  ): Promise<readonly Conflict[]>;

  /** Slots at which something can begin, in the order of time; the past, blocked and retired ones are not among them. */
  availability(query: AvailabilityQuery): Promise<readonly AvailableSlot[]>;
  /** Null: the run is none of the clinic, or has not got so far. */
  runWindow(key: ClinicKey, runId: string): Promise<RunWindow | null>;
  /** One entry for each date of the window. An unknown clinic has none. */
  freshness(key: ClinicKey, window: DateWindow): Promise<readonly DayFreshness[]>;
}
