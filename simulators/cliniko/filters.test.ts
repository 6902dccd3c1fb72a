import { expect, test } from 'vitest';
import { type Fields, FilterError, parseFilter } from './filters.ts';

interface Thing {
  at: number | null;
  day: string | null;
  id: string | null;
  count: number | null;
  name: string | null;
  on: boolean;
  ids: readonly string[];
}

const FIELDS: Fields<Thing> = {
  at: { type: 'date-time', get: (one) => one.at },
  day: { type: 'date', get: (one) => one.day },
  id: { type: 'id', get: (one) => one.id },
  count: { type: 'number', get: (one) => one.count },
  name: { type: 'string', get: (one) => one.name },
  on: { type: 'boolean', get: (one) => one.on },
  ids: { type: 'array', get: (one) => one.ids },
};

const THING: Thing = {
  at: Date.parse('2026-01-02T03:04:05Z') / 1000,
  day: '1980-05-17',
  id: '1390726237298631770',
  count: 7,
  name: 'Elm-Sample (50%)',
  on: true,
  ids: ['5', '6'],
};
const NOTHING: Thing = { at: null, day: null, id: null, count: null, name: null, on: false, ids: [] };

const holds = (text: string, thing = THING) => parseFilter(text, FIELDS).test(thing);

test.each([
  'at:>=2026-01-02T03:04:05Z',
  'at:<2026-01-02T03:04:06Z',
  'at:>2026-01-02T03:04:04.999Z',
  'at:<=2026-01-02T03:04:05Z',
  'at:?',
  'at:*',
  'day:=1980-05-17',
  'day:=****-05-**',
  'day:=19**-**-17',
  'day:>1980-05-16',
  'day:<=1980-05-17',
  'id:=1,1390726237298631770,3',
  'id:>1390726237298631769',
  'id:>99',
  'id:!=1390726237298631771',
  'count:=7',
  'count:>=7',
  'count:!=8',
  'name:=Elm-Sample (50%)',
  'name:~sample (',
  'name:~~elm%50%',
  'name:!=Elm',
  'on:=true',
  'on:!=false',
  'ids:~6',
])('%s holds', (text) => {
  expect(holds(text)).toBe(true);
});

test.each([
  'at:>2026-01-02T03:04:05Z',
  'at:!?',
  'day:=****-06-**',
  'id:=1390726237298631771',
  'count:<7',
  'name:~oak',
  'name:~~elm',
  'on:=false',
  'ids:~7',
])('%s does not hold', (text) => {
  expect(holds(text)).toBe(false);
});

test('a question mark means that there is a value, with an exclamation mark that there is none', () => {
  for (const name of ['at', 'day', 'id', 'count', 'name']) {
    expect(holds(`${name}:?`)).toBe(true);
    expect(holds(`${name}:?`, NOTHING)).toBe(false);
    expect(holds(`${name}:!?`, NOTHING)).toBe(true);
  }
  expect(holds('at:*', NOTHING)).toBe(true);
  expect(holds('at:<2030-01-01T00:00:00Z', NOTHING)).toBe(false);
});

test.each([
  ['shoe:=4', 'shoe is not filterable'],
  ['constructor:=4', 'constructor is not filterable'],
  ['count:=many', 'Filter value for count must be a number'],
  ['id:5', 'operator for id'],
  ['at:=2026-01-02T03:04:05Z', 'operator for at'],
  ['at:>yesterday', 'date-time'],
  ['at:>2026-01-02', 'date-time'],
  ['at:?2026', 'takes no value'],
  ['name:*', 'operator for name'],
  ['name:like:x', 'operator for name'],
  ['day:>****-05-**', 'wildcards'],
  ['on:=perhaps', 'boolean'],
  ['ids:=5', 'operator for ids'],
  ['nonsense', 'not a filter'],
])('%s is refused', (text, message) => {
  expect(() => parseFilter(text, FIELDS)).toThrow(FilterError);
  expect(() => parseFilter(text, FIELDS)).toThrow(message);
});
