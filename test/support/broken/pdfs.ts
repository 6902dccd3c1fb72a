/** PDFs whose structure is wrong, endless, or larger than any machine. */
import { deflateSync } from 'node:zlib';
import { encryptedPdf, filledForm, LETTER, pdfOf, scriptedPdf } from '../document-samples.ts';
import { manyPages, PDF_TRAPS, rawPdf } from '../hostile-documents.ts';
import type { Mutation } from './mutations.ts';

/** Two lines of the table of places change their places. */
export const swappedPlaces: Mutation = (bytes, random) => {
  const text = bytes.toString('latin1');
  const lines = [...text.matchAll(/\d{10} \d{5} [nf]/g)];
  if (lines.length < 2) return misplaced(bytes, random, bytes);
  const [one, two] = [lines[random() % lines.length]!, lines[random() % lines.length]!];
  const copy = Buffer.from(bytes);
  copy.write(two[0], one.index, 'latin1');
  copy.write(one[0], two.index, 'latin1');
  return copy;
};

/** What `startxref` and `/Prev` point at is somewhere else. */
export const misplaced: Mutation = (bytes, random) => {
  const place = String(random() % (bytes.length * 2));
  return Buffer.from(
    bytes.toString('latin1').replace(/(startxref\s+|\/Prev\s+)\d+/g, (_, before: string) => before + place),
    'latin1',
  );
};

const NAMES = [
  '/Page',
  '/Pages',
  '/Catalog',
  '/Font',
  '/XObject',
  '/Type1',
  '/Type3',
  '/Form',
  '/Image',
  '/FlateDecode',
];

/** An object says that it is of another type, a stream that it is packed in another way. */
export const renamed: Mutation = (bytes, random) => {
  const text = bytes.toString('latin1');
  const found = [...text.matchAll(/\/(?:Page|Pages|Catalog|Font|XObject|Type\d|Form|Image|\w+Decode)\b/g)];
  if (found.length === 0) return bytes;
  const match = found[random() % found.length]!;
  const name = NAMES[random() % NAMES.length]!;
  return Buffer.from(text.slice(0, match.index) + name + text.slice(match.index + match[0].length), 'latin1');
};

const page = (resources: string, more = ''): string[] => [
  '<</Type/Catalog/Pages 2 0 R>>',
  '<</Type/Pages/Kids[3 0 R]/Count 1>>',
  `<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<${resources}>>/Contents 4 0 R${more}>>`,
];
const stream = (dictionary: string, content: string | Buffer): string =>
  `<<${dictionary}/Length ${content.length}>>\nstream\n${content.toString('latin1')}\nendstream`;
const packed = (dictionary: string, content: Buffer): string =>
  stream(`/Filter/FlateDecode${dictionary}`, deflateSync(content, { level: 9 }));
const FONT = '/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>';
const MEBIBYTE = 1024 * 1024;

