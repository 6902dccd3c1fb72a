/** Lets a clinic live: people book, move, cancel, come, do not come; staff block hours and change their rosters. */
import type { Random } from '../vsrx/random.ts';
import { advance, cancel, isOver, setStage } from './attend.ts';
import { bookOn, fillUntil } from './clinic.ts';
import { inventClient, inventPatient, inventPhone } from './people.ts';
import { findPlace, isOpen } from './places.ts';
import { changeStaff } from './staff.ts';
import { addDays, addMinutes, type Day, dayOf, minutesBetween, type Wall, wallAt } from './wall.ts';
import { type CalendarEvent, type Clinic, endOf, newEvent, newId } from './world.ts';

export type LifeKind =
  | 'booked'
  | 'moved time'
  | 'moved day'
  | 'moved room'
  | 'cancelled'
  | 'deleted'
  | 'advanced'
  | 'late'
  | 'no show'
  | 'blocked'
  | 'unblocked'
  | 'roster changed'
  | 'staff changed'
  | 'edited';

export interface LifeEvent {
  readonly kind: LifeKind;
  /** Of the calendar entry; of the provider for `staff changed`. */
  readonly id: string;
  /** When it was done, on the clinic's clock. */
  readonly at: Wall;
}

/** How far ahead people book. */
const HORIZON_DAYS = 30;

type Change = (clinic: Clinic, random: Random, wall: Wall) => Omit<LifeEvent, 'at'> | null;

/** The same clinic, stream and time give the same life. @returns what happened, in order */
export function live(clinic: Clinic, random: Random, until: number | Date): LifeEvent[] {
  const end = Number(until);
  const events: LifeEvent[] = [];
  while (true) {
    const next = clinic.livedUntil + random.int(2, 12) * 60_000;
    if (next > end) break;
    clinic.livedUntil = next;
    // At night only a few book, by themselves.
    if (isOpen(clinic, wallAt(next, clinic.timeZone)) || random.chance(0.05))
      events.push(...step(clinic, random, next));
  }
  clinic.livedUntil = Math.max(clinic.livedUntil, end);
  return events;
}

/** About as much as happens in so many open hours, all of it now. */
export function liveHours(clinic: Clinic, random: Random, hours: number, now: number): LifeEvent[] {
  const events: LifeEvent[] = [];
  for (let n = Math.ceil(hours * 8.5); n > 0; n--) events.push(...step(clinic, random, now));
  return events;
}

/** One change, and whatever the time brings about by itself. */
export function step(clinic: Clinic, random: Random, now: number): LifeEvent[] {
  clinic.livedUntil = Math.max(clinic.livedUntil, now);
  const wall = wallAt(now, clinic.timeZone);
  fillUntil(clinic, addDays(dayOf(wall), HORIZON_DAYS));
  const events = passTime(clinic, random, wall);
  for (let tries = 0; tries < 5; tries++) {
    const change = pickChange(random)(clinic, random, wall);
    if (!change) continue;
    events.push({ ...change, at: wall });
    break;
  }
  return events;
}

/** Appointments that have begun go on: people arrive, are seen, pay, or do not come. */
function passTime(clinic: Clinic, random: Random, wall: Wall): LifeEvent[] {
  const events: LifeEvent[] = [];
  for (const event of clinic.events) {
    if (event.kind !== 'appointment' || event.start > wall || isOver(event.stage)) continue;
    const isWaited = event.stage === 'booked' || event.stage === 'confirmed' || event.stage === 'late';
    const minutes = minutesBetween(event.start, wall);
    let kind: LifeKind | null = null;
    if (isWaited && minutes > 30) kind = random.chance(0.3) ? 'no show' : 'advanced';
    else if (isWaited && event.stage !== 'late' && minutes > 5 && random.chance(0.1)) kind = 'late';
    else if (random.chance(endOf(clinic, event) <= wall ? 0.6 : 0.25)) kind = 'advanced';
    if (!kind) continue;
    if (kind === 'advanced') advance(clinic, random, event);
    else setStage(random, event, kind === 'late' ? 'late' : 'noShow');
    events.push({ kind, id: event.id, at: wall });
  }
  return events;
}

const CHANGES: readonly (readonly [number, Change])[] = [
  [34, book],
  [8, (clinic, random, wall) => move(clinic, random, wall, 'moved time')],
  [8, (clinic, random, wall) => move(clinic, random, wall, 'moved day')],
  [6, (clinic, random, wall) => move(clinic, random, wall, 'moved room')],
  [10, cancelOne],
  [5, deleteOne],
  [8, block],
  [6, unblock],
  [6, changeRoster],
  [1, changeStaff],
  [8, edit],
];
const WEIGHT = CHANGES.reduce((sum, [weight]) => sum + weight, 0);

function pickChange(random: Random): Change {
  let left = random.int(1, WEIGHT);
  for (const [weight, change] of CHANGES) {
    left -= weight;
    if (left <= 0) return change;
  }
  return book;
}

