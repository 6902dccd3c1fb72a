import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { processBytes } from '../../test/support/document-processing.ts';
import {
  bmpOf,
  docxOf,
  docxWithMargins,
  encryptedPdf,
  filledForm,
  heic,
  LETTER,
  mail,
  msgOf,
  pdfOf,
  pictureOf,
  scriptedPdf,
  tiffOf,
  undrawnForm,
  xlsxOf,
} from '../../test/support/document-samples.ts';
import { sampleCompoundFile, sampleDoc, sampleOdt } from '../../test/support/sample-files.ts';
import { createDocumentProcessor } from './processor.ts';

/** In the morning of 1 February in Sydney; elsewhere it is still January. */
const NOW = Date.parse('2026-01-31T22:00:00Z');
/** With none of the programs that a machine may or may not have. */
const content = createDocumentProcessor({ workers: 2, searchPath: '', now: () => NOW });
afterAll(() => content.close());

const WORD = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const WORKBOOK = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const HTML = `<html><head><title>x</title><script>document.write('stolen')</script></head><body><h1>Knee</h1>
  <p>Zoe   Sample</p><img src="http://127.0.0.1:9/pixel.png"><iframe src="http://127.0.0.1:9/">frame</iframe></body></html>`;

async function pictureIn(pdf: Buffer): Promise<Buffer> {
  let png = Buffer.alloc(0);
  await processBytes(content, pdf, {
    thumbnail: true,
    look: (seen) => {
      if (seen.verdict === 'processed') png = readFileSync(seen.thumbnail?.path ?? '');
    },
  });
  return png;
}

describe('a PDF', () => {
  test('is its own rendition, with text per page, date and thumbnail', async () => {
    let png: Buffer = Buffer.alloc(0);
    const { result, pages, files } = await processBytes(content, await pdfOf([LETTER, '', 'Page three']), {
      thumbnail: true,
      look: (seen) => {
        if (seen.verdict === 'processed') png = readFileSync(seen.thumbnail?.path ?? '');
      },
    });
    expect(result).toMatchObject({
      verdict: 'processed',
      detectedType: 'application/pdf',
      pdf: null,
      pageCount: 3,
      documentDate: { date: '2024-03-05', from: 'label' },
      thumbnail: { width: 319, height: 452 },
      warnings: [],
      pages: { bySource: { text: 2, ocr: 0, none: 1 } },
    });
    expect(pages).toEqual([
      { number: 1, text: LETTER, source: 'text' },
      { number: 2, text: '', source: 'none' },
      { number: 3, text: 'Page three', source: 'text' },
    ]);
    expect(files).toEqual(['pages.jsonl', 'thumbnail.png']);
    expect((await sharp(png).stats()).isOpaque).toBe(true);
    expect((await sharp(png).stats()).channels[0]!.min).toBeLessThan(200);
  });

  test('has the answers of its form in its text', async () => {
    const { pages } = await processBytes(content, await filledForm('Zoe Sample'));
    expect(pages[0]!.text).toBe('WorkCover certificate\nZoe Sample');
  });

  test('shows the answers of its form also where the file has no picture of them', async () => {
    const blank = await pictureIn(await pdfOf(['WorkCover certificate']));
    const filled = await pictureIn(await undrawnForm('Zoe Sample'));
    const [before, after] = await Promise.all([blank, filled].map((png) => sharp(png).greyscale().raw().toBuffer()));
    // The field is a seventh of the way down; letters are dark.
    const row = (pixels: Buffer) => pixels.subarray(319 * 65, 319 * 77).filter((light) => light < 128).length;
    expect(row(before!)).toBe(0);
    expect(row(after!)).toBeGreaterThan(20);
  });

  test('says that a page without text waits for Tesseract', async () => {
    const { result } = await processBytes(content, await pdfOf(['']), { ocr: 'auto' });
    expect(result).toMatchObject({ verdict: 'processed', warnings: ['no_text', 'ocr_missing'] });
  });

  test('runs none of its scripts', async () => {
    const { result, pages } = await processBytes(content, await scriptedPdf('app.launchURL("http://127.0.0.1:9/")'));
    expect(result).toMatchObject({ verdict: 'processed', warnings: ['active_content'] });
    expect(pages[0]!.text).toBe(LETTER);
  });

  test('with a password is refused for good', async () => {
    const { result, files } = await processBytes(content, await encryptedPdf());
    expect(result).toEqual({
      verdict: 'refused',
      code: 'document_encrypted',
      reason: 'The document is protected by a password, so its content cannot be read.',
      retry: 'never',
      missing: null,
      detectedType: 'application/pdf',
    });
    expect(files).toEqual([]);
  });

  test('is recognised behind lines of a printer, whatever the source calls it', async () => {
    const bytes = Buffer.concat([Buffer.from('@PJL\0\x01\n', 'latin1'), await pdfOf([LETTER])]);
    const { result } = await processBytes(content, bytes, { fileName: 'letter.docx', declaredType: WORD });
    expect(result).toMatchObject({ verdict: 'processed', detectedType: 'application/pdf' });
  });
});

