/** A small picture of the first page. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PDFDocumentProxy } from 'pdfjs-dist';
import sharp from 'sharp';
import type { ProcessedDocument } from '../ports/document-content.ts';
import type { Job } from './job.ts';
import { DRAWING_LIMITS } from './limits.ts';
import { drawFirstPage } from './pdf/draw-page.ts';
import { type RenderedPage, renderPage } from './pdf/render-page.ts';
import { THUMBNAIL_FILE } from './result-files.ts';

const OPTIONS = { maxWidth: 320, maxHeight: 452, processorMs: DRAWING_LIMITS.stopMs };

/**
 * @param bytes of the PDF
 * @param document the same, opened
 * @returns null when the page cannot be drawn, or not in time
 */
export async function drawThumbnail(
  bytes: Uint8Array,
  document: PDFDocumentProxy,
  job: Job,
): Promise<ProcessedDocument['thumbnail']> {
  const picture = await pictureOf(bytes, document).catch(() => null);
  if (picture === null) return null;
  const { png, width, height } = picture;
  const path = join(job.folder, THUMBNAIL_FILE);
  await writeFile(path, png);
  return { path, width, height };
}

async function pictureOf(bytes: Uint8Array, document: PDFDocumentProxy): Promise<RenderedPage | null> {
  try {
    const drawn = await drawFirstPage(bytes, OPTIONS);
    if (drawn === null) return null;
    const { pixels, width, height } = drawn;
    sharp.cache(false);
    sharp.concurrency(1);
    const image = sharp(pixels, { raw: { width, height, channels: 4 } }).removeAlpha();
    return { png: await image.png().toBuffer(), width, height };
  } catch {
    // What is too damaged for PDFium is not always too damaged for pdf.js.
    return renderPage(document, await document.getPage(1), { scale: 1, ...OPTIONS });
  }
}
