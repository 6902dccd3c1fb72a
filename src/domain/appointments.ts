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
  /** The source's id; of blocked times see {@link blockId}. */
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

/**
 * Blocked times have ids of their own here: a source may give them the id of an appointment, and one id to all that recur, on several
 * dates, several times in a day or in several columns at one time. Each of them takes its own place.
 *
 * @param start wall time. @param roomId null: it is in no column
 */
export function blockId(id: string, start: string, roomId: string | null): string {
  return `block:${id}@${start.slice(0, 16)}${roomId === null ? '' : `/${roomId}`}`;
}

/** What the source calls it. */
export function sourceIdOf(neoAppointmentId: string): string {
  return /^block:([^@]+)@/.exec(neoAppointmentId)?.[1] ?? neoAppointmentId;
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
