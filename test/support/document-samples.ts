/** Documents of every type, as programs write them, about persons who do not exist. */

import { burn, type Entry } from '@kenjiuno/msgreader/lib/Burner.js';
import { TypeEnum } from '@kenjiuno/msgreader/lib/Reader.js';
import { createCanvas } from '@napi-rs/canvas';
import { PDFBool, PDFDict, PDFDocument, PDFHexString, PDFName, StandardFonts } from 'pdf-lib';
import sharp from 'sharp';
import { sampleZip } from './sample-files.ts';

export const LETTER = 'Date of report: 5 March 2024. Zoe Sample, born 1 April 1970, came with a sprained ankle.';

/** @param texts one page each; an empty text makes an empty page */
export async function pdfOf(texts: readonly string[], change?: (document: PDFDocument) => void): Promise<Buffer> {
  const document = await PDFDocument.create();
  const font = await document.embedFont(StandardFonts.Helvetica);
  for (const text of texts) {
    const page = document.addPage([595, 842]);
    if (text !== '') page.drawText(text, { x: 40, y: 780, size: 9, font });
  }
  change?.(document);
  return Buffer.from(await document.save());
}

/** With values that no password makes: pdf.js finds that the empty one is wrong, as it is of any protected file. */
export function encryptedPdf(): Promise<Buffer> {
  return pdfOf([LETTER], (document) => {
    const { context } = document;
    const secret = PDFHexString.of('5a'.repeat(32));
    context.trailerInfo.Encrypt = context.register(
      context.obj({ Filter: 'Standard', V: 1, R: 2, P: -4, O: secret, U: secret }),
    );
    context.trailerInfo.ID = context.obj([PDFHexString.of('00'.repeat(16)), PDFHexString.of('00'.repeat(16))]);
  });
}

/** A script that runs when the document opens. */
export function scriptedPdf(script: string): Promise<Buffer> {
  return pdfOf([LETTER], (document) => {
    const action = document.context.obj({ S: 'JavaScript', JS: PDFHexString.fromText(script) });
    document.catalog.set(PDFName.of('OpenAction'), action);
    document.addJavaScript('main', script);
  });
}

export function filledForm(value: string): Promise<Buffer> {
  return pdfOf(['WorkCover certificate'], (document) => {
    const field = document.getForm().createTextField('patient');
    field.addToPage(document.getPage(0), { x: 40, y: 700, width: 300, height: 20 });
    field.setText(value);
  });
}

/** As some programs leave it: the value is there, and what it looks like is for the reader to say. */
export async function undrawnForm(value: string): Promise<Buffer> {
  const document = await PDFDocument.load(await filledForm(value));
  const fields = document.getPage(0).node.Annots()!;
  for (let at = 0; at < fields.size(); at++) fields.lookup(at, PDFDict).delete(PDFName.of('AP'));
  document.catalog.lookup(PDFName.of('AcroForm'), PDFDict).set(PDFName.of('NeedAppearances'), PDFBool.True);
  return Buffer.from(await document.save());
}

const WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const TYPES = 'http://schemas.openxmlformats.org/package/2006/content-types';
const RELATIONS = 'http://schemas.openxmlformats.org/package/2006/relationships';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const SHEET = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';

/** All parts of a Word document but its text. */
export const DOCX_PARTS: Readonly<Record<string, string>> = {
  '[Content_Types].xml': `<?xml version="1.0"?><Types xmlns="${TYPES}"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
  '_rels/.rels': `<?xml version="1.0"?><Relationships xmlns="${RELATIONS}"><Relationship Id="r1" Type="${OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>`,
};

