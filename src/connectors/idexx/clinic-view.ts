/** What the portal says about the clinic: two generations of one call. */
import { minutesOf } from '../../domain/clinic-day.ts';
import type { OpenHours } from '../../domain/slots.ts';
import type { CalendarClinic, CalendarRoom } from '../../ports/calendar-source.ts';
import type { AppointmentType } from '../../ports/slot-book.ts';
import { isObject, type Json } from './answer.ts';
import { doubt } from './calendar.ts';

/** The later generation. @throws SyncError `source_contract_changed` */
export function readAppointmentView(body: unknown): CalendarClinic {
  const view = objectOf(body);
  const hours: Record<number, OpenHours[]> = {};
  for (const part of listOf(view.businessHours)) {
    const open = hoursOf(part.startTime, part.endTime);
    for (const day of daysOf(part.daysOfWeek)) hours[day] = [...(hours[day] ?? []), open];
  }
  return {
    hours,
    slotMinutes: minutesIn(view.slotInterval),
    rooms: listOf(view.appointmentRooms).map(roomOf),
    appointmentTypes: listOf(view.appointmentTypes).map(typeOf),
  };
}

/** The earlier generation: one opening for all days, and no types. @throws SyncError `source_contract_changed` */
export function readScheduleConfigs(body: unknown): CalendarClinic {
  const view = objectOf(body);
  const { start, end, daysOfWeek } = objectOf(view.businessHours);
  const open = hoursOf(start, end);
  return {
    hours: Object.fromEntries(daysOf(daysOfWeek).map((day) => [day, [open]])),
    slotMinutes: minutesIn(view.slotDuration),
    rooms: listOf(view.rooms).map(roomOf),
    appointmentTypes: [],
  };
}

function objectOf(value: unknown): Json {
  if (!isObject(value)) throw doubt('The settings of the calendar are not an object.');
  return value;
}

function listOf(value: unknown): readonly Json[] {
  if (!Array.isArray(value) || !value.every(isObject)) throw doubt('The settings of the calendar lack a list.');
  return value;
}

function hoursOf(from: unknown, to: unknown): OpenHours {
  const isTime = (value: unknown): value is string =>
    typeof value === 'string' && /^([01]\d|2[0-4]):[0-5]\d/.test(value);
  if (!isTime(from) || !isTime(to) || minutesOf(from) >= minutesOf(to)) throw doubt('Business hours are none.');
  return { from: from.slice(0, 5), to: to.slice(0, 5) };
}

function daysOf(value: unknown): readonly number[] {
  const days = Array.isArray(value) ? value.map(Number) : [];
  if (days.length === 0 || days.some((day) => !Number.isInteger(day) || day < 0 || day > 6)) {
    throw doubt('Days of business hours are none.');
  }
  return days;
}

function minutesIn(value: unknown): number {
  const minutes = Number(value);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 1440) throw doubt('A length in minutes is none.');
  return minutes;
}

function nameOf(value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '') throw doubt('A name is missing.');
  return value.trim();
}

function roomOf(room: Json): CalendarRoom {
  if (typeof room.id !== 'string' && typeof room.id !== 'number') throw doubt('A room has no id.');
  return { id: String(room.id), name: nameOf(room.name) };
}

function typeOf(type: Json): AppointmentType {
  return { name: nameOf(type.name), minutes: minutesIn(type.duration) };
}
