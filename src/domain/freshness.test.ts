import { expect, test } from 'vitest';
import { freshnessOf } from './freshness.ts';

const NOW = Date.parse('2030-05-06T17:00:00Z');
const AT = { now: NOW, today: '2030-05-06', tomorrow: '2030-05-07' };
const LIMITS = { staleAfterMinutes: 60, alarmAfterMinutes: 240 };
const minutesAgo = (minutes: number) => NOW - minutes * 60_000;
const day = (date: string, readAt: number | null, failedAt: number | null = null) =>
  freshnessOf({ date, readAt, failedAt, failedCode: failedAt === null ? null : 'source_timeout' }, AT, LIMITS);

test.each<[number, string]>([
  [0, 'fresh'],
  [59.9, 'fresh'],
  [60, 'stale'],
  [239, 'stale'],
  [240, 'alarm'],
])('a book of %d minutes is %s', (age, freshness) => {
  expect(day('2030-05-06', minutesAgo(age))).toMatchObject({ freshness, ageMinutes: Math.floor(age) });
});

test('a date that was never read is an alarm; a clock that runs ahead is not', () => {
  expect(day('2030-05-06', null)).toMatchObject({ freshness: 'alarm', ageMinutes: null });
  expect(day('2030-05-06', NOW + 60_000)).toMatchObject({ freshness: 'fresh', ageMinutes: 0 });
});

test('it is told in a sentence', () => {
  const told = (date: string, age: number | null, failed?: number) =>
    day(date, age === null ? null : minutesAgo(age), failed).sentence;
  expect(told('2030-05-07', 4)).toBe("Tomorrow's book is 4 minutes old.");
  expect(told('2030-05-06', 1)).toBe("Today's book is 1 minute old.");
  expect(told('2030-05-09', 180, NOW)).toBe('The book of 2030-05-09 is 3 hours old; its last read failed.');
  expect(told('2030-05-09', 6000)).toBe('The book of 2030-05-09 is 4 days old.');
  expect(told('2030-05-09', null)).toBe('The book of 2030-05-09 has never been read.');
});
