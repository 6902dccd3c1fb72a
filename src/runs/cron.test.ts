import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, test } from 'vitest';
import type { Schedule } from '../domain/schedule.ts';
import { nextCron } from './cron.ts';
import { dueAt, nextStart } from './scheduler.ts';

const SYDNEY = 'Australia/Sydney';
const at = (text: string) => Temporal.ZonedDateTime.from(`${text}[${SYDNEY}]`).epochMilliseconds;
const local = (ms: number) =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(SYDNEY).toString({ timeZoneName: 'never' });

/** All firings between two instants. */
function firings(expression: string, from: number, to: number, timeZone = SYDNEY): number[] {
  const all: number[] = [];
  for (let next = nextCron(expression, from, timeZone); next < to; next = nextCron(expression, next, timeZone)) {
    all.push(next);
  }
  return all;
}

describe('a daily firing in the hour of a clock change', () => {
  // In Sydney clocks go from 02:00 to 03:00 on 4 October 2026, and from 03:00 back to 02:00 on 5 April 2026.
  test('comes once on the day that has that hour twice', () => {
    const days = firings('30 2 * * *', at('2026-04-03T12:00'), at('2026-04-07T12:00')).map(local);
    expect(days.map((d) => d.slice(0, 16))).toEqual([
      '2026-04-04T02:30',
      '2026-04-05T02:30',
      '2026-04-06T02:30',
      '2026-04-07T02:30',
    ]);
  });

  test('comes once on the day that lacks that hour', () => {
    const days = firings('30 2 * * *', at('2026-10-02T12:00'), at('2026-10-06T12:00')).map(local);
    expect(days.map((d) => d.slice(0, 10))).toEqual(['2026-10-03', '2026-10-04', '2026-10-05', '2026-10-06']);
  });
});

describe('several times of day around a clock change', () => {
  const around = (expression: string, date: string) =>
    firings(expression, at(`${date}T00:30`), at(`${date}T05:30`)).map((ms) => local(ms).slice(11, 22));

  test('come once each on the day that has an hour twice', () => {
    expect(around('30 1,2,3 * * *', '2026-04-05')).toEqual(['01:30:00+11', '02:30:00+11', '03:30:00+10']);
    expect(around('*/20 2 * * *', '2026-04-05')).toEqual(['02:00:00+11', '02:20:00+11', '02:40:00+11']);
    expect(around('0 */2 * * *', '2026-04-05')).toEqual(['02:00:00+11', '04:00:00+10']);
    // Started by hand in the hour's second coming.
    expect(nextCron('30 2 * * *', Date.parse('2026-04-04T16:10:00Z'), SYDNEY)).toBe(at('2026-04-06T02:30'));
  });

  test('are made up for on the day that lacks an hour', () => {
    expect(around('30 1,2,4 * * *', '2026-10-04')).toEqual(['01:30:00+10', '03:30:00+11', '04:30:00+11']);
    expect(around('*/20 2 * * *', '2026-10-04')).toEqual(['03:00:00+11', '03:20:00+11', '03:40:00+11']);
    expect(around('30 2,3 * * *', '2026-10-04')).toEqual(['03:30:00+11']);
  });
});

test('every quarter of an hour goes on through both changes, evenly', () => {
  for (const [from, to] of [
    ['2026-04-04T20:00', '2026-04-05T12:00'],
    ['2026-10-03T20:00', '2026-10-04T12:00'],
  ] as const) {
    const all = firings('*/15 * * * *', at(from), at(to));
    const gaps = new Set(all.slice(1).map((ms, i) => ms - all[i]!));
    expect([...gaps]).toEqual([15 * 60_000]);
  }
});

test('what was asked before changes no answer', () => {
  const around = at('2026-10-03T12:00');
  const instants = fc.array(fc.integer({ min: 0, max: 3 * 24 * 3600_000 }), { minLength: 2, maxLength: 12 });
  let spaces = 1;
  fc.assert(
    fc.property(instants, fc.constantFrom('30 2 * * *', '*/15 * * * *', '0 9 4 10 *'), (offsets, expression) => {
      for (const offset of offsets) {
        // Written in another way, nobody has asked for it before.
        const alone = nextCron(expression.replace(' ', ' '.repeat(++spaces)), around + offset, SYDNEY);
        expect(nextCron(expression, around + offset, SYDNEY)).toBe(alone);
      }
    }),
    { numRuns: 50 },
  );
});

