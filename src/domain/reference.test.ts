import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, compareKeys, fileReference, normaliseUuid, storedReference } from './reference.ts';

const UUID = '0a1b2c3d-0000-4000-8000-00000000000a';

/** Every kind of text a source may hold, half surrogates and neighbours of the surrogates included. */
const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom('a', 'b', 'Z', '_', '-', 'é', '\u{ffff}', '\u{e000}', '\u{10000}', '😀', '\ud83d', '\ude00'),
  }),
);

describe('compareBytes', () => {
  test('orders as Buffer.compare does', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
        // Broken texts of equal bytes are still two texts: only well-formed ones must tie exactly.
        if (a.isWellFormed() && b.isWellFormed()) expect(Math.sign(compareBytes(a, b))).toBe(expected);
        else if (expected !== 0) expect(Math.sign(compareBytes(a, b))).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('orders prefixes first, capitals before small letters, and by code point beyond the BMP', () => {
    const sorted = ['', '10', '2', 'A', 'B', 'a', 'a-', 'ab', 'é', '\u{ffff}', '😀'];
    expect(sorted.toReversed().sort(compareBytes)).toEqual(sorted);
  });
});

test('compareKeys orders by unit, then by reference', () => {
  const key = (unit: string, reference: string) => ({ unit, reference });
  expect(compareKeys(key('a', 'z'), key('b', 'a'))).toBeLessThan(0);
  expect(compareKeys(key('a', 'b'), key('a', 'a'))).toBeGreaterThan(0);
  expect(compareKeys(key('a', 'b'), key('a', 'b'))).toBe(0);
  // Not by the joined text.
  expect(compareKeys(key('a', 'z'), key('a!', 'a'))).toBeLessThan(0);
});

test('normaliseUuid takes UUIDs in any case, and nothing else', () => {
  expect(normaliseUuid(` ${UUID.toUpperCase()} `)).toBe(UUID);
  for (const text of [null, undefined, '', ' ', 'x', `${UUID}0`, UUID.replaceAll('-', ''), `{${UUID}}`]) {
    expect(normaliseUuid(text)).toBeNull();
  }
});

test('fileReference is the UUID in lower case, else made of the primary key', () => {
  expect(fileReference(UUID.toUpperCase(), '7')).toBe(UUID);
  for (const none of [null, undefined, '', '  ']) expect(fileReference(none, '7')).toBe('id:7');
  // A number must never equal a text that looks like it.
  expect(fileReference('7', '8')).not.toBe(fileReference(null, '7'));
  expect(storedReference('id:7')).toBe(fileReference(null, '7'));
});
