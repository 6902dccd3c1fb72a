import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, test } from 'vitest';
import { minutesOf } from './clinic-day.ts';
import {
  type ClinicHours,
  capacityOf,
  countOverlaps,
  type Interval,
  openingsOf,
  overlaps,
  slotsBetween,
  slotsOfDay,
} from './slots.ts';

const MINUTE = 60_000;
const ALWAYS = Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((day) => [day, [{ from: '00:00', to: '24:00' }]]));

function clinic(changes: Partial<ClinicHours> = {}): ClinicHours {
  return {
    timeZone: 'America/Los_Angeles',
    hours: Object.fromEntries([1, 2, 3, 4, 5, 6].map((day) => [day, [{ from: '08:00', to: '18:00' }]])),
    breaks: [],
    closedDays: new Set(),
    slotMinutes: 15,
    capacity: 2,
    ...changes,
  };
}

const times = (slots: readonly { startTime: string; fold: number }[]) =>
  slots.map((s) => s.startTime + (s.fold ? '*' : ''));

describe('slots of a day', () => {
  // 2030-05-06 is a Monday.
  test('follow the grid from the opening time while they end by the closing time', () => {
    const odd = clinic({ hours: { 1: [{ from: '08:10', to: '09:00' }] } });
    expect(times(slotsOfDay('2030-05-06', odd))).toEqual(['08:10', '08:25', '08:40']);
    expect(slotsOfDay('2030-05-06', clinic())).toHaveLength(40);
  });

  test('have a grid of their own in each part of the day', () => {
    const parts = clinic({
      hours: {
        1: [
          { from: '14:05', to: '15:00' },
          { from: '08:00', to: '09:00' },
        ],
      },
      slotMinutes: 30,
    });
    expect(times(slotsOfDay('2030-05-06', parts))).toEqual(['08:00', '08:30', '14:05']);
  });

  test('come once where parts of the day overlap', () => {
    const parts = clinic({
      hours: {
        1: [
          { from: '09:10', to: '10:30' },
          { from: '08:00', to: '10:00' },
          { from: '08:00', to: '10:00' },
          { from: '10:30', to: '11:00' },
        ],
      },
      slotMinutes: 30,
    });
    expect(times(slotsOfDay('2030-05-06', parts))).toEqual(['08:00', '08:30', '09:00', '09:30', '10:00', '10:30']);
  });

  test('leave out breaks of that weekday, closed weekdays and closed days', () => {
    const lunch = clinic({ breaks: [{ name: 'Lunch', from: '12:00', to: '14:00', days: [1] }], slotMinutes: 60 });
    expect(times(slotsOfDay('2030-05-06', lunch))).toEqual([
      '08:00',
      '09:00',
      '10:00',
      '11:00',
      '14:00',
      '15:00',
      '16:00',
      '17:00',
    ]);
    expect(slotsOfDay('2030-05-07', lunch)).toHaveLength(10);
    expect(slotsOfDay('2030-05-05', lunch)).toEqual([]);
    expect(slotsOfDay('2030-05-06', clinic({ closedDays: new Set(['2030-05-06']) }))).toEqual([]);
    expect(slotsBetween('2030-05-05', '2030-05-07', lunch)).toHaveLength(18);
  });

  test('are instants as well', () => {
    expect(slotsOfDay('2030-05-06', clinic())[0]).toEqual({
      date: '2030-05-06',
      startTime: '08:00',
      endTime: '08:15',
      fold: 0,
      startsAt: Date.parse('2030-05-06T15:00:00Z'),
      endsAt: Date.parse('2030-05-06T15:15:00Z'),
      capacity: 2,
    });
  });

  test('capacity is the number of calendar columns, else what the clinic says, and never none', () => {
    expect([capacityOf(3, 2), capacityOf(0, 2), capacityOf(0, 0)]).toEqual([3, 2, 1]);
  });
});

