/** From a PDF to its pages of text and what its metadata says. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist';
import type { DocumentPage, DocumentWarning, ProcessedDocument } from '../ports/document-content.ts';
import type { Job } from './job.ts';
import { jsonLine } from './json-line.ts';
import { readPicture } from './ocr.ts';
import { OCR_SHARE, type OcrTime } from './ocr-time.ts';
import { pageText } from './pdf/page-text.ts';
import { renderPage } from './pdf/render-page.ts';
import { Refusal } from './refusal.ts';
import { PAGES_FILE } from './result-files.ts';

const OCR_RESOLUTION = 200;
const POINTS_PER_INCH = 72;
/** pdf.js keeps fonts and images of all pages until it is told. It then forgets the tree of pages too, so not too often. */
const CLEAN_UP_EVERY = 50;
const CLEAN_UP_FROM_SHARE = 0.65;

export interface ReadPdf extends Pick<ProcessedDocument, 'pageCount' | 'pages'> {
  readonly firstPage: string;
  readonly creationDate: string | null;
}

interface ReadingJob extends Job {
  readonly ocrTime: OcrTime;
}

/**
 * @param known the text of each page where it is known already
 * @param warnings to add to
 * @throws Refusal
 */
export async function readPdf(
  document: PDFDocumentProxy,
  known: readonly string[] | null,
  job: ReadingJob,
  warnings: Set<DocumentWarning>,
): Promise<ReadPdf> {
  if (document.numPages === 0) throw new Refusal('document_empty');
  if (document.numPages > job.limits.pages) {
    throw new Refusal('document_too_large', `It has ${document.numPages} pages; the limit is ${job.limits.pages}.`);
  }
  if (await hasActiveContent(document)) warnings.add('active_content');
  const { firstPage, readable, hasText, ...pages } = await writePages(document, known, job, warnings);
  if (readable === 0) throw new Refusal('document_corrupt');
  if (!hasText) warnings.add('no_text');
  return {
    pageCount: document.numPages,
    pages,
    firstPage,
    creationDate: await creationDate(document),
  };
}

async function writePages(
  document: PDFDocumentProxy,
  known: readonly string[] | null,
  job: ReadingJob,
  warnings: Set<DocumentWarning>,
): Promise<ReadPdf['pages'] & { firstPage: string; readable: number; hasText: boolean }> {
  const path = join(job.folder, PAGES_FILE);
  await using file = await open(path, 'w');
  const bySource = { text: 0, ocr: 0, none: 0 };
  let left = job.limits.textBytes;
  let firstPage = '';
  let readable = 0;
  let hasText = false;
  for (let number = 1; number <= document.numPages; number++) {
    let page: DocumentPage = { number, text: '', source: 'none' };
    try {
      page = { number, ...(await contentOf(document, number, known?.[number - 1], left, job, warnings)) };
      readable++;
    } catch {
      // One damaged page of many is no reason to give up the others.
      warnings.add('page_unreadable');
    }
    const text = withinBytes(page.text, left);
    if (text !== page.text) warnings.add('text_truncated');
    left -= Buffer.byteLength(text);
    hasText ||= text.trim() !== '';
    bySource[page.source]++;
    if (number === 1) firstPage = text;
    await file.write(jsonLine({ ...page, text }));
    const crowded = process.memoryUsage.rss() > job.limits.memoryBytes * CLEAN_UP_FROM_SHARE;
    if (crowded && number % CLEAN_UP_EVERY === 0) await document.cleanup();
  }
  return { path, textBytes: job.limits.textBytes - left, bySource, firstPage, readable, hasText };
}

async function contentOf(
  document: PDFDocumentProxy,
  number: number,
  known: string | undefined,
  maxLength: number,
  job: ReadingJob,
  warnings: Set<DocumentWarning>,
): Promise<Pick<DocumentPage, 'text' | 'source'>> {
  if (known !== undefined && known !== '') return { text: known, source: 'text' };
  const page = await document.getPage(number);
  try {
    const text = known ?? (await pageText(page, maxLength + 1));
    if (text !== '') return { text, source: 'text' };
    const recognised = await ocr(document, page, job, warnings);
    return { text: recognised, source: recognised === '' ? 'none' : 'ocr' };
  } finally {
    page.cleanup();
  }
}

async function ocr(
  document: PDFDocumentProxy,
  page: PDFPageProxy,
  job: ReadingJob,
  warnings: Set<DocumentWarning>,
): Promise<string> {
  if (job.ocr === 'off') return '';
  const program = job.programs.tesseract;
  if (program === undefined) {
    warnings.add('ocr_missing');
    return '';
  }
  if (job.ocrTime.isUp()) {
    warnings.add('ocr_incomplete');
    return '';
  }
  const turn = job.ocrTime.watch();
  try {
    const side = Math.floor(Math.sqrt(job.limits.pixels));
    const { png } = await renderPage(document, page, {
      scale: OCR_RESOLUTION / POINTS_PER_INCH,
      // Tesseract needs some hundred bytes of memory per pixel; A4 at this resolution has 1,654 × 2,339.
      maxWidth: Math.min(4000, side),
      maxHeight: Math.min(4000, side),
      processorMs: job.limits.processorMs * OCR_SHARE,
    });
    const { workFolder, ocrLanguages: languages } = job;
    const options = { program, languages, workFolder, resolution: OCR_RESOLUTION, signal: turn.signal };
    return await readPicture(png, options);
  } catch {
    warnings.add(job.ocrTime.isUp() ? 'ocr_incomplete' : 'ocr_failed');
    return '';
  } finally {
    turn.stop();
  }
}

async function hasActiveContent(document: PDFDocumentProxy): Promise<boolean> {
  try {
    const opening = (await document.getOpenAction()) as ReadonlyMap<string, unknown> | null;
    return (await document.hasJSActions()) || opening?.has('action') === true;
  } catch {
    return false;
  }
}

async function creationDate(document: PDFDocumentProxy): Promise<string | null> {
  try {
    const { info } = await document.getMetadata();
    const date = (info as { readonly CreationDate?: unknown }).CreationDate;
    return typeof date === 'string' ? date : null;
  } catch {
    return null;
  }
}

/** @returns the longest beginning that fits, without half a character */
function withinBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(Math.max(0, maxBytes)));
  return text.slice(0, read);
}
