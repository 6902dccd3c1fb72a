/** Documents that are made, or damaged, so that a careless reader crashes, hangs, or fills all memory. */
import { constants, crc32, createDeflate, deflateRawSync } from 'node:zlib';
import { DOCX_PARTS } from './document-samples.ts';

interface Part {
  readonly name: string;
  readonly deflated: Buffer;
  readonly crc: number;
  readonly size: number;
}

/**
 * A Word document whose text inflates to so many bytes.
 *
 * @param options.declared what the container says instead
 */
export function zipBombDocx(inflatedBytes: number, options: { readonly declared?: number } = {}): Buffer {
  const zeros = Buffer.alloc(inflatedBytes, ' ');
  const parts: Part[] = Object.entries(DOCX_PARTS).map(([name, text]) => partOf(name, Buffer.from(text)));
  parts.push({ ...partOf('word/document.xml', zeros), size: options.declared ?? inflatedBytes });
  return zipOf(parts);
}

/** A ZIP archive of these entries, all deflated. */
export function deflatedZip(entries: Readonly<Record<string, string | Buffer>>): Buffer {
  return zipOf(Object.entries(entries).map(([name, content]) => partOf(name, Buffer.from(content))));
}

function partOf(name: string, content: Buffer): Part {
  return { name, deflated: deflateRawSync(content), crc: crc32(content), size: content.length };
}

function zipOf(parts: readonly Part[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, deflated, crc, size } of parts) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(deflated.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), deflated]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), common, place, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}

/** A black image of one bit per pixel, which is small as a file and gigabytes when it is decoded as colours. */
export async function hugePng(width: number, height: number): Promise<Buffer> {
  const deflate = createDeflate({ level: constants.Z_BEST_SPEED });
  const chunks: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => chunks.push(chunk));
  const row = Buffer.alloc(1 + Math.ceil(width / 8));
  for (let y = 0; y < height; y++) {
    if (!deflate.write(row)) await new Promise<void>((resolve) => deflate.once('drain', resolve));
  }
  await new Promise<void>((resolve) => deflate.once('end', resolve).end());
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', Buffer.concat(chunks)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length, 0);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body), 0);
  return Buffer.concat([length, body, crc]);
}

/** A PDF of these objects, numbered from 1; the first is the catalogue. */
export function rawPdf(objects: readonly string[]): Buffer {
  let text = '%PDF-1.7\n';
  const offsets: number[] = [];
  for (const [at, object] of objects.entries()) {
    offsets.push(text.length);
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
  }
  const start = text.length;
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  for (const offset of offsets) text += `${String(offset).padStart(10, '0')} 00000 n \n`;
  return Buffer.from(
    `${text}trailer\n<</Size ${objects.length + 1}/Root 1 0 R>>\nstartxref\n${start}\n%%EOF\n`,
    'latin1',
  );
}

const stream = (dictionary: string, content: string): string =>
  `<<${dictionary}/Length ${content.length}>>\nstream\n${content}\nendstream`;

const onePage = (resources: string, content: string): string[] => [
  '<</Type/Catalog/Pages 2 0 R>>',
  '<</Type/Pages/Kids[3 0 R]/Count 1>>',
  `<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<${resources}>>/Contents 4 0 R>>`,
  stream('', content),
];

/**
 * @param perNode pages that one node of the tree holds; writers keep it low, since readers go through the whole node to find
 *   a page
 */
export function manyPages(count: number, perNode: number): Buffer {
  const nodes = Math.ceil(count / perNode);
  const firstPage = 4 + nodes;
  const references = (first: number, many: number): string =>
    Array.from({ length: many }, (_, at) => `${first + at} 0 R`).join(' ');
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    `<</Type/Pages/Kids[${references(4, nodes)}]/Count ${count}/MediaBox[0 0 200 200]/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>`,
    stream('', 'BT /F 12 Tf 20 100 Td (Zoe Sample) Tj ET'),
  ];
  for (let node = 0; node < nodes; node++) {
    const many = Math.min(perNode, count - node * perNode);
    objects.push(`<</Type/Pages/Parent 2 0 R/Kids[${references(firstPage + node * perNode, many)}]/Count ${many}>>`);
  }
  for (let page = 0; page < count; page++) {
    objects.push(`<</Type/Page/Parent ${4 + Math.floor(page / perNode)} 0 R/Contents 3 0 R>>`);
  }
  return rawPdf(objects);
}

/** Text that is read at once, on a page that takes minutes to draw: one object after the other. */
export function slowPage(text: string): Buffer {
  const letters = `BT /F 12 Tf 20 100 Td (${text}) Tj ET`;
  return rawPdf(
    onePage(
      '/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/ExtGState<</G<</BM/Luminosity/ca 0.5>>>>',
      `${letters} /G gs ${'0 0 300 300 re f '.repeat(200_000)}`,
    ),
  );
}

/** The same with a single object: the colour of each of its points is computed by a long program. */
export function slowObject(text: string): Buffer {
  const letters = `BT /F 12 Tf 20 100 Td (${text}) Tj ET`;
  const shading = '/ShadingType 1/ColorSpace/DeviceGray/Domain[0 300 0 300]/Function 5 0 R';
  return rawPdf([
    ...onePage(
      `/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/Shading<</S<<${shading}>>>>`,
      `${letters} /S sh`,
    ),
    stream('/FunctionType 4/Domain[0 300 0 300]/Range[0 1]', `{ add ${'sin cos '.repeat(100_000)}}`),
  ]);
}

/** Structures that lead back to themselves, or to more than any machine has. */
export const PDF_TRAPS: Readonly<Record<string, Buffer>> = {
  'pages that hold themselves': rawPdf(['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Kids[2 0 R]/Count 1>>']),
  'a parent that is a child': rawPdf([
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Kids[3 0 R]/Count 1/Parent 3 0 R>>',
    '<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>',
  ]),
  'a form that paints itself': rawPdf([
    ...onePage('/XObject<</F 5 0 R>>', '/F Do'),
    stream('/Type/XObject/Subtype/Form/BBox[0 0 300 300]/Resources<</XObject<</F 5 0 R>>>>', '/F Do /F Do'),
  ]),
  'forms that paint the next one ten times': rawPdf([
    ...onePage('/XObject<</F 5 0 R>>', '/F Do'),
    ...Array.from({ length: 12 }, (_, at) =>
      stream(
        `/Type/XObject/Subtype/Form/BBox[0 0 300 300]/Resources<</XObject<</F ${at + 6} 0 R>>>>`,
        at === 11 ? '0 0 10 10 re f' : '/F Do '.repeat(10),
      ),
    ),
  ]),
  'a page a thousand kilometres wide': rawPdf([
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 3000000000 3000000000]/Contents 4 0 R>>',
    stream('', '0 0 100 100 re f'),
  ]),
  'a count of two thousand million pages': rawPdf([
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Kids[3 0 R]/Count 2000000000>>',
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]>>',
  ]),
  'a length that is its own length': rawPdf([
    ...onePage('', '').slice(0, 3),
    '<</Length 4 0 R>>\nstream\n0 0 10 10 re f\nendstream',
  ]),
  'arrays in arrays in arrays': rawPdf(['<</Type/Catalog/Pages 2 0 R>>', '['.repeat(100_000) + ']'.repeat(100_000)]),
  'an image of nine hundred million pixels': rawPdf([
    ...onePage('/XObject<</I 5 0 R>>', '300 0 0 300 0 0 cm /I Do'),
    stream('/Type/XObject/Subtype/Image/Width 30000/Height 30000/BitsPerComponent 8/ColorSpace/DeviceRGB', 'x'),
  ]),
};
