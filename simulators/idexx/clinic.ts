/** Creates a clinic with a calendar that is in use. */
import { createRandom, type Random } from '../vsrx/random.ts';
import { finish, isOver } from './attend.ts';
import { addOddities } from './oddities.ts';
import { inventClients } from './people.ts';
import { findPlace, openHours } from './places.ts';
import { addDays, type Day, daysBetween, wallAt, weekdayOf } from './wall.ts';
import { type CalendarEvent, type Clinic, endOf, newEvent } from './world.ts';

export interface ClinicOptions {
  readonly seed?: number | string;
  /** The n-th clinic of a portal has other ids, accounts and people. */
  readonly number?: number;
  readonly timeZone?: string;
  /** The present, in milliseconds: earlier appointments are over. */
  readonly now?: number;
  readonly daysBack?: number;
  readonly daysAhead?: number;
  readonly rooms?: number;
  readonly appointmentsPerDay?: number;
  /** Entries that are strange but legal; see `oddities.ts`. Default true. */
  readonly oddities?: boolean;
}

const DOCTORS = ['Dr Specimen Acacia', 'Dr Testa Banksia', 'Dr Mock Casuarina', 'Dr Fictia Boxwood'];
const OTHER_ROOMS = ['Surgery', 'Technician', 'Dental', 'Drop-off'];
const COLORS = ['#88aaff', '#ffaa88', '#aaff88', '#ff88aa'];
const TYPES: readonly (readonly [string, number])[] = [
  ['Vaccination', 15],
  ['Consultation', 30],
  ['Recheck', 15],
  ['Surgery', 90],
  ['Dental', 60],
  ['New client', 45],
];
export const REASONS = ['annual', 'limping', 'not eating', 'nail trim', 'itchy ears', 'follow-up', 'senior check'];

/** The same options give the same clinic on every machine. */
export function createClinic(options: ClinicOptions = {}): Clinic {
  const { seed = 1, number = 1, timeZone = 'America/Los_Angeles', now = Date.now(), daysBack = 7 } = options;
  const random = createRandom(`${seed}/${number}`);
  const today = wallAt(now, timeZone).slice(0, 10);
  const first = addDays(today, -daysBack);
  const roomCount = options.rooms ?? 4;
  const names = [...DOCTORS.slice(0, Math.max(1, Math.ceil(roomCount / 2))), ...OTHER_ROOMS].slice(0, roomCount);
  const clinic: Clinic = {
    companyId: String(10_000 + number),
    seed: `${seed}/${number}`,
    name: `Sample Animal Hospital ${number}`,
    timeZone,
    accounts: [
      { username: `desk${number}@example.com`, password: `Sample-${number}-login`, code: '246810' },
      { username: `owner${number}@example.com`, password: `Sample-${number}-owner`, code: '135790' },
    ],
    hours: [
      { daysOfWeek: [1, 2, 3, 4, 5], start: '08:00', end: '18:00' },
      { daysOfWeek: [6], start: '09:00', end: '13:00' },
    ],
    breaks: [{ daysOfWeek: [1, 2, 3, 4, 5], start: '12:00', end: '13:00' }],
    slotMinutes: 15,
    rooms: names.map((name, i) => ({ id: String(7 + i), name })),
    providers: DOCTORS.map((name, i) => ({ id: String(12 + i), name, color: COLORS[i]!, active: true })),
    types: TYPES.map(([name, duration], i) => ({ id: String(3 + i), name, duration, color: COLORS[i % 4]! })),
    ...inventClients(random.fork('people'), 120),
    events: [],
    consultations: [],
    filledUntil: addDays(first, -1),
    livedUntil: now,
    nextId: number * 100_000 + 1,
  };
  const lastDay = addDays(today, options.daysAhead ?? 30);
  fillUntil(clinic, lastDay);
  const perDay = options.appointmentsPerDay ?? 24;
  for (const day of daysBetween(first, lastDay)) {
    // The further away, the emptier.
    const share = day <= today ? 1 : Math.max(0.2, 1 - daysBetween(today, day).length / 30);
    const own = random.fork(`book ${day}`);
    for (let n = Math.round(perDay * share); n > 0; n--) bookOn(clinic, own, day);
  }
  if (options.oddities ?? true) addOddities(clinic, random.fork('oddities'), today);
  const wall = wallAt(now, timeZone);
  const past = random.fork('past');
  for (const event of [...clinic.events]) {
    if (event.kind === 'appointment' && !isOver(event.stage) && endOf(clinic, event) <= wall) {
      finish(clinic, past, event);
    }
  }
  return clinic;
}

/** Rosters and recurring blocks of all days up to this one. Depends on the seed and the day alone. */
export function fillUntil(clinic: Clinic, last: Day): void {
  for (const day of daysBetween(addDays(clinic.filledUntil, 1), last)) {
    const random = createRandom(`${clinic.seed}/fill/${day}`);
    for (const { start, end } of openHours(clinic, day)) {
      clinic.providers.forEach((provider, i) => {
        if (!provider.active || !random.chance(0.8)) return;
        const roomId = clinic.rooms[i % clinic.rooms.length]!.id;
        newEvent(clinic, { kind: 'roster', start, end, roomId, providerId: provider.id, reason: 'On duty' });
      });
    }
    addRecurring(clinic, day);
    clinic.filledUntil = day;
  }
}

/** A staff meeting each Monday, the surgery's cleaning each day. */
function addRecurring(clinic: Clinic, day: Day): void {
  const series: [string, boolean, string, string, number][] = [
    ['Staff meeting', weekdayOf(day) === 1, '08:00', '08:30', 0],
    ['Cleaning', openHours(clinic, day).length > 0, '09:30', '09:45', clinic.rooms.length - 1],
  ];
  for (const [reason, isDue, from, to, room] of series) {
    if (!isDue) continue;
    const earlier = clinic.events.find((event) => event.reason === reason && event.seriesId !== null);
    const event = newEvent(clinic, {
      kind: 'block',
      start: `${day} ${from}:00`,
      end: `${day} ${to}:00`,
      roomId: clinic.rooms[room]!.id,
      reason,
    });
    event.seriesId = earlier?.seriesId ?? event.id;
  }
}

/** Null when there is no room that day. */
export function bookOn(clinic: Clinic, random: Random, day: Day): CalendarEvent | null {
  const type = random.pick(clinic.types);
  const place = findPlace(clinic, random, day, type.duration);
  if (!place) return null;
  const provider = random.pick(clinic.providers.filter(({ active }) => active));
  return newEvent(clinic, {
    kind: 'appointment',
    ...place,
    providerId: random.chance(0.95) ? provider.id : null,
    typeId: type.id,
    patientId: random.pick(clinic.patients).id,
    reason: random.pick(REASONS),
    stage: random.chance(0.15) ? 'confirmed' : 'booked',
  });
}
