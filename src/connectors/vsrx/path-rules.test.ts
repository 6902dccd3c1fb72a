import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgePath, otherForms, type PathRefusal, parsePrefixes } from './path-rules.ts';

const NOTES = parsePrefixes(['notes/']);

const refused: readonly (readonly [path: string, refusal: PathRefusal])[] = [
  ['', 'empty'],
  ['  ', 'empty'],
  ['.', 'empty'],
  ['/etc/passwd', 'absolute'],
  ['//server/share/a.pdf', 'absolute'],
  ['/notes/a.pdf', 'absolute'],
  ['../secret.pdf', 'traversal'],
  ['notes/../secret.pdf', 'traversal'],
  ['notes/../notes/a.pdf', 'traversal'],
  ['notes/./../a.pdf', 'traversal'],
  ['notes/a/..', 'traversal'],
  ['notes/..', 'traversal'],
  ['other/a.pdf', 'prefix'],
  ['a.pdf', 'prefix'],
  ['notes', 'prefix'],
  ['notes-old/a.pdf', 'prefix'],
  ['Notes/a.pdf', 'prefix'],
  ['notes/', 'folder'],
  ['notes/a.pdf/', 'folder'],
  ['notes/a.pdf/.', 'folder'],
  ['notes/a\0.pdf', 'nul'],
  ['notes/a.pdf\0', 'nul'],
  ['\0', 'nul'],
  ['notes/a\n.pdf', 'control'],
  ['notes/\x7f.pdf', 'control'],
  ['notes\\a.pdf', 'backslash'],
  ['notes/..\\..\\a.pdf', 'backslash'],
  ['\\\\server\\share\\a.pdf', 'backslash'],
  ['C:/notes/a.pdf', 'drive'],
  ['c:notes/a.pdf', 'drive'],
  ['notes/\ud800.pdf', 'not-unicode'],
  [`notes/${'a'.repeat(256)}`, 'too-long'],
  [`notes/${'é'.repeat(128)}`, 'too-long'],
  [`notes/${'a/'.repeat(3000)}b`, 'too-long'],
  [`notes/${`${'é'.repeat(100)}/`.repeat(21)}b`, 'too-long'],
  // Look-alikes of a slash do not separate, so the prefix is not there.
  ['notes／a.pdf', 'prefix'],
  ['notes∕a.pdf', 'prefix'],
  ['notes⁄a.pdf', 'prefix'],
];

describe('path rules', () => {
  it.each(refused)('refuse %j as %s', (path, refusal) => {
    expect(judgePath(path, NOTES)).toEqual({ ok: false, refusal });
  });

  it.each([
    ['notes/a.pdf', ['notes', 'a.pdf']],
    ['./notes//2024/./a.pdf', ['notes', '2024', 'a.pdf']],
    ['notes/..a.pdf', ['notes', '..a.pdf']],
    ['notes/...', ['notes', '...']],
    ['notes/.hidden', ['notes', '.hidden']],
    ['notes/ Zoë Sample, 1.pdf', ['notes', ' Zoë Sample, 1.pdf']],
    ['notes/10:30.pdf', ['notes', '10:30.pdf']],
    ['notes/%2e%2e%2fa.pdf', ['notes', '%2e%2e%2fa.pdf']],
    // Fullwidth dots and slash, one dot leader, division slash: one name each.
    ['notes/．．／a.pdf', ['notes', '．．／a.pdf']],
    ['notes/․․∕a.pdf', ['notes', '․․∕a.pdf']],
    ['notes/‥/a.pdf', ['notes', '‥', 'a.pdf']],
  ])('take %j', (path, segments) => {
    expect(judgePath(path, NOTES)).toEqual({ ok: true, segments });
  });

  it('take several prefixes, deep ones, or none', () => {
    const several = parsePrefixes(['notes', 'scans/in/']);
    expect(judgePath('notes/a.pdf', several).ok).toBe(true);
    expect(judgePath('scans/in/a.pdf', several).ok).toBe(true);
    expect(judgePath('scans/a.pdf', several)).toEqual({ ok: false, refusal: 'prefix' });
    expect(judgePath('a.pdf', parsePrefixes([])).ok).toBe(true);
    expect(judgePath('../a.pdf', parsePrefixes([]))).toEqual({ ok: false, refusal: 'traversal' });
  });

  it.each(['', '/notes', '../notes', 'a\\b'])('refuse %j as a prefix', (prefix) => {
    expect(() => parsePrefixes([prefix])).toThrow(RangeError);
  });

  it('know the other form of a name, and none of a plain one', () => {
    expect(otherForms('Zo\u00eb.pdf')).toEqual(['Zoe\u0308.pdf']);
    expect(otherForms('Zoe\u0308.pdf')).toEqual(['Zo\u00eb.pdf']);
    expect(otherForms('plain.pdf')).toEqual([]);
  });

  const piece = fc.oneof(
    fc.constantFrom(
      '..',
      '.',
      '/',
      '//',
      'notes',
      'notes/',
      '\\',
      '\0',
      'C:',
      '．',
      '／',
      '∕',
      '․',
      '‥',
      '\ud800',
      '%2e',
      ' ',
    ),
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
  );
  const hostile = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  const mostlyGood = hostile.map((rest) => `notes/${rest}`);

  it('never take a path that leads out of the base, however it is read', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(hostile, mostlyGood), fc.constantFrom(NOTES, parsePrefixes([])), (path, prefixes) => {
        const verdict = judgePath(path, prefixes);
        if (!verdict.ok) return;
        taken++;
        const below = prefixes === NOTES ? '/srv/login/notes/' : '/srv/login/';
        const readings = [
          path,
          verdict.segments.join('/'),
          ...verdict.segments.flatMap((_, i) => variants(verdict.segments, i)),
        ];
        for (const reading of readings) {
          expect(posix.resolve('/srv/login', reading).startsWith(below)).toBe(true);
        }
        for (const segment of verdict.segments) {
          expect(segment).not.toMatch(/[\0\\/]/);
          expect(['', '.', '..']).not.toContain(segment);
        }
      }),
      { numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  function variants(segments: readonly string[], index: number): string[] {
    return otherForms(segments[index]!).map((form) => segments.with(index, form).join('/'));
  }

  it('stay as they are when a taken path is judged again', () => {
    fc.assert(
      fc.property(mostlyGood, (path) => {
        const verdict = judgePath(path, NOTES);
        if (verdict.ok) expect(judgePath(verdict.segments.join('/'), NOTES)).toEqual(verdict);
      }),
    );
  });

  it('rely on canonical forms never making a dot, slash or backslash', () => {
    for (let point = 0; point <= 0x10ffff; point++) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      const character = String.fromCodePoint(point);
      if (/[./\\\0]/.test(character)) continue;
      if (/[./\\\0]/.test(character.normalize('NFC') + character.normalize('NFD'))) expect.fail(point.toString(16));
    }
  });
});
