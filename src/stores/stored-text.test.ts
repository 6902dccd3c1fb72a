import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storedText } from './stored-text.ts';

test('cuts by characters, drops NUL and mends half characters', () => {
  expect(storedText('abc', 3)).toBe('abc');
  expect(storedText('abcd', 3)).toBe('abc');
  expect(storedText('😀😀😀', 2)).toBe('😀😀');
  expect(storedText('a\0b', 2)).toBe('ab');
  expect(storedText('a\ud83d', 2)).toBe('a\ufffd');
});

test('never makes a text that a column refuses', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\0', 'é', '😀', '\ud83d', '\ude00') });
  fc.assert(
    fc.property(text, fc.nat(10), (input, max) => {
      const stored = storedText(input, max);
      expect([...stored].length).toBeLessThanOrEqual(max);
      expect(stored.isWellFormed()).toBe(true);
      expect(stored).not.toContain('\0');
      expect(storedText(stored, max)).toBe(stored);
    }),
  );
});