/** Made anew each time: some are large. */
export const BROKEN_PDFS: Readonly<Record<string, () => Buffer | Promise<Buffer>>> = {
  ...Object.fromEntries(Object.entries(PDF_TRAPS).map(([name, bytes]) => [name, () => bytes])),
  'with a password': encryptedPdf,
  'with a script': () => scriptedPdf('while (true) app.alert("Zoe Sample");'),
  // pdf-lib hands all letters to one call, so a million of them end this process.
  'a form with sixty thousand letters': () => filledForm('Zoe '.repeat(15_000)),
  'of 10,000 pages': () => manyPages(10_000, 100),
  'of 10,000 pages in one list': () => manyPages(10_000, 10_000),
  'of 2,900 pages in one list': () => manyPages(2_900, 2_900),
  'without pages': () => rawPdf(['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Kids[]/Count 0>>']),
  'with an empty page': () => pdfOf(['']),
  'a tree of pages 20,000 levels deep': () =>
    rawPdf([
      '<</Type/Catalog/Pages 2 0 R>>',
      ...Array.from({ length: 20_000 }, (_, at) => `<</Type/Pages/Kids[${at + 3} 0 R]/Count 1>>`),
      '<</Type/Page/MediaBox[0 0 300 300]>>',
    ]),
  'a page that inflates to 400 MiB of blanks': () =>
    rawPdf([...page(FONT), packed('', Buffer.alloc(400 * MEBIBYTE, ' '))]),
  'a page that inflates to 200 MiB of drawing': () =>
    rawPdf([...page(''), packed('', Buffer.alloc(200 * MEBIBYTE, '0 0 9 9 re f\n'))]),
  'a page of twenty million letters': () =>
    rawPdf([...page(FONT), packed('', Buffer.from(`BT /F 9 Tf ${`(${'Zoe '.repeat(25)})Tj `.repeat(200_000)}ET`))]),
  'packed ten times': () => {
    let content = Buffer.alloc(64 * MEBIBYTE, '0 0 9 9 re f\n');
    for (let times = 0; times < 10; times++) content = deflateSync(content);
    return rawPdf([...page(''), stream(`/Filter[${'/FlateDecode'.repeat(10)}]`, content)]);
  },
  'an image that is packed too well': () =>
    rawPdf([
      ...page('/XObject<</I 5 0 R>>'),
      stream('', '300 0 0 300 0 0 cm /I Do'),
      packed(
        '/Type/XObject/Subtype/Image/Width 12000/Height 12000/BitsPerComponent 8/ColorSpace/DeviceRGB',
        Buffer.alloc(12_000 * 12_000 * 3),
      ),
    ]),
  'a table of places that leads back to itself': () =>
    Buffer.from(
      '%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 9/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n',
    ),
  'a table of two thousand million places': () =>
    Buffer.from('%PDF-1.7\nxref\n0 2000000000\n0000000000 65535 f \ntrailer\n<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n'),
  'a packed table of places with negative widths': () =>
    Buffer.from(
      '%PDF-1.7\n1 0 obj\n<</Type/XRef/W[-1 999999999 -5]/Index[0 99999999]/Size 99999999/Root 1 0 R/Length 9>>\nstream\n123456789\nendstream\nendobj\nstartxref\n9\n%%EOF\n',
    ),
  'a packed object that holds itself': () =>
    rawPdf(['<</Type/Catalog/Pages 2 0 R>>', stream('/Type/ObjStm/N 99999999/First 9/Extends 2 0 R', '2 0 2 0')]),
  'a letter that draws itself': () =>
    rawPdf([
      ...page('/Font<</F 5 0 R>>'),
      stream('', 'BT /F 20 Tf 20 100 Td (aaaa) Tj ET'),
      '<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 97/LastChar 97/Widths[9]/Encoding<</Differences[97/a]>>/CharProcs<</a 6 0 R>>/Resources<</Font<</F 5 0 R>>>>>>',
      stream('', '9 0 d0 BT /F 1 Tf (a) Tj ET'),
    ]),
  'a pattern that is made of itself': () =>
    rawPdf([
      ...page('/Pattern<</P 5 0 R>>'),
      stream('', '/Pattern cs /P scn 0 0 300 300 re f'),
      stream(
        '/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 0.001/YStep 0.001/Resources<</Pattern<</P 5 0 R>>>>',
        '/Pattern cs /P scn 0 0 1 1 re f',
      ),
    ]),
  'a shading of a million steps': () =>
    rawPdf([
      ...page('/Shading<</S<</ShadingType 1/ColorSpace/DeviceRGB/Domain[0 100000 0 100000]/Function 5 0 R>>>>'),
      stream('', '/S sh'),
      stream('/FunctionType 4/Domain[0 100000 0 100000]/Range[0 1 0 1 0 1]', '{ pop dup dup }'),
    ]),
  'fifty thousand fields': () =>
    rawPdf([
      ...page(FONT, `/Annots[${Array.from({ length: 50_000 }, (_, at) => `${at + 5} 0 R`).join(' ')}]`),
      stream('', ''),
      ...Array.from({ length: 50_000 }, () => '<</Type/Annot/Subtype/Widget/FT/Tx/V(Zoe)/Rect[0 0 9 9]>>'),
    ]),
  'graphic states that are never given back': () => rawPdf([...page(''), stream('', 'q '.repeat(2_000_000))]),
  'a name of ten million letters': () => rawPdf([...page(`/${'Z'.repeat(10_000_000)} 1`), stream('', '')]),
  'dictionaries in dictionaries': () => rawPdf([`${'<</A '.repeat(100_000)}1${'>>'.repeat(100_000)}`]),
  'a title of five million letters': () => pdfOf([LETTER], (made) => made.setTitle('Zoe '.repeat(1_250_000))),
};

/** These take as long as a document may, or much memory: not for every test run. */
export const SLOW_PDFS: ReadonlySet<string> = new Set([
  'forms that paint the next one ten times',
  'of 10,000 pages',
  'of 10,000 pages in one list',
  'of 2,900 pages in one list',
  'a page that inflates to 400 MiB of blanks',
  'a page that inflates to 200 MiB of drawing',
  'a page of twenty million letters',
  'packed ten times',
  'an image that is packed too well',
  'fifty thousand fields',
  'a pattern that is made of itself',
  'a shading of a million steps',
  'graphic states that are never given back',
  'a form with a million letters',
  'a form that paints itself',
  'a tree of pages 20,000 levels deep',
  'a title of five million letters',
  'a name of ten million letters',
]);
