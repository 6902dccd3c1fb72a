/** Documents that are made to break their reader: each ends with a verdict, and nothing of it reaches this process. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processBytes, publicPdfs } from '../../test/support/document-processing.ts';
import { docxOf, LETTER, pdfOf } from '../../test/support/document-samples.ts';
import {
  hugePng,
  manyPages,
  PDF_TRAPS,
  slowObject,
  slowPage,
  zipBombDocx,
} from '../../test/support/hostile-documents.ts';
import { randomNumbers } from '../../test/support/random-numbers.ts';
import { createDocumentProcessor } from './processor.ts';

const MEBIBYTE = 1024 * 1024;
const content = createDocumentProcessor({ workers: 2, searchPath: '' });
afterAll(() => content.close());

/** Memory of this process, with what the tests themselves need for making the documents given back. */
function ownMemory(): number {
  global.gc?.();
  return process.memoryUsage.rss();
}

test.each(Object.entries(PDF_TRAPS))('%s', async (_, bytes) => {
  const before = ownMemory();
  const { result } = await processBytes(content, bytes, {
    thumbnail: true,
    limits: { processorMs: 8_000, memoryBytes: 512 * MEBIBYTE },
  });
  expect(['processed', 'refused']).toContain(result.verdict);
  expect(ownMemory() - before).toBeLessThan(64 * MEBIBYTE);
});

test('a Word document that inflates beyond the limit is too large', async () => {
  const bomb = zipBombDocx(200 * MEBIBYTE);
  expect(bomb.length).toBeLessThan(MEBIBYTE);
  const { result } = await processBytes(content, bomb, { limits: { memoryBytes: 512 * MEBIBYTE } });
  expect(result).toMatchObject({
    code: 'document_too_large',
    reason: expect.stringContaining('128 MiB'),
    retry: 'never',
  });
});

test('a Word document that lies about its size is damaged', async () => {
  const { result } = await processBytes(content, zipBombDocx(200 * MEBIBYTE, { declared: 1_000 }));
  expect(result).toMatchObject({ code: 'document_corrupt' });
});

test('a PDF of 10,000 pages is read, or refused where fewer are allowed', { timeout: 300_000 }, async () => {
  const bytes = manyPages(10_000, 100);
  const before = ownMemory();
  const { result, pages } = await processBytes(content, bytes, { limits: { pages: 10_000 }, thumbnail: true });
  expect(result).toMatchObject({ verdict: 'processed', pageCount: 10_000, thumbnail: { width: 200, height: 200 } });
  expect(pages).toHaveLength(10_000);
  expect(pages.at(-1)).toEqual({ number: 10_000, text: 'Zoe Sample', source: 'text' });
  const refused = await processBytes(content, bytes);
  expect(refused.result).toMatchObject({ code: 'document_too_large', retry: 'never' });
  expect(ownMemory() - before).toBeLessThan(64 * MEBIBYTE);
});

test('a PDF that takes too long is given up, and may be tried once more', async () => {
  const { result, files } = await processBytes(content, manyPages(20_000, 20_000), {
    limits: { pages: 20_000, processorMs: 2_000 },
  });
  const reason = expect.stringContaining('2 s of processor time');
  expect(result).toMatchObject({ code: 'document_timeout', retry: 'once', reason });
  expect(files).toEqual([]);
});

test.each([
  ['of 200,000 objects', slowPage('Zoe Sample')],
  ['of one object, which cannot be stopped,', slowObject('Zoe Sample')],
])('a page %s takes minutes to draw: it is read and has no picture', async (_, bytes) => {
  const { result, pages, files } = await processBytes(content, bytes, { thumbnail: true });
  expect(result).toMatchObject({ verdict: 'processed', thumbnail: null, warnings: ['thumbnail_failed'] });
  expect(pages).toEqual([{ number: 1, text: 'Zoe Sample', source: 'text' }]);
  expect(files).toEqual(['pages.jsonl']);
});

const huge = hugePng(30_000, 30_000);