/** @param rows a table below the paragraphs */
export function docxOf(paragraphs: readonly string[], rows: readonly (readonly string[])[] = []): Buffer {
  const paragraph = (text: string): string => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`;
  const row = (cells: readonly string[]): string =>
    `<w:tr>${cells.map((cell) => `<w:tc>${paragraph(cell)}</w:tc>`).join('')}</w:tr>`;
  const table = rows.length === 0 ? '' : `<w:tbl>${rows.map(row).join('')}</w:tbl>`;
  return sampleZip({
    ...DOCX_PARTS,
    'word/document.xml': `<?xml version="1.0"?><w:document ${WORD}><w:body>${paragraphs.map(paragraph).join('')}${table}</w:body></w:document>`,
  });
}

const RUN = (text: string): string => `<w:r><w:t xml:space="preserve">${text}</w:t></w:r>`;

/**
 * A Word document with everything that is outside of its body: headers that are shown and such that are switched off, a
 * footer, a footnote, a text box.
 */
export function docxWithMargins(body: string, texts: Readonly<Record<MarginText, string>>): Buffer {
  const part = (name: string, content: string): string =>
    `<?xml version="1.0"?><w:${name} ${WORD} xmlns:r="${OFFICE}">${content}</w:${name}>`;
  const relation = (id: string, type: string, target: string): string =>
    `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`;
  const box = `<w:r><w:pict><v:shape xmlns:v="urn:schemas-microsoft-com:vml"><v:textbox><w:txbxContent><w:p>${RUN(texts.box)}</w:p></w:txbxContent></v:textbox></v:shape></w:pict></w:r>`;
  const changed = `<w:del w:id="1" w:author="x"><w:r><w:delText>${texts.removed}</w:delText></w:r></w:del>`;
  const section =
    '<w:sectPr><w:headerReference w:type="default" r:id="h1"/><w:headerReference w:type="first" r:id="h2"/><w:headerReference w:type="even" r:id="h3"/><w:footerReference w:type="default" r:id="f1"/></w:sectPr>';
  return sampleZip({
    ...DOCX_PARTS,
    'word/_rels/document.xml.rels': `<?xml version="1.0"?><Relationships xmlns="${RELATIONS}">${[
      relation('h1', 'header', 'header1.xml'),
      relation('h2', 'header', 'header2.xml'),
      relation('h3', 'header', '/word/header3.xml'),
      relation('f1', 'footer', 'footer1.xml'),
      relation('n1', 'footnotes', 'footnotes.xml'),
    ].join('')}</Relationships>`,
    'word/document.xml': part(
      'document',
      `<w:body><w:p>${RUN(body)}<w:r><w:footnoteReference w:id="2"/></w:r></w:p><w:p>${box}</w:p>${section}</w:body>`,
    ),
    'word/header1.xml': part(
      'hdr',
      `<w:tbl><w:tr><w:tc><w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr>${RUN(texts.header)}${changed}</w:p></w:tc></w:tr></w:tbl><w:p/>`,
    ),
    'word/header2.xml': part('hdr', `<w:p>${RUN(texts.first)}</w:p>`),
    'word/header3.xml': part('hdr', `<w:p>${RUN(texts.even)}</w:p>`),
    'word/footer1.xml': part(
      'ftr',
      `<w:p>${RUN(texts.footer)}<w:r><w:tab/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>${RUN('1')}</w:p>`,
    ),
    'word/footnotes.xml': part('footnotes', `<w:footnote w:id="2"><w:p>${RUN(texts.note)}</w:p></w:footnote>`),
  });
}

type MarginText = 'header' | 'first' | 'even' | 'footer' | 'note' | 'box' | 'removed';

export function xlsxOf(sheets: Readonly<Record<string, readonly (readonly (string | number)[])[]>>): Buffer {
  const names = Object.keys(sheets);
  const parts: Record<string, string> = {
    '[Content_Types].xml': `<?xml version="1.0"?><Types xmlns="${TYPES}"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`,
    '_rels/.rels': `<?xml version="1.0"?><Relationships xmlns="${RELATIONS}"><Relationship Id="r1" Type="${OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `<?xml version="1.0"?><workbook xmlns="${SHEET}" xmlns:r="${OFFICE}"><sheets>${names.map((name, at) => `<sheet name="${name}" sheetId="${at + 1}" r:id="s${at}"/>`).join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<?xml version="1.0"?><Relationships xmlns="${RELATIONS}">${names.map((_, at) => `<Relationship Id="s${at}" Type="${OFFICE}/worksheet" Target="worksheets/sheet${at}.xml"/>`).join('')}</Relationships>`,
  };
  for (const [at, rows] of Object.values(sheets).entries()) {
    const cells = rows.map((row, r) => `<row r="${r + 1}">${row.map((value, c) => cell(value, r, c)).join('')}</row>`);
    parts[`xl/worksheets/sheet${at}.xml`] =
      `<?xml version="1.0"?><worksheet xmlns="${SHEET}"><sheetData>${cells.join('')}</sheetData></worksheet>`;
  }
  return sampleZip(parts);
}

function cell(value: string | number, row: number, column: number): string {
  const place = `r="${String.fromCharCode(65 + column)}${row + 1}"`;
  return typeof value === 'number'
    ? `<c ${place}><v>${value}</v></c>`
    : `<c ${place} t="inlineStr"><is><t>${value}</t></is></c>`;
}

export const mail = (body: string): string =>
  [
    'From: Dr Max Muster <max.muster@example.org>',
    'To: =?utf-8?Q?Z=C3=B6e_Sample?= <zoe@example.org>',
    'Subject: Your knee',
    'Date: Tue, 5 Mar 2024 08:10:00 +1100',
    'Message-ID: <1@example.org>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=part',
    '',
    '--part',
    'Content-Type: text/html; charset=utf-8',
    '',
    body,
    '--part',
    'Content-Type: application/pdf; name="scan.pdf"',
    'Content-Disposition: attachment; filename="scan.pdf"',
    'Content-Transfer-Encoding: base64',
    '',
    'JVBERi0xLjQK',
    '--part--',
    '',
  ].join('\r\n');

