/** Random edits of every kind, as a practice makes them while somebody copies its records. */
import type { Random } from './random.ts';
import { DAY, HOUR, MINUTE } from './time.ts';
import type { World } from './world.ts';

type Deed = (world: World, random: Random) => boolean;

/** @returns the names of what was done */
export function mutate(world: World, random: Random, steps: number): string[] {
  const done: string[] = [];
  for (let i = 0; i < steps; i++) {
    // A deed that finds nothing to act on leaves the turn to another.
    for (let attempt = 0; attempt < 20; attempt++) {
      const [name, deed] = random.pick(DEEDS);
      if (!deed(world, random)) continue;
      done.push(name);
      break;
    }
  }
  return done;
}

function patient(world: World, random: Random) {
  return some(world.tables.patients.rows, random, (one) => one.archivedAt === null && one.deletedAt === null);
}

function appointment(world: World, random: Random) {
  const { rows } = world.tables.appointments;
  return some(rows, random, (one) => one.cancelledAt === null && one.archivedAt === null && one.deletedAt === null);
}

function group(world: World, random: Random) {
  return some(world.tables.groups.rows, random, (one) => one.archivedAt === null && one.deletedAt === null);
}

function groupAttendee(world: World, random: Random) {
  const booking = group(world, random);
  const all = booking ? world.attendeesOfGroup(booking.id) : [];
  return some(all, random, (one) => one.cancelledAt === null && one.archivedAt === null && one.deletedAt === null);
}

/** Tries a few places: looking at all would be slow in a large account. */
function some<T>(rows: readonly T[], random: Random, fits: (row: T) => boolean): T | null {
  for (let attempt = 0; attempt < 30 && rows.length > 0; attempt++) {
    const row = random.pick(rows);
    if (fits(row)) return row;
  }
  return null;
}

function soon(world: World, random: Random): number {
  return Math.floor(world.now() / DAY) * DAY + random.int(-20, 40) * DAY + random.int(0, 40) * 15 * MINUTE;
}

/** Acts on what was found. @returns false when there was none */
function on<T>(found: T | null, deed: (found: T) => void): boolean {
  if (found === null) return false;
  deed(found);
  return true;
}

const DEEDS: readonly (readonly [string, Deed])[] = [
  [
    'addPatient',
    (world, random) => on('Arrival', (name) => world.addPatient({ firstName: `${name}${random.int(1, 9999)}` })),
  ],
  [
    'editPatient',
    (world, random) =>
      on(patient(world, random), (one) =>
        world.editPatient(one.id, { lastName: `Edited${random.int(1, 9999)}-Sample` }),
      ),
  ],
  ['archivePatient', (world, random) => on(patient(world, random), (one) => world.archivePatient(one.id))],
  [
    'unarchivePatient',
    (world, random) =>
      on(
        some(
          world.tables.patients.rows,
          random,
          (one) => one.archivedAt !== null && one.deletedAt === null && one.mergedAt === null,
        ),
        (one) => world.unarchivePatient(one.id),
      ),
  ],
  ['deletePatient', (world, random) => on(patient(world, random), (one) => world.deletePatient(one.id))],
  [
    'mergePatients',
    (world, random) => {
      const loser = patient(world, random);
      const winner = patient(world, random);
      if (!loser || !winner || loser === winner) return false;
      world.mergePatients(loser.id, winner.id);
      return true;
    },
  ],
  [
    'book',
    (world, random) => on(patient(world, random), (one) => world.book(one.id, { startsAt: soon(world, random) })),
  ],
  [
    'bookSeries',
    (world, random) =>
      on(patient(world, random), (one) => {
        const repeat = { type: 'Weekly', interval: 1, count: random.int(1, 4) } as const;
        world.book(one.id, { startsAt: soon(world, random), repeat });
      }),
  ],
  [
    'reschedule',
    (world, random) => on(appointment(world, random), (one) => world.reschedule(one.id, soon(world, random))),
  ],
  [
    'cancel',
    (world, random) =>
      on(appointment(world, random), (one) => world.cancel(one.id, { reason: 30, applyToRepeats: random.chance(0.3) })),
  ],
  [
    'editNoteOfCancelled',
    (world, random) =>
      on(
        some(world.tables.appointments.rows, random, (one) => one.cancelledAt !== null && one.deletedAt === null),
        (one) => world.editNoteOfCancelled(one.id, `Invented note ${random.int(1, 9999)}`),
      ),
  ],
  ['noShow', (world, random) => on(appointment(world, random), (one) => world.noShow(one.id))],
  ['arrive', (world, random) => on(appointment(world, random), (one) => world.arrive(one.id))],
  ['archiveAppointment', (world, random) => on(appointment(world, random), (one) => world.archiveAppointment(one.id))],
  ['deleteAppointment', (world, random) => on(appointment(world, random), (one) => world.deleteAppointment(one.id))],
  [
    'bookGroup',
    (world, random) =>
      on(patient(world, random), (one) => {
        const booking = world.bookGroup({ startsAt: soon(world, random) });
        world.addAttendee(booking.id, one.id);
      }),
  ],
  [
    'addAttendee',
    (world, random) => {
      const booking = group(world, random);
      return booking !== null && on(patient(world, random), (one) => world.addAttendee(booking.id, one.id));
    },
  ],
  ['cancelAttendee', (world, random) => on(groupAttendee(world, random), (one) => world.cancelAttendee(one.id))],
  ['arriveAttendee', (world, random) => on(groupAttendee(world, random), (one) => world.arriveAttendee(one.id))],
  [
    'rescheduleGroup',
    (world, random) => on(group(world, random), (one) => world.reschedule(one.id, soon(world, random) + HOUR)),
  ],
  ['deleteGroup', (world, random) => on(group(world, random), (one) => world.deleteAppointment(one.id))],
  [
    'attach',
    (world, random) =>
      on(patient(world, random), (one) => world.attach(one.id, { filename: `letter ${random.int(1, 9999)}.pdf` })),
  ],
];

/** What `mutate` can do. */
export const DEED_NAMES: readonly string[] = DEEDS.map(([name]) => name);
