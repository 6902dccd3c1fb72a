import { expect, test } from 'vitest';
import { createPlannedItems, type PlannedItem, readPlannedItems } from './planned-items.ts';

const item = (what: PlannedItem['what'], unit: string, reference: string): PlannedItem => ({ what, unit, reference });

test('a plan knows what it showed, and nothing else', () => {
  const plan = createPlannedItems();
  for (let i = 0; i < 500; i++) plan.add(item('add', 'patient', `file-${i}`));
  plan.add(item('remove', 'patient', 'old'));
  const planned = readPlannedItems(plan.bytes());
  for (let i = 0; i < 500; i++) expect(planned.has(item('add', 'patient', `file-${i}`))).toBe(true);
  expect(planned.has(item('remove', 'patient', 'old'))).toBe(true);
  expect(planned.has(item('add', 'patient', 'old'))).toBe(false);
  expect(planned.has(item('remove', 'patient', 'file-1'))).toBe(false);
  expect(planned.has(item('add', 'other', 'file-1'))).toBe(false);
  expect(planned.has(item('add', 'patient', 'file-500'))).toBe(false);
});

test('a plan of nothing allows nothing', () => {
  const planned = readPlannedItems(createPlannedItems().bytes());
  expect(planned.has(item('add', '', ''))).toBe(false);
});

test('equal plans have equal bytes, in whatever order they were found', () => {
  const items = ['a', 'b', 'c'].map((reference) => item('update', 'patient', reference));
  const [one, other] = [items, items.toReversed()].map((found) => {
    const plan = createPlannedItems();
    for (const it of found) plan.add(it);
    return plan.bytes();
  });
  expect(one).toEqual(other);
});
