/** The book of a clinic as tables show it: which day it is there, how long that day is, what falls into which slot. */
import type { BookSchedule } from './api/client.ts';
import { startOfDay } from './time.ts';

type Slot = BookSchedule['slots'][number];
type Appointment = BookSchedule['appointments'][number];
type Booking = BookSchedule['bookings'][number];

const DAY_MS = 86_400_000;

/** @param at epoch ms */
export function dateIn(timeZone: string, at: number): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone }).format(new Date(at));
}

export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** The Monday of that week. */
export function weekOf(date: string): string {
  const day = new Date(`${date}T00:00:00Z`).getUTCDay();
  return addDays(date, -((day + 6) % 7));
}

export function dayName(date: string): string {
  const options = { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat('en-GB', options).format(new Date(`${date}T00:00:00Z`));
}

/** Twenty-four, but for the days on which the clocks change. */
export function hoursOf(timeZone: string, date: string): number {
  const from = Date.parse(startOfDay(timeZone, date));
  return (Date.parse(startOfDay(timeZone, addDays(date, 1))) - from) / 3_600_000;
}

export interface SlotRow {
  readonly slot: Slot;
  /** By room; '' for those without one. Each with whether it began in an earlier slot. */
  readonly rooms: ReadonlyMap<string, readonly { readonly appointment: Appointment; readonly goesOn: boolean }[]>;
  readonly bookings: readonly Booking[];
}

export interface DayTable {
  readonly rows: readonly SlotRow[];
  /** What touches no slot: before opening, after closing, on a closed day. */
  readonly outside: readonly Appointment[];
  /** Appointments name a room that the calendar does not list, or none. */
  readonly roomless: boolean;
}

export function dayTable(schedule: BookSchedule, date: string): DayTable {
  const known = new Set(schedule.rooms.map(({ id }) => id));
  const roomOf = ({ roomId }: Appointment) => (roomId !== null && known.has(roomId) ? roomId : '');
  const slots = schedule.slots.filter((slot) => slot.date === date);
  const appointments = schedule.appointments.filter((appointment) => appointment.date === date);
  const bookings = schedule.bookings.filter((booking) => booking.date === date);
  const placed = new Set<string>();
  const rows = slots.map((slot) => {
    const touching = appointments.filter(({ startsAt, endsAt }) => startsAt < slot.endsAt && endsAt > slot.startsAt);
    const rooms = new Map<string, { appointment: Appointment; goesOn: boolean }[]>();
    for (const appointment of touching) {
      const room = roomOf(appointment);
      rooms.set(room, [...(rooms.get(room) ?? []), { appointment, goesOn: placed.has(appointment.id) }]);
      placed.add(appointment.id);
    }
    return {
      slot,
      rooms,
      bookings: bookings.filter(({ startsAt }) => startsAt >= slot.startsAt && startsAt < slot.endsAt),
    };
  });
  return {
    rows,
    outside: appointments.filter(({ id }) => !placed.has(id)),
    roomless: appointments.some((appointment) => placed.has(appointment.id) && roomOf(appointment) === ''),
  };
}

/** What was never read is not empty: nobody knows. */
export function isRead(schedule: Pick<BookSchedule, 'days'>, date: string): boolean {
  return schedule.days.some((day) => day.date === date && day.readAt !== null);
}

export interface DaySummary {
  readonly date: string;
  readonly isRead: boolean;
  readonly slots: number;
  readonly capacity: number;
  readonly taken: number;
  readonly bookings: number;
  readonly conflicts: number;
  /** Appointments by room; '' for those without one. */
  readonly rooms: ReadonlyMap<string, number>;
}

export function daySummary(schedule: BookSchedule, date: string): DaySummary {
  const known = new Set(schedule.rooms.map(({ id }) => id));
  const open = schedule.slots.filter((slot) => slot.date === date && slot.block === null);
  const bookings = schedule.bookings.filter((booking) => booking.date === date);
  const rooms = new Map<string, number>();
  for (const { date: on, roomId } of schedule.appointments) {
    if (on !== date) continue;
    const room = roomId !== null && known.has(roomId) ? roomId : '';
    rooms.set(room, (rooms.get(room) ?? 0) + 1);
  }
  const sum = (count: (slot: Slot) => number) => open.reduce((total, slot) => total + count(slot), 0);
  return {
    date,
    isRead: isRead(schedule, date),
    slots: open.length,
    capacity: sum(({ capacity }) => capacity),
    taken: sum(({ capacity, places }) => capacity - places),
    bookings: bookings.length,
    conflicts: bookings.filter(({ hasConflict }) => hasConflict).length,
    rooms,
  };
}
