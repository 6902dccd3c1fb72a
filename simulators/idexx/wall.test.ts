import { expect, test } from 'vitest';
import { addDays, addMinutes, daysBetween, formatWall, instantsOf, parseWall, wallAt, weekdayOf } from './wall.ts';

const LA = 'America/Los_Angeles';

test('shows the clock of a zone, also where it changes', () => {
  expect(wallAt(Date.parse('2026-01-20T18:00:00Z'), LA)).toBe('2026-01-20 10:00:00');
  expect(wallAt(Date.parse('2026-01-20T00:00:05Z'), 'UTC')).toBe('2026-01-20 00:00:05');
  expect(wallAt(Date.parse('2026-03-08T10:00:00Z'), LA)).toBe('2026-03-08 03:00:00');
  expect(wallAt(Date.parse('2026-01-20T18:30:00Z'), 'Asia/Kolkata')).toBe('2026-01-21 00:00:00');
  expect(() => wallAt(0, 'Mars/Olympus')).toThrow(RangeError);
});

test('knows the hours that are missing and those that come twice', () => {
  expect(instantsOf('2026-03-08 02:30:00', LA)).toEqual([]);
  expect(instantsOf('2026-11-01 01:30:00', LA)).toEqual([
    Date.parse('2026-11-01T08:30:00Z'),
    Date.parse('2026-11-01T09:30:00Z'),
  ]);
  expect(instantsOf('2026-06-01 12:00:00', LA)).toEqual([Date.parse('2026-06-01T19:00:00Z')]);
  expect(instantsOf('2026-04-05 02:15:00', 'Australia/Lord_Howe')).toHaveLength(1);
  expect(instantsOf('2026-04-05 01:45:00', 'Australia/Lord_Howe')).toHaveLength(2);
});

test('counts on the dial', () => {
  expect(addMinutes('2026-12-31 23:50:00', 15)).toBe('2027-01-01 00:05:00');
  expect(addMinutes('2026-01-20 09:05:07', 55)).toBe('2026-01-20 10:00:07');
  expect(addMinutes('2026-01-20 00:05:00', -6)).toBe('2026-01-19 23:59:00');
  expect(addDays('2028-02-28', 1)).toBe('2028-02-29');
  expect(daysBetween('2026-02-27', '2026-03-01')).toEqual(['2026-02-27', '2026-02-28', '2026-03-01']);
  expect(weekdayOf('2026-03-08')).toBe(0);
});

test('reads what it writes, in all three formats', () => {
  const wall = '2026-01-20 09:05:00';
  expect(formatWall(wall, 'iso')).toBe('2026-01-20T09:05:00');
  expect(formatWall(wall, 'dotted')).toBe('20.01.2026 09:05:00');
  for (const format of ['space', 'iso', 'dotted'] as const) expect(parseWall(formatWall(wall, format))).toBe(wall);
  expect(parseWall('2026-01-20')).toBe('2026-01-20 00:00:00');
  expect(parseWall('20 January')).toBeNull();
  expect(parseWall('2026-01-20 25:00:00')).toBeNull();
});
