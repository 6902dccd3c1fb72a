/** The book of a clinic as people look at it: every slot and appointment of some dates. Read-only; see `SlotBook`. */
import type { DateWindow } from '../domain/reconcile-appointments.ts';
import type { Interval } from '../domain/slots.ts';
import type { ClinicKey } from './slot-book.ts';

export interface ClinicName {
  readonly clinicId: string;
  readonly connectionId: string;
  /** IANA zone. */
  readonly timeZone: string;
}

/** A column of the clinic's calendar. */
export interface Room {
  readonly id: string;
  readonly name: string;
}

/** Dates are clinic-local, wall times `HH:MM`, instants epoch ms. */
export interface ViewedSlot extends Interval {
  readonly slotId: string;
  readonly date: string;
  readonly startTime: string;
  readonly endTime: string;
  /** 1: the second time in the hour that comes twice. */
  readonly fold: 0 | 1;
  readonly capacity: number;
  /** Appointments of the calendar at that time. */
  readonly appointments: number;
  /** Holds and bookings that the calendar does not show yet. */
  readonly bookings: number;
  readonly places: number;
  /** Why the clinic is closed then; null: it is open. */
  readonly block: string | null;
}

export interface ViewedAppointment extends Interval {
  readonly id: string;
  readonly date: string;
  readonly startTime: string;
  readonly endTime: string;
  /** Null: the calendar names none. */
  readonly roomId: string | null;
  readonly patientName: string | null;
  readonly clientName: string | null;
  readonly providerName: string | null;
  readonly type: string | null;
  readonly status: string;
  /** Reads have been missing it, and it still takes its place. */
  readonly unconfirmed: boolean;
}

export interface BookView {
  /** Clinics of the organisation. */
  clinics(organizationId: string): Promise<readonly ClinicName[]>;
  rooms(key: ClinicKey): Promise<readonly Room[]>;
  slots(key: ClinicKey, window: DateWindow): Promise<readonly ViewedSlot[]>;
  appointments(key: ClinicKey, window: DateWindow): Promise<readonly ViewedAppointment[]>;
}
