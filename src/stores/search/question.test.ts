import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { highlightsOf, isEmpty, readQuestion } from './question.ts';
import { termsOf, wordsOf } from './words.ts';

describe('words', () => {
  it.each([
    ['Müller, Größe: 12,5 cm', 'muller grosse 12 5 cm'],
    ['São Paulo – AÑO Éxito', 'sao paulo ano exito'],
    ["l'hôpital d’Œuvre", 'l hopital d oeuvre'],
    ['Mu\u0308ller ﬁnal', 'muller final'],
    ['東京の病院 knee', '東 京 の 病 院 knee'],
    ['½ ① №', '12 1'],
    [' \0 -- ** "" ', ''],
  ])('of %j', (text, terms) => {
    expect(termsOf(text)).toBe(terms);
  });

  it('are letters and digits only, stand where they say, and stay themselves', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        let at = 0;
        for (const { term, start, end } of wordsOf(text)) {
          expect(term).toMatch(/^[\p{L}\p{N}]{1,64}$/u);
          expect(start).toBeGreaterThanOrEqual(at);
          expect(end).toBeGreaterThan(start);
          at = end;
        }
        expect(at).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

describe('a question', () => {
  it.each([
    ['knee pain', { words: ['knee', 'pain'], phrases: [], beginnings: [] }],
    ['the pain of the knee', { words: ['pain', 'knee'], phrases: [], beginnings: [] }],
    ['to be or not to be', { words: ['not'], phrases: [], beginnings: [] }],
    ['der die das', { words: ['der', 'die', 'das'], phrases: [], beginnings: [] }],
    ['"of the knee" left', { words: ['left'], phrases: [['of', 'the', 'knee']], beginnings: [] }],
    ['„linkes Knie“', { words: [], phrases: [['linkes', 'knie']], beginnings: [] }],
    ['herz*', { words: [], phrases: [], beginnings: ['herz'] }],
    ['left fract*', { words: ['left'], phrases: [], beginnings: ['fract'] }],
    ['a*', { words: ['a'], phrases: [], beginnings: [] }],
    ['"open', { words: ['open'], phrases: [], beginnings: [] }],
    ['Müller', { words: ['muller', 'mueller'], phrases: [], beginnings: [] }],
    ['Mueller', { words: ['mueller', 'muller'], phrases: [], beginnings: [] }],
    ['* ( ) AND + - : ~ ^ \\ \0', { words: ['and'], phrases: [], beginnings: [] }],
  ])('%j', (text, question) => {
    expect(readQuestion(text)).toEqual(question);
  });

  it('can be any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        const question = readQuestion(text);
        const terms = [...question.words, ...question.phrases.flat(), ...question.beginnings];
        for (const term of terms) expect(term).toMatch(/^[\p{L}\p{N}]{1,64}$/u);
        expect(isEmpty(question)).toBe(terms.length === 0);
      }),
    );
  });
});

describe('highlights', () => {
  const marked = (text: string, asked: string) =>
    highlightsOf(text, readQuestion(asked)).map(([from, to]) => text.slice(from, to));

  it.each([
    ['Größe des Knies, grosse Schmerzen', 'GRÖSSE', ['Größe', 'grosse']],
    ['Herr Müller und Frau Mueller', 'Müller', ['Müller', 'Mueller']],
    ['pain in the left knee, left side', '"left knee"', ['left knee']],
    ['Herzinfarkt, Herz, kein Schmerz', 'herz*', ['Herzinfarkt', 'Herz']],
    ['nothing here', 'knee', []],
  ])('in %j of %j', (text, asked, expected) => {
    expect(marked(text, asked)).toEqual(expected);
  });

  it('ascend and are apart', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '*', '"'), maxLength: 60 }), (text) => {
        let at = -1;
        for (const [from, to] of highlightsOf(text, readQuestion(text))) {
          expect(from).toBeGreaterThan(at);
          expect(to).toBeGreaterThan(from);
          at = to;
        }
      }),
    );
  });
});
