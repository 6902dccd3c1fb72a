import { expect, test } from 'vitest';
import { datesBetween, localDate, minutesOf, stretchesOf, timeOf, weekdayOf, widestInterval } from './clinic-day.ts';

const HOUR = 3_600_000;

test('a day is one stretch, or two when the clocks change', () => {
  const hours = (date: string, zone: string) =>
    stretchesOf(date, zone).map((s) => [s.wallStart / 60, (s.endsAt - s.startsAt) / HOUR]);
  expect(hours('2030-05-06', 'Europe/London')).toEqual([[0, 24]]);
  expect(hours('2030-10-27', 'Europe/London')).toEqual([
    [0, 2],
    [1, 23],
  ]);
  expect(hours('2030-03-31', 'Europe/London')).toEqual([
    [0, 1],
    [2, 22],
  ]);
  expect(hours('2030-04-07', 'Australia/Lord_Howe')).toEqual([
    [0, 2],
    [1.5, 22.5],
  ]);
});

test('times of a source without a zone are read as the longest time that they may mean', () => {
  const read = (date: string, start: string, end: string) => {
    const { startsAt, endsAt } = widestInterval(`${date}T${start}`, `${date}T${end}`, 'America/Los_Angeles');
    return [new Date(startsAt).toISOString().slice(11, 16), new Date(endsAt).toISOString().slice(11, 16)];
  };
  expect(read('2030-05-06', '09:00', '09:30')).toEqual(['16:00', '16:30']);
  // 01:30 came at 08:30 and again at 09:30 UTC.
  expect(read('2030-11-03', '01:30', '01:45')).toEqual(['08:30', '09:45']);
  expect(read('2030-11-03', '02:00', '02:30')).toEqual(['10:00', '10:30']);
  // 02:30 did not come: the clock went from 01:59 (09:59 UTC) to 03:00.
  expect(read('2030-03-10', '02:30', '02:45')).toEqual(['09:30', '10:45']);
});

test('dates and times of the clinic', () => {
  expect(localDate(Date.parse('2030-05-07T01:30:00Z'), 'America/Los_Angeles')).toBe('2030-05-06');
  expect(datesBetween('2030-02-27', '2030-03-02')).toEqual(['2030-02-27', '2030-02-28', '2030-03-01', '2030-03-02']);
  expect(datesBetween('2030-02-27', '2030-02-26')).toEqual([]);
  expect([weekdayOf('2030-05-05'), weekdayOf('2030-05-06'), weekdayOf('2030-05-11')]).toEqual([0, 1, 6]);
  expect([minutesOf('08:10'), minutesOf('24:00:00')]).toEqual([490, 1440]);
  expect([timeOf(0), timeOf(490), timeOf(1440)]).toEqual(['00:00', '08:10', '24:00']);
  for (const none of [-1, 1441, 0.5]) expect(() => timeOf(none)).toThrow(RangeError);
});
