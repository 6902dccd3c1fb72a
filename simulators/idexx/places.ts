/** Where there is room in a clinic's calendar. */
import type { Random } from '../vsrx/random.ts';
import { addMinutes, at, type Day, type Wall, weekdayOf } from './wall.ts';
import { type Clinic, endOf } from './world.ts';

export interface Place {
  readonly roomId: string;
  readonly start: Wall;
  readonly end: Wall;
}

export function openHours(clinic: Clinic, day: Day): { start: Wall; end: Wall }[] {
  const weekday = weekdayOf(day);
  return clinic.hours
    .filter(({ daysOfWeek }) => daysOfWeek.includes(weekday))
    .map(({ start, end }) => ({ start: at(day, start), end: at(day, end) }));
}

export function isOpen(clinic: Clinic, wall: Wall): boolean {
  return openHours(clinic, wall.slice(0, 10)).some(({ start, end }) => start <= wall && wall < end);
}

/** Every start on the clinic's grid where a room is free for so long, breaks left out. */
export function freePlaces(clinic: Clinic, day: Day, minutes: number, roomId?: string): Place[] {
  const busy = busyTimes(clinic, day);
  const pauses = clinic.breaks
    .filter(({ daysOfWeek }) => daysOfWeek.includes(weekdayOf(day)))
    .map((pause) => ({ start: at(day, pause.start), end: at(day, pause.end) }));
  const places: Place[] = [];
  for (const open of openHours(clinic, day)) {
    for (let start = open.start; start < open.end; start = addMinutes(start, clinic.slotMinutes)) {
      const end = addMinutes(start, minutes);
      if (end > open.end) break;
      const overlaps = (other: { start: Wall; end: Wall }): boolean => other.start < end && other.end > start;
      if (pauses.some(overlaps)) continue;
      const taken = new Set(busy.filter(overlaps).map((event) => event.roomId));
      for (const room of clinic.rooms) {
        if (roomId !== undefined && room.id !== roomId) continue;
        if (!taken.has(room.id)) places.push({ roomId: room.id, start, end });
      }
    }
  }
  return places;
}

/** Null when the day is full or closed. */
export function findPlace(clinic: Clinic, random: Random, day: Day, minutes: number, roomId?: string): Place | null {
  const places = freePlaces(clinic, day, minutes, roomId);
  return places.length === 0 ? null : random.pick(places);
}

function busyTimes(clinic: Clinic, day: Day): Place[] {
  const from = at(day, '00:00');
  const to = addMinutes(from, 1440);
  const found: Place[] = [];
  for (const event of clinic.events) {
    if (event.kind === 'roster' || event.stage === 'cancelled' || event.start >= to) continue;
    const end = endOf(clinic, event);
    if (end > from) found.push({ roomId: event.roomId, start: event.start, end });
  }
  return found;
}
