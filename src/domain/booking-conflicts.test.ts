import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BookedTime, conflictsOfDay, type DaySlot } from './booking-conflicts.ts';
import { overlaps } from './slots.ts';

const MINUTE = 60_000;
const slot = (n: number, appointments: number, changes: Partial<DaySlot> = {}): DaySlot => ({
  id: `slot${n}`,
  startsAt: n * 15 * MINUTE,
  endsAt: (n + 1) * 15 * MINUTE,
  capacity: 2,
  appointments,
  offered: true,
  ...changes,
});
const booking = (id: string, n: number, changes: Partial<BookedTime> = {}): BookedTime => ({
  id,
  startsAt: n * 15 * MINUTE,
  endsAt: (n + 1) * 15 * MINUTE,
  held: false,
  madeAt: 0,
  ...changes,
});
const BEFORE = -1;

describe('conflicts of a day', () => {
  test('there is none while there are places', () => {
    expect(conflictsOfDay([slot(0, 1), slot(1, 0)], [booking('a', 0), booking('b', 1)], BEFORE)).toEqual([]);
    // More appointments than places are the clinic's own affair.
    expect(conflictsOfDay([slot(0, 5)], [], BEFORE)).toEqual([]);
  });

  test('holds give way before bookings, and what was made last before what was made first', () => {
    const bookings = [
      booking('hold', 0, { held: true, madeAt: 1 }),
      booking('late', 0, { madeAt: 3 }),
      booking('early', 0, { madeAt: 2 }),
    ];
    const flagged = (appointments: number, capacity: number) =>
      conflictsOfDay([slot(0, appointments, { capacity })], bookings, BEFORE).map((c) => c.bookingId);
    expect(flagged(1, 4)).toEqual([]);
    expect(flagged(2, 4)).toEqual(['hold']);
    expect(flagged(3, 4)).toEqual(['late', 'hold']);
    expect(flagged(9, 4)).toEqual(['early', 'late', 'hold']);
  });

  test('the next later opening is proposed, else the first of the day, to each another place', () => {
    const slots = [slot(0, 1), slot(1, 2), slot(2, 2), slot(3, 1)];
    const bookings = ['a', 'b', 'c'].map((id, madeAt) => booking(id, 1, { madeAt }));
    expect(conflictsOfDay(slots, bookings, BEFORE).map((c) => [c.bookingId, c.proposal?.slotId ?? null])).toEqual([
      ['a', 'slot3'],
      ['b', 'slot0'],
      ['c', null],
    ]);
    // The past is not proposed.
    expect(conflictsOfDay(slots, bookings.slice(0, 2), 0).map((c) => c.proposal?.slotId ?? null)).toEqual([
      'slot3',
      null,
    ]);
  });

  test('a longer visit needs a proposal for all its time', () => {
    const slots = [slot(0, 2), slot(1, 0), slot(2, 1), slot(3, 2), slot(4, 0)];
    const long = booking('a', 0, { endsAt: 30 * MINUTE });
    expect(conflictsOfDay(slots, [long], BEFORE)).toMatchObject([
      { proposal: { slotId: 'slot1', endsAt: 45 * MINUTE } },
    ]);
  });

  test('what is outside the opening hours now is in conflict too', () => {
    const slots = [slot(0, 0), slot(1, 0, { offered: false }), slot(3, 0)];
    expect(conflictsOfDay(slots, [booking('a', 1)], BEFORE)).toEqual([
      { bookingId: 'a', reason: 'closed', proposal: { slotId: 'slot3', startsAt: 45 * MINUTE, endsAt: 60 * MINUTE } },
    ]);
    // Another grid over the same hours is none.
    const other = [0, 1, 2].map((n) =>
      slot(n, 0, { id: `other${n}`, startsAt: n * 10 * MINUTE, endsAt: (n + 1) * 10 * MINUTE }),
    );
    expect(conflictsOfDay([...other, slot(1, 0, { offered: false })], [booking('a', 1)], BEFORE)).toEqual([]);
    expect(conflictsOfDay([], [booking('a', 1)], BEFORE)).toEqual([
      { bookingId: 'a', reason: 'closed', proposal: null },
    ]);
  });

  test('whoever is not in conflict has a place, and following all proposals leaves no conflict that had one', () => {
    const anySlots = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 6 });
    const anyBooking = fc.record({
      n: fc.nat(5),
      length: fc.integer({ min: 1, max: 2 }),
      held: fc.boolean(),
      madeAt: fc.nat(9),
    });
    fc.assert(
      fc.property(anySlots, fc.array(anyBooking, { maxLength: 8 }), (appointments, made) => {
        const slots = appointments.map((count, n) => slot(n, count));
        const bookings = made.map(({ n, length, held, madeAt }, i) =>
          booking(`b${i}`, n, { endsAt: (n + length) * 15 * MINUTE, held, madeAt }),
        );
        const conflicts = conflictsOfDay(slots, bookings, BEFORE);
        const by = new Map(conflicts.map((c) => [c.bookingId, c]));
        const settled = bookings.flatMap((b) => {
          const conflict = by.get(b.id);
          return conflict === undefined ? [b] : conflict.proposal === null ? [] : [{ ...b, ...conflict.proposal }];
        });
        for (const s of slots) {
          const here = settled.filter((b) => overlaps(b, s)).length;
          if (here > 0) expect(s.appointments + here).toBeLessThanOrEqual(s.capacity);
        }
        // No booking is flagged without a crowd.
        for (const b of bookings.filter((b) => by.get(b.id)?.reason === 'full')) {
          const load = (s: DaySlot) => s.appointments + bookings.filter((other) => overlaps(other, s)).length;
          expect(slots.some((s) => overlaps(s, b) && load(s) > s.capacity)).toBe(true);
        }
      }),
    );
  });
});
