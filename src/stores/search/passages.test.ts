import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutPassages, LONGEST_PASSAGE, OVERLAP } from './passages.ts';

const piece = fc.oneof(
  fc.lorem({ maxCount: 12, mode: 'sentences' }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '.', '!', '"', 'a', 'ß', '𝒳', '。', '\u00a0'), maxLength: 400 }),
  fc.integer({ min: 1, max: 3000 }).map((length) => 'x'.repeat(length)),
  fc.integer({ min: 1, max: 1500 }).map((length) => '𝒳'.repeat(length)),
);
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

describe('passages of a page', () => {
  it('stand where they say, hold no half characters, and are not longer than they may be', () => {
    fc.assert(
      fc.property(text, (page) => {
        for (const { start, end, text: passage } of cutPassages(page)) {
          expect(page.slice(start, end)).toBe(passage);
          expect(passage.length).toBeGreaterThan(0);
          expect(passage.length).toBeLessThanOrEqual(LONGEST_PASSAGE);
          expect(passage.trim()).toBe(passage);
          if (page.isWellFormed()) expect(passage.isWellFormed()).toBe(true);
        }
      }),
    );
  });

  it('hold every character that is not white space', () => {
    fc.assert(
      fc.property(text, (page) => {
        const passages = [...cutPassages(page)];
        let at = 0;
        for (const { start, end } of passages) {
          if (start > at) expect(page.slice(at, start).trim()).toBe('');
          at = Math.max(at, end);
        }
        expect(page.slice(at).trim()).toBe('');
      }),
    );
  });

  it('go forward, and overlap by at most a hundred', () => {
    fc.assert(
      fc.property(text, (page) => {
        const passages = [...cutPassages(page)];
        for (const [i, { start, end }] of passages.entries()) {
          const before = passages[i - 1];
          if (!before) continue;
          expect(start).toBeGreaterThan(before.start);
          expect(end).toBeGreaterThan(before.end);
          expect(before.end - start).toBeLessThanOrEqual(OVERLAP);
        }
      }),
    );
  });

  it('end with a sentence where there is one', () => {
    const sentence = 'The patient reports pain in the left knee since the accident. ';
    const passages = [...cutPassages(sentence.repeat(60))];
    expect(passages.length).toBeGreaterThan(4);
    for (const { text: passage } of passages) {
      expect(passage.endsWith('accident.')).toBe(true);
      expect(passage.startsWith('The patient')).toBe(true);
      expect(passage.length).toBeGreaterThan(600);
    }
  });

  it('end with a word where there is no sentence', () => {
    for (const { text: passage } of cutPassages('knee '.repeat(1000))) expect(passage).toMatch(/^(knee )*knee$/);
  });

  it('leave short text whole and white space out', () => {
    expect([...cutPassages('  Fracture of the ulna. \n')]).toEqual([
      { start: 2, end: 23, text: 'Fracture of the ulna.' },
    ]);
    expect([...cutPassages(' \n\t ')]).toEqual([]);
    expect([...cutPassages('')]).toEqual([]);
  });
});
