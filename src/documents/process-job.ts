/** What a worker does with one document: look at its bytes, convert, read, guess its date. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DocumentWarning, ProcessedDocument } from '../ports/document-content.ts';
import type { Converted } from './convert/converter.ts';
import { converterOf } from './convert/converters.ts';
import { guessDate } from './document-date.ts';
import type { Job, Refused } from './job.ts';
import { startOcrTime } from './ocr-time.ts';
import { openPdf } from './pdf/open.ts';
import { readPdf } from './read-pdf.ts';
import { Refusal } from './refusal.ts';
import { RENDITION_FILE } from './result-files.ts';
import { sniffType } from './sniff.ts';
import { drawThumbnail } from './thumbnail.ts';
import { checkZip } from './zip-check.ts';

const PDF = 'application/pdf';

/**
 * @param onReadable told when all but the thumbnail is there
 * @throws what the file system throws; never because of the content
 */
export async function processJob(
  job: Job,
  onReadable: (result: ProcessedDocument) => void,
): Promise<ProcessedDocument | Refused> {
  const bytes = await readFile(job.input.path);
  let type: string | null = null;
  try {
    type = await sniffType(bytes);
    return await processBytes(bytes, type, job, onReadable);
  } catch (error) {
    if (isSystemFailure(error)) throw error;
    const { code, detail, retry, missing } = asRefusal(error);
    return { verdict: 'refused', code, detail, retry, missing, detectedType: type };
  }
}

async function processBytes(
  bytes: Buffer,
  type: string | null,
  job: Job,
  onReadable: (result: ProcessedDocument) => void,
): Promise<ProcessedDocument> {
  const ocrTime = startOcrTime(job.limits);
  if (bytes.length === 0) throw new Refusal('document_empty');
  if (type === null) throw new Refusal('document_type_unsupported');
  if (type === 'application/encrypted') throw new Refusal('document_encrypted');
  const converted = type === PDF ? null : await convert(bytes, type, job);
  const rendition = converted === null ? null : await writeRendition(converted.pdf, job);
  const warnings = new Set<DocumentWarning>(converted?.warnings);
  await using pdf = await openPdf(converted?.pdf ?? new Uint8Array(bytes), job.limits.pixels);
  const read = await readPdf(pdf.document, converted?.pages ?? null, { ...job, ocrTime }, warnings);
  const documentDate = guessDate({
    mailDate: converted?.mailDate ?? null,
    firstPage: read.firstPage,
    fileName: job.input.fileName,
    // A rendition is from today.
    metadata: converted === null ? read.creationDate : null,
    today: job.today,
  });
  const result = (thumbnail: ProcessedDocument['thumbnail']): ProcessedDocument => ({
    verdict: 'processed',
    detectedType: type,
    pdf: rendition,
    pageCount: read.pageCount,
    pages: read.pages,
    documentDate,
    thumbnail,
    warnings: [...warnings, ...(job.thumbnail && thumbnail === null ? (['thumbnail_failed'] as const) : [])].sort(),
  });
  if (!job.thumbnail) return result(null);
  onReadable(result(null));
  const source = rendition === null ? bytes : await readFile(rendition.path);
  return result(await drawThumbnail(source, pdf.document, job));
}

async function convert(bytes: Buffer, type: string, job: Job): Promise<Converted> {
  const converter = await converterOf(type);
  // What is left of a cut-off Office document looks like any archive.
  if (type === 'application/zip') await checkZip(bytes, job.limits.memoryBytes / 4);
  if (converter === null) throw new Refusal('document_type_unsupported', `Its type is ${type}.`);
  return converter({ bytes, type, job });
}

async function writeRendition(pdf: Uint8Array, job: Job): Promise<NonNullable<ProcessedDocument['pdf']>> {
  const path = join(job.folder, RENDITION_FILE);
  await writeFile(path, pdf);
  return { path, bytes: pdf.byteLength, sha256: createHash('sha256').update(pdf).digest('hex') };
}

/** Of a system call: a full disk says nothing about the document. */
function isSystemFailure(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  // "Array buffer allocation failed", "Invalid string length": it wanted more than Node can give.
  if (error instanceof RangeError) return new Refusal('document_memory');
  // Parsers of foreign bytes throw whatever comes to hand.
  return new Refusal('document_corrupt');
}
