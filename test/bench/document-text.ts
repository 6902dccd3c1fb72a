/**
 * Documents per second: `node test/bench/document-text.ts folder-of-pdfs`. Without OCR, with two workers; the first round
 * warms them up.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DOCUMENT_LIMITS } from '../../src/documents/limits.ts';
import { createDocumentProcessor } from '../../src/documents/processor.ts';

const WORKERS = 2;
const [source] = process.argv.slice(2);
if (source === undefined) throw new Error('Give a folder with PDFs.');
const paths = readdirSync(source)
  .filter((name) => name.endsWith('.pdf'))
  .map((name) => join(source, name));
const content = createDocumentProcessor({ workers: WORKERS, searchPath: '' });

async function round(thumbnail: boolean): Promise<number> {
  const queue = [...paths];
  const started = performance.now();
  const work = async (): Promise<void> => {
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const folder = mkdtempSync(join(tmpdir(), 'chartsync-bench-'));
      const options = {
        folder,
        limits: DOCUMENT_LIMITS,
        ocr: 'off',
        thumbnail,
        signal: new AbortController().signal,
      } as const;
      await content.process({ path, fileName: null, declaredType: null }, options);
      rmSync(folder, { recursive: true });
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return paths.length / ((performance.now() - started) / 1000);
}

console.log(`first round:     ${(await round(false)).toFixed(1)} documents/s`);
console.log(`text:            ${(await round(false)).toFixed(1)} documents/s`);
console.log(`with thumbnails: ${(await round(true)).toFixed(1)} documents/s`);
console.log(`memory of this process: ${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MiB`);
await content.close();
