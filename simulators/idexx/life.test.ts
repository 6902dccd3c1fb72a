import { expect, test } from 'vitest';
import { createRandom } from '../vsrx/random.ts';
import { createClinic } from './clinic.ts';
import { live, liveHours, step } from './life.ts';
import { instantsOf, minutesBetween } from './wall.ts';
import { type Clinic, endOf } from './world.ts';

const NOW = Date.parse('2026-01-20T18:00:00Z');
const WEEK = 7 * 86_400_000;

test('the same seed gives the same clinic and the same week', () => {
  const [one, two] = [1, 2].map(() => {
    const clinic = createClinic({ seed: 5, now: NOW });
    return { clinic, events: live(clinic, createRandom(9), NOW + WEEK) };
  });
  expect(one).toEqual(two);
  const other = createClinic({ seed: 6, now: NOW });
  expect(other.events).not.toEqual(createClinic({ seed: 5, now: NOW }).events);
});

test('everything that happens in a clinic happens in a week', () => {
  const clinic = createClinic({ now: NOW });
  const before = structuredClone(clinic);
  const events = live(clinic, createRandom(2), new Date(NOW + WEEK));
  expect(clinic.livedUntil).toBe(NOW + WEEK);
  const kinds = new Set(events.map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(
    [
      'booked',
      'moved time',
      'moved day',
      'moved room',
      'cancelled',
      'deleted',
      'advanced',
      'late',
      'no show',
      'blocked',
      'unblocked',
      'roster changed',
      'staff changed',
      'edited',
    ].sort(),
  );
  check(clinic);
  const moved = events.find(({ kind, id }) => kind === 'moved day' && before.events.some((e) => e.id === id))!;
  const old = before.events.find(({ id }) => id === moved.id)!;
  const now = clinic.events.find(({ id }) => id === moved.id);
  expect(now?.start.slice(0, 10)).not.toBe(old.start.slice(0, 10));
  for (const { id } of events.filter(({ kind }) => kind === 'deleted')) {
    expect(clinic.events.some((event) => event.id === id)).toBe(false);
  }
  // Whoever's time is long over is not still waited for.
  const waiting = clinic.events.filter(
    ({ kind, stage, start }) => kind === 'appointment' && stage === 'booked' && start < '2026-01-26',
  );
  expect(waiting).toEqual([]);
});

test.each(['Europe/London', 'Asia/Kolkata', 'America/Los_Angeles', 'Australia/Sydney'])(
  'is sound in %s for a month',
  (timeZone) => {
    const clinic = createClinic({ now: Date.parse('2026-03-06T18:00:00Z'), timeZone, daysAhead: 20 });
    live(clinic, createRandom(timeZone), Date.parse('2026-04-03T18:00:00Z'));
    check(clinic);
    expect(clinic.filledUntil > '2026-05-01').toBe(true);
  },
);

/** What holds in every clinic at every time. */
function check(clinic: Clinic): void {
  const ids = clinic.events.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const rooms = new Set(clinic.rooms.map(({ id }) => id));
  const patients = new Set<string | null>(clinic.patients.map(({ id }) => id)).add(null);
  const wrong = clinic.events.filter(
    (event) =>
      minutesBetween(event.start, endOf(clinic, event)) <= 0 ||
      !rooms.has(event.roomId) ||
      !patients.has(event.patientId),
  );
  expect(wrong).toEqual([]);
  const real = clinic.clients.filter(
    ({ phone, lastName }) =>
      !/^(1?\d{3})?55501\d\d$/.test(phone.replaceAll(/\D/g, '')) || !lastName.endsWith('-Sample'),
  );
  expect(real).toEqual([]);
}

test('has entries in the hours that a change of the clock skips or repeats', () => {
  const spring = createClinic({ now: Date.parse('2026-03-06T18:00:00Z'), daysAhead: 5 });
  const skipped = spring.events.filter(({ start }) => instantsOf(start, spring.timeZone).length === 0);
  expect(skipped.map(({ start }) => start)).toEqual(['2026-03-08 02:00:00', '2026-03-08 02:30:00']);
  const autumn = createClinic({ now: Date.parse('2026-10-30T18:00:00Z'), daysAhead: 5 });
  const twice = autumn.events.filter(({ start }) => instantsOf(start, autumn.timeZone).length === 2);
  expect(twice.map(({ start }) => start)).toEqual(['2026-11-01 01:00:00', '2026-11-01 01:30:00']);
});

test('a new clinic waits for nobody whose time is over', () => {
  const clinic = createClinic({ now: NOW });
  const past = clinic.events.filter(({ kind, start }) => kind === 'appointment' && start < '2026-01-20');
  expect(new Set(past.map(({ stage }) => stage))).toEqual(new Set(['finalized', 'readyToPay', 'noShow', 'cancelled']));
});

test('a step changes something; hours change much, all at once', () => {
  const clinic = createClinic({ now: NOW });
  expect(step(clinic, createRandom(1), NOW)).not.toEqual([]);
  const events = liveHours(clinic, createRandom(2), 4, NOW);
  expect(events.length).toBeGreaterThan(30);
  expect(new Set(events.map(({ at }) => at))).toEqual(new Set(['2026-01-20 10:00:00']));
});
