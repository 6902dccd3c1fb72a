export function wordsIn(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replaceAll('ß', 'ss');
  return plain.match(/\p{sc=Han}|[[\p{L}\p{N}]--\p{sc=Han}]+/gv) ?? [];
}

/** The share of the question's words that the text has; more of them together count a little more. */
export function likeness(question: string, text: string): number {
  const asked = new Set(wordsIn(question));
  if (asked.size === 0) return 0;
  const words = wordsIn(text);
  const present = new Set(words.filter((word) => asked.has(word)));
  const density = words.filter((word) => asked.has(word)).length / (words.length + 1);
  return present.size === 0 ? 0 : Math.min(1, 0.9 * (present.size / asked.size) + 0.1 * density);
}

/** A vector of length 1; texts with the same words have vectors of about the same direction. */
export function vectorOf(text: string, dimensions: number): number[] {
  const vector = new Array<number>(dimensions).fill(0);
  for (const word of wordsIn(text)) {
    let hash = 2166136261;
    for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 16777619) >>> 0;
    const at = hash % dimensions;
    vector[at] = vector[at]! + (hash & 0x10000 ? 1 : -1);
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector.fill(1 / Math.sqrt(dimensions)) : vector.map((value) => value / length);
}