/** Most people come soon. */
function someDay(random: Random, wall: Wall): Day {
  return addDays(dayOf(wall), Math.floor(random.next() ** 2 * HORIZON_DAYS));
}

/** Appointments that can still be changed. */
function pickFuture(clinic: Clinic, random: Random, wall: Wall): CalendarEvent | null {
  const events = clinic.events.filter(
    ({ kind, stage, start }) => kind === 'appointment' && start > wall && (stage === 'booked' || stage === 'confirmed'),
  );
  if (events.length === 0) return null;
  events.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  return events[Math.floor(random.next() ** 2 * events.length)]!;
}

function book(clinic: Clinic, random: Random, wall: Wall): Omit<LifeEvent, 'at'> | null {
  if (random.chance(0.15)) {
    const client = inventClient(random, clinic.clients.length, newId(clinic));
    clinic.clients.push(client);
    clinic.patients.push(inventPatient(random, client.id, newId(clinic)));
  }
  const event = bookOn(clinic, random, someDay(random, wall));
  return event && { kind: 'booked', id: event.id };
}

/** It leaves one time and turns up at another with the same id. */
function move(
  clinic: Clinic,
  random: Random,
  wall: Wall,
  kind: 'moved time' | 'moved day' | 'moved room',
): Omit<LifeEvent, 'at'> | null {
  const event = pickFuture(clinic, random, wall);
  if (!event) return null;
  if (kind === 'moved room') {
    const others = clinic.rooms.filter(({ id }) => id !== event.roomId);
    if (others.length === 0) return null;
    event.roomId = random.pick(others).id;
    return { kind, id: event.id };
  }
  const minutes = minutesBetween(event.start, endOf(clinic, event));
  const day = kind === 'moved time' ? dayOf(event.start) : someDay(random, wall);
  if (kind === 'moved day' && day === dayOf(event.start)) return null;
  const place = findPlace(clinic, random, day, minutes);
  if (!place || place.start <= wall || place.start === event.start) return null;
  event.start = place.start;
  event.end = event.end === null ? null : place.end;
  event.roomId = place.roomId;
  return { kind, id: event.id };
}

function cancelOne(clinic: Clinic, random: Random, wall: Wall): Omit<LifeEvent, 'at'> | null {
  const event = pickFuture(clinic, random, wall);
  if (!event) return null;
  cancel(random, event);
  return { kind: 'cancelled', id: event.id };
}

/** Gone without a trace, as in the portal. */
function deleteOne(clinic: Clinic, random: Random, wall: Wall): Omit<LifeEvent, 'at'> | null {
  const event = pickFuture(clinic, random, wall);
  if (!event) return null;
  clinic.events.splice(clinic.events.indexOf(event), 1);
  return { kind: 'deleted', id: event.id };
}

function block(clinic: Clinic, random: Random, wall: Wall): Omit<LifeEvent, 'at'> | null {
  const place = findPlace(clinic, random, someDay(random, wall), random.pick([15, 30, 60, 120]));
  if (!place) return null;
  const reason = random.pick(['Hold for emergency', 'Training', 'Repair', 'Visit of a representative']);
  return { kind: 'blocked', id: newEvent(clinic, { kind: 'block', ...place, reason }).id };
}

function unblock(clinic: Clinic, random: Random, wall: Wall): Omit<LifeEvent, 'at'> | null {
  const blocks = clinic.events.filter(({ kind, start }) => kind === 'block' && start > wall);
  if (blocks.length === 0) return null;
  const event = random.pick(blocks);
  clinic.events.splice(clinic.events.indexOf(event), 1);
  return { kind: 'unblocked', id: event.id };
}

function changeRoster(clinic: Clinic, random: Random, wall: Wall): Omit<LifeEvent, 'at'> | null {
  const rosters = clinic.events.filter(({ kind, start }) => kind === 'roster' && start > wall);
  if (rosters.length === 0) return null;
  const event = random.pick(rosters);
  if (random.chance(0.3)) clinic.events.splice(clinic.events.indexOf(event), 1);
  else event.end = addMinutes(event.start, random.int(4, 9) * 60);
  return { kind: 'roster changed', id: event.id };
}

function edit(clinic: Clinic, random: Random, wall: Wall): Omit<LifeEvent, 'at'> | null {
  const event = pickFuture(clinic, random, wall);
  if (!event) return null;
  const client = clinic.clients.find(
    ({ id }) => id === clinic.patients.find((p) => p.id === event.patientId)?.clientId,
  );
  const what = random.int(1, 3);
  if (what === 1 && client) client.phone = inventPhone(random);
  else if (what === 2) event.typeId = random.pick(clinic.types).id;
  else event.notes = `Sample note ${random.int(1, 999)}`;
  return { kind: 'edited', id: event.id };
}