describe('days on which the clocks change', () => {
  const of = (timeZone: string, date: string, slotMinutes = 60) =>
    slotsOfDay(date, clinic({ timeZone, hours: ALWAYS, slotMinutes }));

  test.each<[string, string, number]>([
    ['America/Los_Angeles', '2030-11-03', 25],
    ['America/Los_Angeles', '2030-03-10', 23],
    ['Europe/London', '2030-10-27', 25],
    ['Europe/London', '2030-03-31', 23],
    ['America/Los_Angeles', '2030-05-06', 24],
  ])('%s %s has %i hours', (zone, date, hours) => {
    expect(of(zone, date)).toHaveLength(hours);
  });

  test('the hour that comes twice gives two sets, the one that is left out none', () => {
    expect(times(of('America/Los_Angeles', '2030-11-03', 30)).slice(0, 8)).toEqual([
      '00:00',
      '00:30',
      '01:00',
      '01:30',
      '01:00*',
      '01:30*',
      '02:00',
      '02:30',
    ]);
    expect(times(of('America/Los_Angeles', '2030-03-10', 30)).slice(0, 6)).toEqual([
      '00:00',
      '00:30',
      '01:00',
      '01:30',
      '03:00',
      '03:30',
    ]);
  });

  test('Lord Howe changes by half an hour', () => {
    expect(times(of('Australia/Lord_Howe', '2030-04-07', 15)).slice(4, 14)).toEqual([
      '01:00',
      '01:15',
      '01:30',
      '01:45',
      '01:30*',
      '01:45*',
      '02:00',
      '02:15',
      '02:30',
      '02:45',
    ]);
    expect(of('Australia/Lord_Howe', '2030-04-07', 15)).toHaveLength(98);
    expect(of('Australia/Lord_Howe', '2030-10-06', 15)).toHaveLength(94);
    // A slot of an hour that would begin in the half hour left out, or reach over it, does not exist.
    expect(times(of('Australia/Lord_Howe', '2030-10-06')).slice(0, 4)).toEqual(['00:00', '01:00', '03:00', '04:00']);
  });

  test('a day without a midnight begins when it begins', () => {
    // Cuba leaves out the hour after midnight.
    const slots = of('America/Havana', '2030-03-10');
    expect(slots).toHaveLength(23);
    expect(slots[0]).toMatchObject({ startTime: '01:00', fold: 0 });
  });

  test('opening hours of the day are not touched', () => {
    for (const date of ['2030-11-03', '2030-03-10']) {
      const slots = slotsOfDay(date, clinic({ hours: { 0: [{ from: '08:00', to: '18:00' }] } }));
      expect(slots).toHaveLength(40);
      expect(slots.every((s) => s.fold === 0)).toBe(true);
    }
  });
});

const zone = fc.constantFrom('America/Los_Angeles', 'Europe/London', 'Australia/Lord_Howe', 'Asia/Kathmandu');
const date = fc.constantFrom(
  '2030-11-03',
  '2030-03-10',
  '2030-10-27',
  '2030-03-31',
  '2030-04-07',
  '2030-10-06',
  '2030-05-06',
);
const hhmm = (minutes: number) =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
const range = fc
  .tuple(fc.integer({ min: 0, max: 288 }), fc.integer({ min: 0, max: 288 }))
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => ({ from: hhmm(Math.min(a, b) * 5), to: hhmm(Math.max(a, b) * 5) }));

/** Every minute of the day, one after the other, with what the clock shows. */
function minutesOfDay(day: string, timeZone: string): { at: number; wall: number }[] {
  const midnight = Temporal.PlainDate.from(day).toZonedDateTime(timeZone);
  const minutes: { at: number; wall: number }[] = [];
  for (let at = midnight.epochMilliseconds; ; at += MINUTE) {
    const there = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone);
    if (there.toPlainDate().toString() !== day) return minutes;
    minutes.push({ at, wall: there.hour * 60 + there.minute });
  }
}

