/** How much text a column of an existing table takes: in strict mode one character too many is an error. */

export interface ColumnLength {
  readonly characters: number;
  readonly bytes: number;
}

export const NO_LIMIT: ColumnLength = { characters: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** By `information_schema.columns`; null where the column is no text. */
export function lengthOf(characters: unknown, bytes: unknown): ColumnLength {
  const most = (value: unknown) => (value === null || value === undefined ? Number.POSITIVE_INFINITY : Number(value));
  return { characters: most(characters), bytes: most(bytes) };
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
