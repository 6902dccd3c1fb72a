/** What a worker does with the documents of a group: one PDF of all of them, in their order. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PDFDict, PDFDocument, PDFPageLeaf, PDFPageTree, StandardFonts } from 'pdf-lib';
import type { PDFDocumentProxy } from 'pdfjs-dist';
import type { MergedPdf } from '../ports/document-content.ts';
import type { MergeJob, Refused } from './job.ts';
import { openPdf } from './pdf/open.ts';
import { renderPage } from './pdf/render-page.ts';
import { Refusal } from './refusal.ts';
import { MERGED_FILE } from './result-files.ts';

/** For pages that can be drawn but not copied. */
const RESOLUTION = 150;
const POINTS_PER_INCH = 72;
const A4: [number, number] = [595, 842];

/** @throws what the file system throws; never because of the content */
export async function mergePdfs(job: MergeJob): Promise<MergedPdf | Refused> {
  try {
    // Without the date of today: the same documents come to the same bytes, however often this is done.
    const merged = await PDFDocument.create({ updateMetadata: false });
    const firstPages: (number | null)[] = [];
    for (const path of job.files) {
      const before = merged.getPageCount();
      const added = await append(merged, await readFile(path), job);
      firstPages.push(added > 0 ? before + 1 : null);
      if (merged.getPageCount() > job.limits.pages) {
        throw new Refusal('document_too_large', `Together they have more than ${job.limits.pages} pages.`);
      }
    }
    if (merged.getPageCount() === 0) throw new Refusal('document_empty');
    const bytes = await merged.save({ updateFieldAppearances: false });
    const path = join(job.folder, MERGED_FILE);
    await writeFile(path, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return {
      verdict: 'merged',
      pdf: { path, bytes: bytes.byteLength, sha256 },
      pageCount: merged.getPageCount(),
      firstPages,
    };
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
    const refusal = error instanceof Refusal ? error : new Refusal(memoryOr(error));
    const { code, detail, retry, missing } = refusal;
    return { verdict: 'refused', code, detail, retry, missing, detectedType: null };
  }
}

function memoryOr(error: unknown) {
  return error instanceof RangeError ? 'document_memory' : 'document_corrupt';
}

/** @returns how many pages; 0 when it can neither be copied nor drawn */
async function append(merged: PDFDocument, bytes: Buffer, job: MergeJob): Promise<number> {
  const before = merged.getPageCount();
  let source: PDFDocument | null = null;
  try {
    source = await PDFDocument.load(bytes, { updateMetadata: false });
    const places = placesOf(source);
    if (places.length > job.limits.pages) throw new Refusal('document_too_large');
    const pages = await merged.copyPages(source, source.getPageIndices());
    if (pages.length === 0) throw new Error('No page is there.');
    for (const [i, place] of places.entries()) {
      if (place === null) await tellOfPage(merged, i + 1, places.length);
      else merged.addPage(pages[place]!);
    }
    return places.length;
  } catch (error) {
    if (error instanceof Refusal || error instanceof RangeError) throw error;
    for (let n = merged.getPageCount(); n > before; n--) merged.removePage(n - 1);
    return await draw(merged, bytes, job);
  }
}

/**
 * Where the document says that it has pages; how many it says it has is not believed.
 * @returns for each the index of the page, or null where none is: pdf-lib passes over it, and pdf.js over all that follow
 * @throws Error when there is something that only pdf.js may be able to read
 */
function placesOf(source: PDFDocument): (number | null)[] {
  const places: (number | null)[] = [];
  let pages = 0;
  source.catalog.Pages().traverse((node: unknown) => {
    if (node instanceof PDFPageTree) return;
    if (node instanceof PDFPageLeaf) places.push(pages++);
    else if (node instanceof PDFDict) throw new Error('A page does not say that it is one.');
    else places.push(null);
  });
  return places;
}

/** Damaged ones, and those with only an owner's password, which pdf.js reads: as pictures. */
async function draw(merged: PDFDocument, bytes: Buffer, job: MergeJob): Promise<number> {
  try {
    await using pdf = await openPdf(new Uint8Array(bytes), job.limits.pixels);
    if (pdf.document.numPages > job.limits.pages) throw new Refusal('document_too_large');
    let drawn = 0;
    const before = merged.getPageCount();
    const side = Math.min(4000, Math.floor(Math.sqrt(job.limits.pixels)));
    for (let number = 1; number <= pdf.document.numPages; number++) {
      if (await drawPage(merged, pdf.document, number, side, job)) drawn++;
      else await tellOfPage(merged, number, pdf.document.numPages);
    }
    if (drawn > 0) return merged.getPageCount() - before;
    for (let n = merged.getPageCount(); n > before; n--) merged.removePage(n - 1);
    return 0;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'document_too_large') throw error;
    if (error instanceof RangeError) throw error;
    return 0;
  }
}

async function drawPage(
  merged: PDFDocument,
  document: PDFDocumentProxy,
  number: number,
  side: number,
  job: MergeJob,
): Promise<boolean> {
  try {
    const page = await document.getPage(number);
    const { width, height } = page.getViewport({ scale: 1 });
    const { png } = await renderPage(document, page, {
      scale: RESOLUTION / POINTS_PER_INCH,
      maxWidth: side,
      maxHeight: side,
      processorMs: job.limits.processorMs,
    });
    const image = await merged.embedPng(png);
    merged.addPage([width, height]).drawImage(image, { x: 0, y: 0, width, height });
    page.cleanup();
    return true;
  } catch {
    // One damaged page of many is no reason to give up the others.
    return false;
  }
}

/** In the place of a page that cannot be drawn: nobody shall believe that there was none. */
async function tellOfPage(merged: PDFDocument, number: number, of: number): Promise<void> {
  const font = await merged.embedFont(StandardFonts.Helvetica);
  const text = `Page ${number} of ${of} of this document cannot be shown. Please open the document itself.`;
  merged.addPage(A4).drawText(text, { x: 56, y: 700, size: 11, font });
}
