/** Text of invented letters, fast and always the same: words of a long vocabulary, frequent ones more often. */
const WORDS = 40_000;
const PARTS = ['be', 'ka', 'ro', 'mi', 'ta', 'lu', 'se', 'no', 'di', 'fa', 'gel', 'hin', 'por', 'stra', 'ver', 'zu'];

export interface Letters {
  /** About `length` characters in sentences. */
  page(length: number): string;
  /** So many words that stand in letters. */
  question(words: number): string;
}

export function createLetters(seed: number): Letters {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const word = (): string => VOCABULARY[Math.floor(next() ** 3 * WORDS)]!;
  return {
    page(length) {
      let text = '';
      for (let words = 1; text.length < length; words++) text += word() + (words % 14 === 0 ? '. ' : ' ');
      return text;
    },
    question: (words) => Array.from({ length: words }, word).join(' '),
  };
}

const VOCABULARY = Array.from({ length: WORDS }, (_, n) => {
  let text = '';
  for (let rest = n + PARTS.length; rest > 0; rest = Math.floor(rest / PARTS.length))
    text += PARTS[rest % PARTS.length];
  return text;
});
