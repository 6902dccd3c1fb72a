import { expect, test } from 'vitest';
import type { BookSchedule } from './api/client.ts';
import { addDays, dateIn, daySummary, dayTable, hoursOf, weekOf } from './book.ts';

const LA = 'America/Los_Angeles';
const at = (time: string) => `2026-03-04T${time}:00.000Z`;
const span = (from: string, to: string) => ({
  date: '2026-03-04',
  startTime: from,
  endTime: to,
  startsAt: at(from),
  endsAt: at(to),
});
const slot = (from: string, to: string, more = {}) => ({
  slotId: from,
  ...span(from, to),
  fold: 0,
  capacity: 2,
  appointments: 0,
  bookings: 0,
  places: 1,
  block: null,
  ...more,
});
const appointment = (id: string, from: string, to: string, roomId: string | null) => ({
  id,
  ...span(from, to),
  roomId,
  patientName: 'Biscuit',
  clientName: null,
  providerName: null,
  type: null,
  status: 'scheduled',
  unconfirmed: false,
});
const schedule = {
  clinicId: 'c',
  connectionId: 'front-desk',
  timeZone: LA,
  rooms: [{ id: '1', name: 'Room 1' }],
  days: [],
  slots: [slot('09:00', '09:30'), slot('09:30', '10:00', { block: 'Lunch', places: 0 })],
  appointments: [
    appointment('long', '09:15', '09:45', '1'),
    appointment('early', '08:00', '08:15', '1'),
    appointment('elsewhere', '09:00', '09:10', '99'),
  ],
  bookings: [],
  timestamp: at('00:00'),
} as unknown as BookSchedule;

test('a day is as long as the clocks of the clinic make it', () => {
  expect(hoursOf(LA, '2026-03-08')).toBe(23);
  expect(hoursOf(LA, '2026-11-01')).toBe(25);
  expect(hoursOf(LA, '2026-03-09')).toBe(24);
  expect(dateIn(LA, Date.parse('2026-03-08T07:30:00Z'))).toBe('2026-03-07');
});

test('weeks begin on Monday, over the ends of months and years', () => {
  expect(weekOf('2026-03-01')).toBe('2026-02-23');
  expect(weekOf('2026-02-23')).toBe('2026-02-23');
  expect(addDays('2026-12-31', 1)).toBe('2027-01-01');
});

test('an appointment is in every slot that it touches, once as a beginning; what touches none is told apart', () => {
  const { rows, outside, roomless } = dayTable(schedule, '2026-03-04');
  const told = rows.map(({ rooms }) => rooms.get('1')?.map(({ appointment: { id }, goesOn }) => [id, goesOn]));
  expect(told).toEqual([[['long', false]], [['long', true]]]);
  expect(rows[0]?.rooms.get('')?.map(({ appointment: { id } }) => id)).toEqual(['elsewhere']);
  expect(outside.map(({ id }) => id)).toEqual(['early']);
  expect(roomless).toBe(true);
});

test('closed slots have no places that could be taken', () => {
  expect(daySummary(schedule, '2026-03-04')).toMatchObject({ slots: 1, capacity: 2, taken: 1, conflicts: 0 });
  expect(daySummary(schedule, '2026-03-05')).toMatchObject({ slots: 0, capacity: 0, isRead: false });
});
