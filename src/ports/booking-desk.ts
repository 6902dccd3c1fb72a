/**
 * Places promised to callers: held for some minutes, then confirmed, moved or given back.
 *
 * Contract, tested by `test/contract/booking-desk.ts`:
 * - Each method is one transaction, strict across processes: a slot never has more appointments, holds and confirmed bookings
 *   than places because of a call here. Of any number of callers for the last place exactly one gets it.
 * - A hold ends by the database's clock, whether or not anybody has swept it.
 * - A refusal is a value with a reason, not an error, and changes nothing. Results name no person, so they can be audited as
 *   they are.
 * - The same `requestKey` with the same request gets the same booking, as it is by then; with another request: `key_reused`.
 *   Only success is remembered under a key. Confirming, cancelling and moving twice is once.
 *
 * States of a booking, and what leaves them:
 *   pending     → confirmed (confirm in time) | cancelled (cancel, expiry)
 *   confirmed   → rescheduled (move) | cancelled
 *   rescheduled → rescheduled | cancelled
 *   cancelled is final.
 */
import type { Interval } from '../domain/slots.ts';
import type { ClinicKey } from './slot-book.ts';

export type BookingStatus = 'pending' | 'confirmed' | 'rescheduled' | 'cancelled';

/** A slot by its id, or by what the clock shows. `fold` 1: the second time in the hour that comes twice. */
export type SlotChoice =
  | { readonly slotId: string }
  | { readonly date: string; readonly startTime: string; readonly fold?: 0 | 1 };

export interface Caller {
  readonly clientName?: string;
  /** E.164: by it the clinic's own appointment is recognised later. */
  readonly clientPhone?: string;
  readonly patientName?: string;
  readonly species?: string;
  readonly breed?: string;
  readonly reason?: string;
  readonly isNewClient?: boolean;
  /** The voice agent's call. */
  readonly callId?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface HoldRequest extends ClinicKey {
  readonly slot: SlotChoice;
  /** Default: one slot. Longer takes the following slots as well. */
  readonly minutes?: number;
  readonly caller: Caller;
  readonly requestKey?: string;
  /** Refuse when the book of the date is older. A date that was never read is refused in any case. */
  readonly maxAgeMinutes?: number;
  /** Other times to name when there is no place; default 3. */
  readonly alternatives?: number;
}

export interface OtherTime extends Interval {
  readonly slotId: string;
  readonly date: string;
  readonly startTime: string;
  readonly places: number;
}

export interface Booking extends ClinicKey, Interval {
  readonly bookingId: string;
  readonly confirmationNumber: string;
  readonly slotId: string | null;
  readonly date: string;
  readonly startTime: string;
  readonly status: BookingStatus;
  /** A hold whose time is over, swept or not. */
  readonly expired: boolean;
  readonly holdExpiresAt: number | null;
  readonly hasConflict: boolean;
  readonly originalDate: string | null;
  readonly originalTime: string | null;
  readonly cancelledReason: string | null;
  readonly neoAppointmentId: string | null;
  /** The clinic's calendar shows it: from then on the calendar decides. */
  readonly seenInSource: boolean;
}

export type Refusal =
  /** No such clinic, or no such booking, in this organisation. */
  | 'unknown'
  /** The clinic offers no slot at that time, or not for so long. */
  | 'no_slot'
  | 'past'
  | 'blocked'
  | 'full'
  /** The date was never read, or its book is too old: nobody knows what is free. */
  | 'stale'
  | 'expired'
  | 'cancelled'
  /** The clinic's calendar has it already: it can only be changed there. */
  | 'in_source'
  | 'key_reused';

export type BookingResult =
  | {
      readonly ok: true;
      readonly booking: Booking;
      /** Null: there was no booking. */
      readonly before: BookingStatus | null;
      /** False: it had been so already. */
      readonly changed: boolean;
    }
  | { readonly ok: false; readonly reason: Refusal; readonly otherTimes: readonly OtherTime[] };

export interface BookingDesk {
  hold(request: HoldRequest): Promise<BookingResult>;
  confirm(organizationId: string, bookingId: string): Promise<BookingResult>;
  /** @param reason a short word, not a person's */
  cancel(organizationId: string, bookingId: string, reason: string): Promise<BookingResult>;
  /** Gives the new place before it takes the old one away. A hold keeps its end. */
  move(organizationId: string, bookingId: string, to: SlotChoice, reason: string): Promise<BookingResult>;
  /** Names the appointment that the clinic made of the booking. */
  link(organizationId: string, bookingId: string, neoAppointmentId: string): Promise<BookingResult>;
  booking(organizationId: string, bookingId: string): Promise<Booking | null>;
  /** By confirmation number. */
  find(organizationId: string, confirmationNumber: string): Promise<Booking | null>;
  /** Bookings and running holds that take a place on the dates: not what is over, cancelled, or in the clinic's calendar. */
  bookings(key: ClinicKey, window: { readonly from: string; readonly to: string }): Promise<readonly Booking[]>;
  /** Cancels holds whose time is over, with the reason `hold_expired`. @returns their ids, at most `limit` */
  expireHolds(organizationId: string, limit: number): Promise<readonly string[]>;
}