test('a scheduler that looks every minute starts each daily firing once, whatever the zone, the time and an outage', () => {
  const schedule = fc.record({
    minute: fc.integer({ min: 0, max: 59 }),
    hour: fc.integer({ min: 0, max: 23 }),
    zone: fc.constantFrom('Australia/Sydney', 'America/Los_Angeles', 'Europe/Berlin', 'Australia/Lord_Howe', 'UTC'),
    start: fc.constantFrom('2026-03-06', '2026-03-27', '2026-04-03', '2026-10-02', '2026-10-23', '2026-10-30'),
    outageAt: fc.integer({ min: 0, max: 5 * 24 * 60 }),
    outageMinutes: fc.integer({ min: 0, max: 600 }),
  });
  fc.assert(
    fc.property(schedule, ({ minute, hour, zone, start, outageAt, outageMinutes }) => {
      const begin = Temporal.ZonedDateTime.from(`${start}T12:00[${zone}]`).epochMilliseconds;
      const cron = { kind: 'cron', cron: `${minute} ${hour} * * *` } as const;
      let last = begin;
      const started: number[] = [];
      const MINUTES = 5 * 24 * 60;
      for (let m = 1; m <= MINUTES; m++) {
        if (m >= outageAt && m < outageAt + outageMinutes) continue;
        const now = begin + m * 60_000;
        if (dueAt(cron, last, now, zone) > now) continue;
        started.push(now);
        last = now;
      }
      const due = firings(cron.cron, begin, begin + MINUTES * 60_000, zone);
      // Each firing is answered by the first look after it; an outage shorter than a day merges none.
      const outageEnd = outageAt + outageMinutes;
      const expected = due
        .map((ms) => Math.max(1, Math.ceil((ms - begin) / 60_000)))
        .map((m) => (m >= outageAt && m < outageEnd ? outageEnd : m))
        .filter((m) => m <= MINUTES);
      expect(started).toEqual(expected.map((m) => begin + m * 60_000));
      expect(due.length === 5 || due.length === 4 || due.length === 6).toBe(true);
    }),
    { numRuns: 12 },
  );
});

describe('after failures', () => {
  const connection = { schedule: { kind: 'every', everyMs: 600_000 } as const, timeZone: 'UTC' };
  const NOW = 1_790_000_000_000;
  const state = {
    organizationId: 'org',
    connectionId: 'c',
    lastStartedAt: NOW,
    lastCompletedByMode: {},
    consecutiveFailures: 0,
    lastFailureAt: null,
    lastFailureCode: null,
    paused: false,
    open: false,
    chosen: null,
  };
  const failed = (n: number, code: string) => ({
    ...state,
    consecutiveFailures: n,
    lastFailureAt: NOW,
    lastFailureCode: code,
  });

  test('what a person must mend waits longer and longer, up to an hour, the same for every process', () => {
    expect(nextStart(connection, state, NOW)).toBe(NOW + 600_000);
    const waits = Array.from(
      { length: 12 },
      (_, i) => nextStart(connection, failed(i + 1, 'source_unreachable'), NOW) - NOW,
    );
    for (const [i, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(600_000);
      expect(wait).toBeLessThanOrEqual(Math.max(600_000, Math.min(3600_000, 60_000 * 2 ** i)));
    }
    expect(nextStart(connection, failed(9, 'source_unreachable'), NOW)).toBe(
      nextStart(connection, failed(9, 'source_unreachable'), NOW),
    );
  });

  test('what passes by itself is tried again before its time', () => {
    const next = nextStart(connection, failed(1, 'source_timeout'), NOW);
    expect(next).toBeGreaterThanOrEqual(NOW);
    expect(next).toBeLessThanOrEqual(NOW + 60_000);
  });

  test('a paused connection and one without schedule never start', () => {
    expect(nextStart(connection, { ...state, paused: true }, NOW)).toBe(Number.POSITIVE_INFINITY);
    expect(nextStart({ ...connection, schedule: null }, state, NOW)).toBe(Number.POSITIVE_INFINITY);
    // What a person said counts, whatever the configuration says.
    const said = (schedule: Schedule | null) => ({ ...state, chosen: { schedule, updatedAt: '', updatedBy: '' } });
    expect(nextStart(connection, said(null), NOW)).toBe(Number.POSITIVE_INFINITY);
    const hourly = said({ kind: 'every', everyMs: 3600_000 });
    expect(nextStart({ ...connection, schedule: null }, hourly, NOW)).toBe(NOW + 3600_000);
  });
});
