/**
 * Writes small PDF files: text in the standard fonts, JPEG pages, and real password protection.
 *
 * Own code because the same seed must give the same bytes everywhere, several hundred files must cost well under a second,
 * and protected files are needed. Structure and encryption follow ISO 32000-1 (7.5, 7.6; AES-128, revision 4).
 */
import { createCipheriv, createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';

export interface TextLine {
  readonly text: string;
  readonly bold?: boolean;
  /** Points; 10.5 when absent. */
  readonly size?: number;
}

export type PdfPage =
  | { readonly kind: 'text'; readonly lines: readonly TextLine[]; readonly footer?: string }
  | { readonly kind: 'image'; readonly jpeg: Buffer; readonly width: number; readonly height: number };

export interface PdfOptions {
  readonly title: string;
  readonly author: string;
  readonly pages: readonly PdfPage[];
  /** Needed to open the file. The owner's password is derived from it. */
  readonly password?: string;
}

const A4 = { width: 595, height: 842 };
const MARGIN = 62;
const LINE_HEIGHT = 1.36;
const DEFAULT_SIZE = 10.5;

export function writePdf(options: PdfOptions): Buffer {
  const id = createHash('md5')
    .update(JSON.stringify([options.title, options.author, pageIds(options.pages)]))
    .digest();
  const cipher = options.password === undefined ? null : createPdfCipher(options.password, id);
  const bodies: Buffer[] = [];
  const reserve = (): number => bodies.push(Buffer.alloc(0));
  const put = (number: number, text: string): void => {
    bodies[number - 1] = Buffer.from(text, 'latin1');
  };
  const putStream = (number: number, dictionary: string, data: Buffer): void => {
    const stored = cipher ? cipher.encrypt(number, data) : data;
    bodies[number - 1] = Buffer.concat([
      Buffer.from(`<< ${dictionary} /Length ${stored.length} >>\nstream\n`, 'latin1'),
      stored,
      Buffer.from('\nendstream', 'latin1'),
    ]);
  };
  const textString = (number: number, text: string): string => {
    const raw = Buffer.from(text, 'latin1');
    return `<${(cipher ? cipher.encrypt(number, raw) : raw).toString('hex')}>`;
  };

  const catalog = reserve();
  const pageTree = reserve();
  const info = reserve();
  const regular = reserve();
  const bold = reserve();
  put(regular, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>');
  put(bold, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>');

  const kids: number[] = [];
  for (const page of options.pages) {
    const pageObject = reserve();
    const content = reserve();
    kids.push(pageObject);
    let resources: string;
    if (page.kind === 'text') {
      resources = `/Font << /F1 ${regular} 0 R /F2 ${bold} 0 R >>`;
      putStream(content, '/Filter /FlateDecode', deflateSync(textCommands(page.lines, page.footer)));
    } else {
      const image = reserve();
      resources = `/XObject << /Im1 ${image} 0 R >>`;
      putStream(
        image,
        `/Type /XObject /Subtype /Image /Width ${page.width} /Height ${page.height} /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode`,
        page.jpeg,
      );
      putStream(content, '', Buffer.from(`q ${A4.width} 0 0 ${A4.height} 0 0 cm /Im1 Do Q`));
    }
    put(
      pageObject,
      `<< /Type /Page /Parent ${pageTree} 0 R /MediaBox [0 0 ${A4.width} ${A4.height}] /Resources << ${resources} >> /Contents ${content} 0 R >>`,
    );
  }
  put(catalog, `<< /Type /Catalog /Pages ${pageTree} 0 R >>`);
  put(pageTree, `<< /Type /Pages /Kids [${kids.map((kid) => `${kid} 0 R`).join(' ')}] /Count ${kids.length} >>`);
  put(info, `<< /Title ${textString(info, options.title)} /Author ${textString(info, options.author)} >>`);
  const encrypt = cipher ? reserve() : 0;
  if (cipher) put(encrypt, cipher.dictionary);

  const head = Buffer.from('%PDF-1.6\n%\xe2\xe3\xcf\xd3\n', 'latin1');
  const parts: Buffer[] = [head];
  const offsets: number[] = [];
  let position = head.length;
  bodies.forEach((body, index) => {
    const object = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), body, Buffer.from('\nendobj\n')]);
    offsets.push(position);
    position += object.length;
    parts.push(object);
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  parts.push(
    Buffer.from(
      `xref\n0 ${bodies.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${bodies.length + 1} /Root ${catalog} 0 R /Info ${info} 0 R ` +
        `/ID [<${id.toString('hex')}> <${id.toString('hex')}>]${encrypt ? ` /Encrypt ${encrypt} 0 R` : ''} >>\nstartxref\n${position}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}

function pageIds(pages: readonly PdfPage[]): unknown[] {
  return pages.map((page) => (page.kind === 'text' ? page : createHash('md5').update(page.jpeg).digest('hex')));
}

function textCommands(lines: readonly TextLine[], footer: string | undefined): Buffer {
  const out: string[] = ['BT'];
  let y = A4.height - MARGIN;
  for (const line of lines) {
    const size = line.size ?? DEFAULT_SIZE;
    y -= size * LINE_HEIGHT;
    if (line.text)
      out.push(`/${line.bold ? 'F2' : 'F1'} ${size} Tf 1 0 0 1 ${MARGIN} ${y.toFixed(1)} Tm ${literal(line.text)} Tj`);
  }
  if (footer) out.push(`/F1 8 Tf 1 0 0 1 ${MARGIN} 34 Tm ${literal(footer)} Tj`);
  out.push('ET');
  return Buffer.from(out.join('\n'), 'latin1');
}

/** WinAnsi differs from Latin-1 only in 0x80–0x9f; these are the ones that letters use. */
const WIN_ANSI: Readonly<Record<string, string>> = {
  '–': '\x96',
  '—': '\x97',
  '’': '\x92',
  '‘': '\x91',
  '“': '\x93',
  '”': '\x94',
  '•': '\x95',
};

function literal(text: string): string {
  const encoded = text.replace(/[\u0100-\uffff]/g, (char) => WIN_ANSI[char] ?? '?');
  return `(${encoded.replace(/[\\()]/g, '\\$&')})`;
}

/** Breaks paragraphs into lines that fit the page and lines into pages. An empty paragraph is a blank line. */
export function layOut(paragraphs: readonly (string | TextLine)[], footer: string): PdfPage[] {
  const pages: { kind: 'text'; lines: TextLine[]; footer: string }[] = [];
  let room = 0;
  for (const paragraph of paragraphs) {
    const style = typeof paragraph === 'string' ? { text: paragraph } : paragraph;
    const size = style.size ?? DEFAULT_SIZE;
    for (const text of wrap(style.text, (A4.width - 2 * MARGIN) / size)) {
      const height = size * LINE_HEIGHT;
      if (height > room) {
        pages.push({ kind: 'text', lines: [], footer: `${footer} – page ${pages.length + 1}` });
        room = A4.height - 2 * MARGIN;
      }
      pages.at(-1)!.lines.push({ ...style, text });
      room -= height;
    }
  }
  return pages;
}

/** @param width in units of the font size */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const word of text.split(' ')) {
    let length = 0;
    for (const char of word) length += (HELVETICA_WIDTHS[char.charCodeAt(0) - 32] ?? 556) / 1000;
    if (line && used + 0.278 + length > width) {
      lines.push(line);
      line = word;
      used = length;
    } else {
      line = line ? `${line} ${word}` : word;
      used += (used ? 0.278 : 0) + length;
    }
  }
  lines.push(line);
  return lines;
}

/** Advance widths of Helvetica for 0x20–0x7e in thousandths of the size. */
const HELVETICA_WIDTHS: readonly number[] = (
  '278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556 ' +
  '1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 ' +
  '333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584'
)
  .split(' ')
  .map(Number);

interface PdfCipher {
  readonly dictionary: string;
  encrypt(object: number, data: Buffer): Buffer;
}

const PASSWORD_PADDING = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex');
const PERMISSIONS = -3904;

/** The standard security handler, revision 4 with AES-128 (ISO 32000-1, 7.6.3, algorithms 1 to 5). */
function createPdfCipher(password: string, id: Buffer): PdfCipher {
  const user = padPassword(password);
  let ownerKey = md5(padPassword(`${password}-owner`));
  for (let i = 0; i < 50; i++) ownerKey = md5(ownerKey);
  const owner = rc4Rounds(ownerKey, user);

  const permissions = Buffer.alloc(4);
  permissions.writeInt32LE(PERMISSIONS);
  let key = md5(user, owner, permissions, id);
  for (let i = 0; i < 50; i++) key = md5(key);
  const check = Buffer.concat([rc4Rounds(key, md5(PASSWORD_PADDING, id)), Buffer.alloc(16)]);

  return {
    dictionary:
      `<< /Filter /Standard /V 4 /R 4 /Length 128 /P ${PERMISSIONS} /O <${owner.toString('hex')}> /U <${check.toString('hex')}> ` +
      '/CF << /StdCF << /CFM /AESV2 /AuthEvent /DocOpen /Length 16 >> >> /StmF /StdCF /StrF /StdCF >>',
    encrypt: (object, data) => {
      const number = Buffer.from([object & 0xff, (object >> 8) & 0xff, (object >> 16) & 0xff, 0, 0]);
      // The IV would be random; here it is derived, because the same seed must give the same file.
      const iv = md5(id, number, data);
      const aes = createCipheriv('aes-128-cbc', md5(key, number, Buffer.from('sAlT')), iv);
      return Buffer.concat([iv, aes.update(data), aes.final()]);
    },
  };
}

function padPassword(password: string): Buffer {
  return Buffer.concat([Buffer.from(password, 'latin1'), PASSWORD_PADDING]).subarray(0, 32);
}

function md5(...parts: Buffer[]): Buffer {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function rc4Rounds(key: Buffer, data: Buffer): Buffer {
  let out = data;
  for (let round = 0; round < 20; round++) out = rc4(key.map((byte) => byte ^ round) as Buffer, out);
  return out;
}

/** Required by the file format for the password check only. OpenSSL 3 no longer offers it. */
function rc4(key: Uint8Array, data: Uint8Array): Buffer {
  const s = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + s[i]! + key[i % key.length]!) & 255;
    [s[i], s[j]] = [s[j]!, s[i]!];
  }
  const out = Buffer.alloc(data.length);
  for (let n = 0, i = 0, j = 0; n < data.length; n++) {
    i = (i + 1) & 255;
    j = (j + s[i]!) & 255;
    [s[i], s[j]] = [s[j]!, s[i]!];
    out[n] = data[n]! ^ s[(s[i]! + s[j]!) & 255]!;
  }
  return out;
}