/** An Outlook message ([MS-OXMSG]): a property is a stream whose name is its number and type. */
export function msgOf(message: {
  readonly subject: string;
  readonly from: string;
  readonly body: string;
  readonly sentAt?: string;
  /** Of the mail as it was transported. */
  readonly headers?: string | null;
}): Buffer {
  const text = (id: string, value: string): Entry => stream(`__substg1.0_${id}001F`, Buffer.from(value, 'utf16le'));
  const attachment: Entry[] = [stream('__properties_version1.0', Buffer.alloc(8)), text('3707', 'scan.pdf')];
  const sentAt: Buffer[] = [];
  if (message.sentAt !== undefined) {
    // PidTagClientSubmitTime, in tenths of microseconds since 1601.
    const property = Buffer.alloc(16);
    property.writeUInt32LE(0x00390040);
    property.writeBigUInt64LE(BigInt(Date.parse(message.sentAt) + 11_644_473_600_000) * 10_000n, 8);
    sentAt.push(property);
  }
  const own = [
    stream('__properties_version1.0', Buffer.concat([Buffer.alloc(32), ...sentAt])),
    ...(message.headers ? [text('007D', message.headers)] : []),
    text('001A', 'IPM.Note'),
    text('0037', message.subject),
    text('0C1A', message.from),
    text('1000', message.body),
  ];
  const folder = own.length + 1;
  return Buffer.from(
    burn([
      { name: 'Root Entry', type: TypeEnum.ROOT, length: 0, children: own.map((_, at) => at + 1).concat(folder) },
      ...own,
      {
        name: '__attach_version1.0_#00000000',
        type: TypeEnum.DIRECTORY,
        length: 0,
        children: attachment.map((_, at) => folder + 1 + at),
      },
      ...attachment,
    ]),
  );
}

/** A copy, because `burn` forgets where in its memory a buffer begins. */
function stream(name: string, bytes: Buffer): Entry {
  return { name, type: TypeEnum.DOCUMENT, length: bytes.length, binaryProvider: () => new Uint8Array(bytes) };
}

/** A picture of a line of text, as PNG. */
export async function pictureOf(text: string): Promise<Buffer> {
  const canvas = createCanvas(1000, 200);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, 1000, 200);
  context.fillStyle = 'black';
  context.font = '48px sans-serif';
  context.fillText(text, 30, 110);
  return canvas.encode('png');
}

export async function tiffOf(pages: number): Promise<Buffer> {
  const page = await sharp({ create: { width: 200, height: 100, channels: 3, background: '#ffffff' } })
    .png()
    .toBuffer();
  return sharp(Array<Buffer>(pages).fill(page), { join: { animated: true } })
    .tiff()
    .toBuffer();
}

/** 24 bits per pixel, the header of Windows 3. */
export function bmpOf(width: number, height: number): Buffer {
  const row = Math.ceil((width * 3) / 4) * 4;
  const bytes = Buffer.alloc(54 + row * height, 0x7f);
  bytes.fill(0, 0, 54);
  bytes.write('BM', 0, 'latin1');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  bytes.writeUInt32LE(row * height, 34);
  return bytes;
}

/** 64 × 48 pixels of one blue, written by libheif's `heif-enc`: no package of ours can write HEVC. */
export const heic = (): Buffer =>
  Buffer.from(
    'AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAa1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAAAAAAAC' +
      'AAAAEGlkYXQAAAAAAEAAMAAAADhpbG9jAQAAAERAAAIAAQAAAAAAAAHRAAEAAAAAAAAAGgACAAEAAAAAAAAAAQAAAAAAAAAIAAAAOGlpbmYAAAAAAAIA' +
      'AAAVaW5mZQIAAAEAAQAAaHZjMQAAAAAVaW5mZQIAAAAAAgAAZ3JpZAAAAADYaXBycAAAALZpcGNvAAAAdmh2Y0MBA3AAAAAAAAAAAAAe8AD8/fj4AAAP' +
      'AyAAAQAYQAEMAf//A3AAAAMAkAAAAwAAAwAeugJAIQABACpCAQEDcAAAAwCQAAADAAADAB6gIIEFlurkprm4EBAwIAAAAwAgAAADACEiAAEABkQBwXPA' +
      'iQAAABRpc3BlAAAAAAAAAEAAAABAAAAAFGlzcGUAAAAAAAAAQAAAADAAAAAQcGl4aQAAAAADCAgIAAAAGmlwbWEAAAAAAAAAAgABAoECAAICA4QAAAAa' +
      'aXJlZgAAAAAAAAAOZGltZwACAAEAAQAAACJtZGF0AAAAFigBrxmA70mlv//btkR53Zv8JrWmPm4=',
    'base64',
  );
