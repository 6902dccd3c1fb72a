import { beforeEach, expect, test } from 'vitest';
import { DEED_NAMES, mutate } from './life.ts';
import { activePatients, expectedAppointments, expectedPatients } from './oracle.ts';
import { createRandom } from './random.ts';
import { createWorld, type World } from './world.ts';

let now: Date;
let world: World;

const clock = () => now;
const later = () => {
  now = new Date(now.getTime() + 60_000);
};
const state = (id: string) => expectedAppointments(world).find((one) => one.id === id);
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000);

beforeEach(() => {
  now = new Date('2026-05-01T00:00:00.700Z');
  world = createWorld({ seed: 7, patients: 80, appointments: 200, now: clock });
});

test('the same seed gives the same account, and the same life', () => {
  const other = createWorld({ seed: 7, patients: 80, appointments: 200, now: clock });
  for (const one of [world, other]) mutate(one, createRandom('life'), 200);
  expect(JSON.stringify(other.tables)).toBe(JSON.stringify(world.tables));
  const different = createWorld({ seed: 8, patients: 80, appointments: 200, now: clock });
  expect(different.tables.patients.rows[0]!.id).not.toBe(world.tables.patients.rows[0]!.id);
});

test('all people are invented', () => {
  for (const one of world.tables.patients.rows) {
    expect(one.lastName).toMatch(/-Sample$/);
    expect(one.email ?? 'x@example.invalid').toMatch(/@example\.invalid$/);
    expect(one.phone ?? '(02) 5550 ').toContain('(02) 5550 ');
  }
});

test('random life does everything it can', () => {
  const done = new Set(mutate(world, createRandom(1), 1500));
  expect([...done].sort()).toEqual([...DEED_NAMES].sort());
});

test('a patient is added, edited, archived, brought back and deleted', () => {
  const { id } = world.addPatient({ firstName: 'New', lastName: 'One-Sample' });
  const known = () => expectedPatients(world).find((one) => one.id === id)!;
  expect(known()).toEqual({ id, archived: false, deleted: false, mergedInto: null, updatedAt: '2026-05-01T00:00:00Z' });
  later();
  world.editPatient(id, { email: 'new@example.invalid', extra: { city: 'Elsewhere' } });
  expect(known().updatedAt).toBe('2026-05-01T00:01:00Z');
  later();
  world.archivePatient(id);
  expect(known()).toMatchObject({ archived: true, updatedAt: '2026-05-01T00:02:00Z' });
  later();
  world.unarchivePatient(id);
  expect(known()).toMatchObject({ archived: false, updatedAt: '2026-05-01T00:03:00Z' });
  world.deletePatient(id);
  expect(known().deleted).toBe(true);
});

test('what belonged to a merged patient belongs to the other', () => {
  const loser = world.addPatient();
  const winner = world.addPatient();
  const { id } = world.book(loser.id, { startsAt: inDays(3) });
  const attached = world.attach(loser.id, { filename: 'x.pdf' });
  later();
  world.mergePatients(loser.id, winner.id);
  expect(expectedPatients(world).find((one) => one.id === loser.id)).toMatchObject({
    archived: true,
    mergedInto: winner.id,
  });
  expect(state(id)).toMatchObject({ patientIds: [winner.id], updatedAt: '2026-05-01T00:01:00Z' });
  expect(attached.patientId).toBe(winner.id);
  expect(() => world.mergePatients(winner.id, winner.id)).toThrow(RangeError);
});

