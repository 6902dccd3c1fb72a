import { expect, test } from 'vitest';
import { exitCodeOf, NO_COUNTS, RUN_STATES } from './run.ts';

test('the exit code tells failed from held from partial from done', () => {
  expect(exitCodeOf({ outcome: 'success', counts: { held: 0 } })).toBe(0);
  expect(exitCodeOf({ outcome: 'partial', counts: { held: 0 } })).toBe(3);
  expect(exitCodeOf({ outcome: 'success', counts: { held: 2 } })).toBe(4);
  expect(exitCodeOf({ outcome: 'partial', counts: { held: 2 } })).toBe(4);
  expect(exitCodeOf({ outcome: 'failed', counts: { held: 2 } })).toBe(1);
});

test('counts begin at nought, and states are named once', () => {
  expect(new Set(Object.values(NO_COUNTS))).toEqual(new Set([0]));
  expect(new Set(RUN_STATES).size).toBe(RUN_STATES.length);
});