describe('what is turned into PDF', () => {
  const png = pictureOf('Zoe Sample');
  const image = async (format: 'jpeg' | 'webp' | 'gif'): Promise<Buffer> =>
    sharp(await png)
      .toFormat(format)
      .toBuffer();

  test.each<[string, () => Promise<Buffer | string> | Buffer | string, string, string]>([
    [
      'Word',
      () =>
        docxOf(
          [LETTER],
          [
            ['Drug', 'Dose'],
            ['Aspirin', '½ tablet'],
          ],
        ),
      WORD,
      `${LETTER}\n\nDrug Dose\nAspirin ½ tablet`,
    ],
    ['HTML', () => HTML, 'text/html', 'Knee\n\nZoe Sample'],
    ['text', () => 'Zoë Sample\n\nκόσμος Łódź', 'text/plain', 'Zoë Sample\n\nκόσμος Łódź'],
    ['text in Latin-1', () => Buffer.from('Zo\xeb Sample\x85', 'latin1'), 'text/plain', 'Zoë Sample…'],
    ['text in UTF-16', () => Buffer.from('\ufeffZoë Sample', 'utf16le'), 'text/plain', 'Zoë Sample'],
    [
      'mail',
      () => mail('<p>Dear Zoe</p>'),
      'message/rfc822',
      'Your knee\n\nFrom: Dr Max Muster <max.muster@example.org>\nTo: Zöe Sample <zoe@example.org>\nDate: Tue, 5 Mar 2024 08:10:00 +1100\nAttachments: scan.pdf\n\nDear Zoe',
    ],
    [
      "Outlook's message",
      () => msgOf({ subject: 'Your knee', from: 'Dr Max Muster', body: 'Dear Zoë' }),
      'application/vnd.ms-outlook',
      'Your knee\n\nFrom: Dr Max Muster\nAttachments: scan.pdf\n\nDear Zoë',
    ],
    ['JPEG', () => image('jpeg'), 'image/jpeg', ''],
    ['PNG', () => png, 'image/png', ''],
    ['GIF', () => image('gif'), 'image/gif', ''],
    ['WebP', () => image('webp'), 'image/webp', ''],
    ['BMP', () => bmpOf(30, 20), 'image/bmp', ''],
    ['HEIC', () => heic(), 'image/heic', ''],
  ])('%s', async (_, make, type, text) => {
    const { result, pages, files } = await processBytes(content, await make(), {
      thumbnail: true,
      look: (seen) => {
        if (seen.verdict !== 'processed' || seen.pdf === null) return;
        const bytes = readFileSync(seen.pdf.path);
        expect(bytes.toString('latin1')).toMatch(/^%PDF-/);
        expect(seen.pdf.bytes).toBe(bytes.length);
        expect(seen.pdf.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      },
    });
    expect(result).toMatchObject({ verdict: 'processed', detectedType: type, pageCount: 1 });
    expect(pages).toEqual([{ number: 1, text, source: text === '' ? 'none' : 'text' }]);
    expect(files).toEqual(['pages.jsonl', 'rendition.pdf', 'thumbnail.png']);
  });

  test('Word, with the headers and footers that it shows, footnotes and text boxes', async () => {
    const bytes = docxWithMargins('Dear colleague,', {
      header: 'Riverside Clinic &amp; Partners',
      first: 'A header of a first page that is like the others',
      even: 'A header of even pages that are like the others',
      footer: 'ABN 00 000 000 000',
      note: 'Seen again in May.',
      box: 'Copy',
      removed: 'A former name',
    });
    const { result, pages } = await processBytes(content, bytes, { fileName: 'letter.docx' });
    expect(result).toMatchObject({ verdict: 'processed', detectedType: WORD, warnings: [] });
    expect(pages).toHaveLength(1);
    const { text } = pages[0]!;
    expect(text).toMatch(/^Riverside Clinic & Partners\n\nDear colleague,/);
    expect(text).toMatch(/ABN 00 000 000 000\s+1$/);
    for (const part of ['Seen again in May.', 'Copy']) expect(text).toContain(part);
    expect(text).not.toMatch(/that (is|are) like the others|former|PAGE/);
  });

  test.each<[string, () => Promise<Buffer> | Buffer]>([
    ['TIFF', () => tiffOf(3)],
    ['BMP', () => bmpOf(300, 200)],
  ])('%s of which a part is missing is refused: half of it must not pass for the whole', async (_, make) => {
    const bytes = await make();
    for (const part of [0.3, 0.5, 0.7]) {
      const { result } = await processBytes(content, bytes.subarray(0, Math.floor(bytes.length * part)));
      expect(result).toMatchObject({ verdict: 'refused', code: 'document_corrupt' });
    }
  });

  test('TIFF, with all its pages', async () => {
    const { result } = await processBytes(content, await tiffOf(3));
    expect(result).toMatchObject({ verdict: 'processed', detectedType: 'image/tiff', pageCount: 3 });
  });

  test('and the rendition says the same as the pages', async () => {
    const text = `${'Zoë Sample. '.repeat(500)}\n\nκόσμος`;
    let rendition = Buffer.alloc(0);
    const first = await processBytes(content, text, {
      look: (seen) => {
        if (seen.verdict === 'processed') rendition = readFileSync(seen.pdf?.path ?? '');
      },
    });
    const second = await processBytes(content, rendition);
    const words = (pages: typeof first.pages): string =>
      pages
        .map((page) => page.text)
        .join(' ')
        .replace(/\s+/g, ' ');
    expect(first.pages.length).toBeGreaterThan(1);
    expect(words(second.pages)).toBe(words(first.pages));
  });

  test.each([
    ['Australia/Sydney', '2026-02-01'],
    ['UTC', null],
  ])('a letter of today, where it is today: %s', async (timeZone, date) => {
    const { result } = await processBytes(content, 'Date: 1 February 2026\nDear Zoe', { timeZone });
    expect(result).toMatchObject({ verdict: 'processed', documentDate: date && { date, from: 'label' } });
  });

  test.each([
    ['says where, of that place', 'Tue, 5 Mar 2024 08:10:00 +1100', 'America/New_York', '2024-03-05'],
    ['does not say where, of the practice', null, 'Australia/Sydney', '2024-03-05'],
    ['does not say where, of the practice', null, 'America/New_York', '2024-03-04'],
    ['says what is no date, of the practice', 'sometime in March', 'Australia/Sydney', '2024-03-05'],
  ])('a message of Outlook that %s', async (_, date, timeZone, day) => {
    const headers =
      date === null ? null : `Received: by mail.example;\r\n Mon, 4 Mar 2024 21:10:09 +0000\r\nDate: ${date}\r\n`;
    const message = { subject: 'Knee', from: 'Zoe Sample', body: 'Dear Zoe', sentAt: '2024-03-04T21:10:00Z', headers };
    const { result } = await processBytes(content, msgOf(message), { timeZone });
    expect(result).toMatchObject({ documentDate: { date: day, from: 'mail_header' } });
  });

  test('a mail with its date and the warning about its attachments', async () => {
    const { result } = await processBytes(content, mail('<p>Dear Zoe</p>'));
    expect(result).toMatchObject({
      documentDate: { date: '2024-03-05', from: 'mail_header' },
      warnings: ['attachments_named_only'],
    });
  });

  test('letters that the font lacks: they stay in the text', async () => {
    const { result, pages } = await processBytes(content, '患者 Zoe Sample');
    expect(result).toMatchObject({ verdict: 'processed', warnings: ['glyphs_missing'] });
    expect(pages[0]!.text).toBe('患者 Zoe Sample');
  });
});

describe('tables', () => {
  test('of a workbook, sheet by sheet', async () => {
    const sheets = {
      Visits: [
        ['Name', 'Visits'],
        ['Zoe Sample', 3],
      ],
      Empty: [],
      Wide: [['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']],
    };
    const { result, pages } = await processBytes(content, xlsxOf(sheets));
    expect(result).toMatchObject({ verdict: 'processed', detectedType: WORKBOOK, warnings: [] });
    expect(pages.map((page) => page.text)).toEqual([
      'Visits\n\nName Visits\nZoe Sample 3\n\nWide\n\na b c d e f g h\ni',
    ]);
  });

  test('of a CSV file, with whatever divides its cells', async () => {
    const { result, pages } = await processBytes(content, 'name;age\r\n"Sample; Zoe";54\r\nMuster;7\r\n');
    expect(result).toMatchObject({ verdict: 'processed', detectedType: 'text/csv' });
    expect(pages[0]!.text).toBe('name age\nSample; Zoe 54\nMuster 7');
  });

  test('longer than anybody reads: the text has all rows, the PDF the first, and says so', async () => {
    const sheets = {
      Squares: Array.from({ length: 5000 }, (_, n) => [`row ${n}`, n * n]),
      Last: [['Zoe Sample']],
    };
    const { result, pages } = await processBytes(content, xlsxOf(sheets));
    expect(result).toMatchObject({ verdict: 'processed', warnings: ['rows_not_shown'] });
    const lines = pages.flatMap(({ text }) => text.split('\n').filter((line) => line.startsWith('row ')));
    expect(lines).toEqual(Array.from({ length: 5000 }, (_, n) => `row ${n} ${n * n}`));
    const broken = pages.find(({ text }) => text.includes('3000 more rows'))!;
    expect(broken.text).toContain('row 4999 24990001');
    expect(pages.at(-1)!.text).toContain('Zoe Sample');
    expect(pages.length).toBeLessThan(60);
  });

  test('larger than a text may be: what is left out is told', async () => {
    const csv = `name,square\n${Array.from({ length: 5000 }, (_, n) => `row ${n},${n}`).join('\n')}`;
    const { result, pages } = await processBytes(content, csv, { limits: { textBytes: 40_000 } });
    expect(result).toMatchObject({ verdict: 'processed', warnings: ['rows_not_shown', 'table_truncated'] });
    expect(pages.at(-1)!.text).not.toContain('row 4999');
  });

  test('longer than the text of one page may be: the first rows of it are there, and the next sheet', async () => {
    const sheets = {
      Long: Array.from({ length: 5000 }, (_, n) => [`row ${n}`, n < 2000 ? '' : 'x'.repeat(1000)]),
      Last: [['Zoe Sample']],
    };
    const { result, pages } = await processBytes(content, xlsxOf(sheets));
    expect(result).toMatchObject({ verdict: 'processed', warnings: ['rows_not_shown', 'table_truncated'] });
    const lengths = pages.map(({ text }) => Buffer.byteLength(text));
    expect(Math.max(...lengths)).toBeLessThan(2.1 * 1024 * 1024);
    expect(Math.max(...lengths)).toBeGreaterThan(1.9 * 1024 * 1024);
    // The text is long.
    expect(pages.at(-1)!.text.includes('Zoe Sample')).toBe(true);
  });
});

describe('what is refused', () => {
  test.each<[string, () => Promise<Buffer | string> | Buffer | string, string, string, string | null]>([
    ['nothing', () => '', 'document_empty', 'never', null],
    ['blank text', () => ' \n\n ', 'document_empty', 'never', 'text/plain'],
    ['a document without a word', () => docxOf([]), 'document_empty', 'never', WORD],
    ['an unknown type', () => Buffer.from([1, 2, 3, 4]), 'document_type_unsupported', 'never', null],
    ['a program', () => '#!/bin/sh\nrm -rf /\n', 'document_type_unsupported', 'never', 'text/x-shellscript'],
    [
      'a Word document of 1997',
      () => sampleDoc(),
      'document_converter_missing',
      'when_installed',
      'application/msword',
    ],
    ['RTF', () => '{\\rtf1 Zoe}', 'document_converter_missing', 'when_installed', 'application/rtf'],
    [
      'OpenDocument',
      () => sampleOdt(),
      'document_converter_missing',
      'when_installed',
      'application/vnd.oasis.opendocument.text',
    ],
    [
      'Office with a password',
      () => sampleCompoundFile([{ name: 'EncryptedPackage' }]),
      'document_encrypted',
      'never',
      'application/encrypted',
    ],
    [
      'half an image',
      async () => (await pictureOf('Zoe Sample')).subarray(0, 3000),
      'document_corrupt',
      'never',
      'image/png',
    ],
  ])('%s', async (_, make, code, retry, detectedType) => {
    const { result, files } = await processBytes(content, await make());
    expect(result).toMatchObject({ verdict: 'refused', code, retry, detectedType });
    expect(files).toEqual([]);
  });
});
