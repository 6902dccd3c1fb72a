import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { processBytes } from '../../test/support/document-processing.ts';
import { LETTER, pdfOf } from '../../test/support/document-samples.ts';
import { manyPages } from '../../test/support/hostile-documents.ts';
import { until } from '../../test/support/until.ts';
import { DOCUMENT_LIMITS } from './limits.ts';
import { createDocumentProcessor } from './processor.ts';

/** Takes minutes. */
const endless = (): Buffer => manyPages(50_000, 50_000);
const LONG = { pages: 50_000 };

/** Processes that this one started and that read documents. */
function workers(): number[] {
  return readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((pid) => pid !== '' && commandOf(pid).includes('documents/worker.ts'))
    .map(Number);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

test('one worker reads many documents until it has read enough', async () => {
  const content = createDocumentProcessor({ workers: 1, searchPath: '', documentsPerWorker: 3 });
  const seen = new Set<number>();
  for (let document = 0; document < 6; document++) {
    await processBytes(content, 'Zoe Sample', {
      look: () => {
        for (const pid of workers()) seen.add(pid);
      },
    });
    expect(workers().length).toBe(document % 3 === 2 ? 0 : 1);
  }
  await content.close();
  expect(workers()).toEqual([]);
});

test('a worker that keeps much memory is replaced', async () => {
  const content = createDocumentProcessor({ workers: 1, searchPath: '', idleMemoryBytes: 1024 });
  await processBytes(content, 'Zoe Sample');
  expect(workers()).toEqual([]);
  await content.close();
});

test('a worker that has nothing to do for a while is ended, and the next document has a new one', async () => {
  const content = createDocumentProcessor({ workers: 1, searchPath: '', idleMs: 10 });
  for (let document = 0; document < 2; document++) {
    expect((await processBytes(content, 'Zoe Sample')).result.verdict).toBe('processed');
    await until(() => workers().length === 0);
  }
  await content.close();
});

test('no more documents are in work than there are workers', async () => {
  const content = createDocumentProcessor({ workers: 2, searchPath: '' });
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, workers().length);
  }, 5);
  const results = await Promise.all(Array.from({ length: 8 }, () => processBytes(content, 'Zoe Sample')));
  clearInterval(watch);
  expect(results.map(({ result }) => result.verdict)).toEqual(Array(8).fill('processed'));
  expect(most).toBe(2);
  await content.close();
  expect(workers()).toEqual([]);
});

test('an abort ends a document in work and one that waits, and leaves nothing behind', async () => {
  const content = createDocumentProcessor({ workers: 1, searchPath: '' });
  const folder = mkdtempSync(join(tmpdir(), 'chartsync-abort-'));
  const path = join(folder, 'original');
  const results = mkdtempSync(join(folder, 'results-'));
  writeFileSync(path, endless());
  const input = { path, fileName: null, declaredType: null };
  const options = { folder: results, limits: { ...DOCUMENT_LIMITS, ...LONG }, ocr: 'off', thumbnail: false } as const;
  const [first, second] = [new AbortController(), new AbortController()];
  const working = content.process(input, { ...options, signal: first.signal });
  await until(() => workers().length === 1 && readdirSync(results).includes('pages.jsonl'));
  const waiting = content.process(input, { ...options, signal: second.signal });
  second.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  first.abort();
  await expect(working).rejects.toMatchObject({ code: 'cancelled' });
  expect(workers()).toEqual([]);
  expect(readdirSync(results)).toEqual([]);
  await expect(content.process(input, { ...options, signal: first.signal })).rejects.toMatchObject({
    code: 'cancelled',
  });
  await content.close();
  rmSync(folder, { recursive: true });
});

test('close ends what is in work', async () => {
  const content = createDocumentProcessor({ workers: 1, searchPath: '' });
  const working = processBytes(content, endless(), { limits: LONG });
  working.catch(() => undefined);
  await until(() => workers().length === 1);
  await content.close();
  await expect(working).rejects.toMatchObject({ code: 'cancelled' });
  expect(workers()).toEqual([]);
});

test('a worker that is killed from outside is a crash, and the next document has a new one', async () => {
  const content = createDocumentProcessor({ workers: 1, searchPath: '' });
  await processBytes(content, await pdfOf([LETTER]));
  const working = processBytes(content, endless(), { limits: LONG });
  const [pid] = workers();
  await until(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] === 'R');
  process.kill(pid!, 'SIGKILL');
  expect((await working).result).toMatchObject({ code: 'document_reader_crashed', retry: 'once' });
  const { result } = await processBytes(content, await pdfOf([LETTER]));
  expect(result.verdict).toBe('processed');
  await content.close();
});

test('an original or a folder that is not there is no verdict about a document', async () => {
  const content = createDocumentProcessor({ workers: 1, searchPath: '' });
  const options = {
    folder: '/nonexistent',
    limits: DOCUMENT_LIMITS,
    ocr: 'off',
    thumbnail: false,
    signal: new AbortController().signal,
  } as const;
  const input = { fileName: null, declaredType: null };
  await expect(content.process({ ...input, path: '/nonexistent' }, options)).rejects.toMatchObject({
    code: 'file_unreadable',
  });
  await expect(content.process({ ...input, path: '/' }, options)).rejects.toMatchObject({ code: 'file_unreadable' });
  const { pathname } = new URL(import.meta.url);
  await expect(content.process({ ...input, path: pathname }, options)).rejects.toMatchObject({ code: 'unexpected' });
  await content.close();
});
