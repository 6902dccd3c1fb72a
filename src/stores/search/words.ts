/** What a word is, for indexing and asking alike, in any language: letters and digits without case and accents. */
export interface Word {
  /** As it is compared. */
  readonly term: string;
  readonly start: number;
  readonly end: number;
}

/** Scripts without spaces give a word for each character. */
const WORD =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]|[[\p{L}\p{N}\p{M}]--[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]]+/gv;
const LONGEST = 64;
const PLAIN = /^[A-Za-z0-9]+$/;
const NOT_COMPARED = /[^\p{L}\p{N}]+/gu;
/** Letters that are not a letter with an accent, but are written as others where they are missing. */
const WRITTEN_AS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
};
const SPECIAL = /[ßæœøłđðþı]/gu;

export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (const match of text.matchAll(WORD)) {
    const term = fold(match[0]);
    if (term !== '') words.push({ term, start: match.index, end: match.index + match[0].length });
  }
  return words;
}

/** The terms of a text with a space between: what an index is given, so that it need not know anything of languages. */
export function termsOf(text: string): string {
  return wordsOf(text)
    .map((word) => word.term)
    .join(' ');
}

function fold(word: string): string {
  if (PLAIN.test(word)) return word.toLowerCase().slice(0, LONGEST);
  const letters = word
    .normalize('NFKD')
    .replace(NOT_COMPARED, '')
    .toLowerCase()
    .replace(SPECIAL, (letter) => WRITTEN_AS[letter]!)
    .normalize('NFKD')
    .replace(NOT_COMPARED, '');
  return letters.slice(0, LONGEST).toWellFormed();
}
