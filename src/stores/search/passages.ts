/** Cuts the text of a page into passages that a person can read and a ranking can weigh. */
export interface Passage {
  /** In UTF-16 units of the page's text. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const LEAST = 600;
const WANTED = 800;
export const LONGEST_PASSAGE = 1000;
export const OVERLAP = 100;

const SENTENCE_END = /[.!?…]["'”’»)\]]*\s+|[。！？]|\n\s*\n/gu;
const WORD_START = /\s\S/gu;

/**
 * Passages of about 800 units that end with a sentence where there is one, else with a word. Each begins up to 100 units
 * before the end of the one before, so that what stands across a border is found in one of them. Together they hold every
 * character that is not white space.
 */
export function* cutPassages(text: string): Generator<Passage> {
  let start = 0;
  while (start < text.length) {
    const end = endOf(text, start);
    const passage = trimmed(text, start, end);
    if (passage !== null) yield passage;
    if (end === text.length) break;
    start = nextStart(text, start, end);
  }
}

function endOf(text: string, start: number): number {
  if (text.length - start <= LONGEST_PASSAGE) return text.length;
  const window = text.slice(start + LEAST, start + LONGEST_PASSAGE);
  const wanted = WANTED - LEAST;
  const sentence = nearest(window, SENTENCE_END, wanted);
  if (sentence !== null) return start + LEAST + sentence;
  const word = nearest(window, WORD_START, wanted);
  if (word !== null) return start + LEAST + word;
  return wholeCharacter(text, start + WANTED);
}

/** The end of the match that lies nearest to `wanted`; of a word's start the place before the word. */
function nearest(window: string, pattern: RegExp, wanted: number): number | null {
  let best: number | null = null;
  for (const match of window.matchAll(pattern)) {
    const at = match.index + (pattern === WORD_START ? 1 : match[0].length);
    if (best === null || Math.abs(at - wanted) < Math.abs(best - wanted)) best = at;
  }
  return best;
}

function nextStart(text: string, start: number, end: number): number {
  const from = end - OVERLAP;
  const window = text.slice(from, end);
  const sentence = window.matchAll(SENTENCE_END).next().value;
  if (sentence !== undefined) {
    const at = from + sentence.index + sentence[0].length;
    if (at < end) return at;
  }
  const word = window.matchAll(WORD_START).next().value;
  const at = word === undefined ? end : from + word.index + 1;
  return at > start ? at : end;
}

function wholeCharacter(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff ? at + 1 : at;
}

function trimmed(text: string, start: number, end: number): Passage | null {
  const slice = text.slice(start, end);
  const from = start + slice.length - slice.trimStart().length;
  const to = end - (slice.length - slice.trimEnd().length);
  return from < to ? { start: from, end: to, text: text.slice(from, to) } : null;
}
