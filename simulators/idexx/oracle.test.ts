import { expect, test } from 'vitest';
import { calendarRows, wrap } from './calendar.ts';
import { createClinic } from './clinic.ts';
import { type ExpectedAppointment, expectedAppointments, expectedSlotCounts, rulesOf } from './oracle.ts';
import { DEFAULT_VARIANT, type PortalVariant } from './portal.ts';
import { addDays, daysBetween, parseWall, type Wall } from './wall.ts';
import { type Clinic, newEvent } from './world.ts';

const NOW = Date.parse('2026-01-20T18:00:00Z');

/** Tuesday alone, with nothing in it. */
function emptyClinic(): Clinic {
  const clinic = createClinic({ now: NOW, daysBack: 0, daysAhead: 1, appointmentsPerDay: 0, oddities: false });
  clinic.events.length = 0;
  return clinic;
}

/** Reads rows without any knowledge of the world. */
function readRow(row: Record<string, unknown>): Partial<ExpectedAppointment> {
  const text = (name: string): string | null => (row[name] as string | null | undefined) ?? null;
  const [client1, client2] = text('clientName')?.split(', ') ?? [];
  const [patient, last, first] = row.is_block ? [] : text('title')!.split(/; |, /);
  const hasNames = text('patient_name') ?? text('patientName');
  return {
    externalId: text('id')!,
    start: parseWall(text('start')!)!,
    ...(row.end === undefined ? {} : { end: parseWall(text('end')!)! }),
    patientName: hasNames ?? patient ?? null,
    clientLastName: text('last_name') ?? client1 ?? last ?? null,
    clientFirstName: text('first_name') ?? client2 ?? first ?? null,
    clientPhoneRaw: text('phone_number') ?? text('clientPhone'),
    providerName: text('provider') ?? text('providerName'),
    roomId: text('resourceId')!,
    appointmentType: row.is_block ? 'block' : (text('type_description') ?? text('appointmentType')),
    rawStatus: text('status_label') ?? text('status'),
  };
}

test.each<Partial<PortalVariant>>([
  {},
  { calendarShape: 'compact', cancelled: 'vanish' },
  { calendarTimes: 'dotted', language: 'de' },
  { sharedBlockIds: true },
])('what the portal shows and what a copy must hold are the same with %j', (changes) => {
  const variant = { ...DEFAULT_VARIANT, ...changes, rangeRule: 'starts' as const };
  const clinic = createClinic({ now: NOW, daysBack: 5, daysAhead: 10 });
  for (const event of clinic.events) {
    // Nobody at all: the title is then no name.
    if (event.kind === 'appointment' && event.patientId === null) event.patientId = clinic.patients[0]!.id;
  }
  const days = daysBetween('2026-01-15', '2026-01-30');
  const shown = days.flatMap((day) => calendarRows(clinic, `${day} 00:00:00`, `${addDays(day, 1)} 00:00:00`, variant));
  const copy = shown.filter((row) => row.is_roster !== true).map(readRow);
  const expected = expectedAppointments(clinic, days, variant);
  expect(copy).toHaveLength(expected.length);
  expect(copy.length).toBeGreaterThan(200);
  const key = ({ start, externalId }: Partial<ExpectedAppointment>): string => `${start} ${externalId}`;
  copy.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  for (const [i, row] of copy.entries()) expect(expected[i]).toMatchObject(row);
});

