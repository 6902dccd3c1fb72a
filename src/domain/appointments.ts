/** Appointments as a clinic's calendar shows them. */
import { hash } from 'node:crypto';
import type { Interval } from './slots.ts';

export const CALENDAR_STATES = ['scheduled', 'in_progress', 'finalized', 'no_show', 'cancelled'] as const;
export type CalendarState = (typeof CALENDAR_STATES)[number];

/** Whether an appointment of that state takes a place; a blocked time has the state `scheduled` and takes one too. */
export function takesPlace(state: CalendarState): boolean {
  return state !== 'cancelled' && state !== 'no_show';
}

/** The type of blocked times, which are appointments of nobody. */
export const BLOCK_TYPE = 'block';

/** One appointment of the calendar. Its place in time is the widest reading of its wall times (`widestInterval`). */
export interface CalendarAppointment extends Interval {
  /** The source's id; see {@link calendarId}. */
  readonly neoAppointmentId: string;
  /** Clinic-local date of its beginning. */
  readonly date: string;
  /** Wall times `HH:MM`. */
  readonly startTime: string;
  readonly endTime: string;
  readonly patientName: string | null;
  readonly clientName: string | null;
  /** E.164 where it could be read. */
  readonly clientPhone: string | null;
  readonly providerName: string | null;
  readonly roomId: string | null;
  readonly appointmentType: string | null;
  readonly status: CalendarState;
}

/** A source may use the id of an appointment for a blocked time as well: those have ids of their own here. */
export function calendarId(id: string, isBlock: boolean): string {
  return isBlock ? `block:${id}` : id;
}

export function isBlockId(neoAppointmentId: string): boolean {
  return neoAppointmentId.startsWith('block:');
}

/**
 * SHA-256 of all that we keep. The column belongs to it, or a move to another column would not be seen; so do the instants,
 * or a corrected time zone would not. As JSON: a name may hold any separator.
 */
export function appointmentHash(a: CalendarAppointment): string {
  const text = (value: string | null) => (value ?? '').trim();
  const content = [
    a.date,
    a.startTime,
    a.endTime,
    text(a.patientName),
    text(a.clientName),
    text(a.clientPhone),
    text(a.providerName),
    text(a.appointmentType),
    a.status,
    text(a.roomId),
    a.startsAt,
    a.endsAt,
  ];
  return hash('sha256', JSON.stringify(content), 'hex');
}
