import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GuardInput, type GuardLimits, guard } from './guard.ts';

const LIMITS: GuardLimits = { maxCount: 50, maxPercent: 10, minCount: 3 };
const CALM: GuardInput = { removals: 0, stored: 1000, inSource: 1000, inSourceBefore: 1000 };

const verdict = (input: Partial<GuardInput>, limits: Partial<GuardLimits> = {}) =>
  guard({ ...CALM, ...input }, { ...LIMITS, ...limits });

describe('guard', () => {
  test.each<[string, 'allow' | 'hold', Partial<GuardInput>]>([
    ['nothing to remove', 'allow', {}],
    ['nothing to remove from a source that is empty', 'allow', { inSource: 0 }],
    ['as many as the limit', 'allow', { removals: 50 }],
    ['one more than the limit', 'hold', { removals: 51 }],
    ['few of few', 'allow', { removals: 3, stored: 4, inSource: 1 }],
    ['exactly the share', 'allow', { removals: 10, stored: 100 }],
    ['more than the share', 'hold', { removals: 11, stored: 100 }],
    ['the only document of an empty source', 'allow', { removals: 1, stored: 1, inSource: 0 }],
    ['two documents of an empty source', 'hold', { removals: 2, stored: 2, inSource: 0 }],
    ['a source that shrank by more than the share', 'hold', { removals: 4, inSource: 800 }],
    ['a source that shrank by less', 'allow', { removals: 4, inSource: 950 }],
    ['a source that was never read', 'allow', { removals: 4, inSource: 800, inSourceBefore: null }],
    ['a source that was empty before', 'allow', { removals: 4, inSourceBefore: 0 }],
  ])('%s: %s', (_, expected, input) => {
    expect(verdict(input).verdict).toBe(expected);
  });

  test('tells why, with the numbers', () => {
    expect(verdict({ removals: 51 })).toMatchObject({ reason: expect.stringMatching(/51.*50/) });
    expect(verdict({ removals: 11, stored: 100 })).toMatchObject({
      reason: expect.stringMatching(/11 of 100.*11\.0 %/),
    });
    expect(verdict({ removals: 4, inSource: 800 })).toMatchObject({ reason: expect.stringMatching(/200 of 1000/) });
  });

  const input = fc.record({
    removals: fc.nat(120),
    stored: fc.nat(500),
    inSource: fc.nat(500),
    inSourceBefore: fc.option(fc.nat(500)),
  });
  const limits = fc.record({ maxCount: fc.nat(100), maxPercent: fc.nat(100), minCount: fc.nat(10) });

  test('never allows more removals when it holds fewer', () => {
    fc.assert(
      fc.property(input, limits, fc.nat(50), (i, l, more) => {
        if (i.removals > 0 && guard(i, l).verdict === 'hold') {
          expect(guard({ ...i, removals: i.removals + more }, l).verdict).toBe('hold');
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('never holds under looser limits what it allows under tighter ones', () => {
    fc.assert(
      fc.property(input, limits, limits, (i, l, looser) => {
        if (guard(i, l).verdict !== 'allow') return;
        const sum = {
          maxCount: l.maxCount + looser.maxCount,
          maxPercent: l.maxPercent + looser.maxPercent,
          minCount: l.minCount + looser.minCount,
        };
        expect(guard(i, sum).verdict).toBe('allow');
      }),
      { numRuns: 2000 },
    );
  });

  test('a source that shrinks further is never trusted more', () => {
    fc.assert(
      fc.property(input, limits, fc.nat(500), (i, l, less) => {
        if (guard(i, l).verdict !== 'hold') return;
        expect(guard({ ...i, inSource: Math.max(0, i.inSource - less) }, l).verdict).toBe('hold');
      }),
      { numRuns: 2000 },
    );
  });
});
