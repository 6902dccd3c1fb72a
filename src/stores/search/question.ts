/** What somebody asks for, read from any text: words, `"words in this order"`, `beginn*`. */
import { termsOf, wordsOf } from './words.ts';

export interface Question {
  /** Terms of which more is better, with other spellings of them. */
  readonly words: readonly string[];
  /** Terms that must stand in this order. */
  readonly phrases: readonly (readonly string[])[];
  /** Beginnings of terms. */
  readonly beginnings: readonly string[];
}

const MOST_WORDS = 32;
const MOST_LETTERS = 2000;
const SHORTEST_BEGINNING = 2;

/** German, English, Spanish: left out of a question that has other words, because nearly every passage has them. */
const FREQUENT = new Set(
  (
    'a an and are as at be by for from has he in is it its of on or she that the this to was were will with ' +
    'aber als am an auch auf aus bei das dass dem den der des die ein eine einem einen einer es fur hat im in ist mit nach ' +
    'nicht noch oder sich sie sind und vom von war wird zu zum zur ' +
    'al como con de del el en es esta fue la las lo los no o para pero por que se sin su sus un una y'
  ).split(' '),
);

/** Never throws: what is no word is a space. */
export function readQuestion(text: string): Question {
  const phrases: string[][] = [];
  const beginnings: string[] = [];
  const words: string[] = [];
  const loose = text.slice(0, MOST_LETTERS).replace(/["“”„«»]([^"“”„«»]*)["“”„«»]/gu, (_, inside: string) => {
    const terms = wordsOf(inside).map((word) => word.term);
    if (terms.length > 1 && phrases.length < 8) phrases.push(terms.slice(0, MOST_WORDS));
    else words.push(...terms);
    return ' ';
  });
  for (const [, piece, star] of loose.matchAll(/([^\s*]+)(\*?)/gu)) {
    const found = wordsOf(piece!);
    const last = star === '*' ? found.pop() : undefined;
    words.push(...found.flatMap(({ term, start, end }) => [term, ...otherSpellings(term, piece!.slice(start, end))]));
    if (last === undefined) continue;
    if (last.term.length >= SHORTEST_BEGINNING && beginnings.length < 4) beginnings.push(last.term);
    else words.push(last.term);
  }
  const rare = words.filter((word) => !FREQUENT.has(word));
  const others = rare.length + phrases.length + beginnings.length > 0;
  return { words: [...new Set(others ? rare : words)].slice(0, MOST_WORDS), phrases, beginnings };
}

export function isEmpty({ words, phrases, beginnings }: Question): boolean {
  return words.length + phrases.length + beginnings.length === 0;
}

/** `ü` is compared as `u`; who has no `ü` writes `ue`. */
function otherSpellings(term: string, written: string): string[] {
  const composed = written.normalize('NFC').toLowerCase();
  const longer = termsOf(composed.replace(/[äöü]/gu, (letter) => `${letter}e`));
  const shorter = term.replace(/([aou])e/gu, '$1');
  return [longer, shorter].filter((other) => other !== term && other !== '');
}

/** Where `text` has what was asked for: ascending, apart from each other. */
export function highlightsOf(text: string, question: Question): (readonly [number, number])[] {
  const found = wordsOf(text);
  const wanted = new Set(question.words);
  const marked = found.map(
    ({ term }) => wanted.has(term) || question.beginnings.some((beginning) => term.startsWith(beginning)),
  );
  const joined = new Set<number>();
  for (const phrase of question.phrases) {
    for (let i = 0; i + phrase.length <= found.length; i++) {
      if (!phrase.every((term, k) => found[i + k]!.term === term)) continue;
      for (let k = 0; k < phrase.length; k++) {
        marked[i + k] = true;
        if (k > 0) joined.add(i + k);
      }
    }
  }
  const ranges: [number, number][] = [];
  for (const [i, { start, end }] of found.entries()) {
    if (!marked[i]) continue;
    const last = ranges.at(-1);
    if (last !== undefined && joined.has(i)) last[1] = end;
    else ranges.push([start, end]);
  }
  return ranges;
}