test('counts slots by overlap', () => {
  const clinic = emptyClinic();
  const book = (start: string, end: string, more: object = {}) =>
    newEvent(clinic, {
      kind: 'appointment',
      start: `2026-01-20 ${start}:00`,
      end: `2026-01-20 ${end}:00`,
      roomId: '7',
      ...more,
    });
  book('08:00', '08:30');
  book('08:10', '08:20', { roomId: '8' });
  book('08:00', '08:15', { stage: 'cancelled' });
  book('08:00', '08:15', { stage: 'noShow' });
  book('08:30', '08:45', { kind: 'block' });
  book('08:00', '12:00', { kind: 'roster' });
  book('11:50', '13:05', { roomId: '9' });
  // From the evening before; without an end: one slot.
  newEvent(clinic, { kind: 'appointment', start: '2026-01-19 22:00:00', end: '2026-01-20 08:05:00', roomId: '10' });
  newEvent(clinic, { kind: 'appointment', start: '2026-01-20 17:45:00', roomId: '7' });

  const slots = expectedSlotCounts(clinic, ['2026-01-20']);
  // Ten hours less one of lunch.
  expect(slots).toHaveLength(36);
  const counts = Object.fromEntries(slots.map(({ startTime, bookedCount }) => [startTime, bookedCount]));
  expect(counts).toMatchObject({ '08:00': 3, '08:15': 2, '08:30': 1, '08:45': 0, '11:45': 1, '13:00': 1, '17:45': 1 });
  expect(counts).not.toHaveProperty('12:00');
  expect(slots[0]).toEqual({
    date: '2026-01-20',
    startTime: '08:00',
    endTime: '08:15',
    capacity: 4,
    bookedCount: 3,
  });

  const rules = { ...rulesOf(clinic), breaks: [], slotMinutes: 50, capacity: 1, roomIds: ['8'] };
  const others = expectedSlotCounts(clinic, ['2026-01-20', '2026-01-25'], rules);
  // The last begins at 17:10, and nothing on Sunday.
  expect(others.map(({ startTime }) => startTime).at(-1)).toBe('17:10');
  expect(others.filter(({ bookedCount }) => bookedCount > 0).map(({ startTime }) => startTime)).toEqual(['08:00']);
});

test('a status of another language is unknown, and occupies its place', () => {
  const clinic = emptyClinic();
  newEvent(clinic, {
    kind: 'appointment',
    start: '2026-01-20 08:00:00',
    end: '2026-01-20 08:15:00',
    roomId: '7',
    stage: 'cancelled',
  });
  const first = (language: 'en' | 'de') => ({
    ...expectedAppointments(clinic, ['2026-01-20'], { language })[0],
    count: expectedSlotCounts(clinic, ['2026-01-20'], undefined, { language })[0]!.bookedCount,
  });
  expect(first('en')).toMatchObject({ status: 'cancelled', unknownStatus: false, count: 0 });
  expect(first('de')).toMatchObject({ status: 'scheduled', unknownStatus: true, rawStatus: 'Storniert', count: 1 });
  expect(expectedAppointments(clinic, ['2026-01-20'], { cancelled: 'vanish' })).toEqual([]);
});

test('an entry over midnight is in the answers of both days; a long range may be cut', () => {
  const clinic = emptyClinic();
  const night = newEvent(clinic, {
    kind: 'appointment',
    start: '2026-01-20 22:00:00',
    end: '2026-01-21 06:00:00',
    roomId: '7',
  });
  newEvent(clinic, { kind: 'block', start: '2026-01-22 09:00:00', end: '2026-01-22 10:00:00', roomId: '7' });
  const ids = (start: Wall, end: Wall, changes: Partial<PortalVariant> = {}): unknown[] =>
    calendarRows(clinic, start, end, { ...DEFAULT_VARIANT, ...changes }).map(({ id }) => id);
  expect(ids('2026-01-20 00:00:00', '2026-01-21 00:00:00')).toEqual([night.id]);
  expect(ids('2026-01-21 00:00:00', '2026-01-22 00:00:00')).toEqual([night.id]);
  expect(ids('2026-01-21 00:00:00', '2026-01-22 00:00:00', { rangeRule: 'starts' })).toEqual([]);
  expect(ids('2026-01-20 00:00:00', '2026-01-25 00:00:00')).toHaveLength(2);
  expect(ids('2026-01-20 00:00:00', '2026-01-25 00:00:00', { maxRangeDays: 2 })).toEqual([night.id]);
});

test('wraps the list in each of the known ways', () => {
  expect(wrap([], { calendarWrapper: 'none' })).toEqual([]);
  expect(wrap([], { calendarWrapper: 'results' })).toEqual({ results: [] });
});
