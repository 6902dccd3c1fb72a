import { expect, test } from 'vitest';
import { changesOfSlots, type StoredSlot } from './slot-changes.ts';
import type { Slot } from './slots.ts';

const slot = (startTime: string, changes: Partial<Slot> = {}): Slot => ({
  date: '2030-05-06',
  startTime,
  endTime: '10:00',
  fold: 0,
  startsAt: 1,
  endsAt: 2,
  capacity: 2,
  ...changes,
});
const stored = (s: Slot, changes: Partial<StoredSlot> = {}): StoredSlot => ({
  ...s,
  id: `${s.startTime}/${s.fold}`,
  retired: false,
  booked: false,
  ...changes,
});
const NOTHING = { create: [], update: [], remove: [], retire: [] };

test('equal slots need nothing', () => {
  expect(changesOfSlots([slot('09:00')], [stored(slot('09:00'))])).toEqual(NOTHING);
});

test('the second time of a doubled hour is a slot of its own', () => {
  const both = [slot('01:00'), slot('01:00', { fold: 1 })];
  expect(changesOfSlots(both, [stored(both[0]!)])).toEqual({ ...NOTHING, create: [both[1]] });
});

test.each<Partial<Slot>>([{ capacity: 3 }, { endsAt: 3 }, { startsAt: 0 }, { endTime: '09:30' }])(
  '%o is a change',
  (change) => {
    const now = slot('09:00', change);
    expect(changesOfSlots([now], [stored(slot('09:00'))])).toEqual({
      ...NOTHING,
      update: [{ id: '09:00/0', slot: now }],
    });
  },
);

test('a slot that is gone is dropped, or retired once when it is booked, and comes back as it was', () => {
  expect(changesOfSlots([], [stored(slot('09:00'))])).toEqual({ ...NOTHING, remove: ['09:00/0'] });
  expect(changesOfSlots([], [stored(slot('09:00'), { booked: true })])).toEqual({ ...NOTHING, retire: ['09:00/0'] });
  expect(changesOfSlots([], [stored(slot('09:00'), { booked: true, retired: true })])).toEqual(NOTHING);
  expect(changesOfSlots([], [stored(slot('09:00'), { retired: true })])).toEqual({ ...NOTHING, remove: ['09:00/0'] });
  const back = slot('09:00');
  expect(changesOfSlots([back], [stored(back, { retired: true })])).toEqual({
    ...NOTHING,
    update: [{ id: '09:00/0', slot: back }],
  });
});
