/** Which characters a column of an existing table takes: in strict mode one that its character set lacks is an error. */

export interface Repertoire {
  /** Of the database: `latin1`. */
  readonly charset: string;
  has(codePoint: number): boolean;
}

type Convert = (text: string) => Promise<string>;

const BMP = 0x1_0000;
const [FIRST_SURROGATE, LAST_SURROGATE] = [0xd800, 0xdfff];
const BEYOND = 0x1f600;

/** What every character of Unicode fits into. */
export function isWhole(charset: string | null): boolean {
  return charset === null || charset === 'utf8mb4';
}

/** @param convert there and back again, by the server: only it knows what its `latin1` is */
export async function repertoireOf(charset: string, convert: Convert): Promise<Repertoire> {
  const all: string[] = [];
  for (let code = 1; code < BMP; code++) {
    if (code < FIRST_SURROGATE || code > LAST_SURROGATE) all.push(String.fromCharCode(code));
  }
  const given = all.join('');
  const back = await convert(given);
  const known = new Uint8Array(BMP);
  for (let i = 0; i < given.length; i++) {
    // One that took more than one character to replace would say nothing about those behind it.
    const isKept = back.length === given.length ? back[i] === given[i] : given.charCodeAt(i) < 0x80;
    if (isKept) known[given.charCodeAt(i)] = 1;
  }
  const beyond = (await convert(String.fromCodePoint(BEYOND))) === String.fromCodePoint(BEYOND);
  return { charset, has: (code) => (code < BMP ? known[code] === 1 : beyond) };
}

/** @returns the text as the column has it: `?` for what it lacks, in JSON the character's number */
export function withCharactersOf(repertoire: Repertoire, text: string, json: boolean): string {
  // Most texts are plain.
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  let held = '';
  for (const character of text) {
    if (repertoire.has(character.codePointAt(0)!)) held += character;
    else held += json ? escaped(character) : '?';
  }
  return held;
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');
}
