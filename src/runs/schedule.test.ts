import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, test } from 'vitest';
import type { WindowSchedule } from '../domain/schedule.ts';
import { nextDue } from './schedule.ts';

const MINUTE = 60_000;
const at = (text: string) => Temporal.ZonedDateTime.from(text).epochMilliseconds;
const read = (instant: number, timeZone: string) =>
  Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timeZone).toString({ smallestUnit: 'minute' });

const office: WindowSchedule = {
  kind: 'window',
  everyMs: 10 * MINUTE,
  fromMinute: 8 * 60,
  toMinute: 18 * 60,
  days: [1, 2, 3, 4, 5],
  elseMs: 30 * MINUTE,
};

describe('every', () => {
  const every = { kind: 'every', everyMs: 10 * MINUTE } as const;
  test.each([
    ['before the first run', null, 1000, 1000],
    ['too early', 1000, 2000, 1000 + 10 * MINUTE],
    ['missed while nobody ran', 1000, 1000 + 60 * MINUTE, 1000 + 60 * MINUTE],
    ['after the clock was set back', 900 * MINUTE, 5 * MINUTE, 15 * MINUTE],
  ])('%s', (_, last, now, due) => expect(nextDue(every, last, now, 'UTC')).toBe(due));
});

describe('window', () => {
  const zone = 'Australia/Sydney';
  const due = (schedule: WindowSchedule, last: string | null, now: string, timeZone = zone) =>
    read(nextDue(schedule, last === null ? null : at(last), at(now), timeZone), timeZone);

  test('runs at the inner interval inside, at the outer one outside', () => {
    expect(due(office, '2026-03-03T09:00[Australia/Sydney]', '2026-03-03T09:01[Australia/Sydney]')).toContain('T09:10');
    expect(due(office, '2026-03-03T20:00[Australia/Sydney]', '2026-03-03T20:01[Australia/Sydney]')).toContain('T20:30');
  });

  test('does not carry the inner interval over the end of the window, nor the outer one over its start', () => {
    expect(due(office, '2026-03-03T17:55[Australia/Sydney]', '2026-03-03T17:56[Australia/Sydney]')).toContain('T18:25');
    expect(due(office, '2026-03-03T07:45[Australia/Sydney]', '2026-03-03T07:46[Australia/Sydney]')).toContain('T08:00');
  });

  test('the weekend is outside', () => {
    expect(due(office, '2026-03-07T10:00[Australia/Sydney]', '2026-03-07T10:01[Australia/Sydney]')).toContain('T10:30');
  });

  test('never outside waits for the next window, also when runs were missed', () => {
    const schedule = { ...office, elseMs: null };
    expect(due(schedule, '2026-03-06T17:55[Australia/Sydney]', '2026-03-06T17:56[Australia/Sydney]')).toContain(
      '2026-03-09T08:00',
    );
    expect(due(schedule, '2026-03-02T09:00[Australia/Sydney]', '2026-03-08T12:00[Australia/Sydney]')).toContain(
      '2026-03-09T08:00',
    );
    expect(due(schedule, null, '2026-03-08T12:00[Australia/Sydney]')).toContain('2026-03-09T08:00');
  });

  test('a window over midnight belongs to the day on which it begins', () => {
    const night = { ...office, fromMinute: 22 * 60, toMinute: 6 * 60, days: [5], elseMs: null };
    expect(due(night, '2026-03-07T01:00[Australia/Sydney]', '2026-03-07T01:01[Australia/Sydney]')).toContain(
      '2026-03-07T01:10',
    );
    expect(due(night, '2026-03-07T05:55[Australia/Sydney]', '2026-03-07T05:56[Australia/Sydney]')).toContain(
      '2026-03-13T22:00',
    );
  });

  test('stands at 8 o’clock on the wall before and after a clock change', () => {
    const schedule = { ...office, days: [1, 2, 3, 4, 5, 6, 7], elseMs: null };
    // Sydney: back from +11 to +10 on 5 April 2026, forward on 4 October.
    expect(due(schedule, null, '2026-04-04T20:00[Australia/Sydney]')).toBe('2026-04-05T08:00+10:00[Australia/Sydney]');
    expect(due(schedule, null, '2026-10-03T20:00[Australia/Sydney]')).toBe('2026-10-04T08:00+11:00[Australia/Sydney]');
  });

  test('a window inside the hour that a clock change skips begins after the change', () => {
    const early = { ...office, fromMinute: 2 * 60 + 15, toMinute: 3 * 60 + 45, days: [7], elseMs: null };
    expect(due(early, null, '2026-03-08T00:00[America/New_York]', 'America/New_York')).toBe(
      '2026-03-08T03:15-04:00[America/New_York]',
    );
  });
});

test('agrees with trying out every minute', () => {
  const zones = ['UTC', 'Australia/Sydney', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'];
  const inWindow = (s: WindowSchedule, instant: number, zone: string): boolean => {
    const local = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone);
    return [0, 1].some((back) => {
      const day = local.toPlainDate().subtract({ days: back });
      const edge = (minute: number) =>
        day.add({ days: Math.floor(minute / 1440) }).toZonedDateTime({
          timeZone: zone,
          plainTime: { hour: Math.floor((minute % 1440) / 60), minute: minute % 60 },
        }).epochMilliseconds;
      const end = s.toMinute + (s.toMinute <= s.fromMinute ? 1440 : 0);
      return s.days.includes(day.dayOfWeek) && edge(s.fromMinute) <= instant && instant < edge(end);
    });
  };
  const schedules = fc.record({
    kind: fc.constant('window' as const),
    everyMs: fc.integer({ min: 1, max: 180 }).map((m) => m * MINUTE),
    fromMinute: fc.integer({ min: 0, max: 1439 }),
    toMinute: fc.integer({ min: 1, max: 1440 }),
    days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 4, maxLength: 7 }),
    elseMs: fc.option(fc.integer({ min: 1, max: 600 }).map((m) => m * MINUTE)),
  });
  // Around the clock changes of all these zones in 2026.
  const instants = fc.constantFrom('2026-03-07', '2026-03-08', '2026-04-04', '2026-04-05', '2026-10-03', '2026-11-01');
  fc.assert(
    fc.property(
      schedules,
      instants,
      fc.integer({ min: 0, max: 1439 }),
      fc.option(fc.integer({ min: 0, max: 2000 })),
      fc.constantFrom(...zones),
      (schedule, date, minute, ago, zone) => {
        const now = Date.parse(`${date}T00:00Z`) + minute * MINUTE;
        const last = ago === null ? null : now - ago * MINUTE;
        const due = nextDue(schedule, last, now, zone);
        for (let t = now; ; t += MINUTE) {
          const interval = inWindow(schedule, t, zone) ? schedule.everyMs : schedule.elseMs;
          if (interval !== null && (last === null || t - last >= interval)) {
            expect(due).toBe(t);
            return;
          }
          expect(t).toBeLessThan(due);
        }
      },
    ),
    { numRuns: 60 },
  );
});