test('an appointment goes through its states', () => {
  const patient = world.addPatient();
  const { id, attendeeId } = world.book(patient.id, { startsAt: inDays(1) });
  const attendee = () => world.tables.attendees.need(attendeeId);
  expect(state(id)).toMatchObject({ kind: 'individual', state: 'booked', patientIds: [patient.id] });
  world.reschedule(id, inDays(2));
  expect(state(id)!.startsAt).toBe('2026-05-03T00:00:00Z');
  world.arrive(id);
  expect([state(id)!.state, attendee().arrived]).toEqual(['arrived', true]);
  world.noShow(id);
  expect([state(id)!.state, attendee().arrived]).toEqual(['noshow', false]);
  world.archiveAppointment(id);
  expect(state(id)).toMatchObject({ state: 'archived', progress: 'noshow', archived: true });
  world.cancel(id, { reason: 30, note: 'first' });
  expect([state(id)!.state, attendee().cancellationReason]).toEqual(['cancelled', 30]);
  later();
  const { cancelledAt } = world.tables.appointments.need(id);
  world.editNoteOfCancelled(id, 'second');
  expect(world.tables.appointments.need(id)).toMatchObject({ cancelledAt, cancellationNote: 'second' });
  expect(state(id)!.updatedAt).toBe('2026-05-01T00:01:00Z');
  world.deleteAppointment(id);
  expect(state(id)!.state).toBe('deleted');
});

test('cancelling with repeats takes the rest of the series along, not what was before', () => {
  const patient = world.addPatient();
  const first = world.book(patient.id, { startsAt: inDays(1), repeat: { type: 'Weekly', interval: 1, count: 3 } });
  const series = world.tables.appointments.rows.filter((one) => one.id === first.id || one.repeatedFrom === first.id);
  expect(series.map((one) => one.startsAt - first.startsAt)).toEqual([0, 7, 14, 21].map((days) => days * 86_400));
  world.cancel(series[1]!.id, { applyToRepeats: true });
  expect(series.map(({ id }) => state(id)!.state)).toEqual(['booked', 'cancelled', 'cancelled', 'cancelled']);
});

test('whoever cancelled does not come to a group appointment', () => {
  const [ann, bob] = [world.addPatient(), world.addPatient()];
  const group = world.bookGroup({ startsAt: inDays(5) });
  const first = world.addAttendee(group.id, ann!.id);
  world.addAttendee(group.id, bob!.id);
  expect(state(group.id)).toMatchObject({ kind: 'group', state: 'booked', patientIds: [ann!.id, bob!.id] });
  world.cancelAttendee(first.id, { reason: 60 });
  expect(state(group.id)!.patientIds).toEqual([bob!.id]);
  world.deleteAppointment(group.id);
  expect(state(group.id)).toMatchObject({ state: 'deleted', patientIds: [] });
});

test('a silent removal leaves nothing, and moves nothing', () => {
  const patient = world.addPatient();
  const single = world.book(patient.id, { startsAt: inDays(1) });
  const group = world.bookGroup({ startsAt: inDays(1) });
  const attendee = world.addAttendee(group.id, patient.id);
  expect(() => world.removeSilently(single.attendeeId)).toThrow(RangeError);
  const times = () => world.tables.patients.rows.map((one) => one.updatedAt);
  later();
  const before = times();
  for (const id of [single.id, attendee.id, group.id, patient.id]) expect(world.removeSilently(id)).toBe(true);
  expect(times()).toEqual(before.slice(0, -1));
  expect(world.tables.attendees.get(single.attendeeId)).toBeUndefined();
  expect(world.removeSilently(patient.id)).toBe(false);
});

test('a patient is active by a booking that counts, of the last 30 days or to come', () => {
  const empty = createWorld({ seed: 1, patients: 5, appointments: 0, now: clock });
  const patients = empty.tables.patients.rows.map(({ id }) => id);
  const active = () => [...activePatients(empty, now)];
  const past = empty.book(patients[0]!, { startsAt: inDays(-29) });
  empty.book(patients[1]!, { startsAt: inDays(-31) });
  const future = empty.book(patients[2]!, { startsAt: inDays(400) });
  const group = empty.bookGroup({ startsAt: inDays(2) });
  const attendee = empty.addAttendee(group.id, patients[3]!);
  expect(active()).toEqual([patients[0], patients[2], patients[3]]);
  empty.noShow(past.id);
  empty.cancel(future.id);
  expect(active()).toEqual([patients[3]]);
  empty.cancelAttendee(attendee.id);
  expect(active()).toEqual([]);
});

test('several records have the second of their last change in common', () => {
  const large = createWorld({ seed: 1, patients: 1500, appointments: 0, now: clock });
  const times = large.tables.patients.rows.map((one) => one.updatedAt);
  expect(new Set(times).size).toBeLessThan(times.length - 10);
});
