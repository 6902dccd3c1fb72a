import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endsOfChains } from './merged.ts';

test('a chain is followed to its end', () => {
  const ends = endsOfChains(
    new Map([
      ['a', 'b'],
      ['b', 'c'],
      ['x', 'y'],
    ]),
  );
  expect(Object.fromEntries(ends)).toEqual({ a: 'c', b: 'c', x: 'y' });
});

test('a circle, and what leads into it, has no end', () => {
  const ends = endsOfChains(
    new Map([
      ['a', 'b'],
      ['b', 'a'],
      ['c', 'a'],
      ['s', 's'],
      ['x', 'y'],
    ]),
  );
  expect(Object.fromEntries(ends)).toEqual({ x: 'y' });
});

test('an end is never merged itself, and is reached by following the links', () => {
  const name = fc.constantFrom(...'abcdefgh');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, name)), (pairs) => {
      const into = new Map(pairs);
      for (const [patient, end] of endsOfChains(into)) {
        expect(into.has(end)).toBe(false);
        let at: string | undefined = patient;
        for (let steps = 0; at !== end && steps <= into.size; steps++) at = into.get(at ?? '');
        expect(at).toBe(end);
      }
    }),
  );
});
