/** How much text a column of an existing table takes: in strict mode one character too many is an error. */

export interface ColumnLength {
  readonly characters: number;
  readonly bytes: number;
}

export const NO_LIMIT: ColumnLength = { characters: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** By `information_schema`; null where the column is no text. */
export function lengthOf(characters: unknown, bytes: unknown, charset: string | null, widest: unknown): ColumnLength {
  const most = (value: unknown) => (value === null || value === undefined ? Number.POSITIVE_INFINITY : Number(value));
  if (charset === null || charset.startsWith('utf8')) return { characters: most(characters), bytes: most(bytes) };
  // Its bytes are not those of UTF-8, which are counted here: so many characters fit whatever they are.
  const fit = Math.floor(most(bytes) / Math.max(1, Number(widest)));
  return { characters: Math.min(most(characters), fit), bytes: Number.POSITIVE_INFINITY };
}

/** The longest beginning that fits, without half a character. */
export function withinColumn(text: string, { characters, bytes }: ColumnLength): string {
  if (text.length <= characters && Buffer.byteLength(text) <= bytes) return text;
  // A character of the database may be two of ours.
  const few = Array.from(text).slice(0, characters).join('');
  if (Buffer.byteLength(few) <= bytes) return few;
  const { read } = new TextEncoder().encodeInto(few, new Uint8Array(bytes));
  return few.slice(0, read);
}