/** A slot is a minute on the grid that is followed by as many open minutes as it is long, on an unbroken clock. */
function naiveSlots(day: string, c: ClinicHours): string[] {
  const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
  if (c.closedDays.has(day)) return [];
  const minutes = minutesOfDay(day, c.timeZone);
  const found: string[] = [];
  minutes.forEach(({ at, wall }, index) => {
    for (const open of c.hours[weekday] ?? []) {
      const from = minutesOf(open.from);
      if (wall < from || (wall - from) % c.slotMinutes !== 0) continue;
      const taken = minutes.slice(index, index + c.slotMinutes);
      const usable = taken.every(
        (m, i) =>
          m.wall === wall + i &&
          m.wall < minutesOf(open.to) &&
          !c.breaks.some((b) => b.days.includes(weekday) && m.wall >= minutesOf(b.from) && m.wall < minutesOf(b.to)),
      );
      const fold = minutes.slice(0, index).some((m) => m.wall === wall) ? 1 : 0;
      if (usable && taken.length === c.slotMinutes) found.push(`${hhmm(wall)} ${fold} ${at}`);
    }
  });
  return found;
}

test('the slots of any day are those that a walk through its minutes finds', () => {
  fc.assert(
    fc.property(
      zone,
      date,
      range,
      fc.array(range, { maxLength: 2 }),
      fc.constantFrom(5, 10, 15, 20, 30, 45, 60, 120),
      (timeZone, day, open, breaks, slotMinutes) => {
        const c = clinic({
          timeZone,
          hours: Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((weekday) => [weekday, [open]])),
          breaks: breaks.map((b) => ({ ...b, name: 'Break', days: [0, 1] })),
          slotMinutes,
        });
        const slots = slotsOfDay(day, c);
        expect(slots.map((s) => `${s.startTime} ${s.fold} ${s.startsAt}`)).toEqual(naiveSlots(day, c));
        for (const [i, slot] of slots.entries()) {
          expect(slot.endsAt - slot.startsAt).toBe(slotMinutes * MINUTE);
          expect(minutesOf(slot.endTime) - minutesOf(slot.startTime)).toBe(slotMinutes);
          if (i > 0) expect(slots[i - 1]!.endsAt).toBeLessThanOrEqual(slot.startsAt);
        }
      },
    ),
    { numRuns: 150 },
  );
});

const interval = fc
  .tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 60 }))
  .map(([start, length]): Interval => ({ startsAt: start * MINUTE, endsAt: (start + length) * MINUTE }));

test('what overlaps is counted as minute by minute', () => {
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), fc.array(interval, { maxLength: 12 }), (slots, busy) => {
      const minutes = (i: Interval) =>
        new Set(Array.from({ length: (i.endsAt - i.startsAt) / MINUTE }, (_, n) => i.startsAt + n * MINUTE));
      const naive = slots.map((slot) => {
        const own = minutes(slot);
        return busy.filter((b) => [...minutes(b)].some((m) => own.has(m))).length;
      });
      expect(countOverlaps(slots, busy)).toEqual(naive);
      expect(slots.map((slot) => busy.filter((b) => overlaps(slot, b)).length)).toEqual(naive);
    }),
  );
});

test('an opening has places for as long as it lasts, without a gap', () => {
  const length = 15;
  const day = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 3 })), { maxLength: 12 });
  fc.assert(
    fc.property(day, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 2 }), (parts, minutes, minPlaces) => {
      const slots = parts.flatMap(([there, places], i) =>
        there ? [{ startsAt: i * length * MINUTE, endsAt: (i + 1) * length * MINUTE, places }] : [],
      );
      const placesAt = (minute: number) => slots.find((s) => s.startsAt <= minute && minute < s.endsAt)?.places ?? 0;
      const naive = slots.flatMap((slot) => {
        const each = Array.from({ length: minutes }, (_, n) => placesAt(slot.startsAt + n * MINUTE));
        return Math.min(...each) >= minPlaces ? [{ at: slot.startsAt, places: Math.min(...each) }] : [];
      });
      const found = openingsOf(slots, minutes, minPlaces);
      expect(found.map((o) => ({ at: o.startsAt, places: o.places }))).toEqual(naive);
      expect(found.every((o) => o.endsAt - o.startsAt === minutes * MINUTE)).toBe(true);
    }),
  );
});
