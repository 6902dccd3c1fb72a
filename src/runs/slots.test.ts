import { expect, test } from 'vitest';
import { createSlots } from './slots.ts';

test('no more than so many have a place; who waits is told of and comes first', async () => {
  let asked = 0;
  const slots = createSlots(2, () => asked++);
  const first = await slots.take();
  const helper = slots.tryTake()!;
  expect(slots.tryTake()).toBeNull();
  const order: string[] = [];
  const third = slots.take().then((release) => {
    order.push('third');
    return release;
  });
  const fourth = slots.take().then((release) => {
    order.push('fourth');
    return release;
  });
  expect({ asked, wanted: slots.wanted }).toEqual({ asked: 2, wanted: true });
  helper();
  helper();
  const release = await third;
  expect(order).toEqual(['third']);
  expect(slots.tryTake()).toBeNull();
  release();
  (await fourth)();
  expect(slots.wanted).toBe(false);
  first();
  expect([slots.tryTake(), slots.tryTake(), slots.tryTake()].map((place) => place !== null)).toEqual([
    true,
    true,
    false,
  ]);
});
