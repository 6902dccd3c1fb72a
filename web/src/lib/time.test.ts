import { expect, test } from 'vitest';
import { instantIn, length, size, startOfDay, took, zoneName } from './time.ts';

test('an instant is told in the zone that is asked for', () => {
  const iso = '2026-03-03T09:05:00Z';
  expect(instantIn('Australia/Sydney', iso)).toBe('3 Mar 2026, 20:05');
  expect(zoneName('Australia/Sydney', iso)).toBe('GMT+11');
});

test.each([
  [0, '0 s'],
  [59.4, '59 s'],
  [240, '4 min'],
  [5 * 3600, '5 h'],
  [50 * 3600, '2 days'],
  [-3, '0 s'],
])('%d seconds are %s', (seconds, text) => {
  expect(length(seconds)).toBe(text);
});

test('a run took seconds, or minutes and seconds', () => {
  expect(took('2026-03-03T09:00:00.000Z', '2026-03-03T09:00:01.250Z')).toBe('1.3 s');
  expect(took('2026-03-03T09:00:00Z', '2026-03-03T09:03:04Z')).toBe('3 min 4 s');
  expect(took('2026-03-03T09:00:00.000Z', '2026-03-03T09:00:59.970Z')).toBe('1 min 0 s');
  expect(took('2026-03-03T09:00:00.000Z', '2026-03-03T09:01:59.600Z')).toBe('2 min 0 s');
  expect(took('2026-03-03T09:00:00Z', '2026-03-03T11:04:40Z')).toBe('2 h 5 min');
});

test('sizes', () => {
  expect([999, 4_183_220, 2_500_000_000].map(size)).toEqual(['999 bytes', '4.2 MB', '2.5 GB']);
});

test('a day begins at its own midnight, also when the clocks change on it', () => {
  expect(startOfDay('UTC', '2026-03-03')).toBe('2026-03-03T00:00:00.000Z');
  expect(startOfDay('Australia/Sydney', '2026-03-03')).toBe('2026-03-02T13:00:00.000Z');
  expect(startOfDay('America/New_York', '2026-03-08')).toBe('2026-03-08T05:00:00.000Z');
  expect(startOfDay('America/New_York', '2026-03-09')).toBe('2026-03-09T04:00:00.000Z');
});
