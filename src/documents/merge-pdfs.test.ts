import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PDFDocument } from 'pdf-lib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encryptedPdf, pdfOf } from '../../test/support/document-samples.ts';
import { rawPdf } from '../../test/support/hostile-documents.ts';
import type { DocumentLimits } from '../ports/document-content.ts';
import { DOCUMENT_LIMITS } from './limits.ts';
import { openPdf } from './pdf/open.ts';
import { createDocumentProcessor } from './processor.ts';

const content = createDocumentProcessor({ workers: 1, searchPath: '' });
let folder: string;
let written = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chartsync-merge-'));
});
afterAll(async () => {
  await content.close();
  await rm(folder, { recursive: true, force: true });
});

async function fileOf(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `part-${++written}.pdf`);
  await writeFile(path, bytes);
  return path;
}

const merge = (files: readonly string[], limits: Partial<DocumentLimits> = {}, signal = new AbortController().signal) =>
  content.merge(files, { folder, limits: { ...DOCUMENT_LIMITS, ...limits }, signal });

/** The tree of pages names one that is not there, the second of three: pdf-lib says nothing of it. */
const halfThere = rawPdf([
  '<< /Type /Catalog /Pages 2 0 R >>',
  '<< /Type /Pages /Kids [3 0 R 4 0 R 6 0 R] /Count 3 >>',
  '<< /Type /Pages /Parent 2 0 R /Kids [5 0 R] /Count 1 >>',
  '<< /Type /Pages /Parent 2 0 R /Kids [9 0 R] /Count 1 >>',
  '<< /Type /Page /Parent 3 0 R /MediaBox [0 0 200 100] >>',
  '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>',
]);

test('PDFs become one, in their order, and the same ones the same bytes', async () => {
  const files = [await fileOf(await pdfOf(['One', 'Two'])), await fileOf(await pdfOf(['Three']))];
  const first = await merge([...files, files[0]!]);
  expect(first).toMatchObject({ verdict: 'merged', pageCount: 5, firstPages: [1, 3, 4] });
  if (first.verdict !== 'merged') throw new Error('refused');
  const bytes = await readFile(first.pdf.path);
  expect(bytes.length).toBe(first.pdf.bytes);
  expect((await PDFDocument.load(bytes)).getPageCount()).toBe(5);
  expect(await merge([...files, files[0]!])).toEqual(first);
});

test('what cannot be copied is drawn, a page that cannot be drawn is told of, and a document of which nothing can be is left out', async () => {
  const good = await fileOf(await pdfOf(['One']));
  const files = [await fileOf(halfThere), await fileOf(await encryptedPdf()), await fileOf(Buffer.from('x')), good];
  const merged = await merge(files);
  expect(merged).toMatchObject({ verdict: 'merged', pageCount: 4, firstPages: [1, null, null, 4] });
  if (merged.verdict !== 'merged') throw new Error('refused');
  const bytes = await readFile(merged.pdf.path);
  const [drawn] = (await PDFDocument.load(bytes)).getPages();
  expect(drawn!.getSize()).toEqual({ width: 200, height: 100 });
  await using pdf = await openPdf(new Uint8Array(bytes), DOCUMENT_LIMITS.pixels);
  const { items } = await (await pdf.document.getPage(2)).getTextContent();
  const text = items.map((item) => ('str' in item ? item.str : '')).join('');
  expect(text).toContain('Page 2 of 3 of this document cannot be shown.');
});

test('a hole in a flat tree of pages, and a count that is wrong, cost no other page', async () => {
  const page = (name: string) => `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${name} 100] >>`;
  const flat = (kids: string, count: number) =>
    rawPdf([
      '<< /Type /Catalog /Pages 2 0 R >>',
      `<< /Type /Pages /Kids [${kids}] /Count ${count} >>`,
      page('201'),
      page('202'),
      page('203'),
    ]);
  const widths = async (bytes: Uint8Array) => {
    const merged = await merge([await fileOf(bytes)]);
    if (merged.verdict !== 'merged') throw new Error('refused');
    const pages = (await PDFDocument.load(await readFile(merged.pdf.path))).getPages();
    return pages.map((each) => each.getWidth());
  };
  const told = 595;
  expect(await widths(flat('3 0 R 9 0 R 4 0 R 5 0 R', 4))).toEqual([201, told, 202, 203]);
  expect(await widths(flat('3 0 R 4 0 R 5 0 R 9 0 R', 4))).toEqual([201, 202, 203, told]);
  expect(await widths(flat('3 0 R 4 0 R 5 0 R', 1))).toEqual([201, 202, 203]);
  expect(await widths(flat('3 0 R 4 0 R 5 0 R', 7))).toEqual([201, 202, 203]);
});

test('limits hold for all of them together, and a refusal leaves no file', async () => {
  const two = await fileOf(await pdfOf(['One', 'Two']));
  expect(await merge([two, two], { pages: 3 })).toMatchObject({ verdict: 'refused', code: 'document_too_large' });
  expect(await merge([await fileOf(Buffer.from('x'))])).toMatchObject({ verdict: 'refused', code: 'document_empty' });
  expect(await merge([two], { timeMs: 1 })).toMatchObject({ verdict: 'refused', code: 'document_timeout' });
  expect((await readdir(folder)).filter((name) => !name.startsWith('part-'))).toEqual([]);
  await expect(merge([two], {}, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
  await expect(merge([join(folder, 'absent.pdf')])).rejects.toMatchObject({ code: 'file_unreadable' });
});
