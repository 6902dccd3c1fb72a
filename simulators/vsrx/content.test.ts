import { inflateSync } from 'node:zlib';
import { fileTypeFromBuffer } from 'file-type';
import { PDFDocument } from 'pdf-lib';
import { describe, expect, test } from 'vitest';
import { createContent, type DocumentOptions, type FileFormat, pdfOf, SAMPLE_PASSWORD } from './content.ts';
import { ODDITIES } from './oddities.ts';
import { inventPeople } from './people.ts';
import { createRandom } from './random.ts';

const [person] = inventPeople(createRandom(1), 1);

function options(number = 7, format?: FileFormat): DocumentOptions {
  const random = createRandom(`test/${number}`);
  return { person: person!, random, date: '2025-03-14', number, ...(format ? { format } : {}) };
}

/** All text that a reader without the password could find. */
function readableText(pdf: Buffer): string {
  const raw = pdf.toString('latin1');
  const streams = [...raw.matchAll(/stream\n([\s\S]*?)\nendstream/g)].map(([, data]) => {
    try {
      return inflateSync(Buffer.from(data!, 'latin1')).toString('latin1');
    } catch {
      return '';
    }
  });
  return raw + streams.join('');
}

const TYPES: Record<FileFormat, string | null> = {
  pdf: 'application/pdf',
  'scan-pdf': 'application/pdf',
  jpg: 'image/jpeg',
  png: 'image/png',
  tif: 'image/tiff',
  bmp: 'image/bmp',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  doc: 'application/rtf',
  rtf: 'application/rtf',
  txt: null,
  html: null,
  eml: null,
};

describe('content', () => {
  test.each(Object.entries(TYPES) as [FileFormat, string | null][])('%s is what it says', async (format, type) => {
    const { bytes, extension } = createContent(1).document(options(7, format));
    expect((await fileTypeFromBuffer(bytes))?.mime ?? null).toBe(type);
    expect(extension).toBe(format.replace('scan-', ''));
    expect(bytes.length).toBeGreaterThan(300);
  });

  test('is decided by seed and number alone', () => {
    const content = createContent(1);
    for (const format of Object.keys(TYPES) as FileFormat[]) {
      const { bytes } = content.document(options(7, format));
      expect(createContent(1).document(options(7, format)).bytes.equals(bytes)).toBe(true);
      expect(content.document(options(8, format)).bytes.equals(bytes)).toBe(false);
    }
  });

  test('letters are PDF files with 1 to 4 pages of real text', async () => {
    const counts = new Set<number>();
    for (let n = 1; n <= 40; n++) {
      const pdf = pdfOf(n % 2 ? 'specialist-report' : 'referral', options(n));
      counts.add((await PDFDocument.load(pdf)).getPageCount());
      expect(readableText(pdf)).toContain(person!.claimNumber);
    }
    expect(Math.min(...counts)).toBe(1);
    expect(Math.max(...counts)).toBe(4);
  });

  test('a protected letter cannot be read without its password', async () => {
    const plain = pdfOf('specialist-report', options());
    const locked = pdfOf('specialist-report', options(), SAMPLE_PASSWORD);
    expect(readableText(plain)).toContain(person!.lastName);
    expect(readableText(plain)).toContain('CAUSATION');
    expect(readableText(locked)).not.toContain(person!.lastName);
    expect(readableText(locked)).not.toContain('CAUSATION');
    await expect(PDFDocument.load(locked)).rejects.toThrow('is encrypted');
    // The structure is intact: it is protected, not broken.
    const opened = await PDFDocument.load(locked, { ignoreEncryption: true });
    expect(opened.getPageCount()).toBe((await PDFDocument.load(plain)).getPageCount());
  });

  test('odd names fit a file system and do not collide', () => {
    const names = ODDITIES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
    const nfd = ODDITIES.find(({ label }) => label === 'nfd')!.name;
    expect(nfd).not.toBe(nfd.normalize('NFC'));
  });
});

test('no two of the usual number of people share a name', () => {
  const people = inventPeople(createRandom(5), 200);
  expect(new Set(people.map(({ firstName, lastName }) => `${firstName} ${lastName}`)).size).toBe(200);
});
