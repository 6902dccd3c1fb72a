import { expect, test } from 'vitest';
import type { CalendarAppointment } from '../../domain/appointments.ts';
import { createSightings } from './moved-while-read.ts';

const at = (neoAppointmentId: string, date: string, endTime = '09:30'): CalendarAppointment => ({
  neoAppointmentId,
  date,
  startTime: '09:00',
  endTime,
  startsAt: 0,
  endsAt: 1,
  patientName: null,
  clientName: null,
  clientPhone: null,
  providerName: null,
  roomId: null,
  appointmentType: null,
  status: 'scheduled',
});
const sight = (date: string, began: number, ended: number, ...appointments: CalendarAppointment[]) => ({
  date,
  began,
  ended,
  appointments,
});

test('only dates that were asked for before it had left can be where a missing one is', () => {
  const seen = createSightings([{ neoAppointmentId: 'x', date: 'B' }]);
  seen.note(sight('A', 0, 1));
  seen.note(sight('B', 2, 5));
  seen.note(sight('C', 4, 7));
  seen.note(sight('D', 6, 8));
  expect(seen.readAgain()).toEqual(['A', 'C']);
  seen.note(sight('A', 9, 10));
  seen.note(sight('C', 11, 12));
  expect(seen.readAgain()).toEqual([]);
  expect([...seen.unsettled()]).toEqual([]);
});

test('a date that misses it again later is no newer word about when it left', () => {
  const seen = createSightings([{ neoAppointmentId: 'x', date: 'B' }]);
  seen.note(sight('A', 0, 1));
  seen.note(sight('B', 2, 3));
  seen.note(sight('A', 4, 7));
  seen.note(sight('B', 5, 8));
  expect(seen.readAgain()).toEqual([]);
});

test('one that a date showed in this run, and no longer shows, is looked for as well', () => {
  const seen = createSightings([]);
  seen.note(sight('A', 0, 1, at('x', 'A')));
  seen.note(sight('B', 2, 3));
  seen.note(sight('A', 4, 5));
  expect(seen.readAgain()).toEqual(['B']);
  seen.note(sight('B', 6, 7, at('x', 'B')));
  expect(seen.readAgain()).toEqual([]);
});

test('one over midnight that leaves only one of its dates is where the other one shows it', () => {
  const seen = createSightings([{ neoAppointmentId: 'x', date: 'A' }]);
  seen.note(sight('A', 0, 1, at('x', 'A')));
  seen.note(sight('B', 2, 3, at('x', 'A')));
  expect(seen.readAgain()).toEqual([]);
  seen.note(sight('B', 4, 5));
  expect(seen.readAgain()).toEqual([]);
});

test('what two dates show differently is looked at again where it was read first, and is told when it stays so', () => {
  const seen = createSightings([]);
  seen.note(sight('A', 0, 3, at('x', 'A')));
  seen.note(sight('B', 1, 2, at('x', 'B')));
  expect(seen.readAgain()).toEqual(['A']);
  seen.note(sight('A', 4, 5, at('x', 'A')));
  expect([...seen.unsettled()]).toEqual([
    ['B', 'source_contract_changed'],
    ['A', 'source_contract_changed'],
  ]);
});

test('a date that cannot be read again counts for nothing; one that is still looked for is told', () => {
  const seen = createSightings([{ neoAppointmentId: 'x', date: 'B' }]);
  seen.note(sight('A', 0, 1));
  seen.note(sight('B', 2, 3));
  expect([...seen.unsettled()]).toEqual([['B', 'source_incomplete']]);
  seen.drop('A');
  expect([...seen.unsettled()]).toEqual([]);
});
