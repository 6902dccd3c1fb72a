import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ERROR_CATALOGUE, type ErrorCode } from '../domain/errors.ts';
import { nextTry } from './failure-policy.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const NOW = 1_700_000_000_000;

test('doubles the time to the next try, from five minutes up to six hours', () => {
  const waits = [1, 2, 3, 7, 8, 9, 50, 5000].map((attempts) => (nextTry('file_missing', attempts, NOW) - NOW) / MINUTE);
  expect(waits).toEqual([5, 10, 20, 320, 360, 360, 360, 360]);
});

test('looks once a day at what only a person can mend', () => {
  for (const attempts of [1, 10]) expect(nextTry('file_type_unsupported', attempts, NOW)).toBe(NOW + DAY);
});

test('no failure waits for ever, and none is tried at once', () => {
  const codes = Object.keys(ERROR_CATALOGUE) as ErrorCode[];
  fc.assert(
    fc.property(fc.constantFrom(...codes), fc.integer({ min: 1, max: 1_000_000 }), (code, attempts) => {
      const wait = nextTry(code, attempts, NOW) - NOW;
      expect(wait).toBeGreaterThanOrEqual(5 * MINUTE);
      expect(wait).toBeLessThanOrEqual(DAY);
    }),
  );
});
