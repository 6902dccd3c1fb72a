import { describe, expect, test } from 'vitest';
import { readCalendar } from './calendar.ts';
import { stateOf } from './status.ts';
import { parseWall } from './wall-time.ts';

const CLINIC = { slotMinutes: 15, appointmentTypes: [{ name: 'Vaccination', minutes: 20 }] };
const ROW = {
  id: '90017',
  start: '2026-01-20 09:00:00',
  end: '2026-01-20 09:30:00',
  patient_name: 'Biscuit',
  first_name: 'Ann',
  last_name: 'Example',
  phone_number: '555 555 0100',
  provider: 'Dr Example',
  resourceId: '7',
  title: 'BISCUIT; EXAMPLE, ANN',
  type_description: 'Vaccination',
  current_status: 'not arrived',
  status_label: 'Not arrived',
  is_block: false,
  is_roster: false,
};
const read = (...rows: object[]) => readCalendar(rows, '2026-01-20', CLINIC, 'America/Los_Angeles');

test('a row becomes an appointment in the zone of the clinic', () => {
  expect(read(ROW).appointments).toEqual([
    {
      neoAppointmentId: '90017',
      date: '2026-01-20',
      startTime: '09:00',
      endTime: '09:30',
      startsAt: Date.parse('2026-01-20T17:00:00Z'),
      endsAt: Date.parse('2026-01-20T17:30:00Z'),
      patientName: 'Biscuit',
      clientName: 'Ann Example',
      clientPhone: '+15555550100',
      providerName: 'Dr Example',
      roomId: '7',
      appointmentType: 'Vaccination',
      status: 'scheduled',
    },
  ]);
});

test('without an end the type says how long it takes, else the slot', () => {
  const ends = (row: object) => read({ ...ROW, end: null, ...row }).appointments[0]?.endTime;
  expect([ends({}), ends({ type_description: 'Other' })]).toEqual(['09:20', '09:15']);
});

test.each([
  ['555 555 0100', '+15555550100'],
  ['1 (555) 555-0100', '+15555550100'],
  ['+1 555 555 0100', '+15555550100'],
  ['+44 20 7946 0958', '+442079460958'],
  ['+44 (0)20 7946 0958', '+442079460958'],
  // Ten digits as they are dialled in Australia.
  ['0491 570 006', null],
  ['555 0100', null],
  ['+1', null],
  ['', null],
])('the phone "%s" is %s', (typed, phone) => {
  expect(read({ ...ROW, phone_number: typed }).appointments[0]?.clientPhone).toBe(phone);
});

test('a state is read from the text that is understood, in whatever language the other one is', () => {
  const state = (status_label: string | null, current_status: string | null) => {
    const { appointments, unknownStates } = read({ ...ROW, status_label, current_status });
    return [appointments[0]?.status, unknownStates];
  };
  expect(state('Storniert', 'cancelled')).toEqual(['cancelled', []]);
  expect(state('No Show', 'nicht erschienen')).toEqual(['no_show', []]);
  expect(state('Storniert', 'storniert')).toEqual(['scheduled', ['Storniert']]);
  expect(state(null, null)).toEqual(['scheduled', ['']]);
});

test('rosters are left out, blocks take their place, and occurrences with one id are told apart', () => {
  const block = { ...ROW, is_block: true };
  const { appointments, rows } = read(ROW, { ...ROW, id: '1', is_roster: true }, block, {
    ...block,
    start: '2026-01-20 11:00:00',
    end: '2026-01-20 12:00:00',
  });
  expect(rows).toBe(4);
  expect(appointments.map((a) => a.neoAppointmentId)).toEqual([
    '90017',
    'block:90017@2026-01-20T09:00/7',
    'block:90017@2026-01-20T11:00/7',
  ]);
});

test('an entry over midnight belongs to both dates, and one that ended at midnight to the first only', () => {
  const late = { ...ROW, start: '2026-01-19 23:30:00', end: '2026-01-20 00:30:00' };
  expect(read(late).appointments[0]?.date).toBe('2026-01-19');
  expect(read({ ...late, end: '2026-01-20 00:00:00' })).toMatchObject({ appointments: [], rows: 1 });
  expect(() => read({ ...late, end: '2026-01-19 23:45:00' })).toThrow('outside');
});

describe('in doubt the whole date is unknown', () => {
  const { provider: _, ...incomplete } = ROW;
  test.each<[string, unknown]>([
    ['no list', { items: [] }],
    ['null', null],
    ['a list of texts', ['x']],
    ['a field that is missing', [incomplete]],
    ['a time that is none', [{ ...ROW, start: '2026-01-20 25:61:00' }]],
    ['a day that is none', [{ ...ROW, start: '2026-02-30 09:00:00' }]],
    ['an end before the beginning', [{ ...ROW, end: '2026-01-20 08:00:00' }]],
    ['an end in another year', [{ ...ROW, end: '2027-01-20 08:00:00' }]],
    ['an id that comes twice', [ROW, { ...ROW, start: '2026-01-20 10:00:00', end: null }]],
    ['another date', [{ ...ROW, start: '2025-01-20 09:00:00', end: null }]],
    ['a name that is an object', [{ ...ROW, patient_name: { name: 'x' } }]],
    ['an id that is none', [{ ...ROW, id: null }]],
    ['a flag that is a number', [{ ...ROW, is_roster: 1 }]],
    ['a flag that is a text', [{ ...ROW, is_block: 'true' }]],
  ])('%s', (_name, body) => {
    expect(() => readCalendar(body, '2026-01-20', CLINIC, 'America/Los_Angeles')).toThrow(
      expect.objectContaining({ code: 'source_contract_changed', action: 'fail' }),
    );
  });
});

test.each([
  ['Late cancellation', 'cancelled', true],
  ['NO SHOW', 'no_show', true],
  ['no-show', 'no_show', true],
  ['Finalized', 'finalized', true],
  ['checked_in', 'in_progress', true],
  ['not arrived', 'scheduled', true],
  ['Arrived', 'in_progress', true],
  ['Late', 'scheduled', true],
  ['Ready to Pay', 'scheduled', false],
  ['Storniert', 'scheduled', false],
])('"%s" means %s', (text, state, known) => {
  expect(stateOf(text)).toEqual({ state, known });
});

test.each([
  ['2026-01-20 09:00:00', '2026-01-20T09:00:00'],
  ['2026-01-20T09:00:00', '2026-01-20T09:00:00'],
  ['20.01.2026 09:00:00', '2026-01-20T09:00:00'],
  ['2026-01-20T09:00:00Z', null],
  ['01/20/2026 09:00', null],
  [1768899600, null],
])('%s is read as %s', (text, wall) => {
  expect(parseWall(text)).toBe(wall);
});
