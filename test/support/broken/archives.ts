/** Office documents whose container lies, or inflates to more than any machine has. */

import { DOCX_PARTS } from '../document-samples.ts';
import { deflatedZip, zipBombDocx } from '../hostile-documents.ts';
import type { Mutation } from './mutations.ts';

const ENTRY = Buffer.from('PK\x01\x02', 'latin1');
const MEBIBYTE = 1024 * 1024;

/** Places of the fields of an entry in the directory of a ZIP: flags, method, checksum, both sizes, name, place. */
const FIELDS = [
  [8, 2],
  [10, 2],
  [16, 4],
  [20, 4],
  [24, 4],
  [28, 2],
  [42, 4],
] as const;

/** A length, a checksum, a method or a place in the directory is wrong. */
export const lyingDirectory: Mutation = (bytes, random) => {
  const copy = Buffer.from(bytes);
  const entries: number[] = [];
  for (let at = copy.indexOf(ENTRY); at !== -1; at = copy.indexOf(ENTRY, at + 4)) entries.push(at);
  const entry = entries[random() % Math.max(1, entries.length)];
  if (entry === undefined) return copy;
  const [place, length] = FIELDS[random() % FIELDS.length]!;
  copy.writeUIntLE(random() % 2 ** (8 * length), entry + place, length);
  return copy;
};

/** The flag says that every part wants a password. */
export const locked: Mutation = (bytes) => {
  const copy = Buffer.from(bytes);
  for (let at = copy.indexOf(ENTRY); at !== -1; at = copy.indexOf(ENTRY, at + 4)) copy.writeUInt16LE(1, at + 8);
  return copy;
};

const wordOf = (xml: string | Buffer): Buffer => deflatedZip({ ...DOCX_PARTS, 'word/document.xml': xml });
const paragraphs = (inside: string): string =>
  `<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${inside}</w:body></w:document>`;

export const BROKEN_ARCHIVES: Readonly<Record<string, () => Buffer>> = {
  'a Word document that inflates to 1 GiB': () => zipBombDocx(1024 * MEBIBYTE),
  'a Word document that inflates to more than it says': () => zipBombDocx(200 * MEBIBYTE, { declared: 1_000 }),
  'a Word document of a million paragraphs': () =>
    wordOf(paragraphs('<w:p><w:r><w:t>Zoe Sample</w:t></w:r></w:p>'.repeat(1_000_000))),
  'a Word document nested a hundred thousand times': () =>
    wordOf(paragraphs('<w:tbl><w:tr><w:tc>'.repeat(100_000) + '</w:tc></w:tr></w:tbl>'.repeat(100_000))),
  'a Word document whose entities multiply': () => {
    const entities = Array.from({ length: 12 }, (_, at) => `<!ENTITY e${at + 1} "${`&e${at};`.repeat(10)}">`).join('');
    return wordOf(
      `<?xml version="1.0"?><!DOCTYPE w [<!ENTITY e0 "Zoe">${entities}]>${paragraphs('<w:p><w:r><w:t>&e12;</w:t></w:r></w:p>').replace('<?xml version="1.0"?>', '')}`,
    );
  },
  'a Word document of 20,000 parts': () =>
    deflatedZip({
      ...DOCX_PARTS,
      ...Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`word/media/${at}.txt`, 'Zoe'])),
      'word/document.xml': paragraphs(''),
    }),
  'a Word document whose text is no XML': () => wordOf(Buffer.from(Array.from({ length: 5_000 }, (_, at) => at % 256))),
  'a Word document without text': () => deflatedZip(DOCX_PARTS),
  'a ZIP in a ZIP in a ZIP': () => {
    let inner: Buffer = Buffer.alloc(50 * MEBIBYTE);
    for (let level = 0; level < 5; level++) inner = deflatedZip(Object.fromEntries([[`${level}.zip`, inner]]));
    return inner;
  },
  'an empty ZIP': () => deflatedZip({}),
};

export const SLOW_ARCHIVES: ReadonlySet<string> = new Set([
  'a Word document that inflates to 1 GiB',
  'a Word document of a million paragraphs',
  'a Word document nested a hundred thousand times',
  'a Word document of 20,000 parts',
  'a Word document that inflates to more than it says',
]);
