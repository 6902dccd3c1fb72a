/** A small picture of the first page. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PDFDocumentProxy } from 'pdfjs-dist';
import type { ProcessedDocument } from '../ports/document-content.ts';
import type { Job } from './job.ts';
import { type RenderedPage, renderPage } from './pdf/render-page.ts';
import { THUMBNAIL_FILE } from './result-files.ts';

const SIZE = { scale: 1, maxWidth: 320, maxHeight: 452 };

/** A thumbnail that takes longer, or longer than this part of the time limit, is done without. */
const TIME_MS = 10_000;
const TIME_SHARE = 0.25;

/** @returns null when the page cannot be drawn, or not in time */
export async function drawThumbnail(document: PDFDocumentProxy, job: Job): Promise<ProcessedDocument['thumbnail']> {
  let picture: RenderedPage;
  try {
    const page = await document.getPage(1);
    picture = await renderPage(document, page, { ...SIZE, timeMs: Math.min(TIME_MS, job.limits.timeMs * TIME_SHARE) });
  } catch {
    return null;
  }
  const { png, width, height } = picture;
  const path = join(job.folder, THUMBNAIL_FILE);
  await writeFile(path, png);
  return { path, width, height };
}
