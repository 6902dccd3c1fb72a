/** Entries that are strange but legal: a copy must take each of them as it is. */
import type { Random } from '../vsrx/random.ts';
import { addDays, addMinutes, at, type Day, daysBetween, instantsOf } from './wall.ts';
import { type CalendarEvent, type Clinic, newEvent } from './world.ts';

/** Adds one of each kind in the days after `today`, and more on days when the clock changes. */
export function addOddities(clinic: Clinic, random: Random, today: Day): CalendarEvent[] {
  const room = (n: number): string => clinic.rooms[n % clinic.rooms.length]!.id;
  const patient = (): string => random.pick(clinic.patients).id;
  const day = (n: number): Day => addDays(today, n);
  const typeId = clinic.types[1]?.id ?? null;
  const common = { kind: 'appointment', typeId } as const;
  const series = (event: CalendarEvent): CalendarEvent => {
    event.seriesId = event.id;
    return event;
  };
  return [
    // In hospital over midnight: in the answers of two days.
    newEvent(clinic, {
      ...common,
      start: at(day(1), '22:30'),
      end: at(day(2), '06:15'),
      roomId: room(3),
      patientId: patient(),
      reason: 'observation over night',
    }),
    // No end: the type's duration counts; without a type, one slot.
    newEvent(clinic, { ...common, start: at(day(1), '07:30'), roomId: room(0), patientId: patient() }),
    newEvent(clinic, { ...common, start: at(day(2), '07:30'), roomId: room(1), typeId: null, patientId: patient() }),
    // Names in the title alone.
    newEvent(clinic, {
      ...common,
      start: at(day(1), '18:00'),
      end: at(day(1), '18:20'),
      roomId: room(0),
      patientId: patient(),
      titleOnly: true,
    }),
    // A status nobody has seen before.
    newEvent(clinic, {
      ...common,
      start: at(day(2), '18:10'),
      end: at(day(2), '18:40'),
      roomId: room(1),
      patientId: patient(),
      statusText: 'On hold (lab)',
    }),
    // Two at the same time in the same room, neither on the grid.
    ...[0, 1].map(() =>
      newEvent(clinic, {
        ...common,
        start: at(day(1), '08:10'),
        end: at(day(1), '08:35'),
        roomId: room(2),
        patientId: patient(),
        reason: 'squeezed in',
      }),
    ),
    // Nobody in it.
    newEvent(clinic, {
      ...common,
      start: at(day(3), '07:00'),
      end: at(day(3), '07:15'),
      roomId: room(0),
      reason: 'call back about "results" <later>',
    }),
    // A block over two whole days.
    series(
      newEvent(clinic, {
        kind: 'block',
        start: at(day(6), '00:00'),
        end: at(day(8), '00:00'),
        roomId: room(3),
        reason: 'Room closed',
      }),
    ),
    ...daysBetween(today, clinic.filledUntil).flatMap((date) => addChangeDay(clinic, random, date)),
  ];
}

/**
 * On a day when the clock changes, an entry for every half hour of the night, also where the hour is missing
 * (the portal has dials, not instants) or comes twice. On other days nothing.
 */
export function addChangeDay(clinic: Clinic, random: Random, day: Day): CalendarEvent[] {
  const nights = Array.from({ length: 8 }, (_, i) => addMinutes(at(day, '00:00'), i * 30));
  if (nights.every((wall) => instantsOf(wall, clinic.timeZone).length === 1)) return [];
  return nights.map((start, i) =>
    newEvent(clinic, {
      kind: 'appointment',
      start,
      end: addMinutes(start, 30),
      roomId: clinic.rooms[i % clinic.rooms.length]!.id,
      patientId: random.pick(clinic.patients).id,
      typeId: clinic.types[1]?.id ?? null,
      reason: 'emergency',
    }),
  );
}
