/** Documents that need a program of the machine. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processBytes } from '../../test/support/document-processing.ts';
import { pdfOf, pictureOf } from '../../test/support/document-samples.ts';
import { until } from '../../test/support/until.ts';
import type { DocumentContent } from '../ports/document-content.ts';
import { createDocumentProcessor } from './processor.ts';

const RTF = '{\\rtf1\\ansi Zoe Sample}';

let folder: string;
let content: DocumentContent;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chartsync-programs-'));
});

afterEach(async () => {
  await content.close();
  rmSync(folder, { recursive: true });
});

/** Puts a program of this name in the way of the real one. Its last argument is the document. */
function install(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\nPATH=/bin:/usr/bin\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** Finds `output` behind `--outdir`, as LibreOffice does. */
const OUTPUT = 'while [ "$1" != --outdir ]; do shift; done; output="$2"';

const HUNGRY = `exec ${process.execPath} -e "globalThis.x = Buffer.alloc(600 * 1024 * 1024, 1); setInterval(() => {}, 1000)"`;

test('a converter that is installed later is found, and the document is converted', async () => {
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  expect(content.installed()).toEqual(new Set());
  const before = await processBytes(content, RTF);
  expect(before.result).toMatchObject({
    code: 'document_converter_missing',
    retry: 'when_installed',
    missing: 'libreoffice',
  });
  const pdf = join(folder, 'converted.pdf');
  writeFileSync(pdf, await pdfOf(['Zoe Sample']));
  install('soffice', `${OUTPUT}\ncp ${pdf} "$output/document.pdf"`);
  expect(content.installed()).toEqual(new Set(['libreoffice']));
  const after = await processBytes(content, RTF);
  expect(after.result).toMatchObject({ verdict: 'processed', detectedType: 'application/rtf' });
  expect(after.pages).toEqual([{ number: 1, text: 'Zoe Sample', source: 'text' }]);
});

test.each([
  ['fails', 'exit 1'],
  ['makes nothing', 'exit 0'],
  ['makes no PDF', `${OUTPUT}\necho broken > "$output/document.pdf"`],
])('a converter that %s makes the document a damaged one', async (_, script) => {
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  install('soffice', script);
  const { result, files } = await processBytes(content, RTF);
  expect(result).toMatchObject({ code: 'document_corrupt', retry: 'never' });
  expect(files).toEqual([]);
});

test('a converter that hangs is ended with everything that it started', async () => {
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  const pids = join(folder, 'pids');
  install('soffice', `sleep 600 & echo $! $$ > ${pids}\nwait`);
  const { result } = await processBytes(content, RTF, { limits: { timeMs: 3_000 } });
  expect(result).toMatchObject({ code: 'document_timeout', retry: 'once' });
  for (const pid of readFileSync(pids, 'utf8').trim().split(' ')) {
    await until(() => !isRunning(Number(pid)));
  }
});

test('a converter that waits for its turn on a crowded machine is waited for', async () => {
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  const pdf = join(folder, 'converted.pdf');
  writeFileSync(pdf, await pdfOf(['Zoe Sample']));
  install('soffice', `${OUTPUT}\nsleep 6\ncp ${pdf} "$output/document.pdf"`);
  const { result } = await processBytes(content, RTF, { limits: { processorMs: 5_000 } });
  expect(result).toMatchObject({ verdict: 'processed' });
});

test('a converter counts to the processor time of its worker', async () => {
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  install('soffice', 'while :; do :; done');
  const { result } = await processBytes(content, RTF, { limits: { processorMs: 2_000 } });
  const reason = expect.stringContaining('2 s of processor time');
  expect(result).toMatchObject({ code: 'document_timeout', retry: 'once', reason });
});

test('a converter counts to the memory of its worker', async () => {
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  install('soffice', HUNGRY);
  const limits = { memoryBytes: 512 * 1024 * 1024, timeMs: 30_000 };
  const { result } = await processBytes(content, RTF, { limits });
  expect(result).toMatchObject({ code: 'document_memory', retry: 'never' });
});

test('what others have left in a worker is not the fault of a document: it is read once more by a new one', async () => {
  const tried = join(folder, 'tried');
  const pdf = join(folder, 'converted.pdf');
  writeFileSync(pdf, await pdfOf(['Zoe Sample']));
  install(
    'soffice',
    `if [ ! -e ${tried} ]; then touch ${tried}; ${HUNGRY}; fi
     ${OUTPUT}
     cp ${pdf} "$output/document.pdf"`,
  );
  const limits = { memoryBytes: 512 * 1024 * 1024, timeMs: 30_000 };
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  expect((await processBytes(content, 'Zoe Sample', { limits })).result.verdict).toBe('processed');
  expect((await processBytes(content, RTF, { limits })).result.verdict).toBe('processed');
  await content.close();
  rmSync(tried);
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  expect((await processBytes(content, RTF, { limits })).result).toMatchObject({ code: 'document_memory' });
});

test('the programs of this machine read what they are for; without them the documents wait', async () => {
  content = createDocumentProcessor({ workers: 1, searchPath: process.env.PATH ?? '' });
  const installed = content.installed();
  const letter = await processBytes(content, RTF);
  if (installed.has('libreoffice')) expect(letter.pages[0]!.text).toBe('Zoe Sample');
  else expect(letter.result).toMatchObject({ code: 'document_converter_missing' });
  const picture = await processBytes(content, await pictureOf('Letter about Zoe Sample'), { ocr: 'auto' });
  if (installed.has('tesseract')) {
    expect(picture.pages).toEqual([{ number: 1, text: 'Letter about Zoe Sample', source: 'ocr' }]);
  } else expect(picture.result).toMatchObject({ warnings: ['no_text', 'ocr_missing'] });
});

test('a page that Tesseract fails on is a page without text', async () => {
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  install('tesseract', 'exit 1');
  const { result, pages } = await processBytes(content, await pdfOf(['']), { ocr: 'auto' });
  expect(result).toMatchObject({ verdict: 'processed', warnings: ['no_text', 'ocr_failed'] });
  expect(pages).toEqual([{ number: 1, text: '', source: 'none' }]);
});

test('recognition that takes too long ends in time, and keeps what was read', async () => {
  content = createDocumentProcessor({ workers: 1, searchPath: folder });
  const pages = join(folder, 'pages');
  install(
    'tesseract',
    `echo page >> ${pages}\nif [ "$(wc -l < ${pages})" = 1 ]; then echo Zoe Sample; exit; fi\nwhile :; do :; done`,
  );
  const pdf = await pdfOf(['', '', '', 'Page four']);
  const { result, pages: read } = await processBytes(content, pdf, { ocr: 'auto', limits: { processorMs: 8_000 } });
  expect(result).toMatchObject({
    verdict: 'processed',
    warnings: ['ocr_incomplete'],
    pages: { bySource: { text: 1, ocr: 1, none: 2 } },
  });
  expect(read.map(({ text }) => text)).toEqual(['Zoe Sample', '', '', 'Page four']);
  expect(readFileSync(pages, 'utf8')).toBe('page\npage\n');
});

/** A process that has ended and is not yet cleared away is not running. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