test('an image of 30,000 × 30,000 pixels is refused before it is decoded', { timeout: 60_000 }, async () => {
  const bytes = await huge;
  const started = performance.now();
  const { result } = await processBytes(content, bytes);
  expect(result).toMatchObject({ code: 'document_too_large', reason: expect.stringContaining('30000 × 30000') });
  expect(performance.now() - started).toBeLessThan(10_000);
});

test('the same image where it is allowed stays within the memory', { timeout: 120_000 }, async () => {
  const bytes = await huge;
  const { result } = await processBytes(content, bytes, {
    limits: { pixels: 1_000_000_000, memoryBytes: 512 * MEBIBYTE },
  });
  expect(['processed', 'document_memory']).toContain(result.verdict === 'processed' ? 'processed' : result.code);
});

test('an original above the limit is not read', async () => {
  const { result } = await processBytes(content, await pdfOf([LETTER]), { limits: { inputBytes: 100 } });
  expect(result).toMatchObject({ code: 'document_too_large', detectedType: null, retry: 'never' });
});

test('a text above the limit ends there, between two characters', async () => {
  const { result, pages } = await processBytes(content, 'é'.repeat(2_000), { limits: { textBytes: 999 } });
  expect(result).toMatchObject({ verdict: 'processed', warnings: ['text_truncated'], pages: { textBytes: 998 } });
  expect(pages[0]!.text.replace(/\n/g, '')).toMatch(/^é+$/);
});

test('a text of more pages than allowed is too large', async () => {
  const { result } = await processBytes(content, 'line\n'.repeat(5_000), { limits: { pages: 10 } });
  expect(result).toMatchObject({ code: 'document_too_large', reason: expect.stringContaining('10 pages') });
});

test.each(['PDF', 'Word document'])('a %s that was cut off has a verdict, wherever it was cut', async (kind) => {
  const whole = kind === 'PDF' ? await pdfOf([LETTER, LETTER]) : docxOf([LETTER]);
  for (let percent = 10; percent < 100; percent += 10) {
    const { result } = await processBytes(content, whole.subarray(0, (whole.length * percent) / 100));
    if (result.verdict === 'refused') expect(result).toMatchObject({ code: 'document_corrupt', retry: 'never' });
  }
});

test('public PDFs that were cut off have a verdict, wherever they were cut', { timeout: 300_000 }, async () => {
  const samples = publicPdfs().slice(0, 15);
  const before = ownMemory();
  for (const path of samples) {
    const whole = readFileSync(path);
    for (let percent = 10; percent < 100; percent += 10) {
      const { result } = await processBytes(content, whole.subarray(0, (whole.length * percent) / 100));
      expect(['processed', 'refused']).toContain(result.verdict);
    }
  }
  expect(ownMemory() - before).toBeLessThan(64 * MEBIBYTE);
});

/** Files with some bytes changed; `npm run broken-documents` has many more. */
const MUTANTS = 150;
const SEED = 20_240_305;
let originals: Buffer[] = [];
beforeAll(async () => {
  const publics = publicPdfs().map((path) => readFileSync(path));
  originals = [await pdfOf([LETTER, LETTER]), ...publics.filter((bytes) => bytes.length < 60_000).slice(0, 12)];
});

test(`${MUTANTS} PDFs with wrong bytes have a verdict within their limits`, { timeout: 600_000 }, async () => {
  const random = randomNumbers(SEED);
  const verdicts: Record<string, number> = {};
  const before = ownMemory();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < MUTANTS) {
      const bytes = mutated(originals[next++ % originals.length]!, random);
      const { result } = await processBytes(content, bytes, { limits: { processorMs: 10_000 } });
      const key = result.verdict === 'processed' ? 'processed' : result.code;
      verdicts[key] = (verdicts[key] ?? 0) + 1;
    }
  };
  await Promise.all([work(), work()]);
  expect(Object.values(verdicts).reduce((sum, count) => sum + count, 0)).toBe(MUTANTS);
  expect(Object.keys(verdicts)).not.toContain('document_reader_crashed');
  expect(ownMemory() - before).toBeLessThan(64 * MEBIBYTE);
});

function mutated(original: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(original);
  const flips = 1 + (random() % 40);
  for (let flip = 0; flip < flips; flip++) bytes[random() % bytes.length] = random() % 256;
  return bytes;
}
