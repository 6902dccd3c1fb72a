/**
 * What a document says: its text page by page, its date, a PDF of it and a picture of its first page.
 *
 * Contract:
 * - Bad content is never an exception. Whatever the bytes are, `process` answers with a verdict within `limits.timeMs` (plus
 *   the start of a worker, and the time until one is free), and the memory of the calling process does not grow with the document.
 * - The type comes from the bytes. `declaredType` and `fileName` decide nothing about it; the name only helps to guess the date.
 * - The original is only read. It can be on a read-only disk. A PDF is its own rendition: `pdf` is null for it.
 * - Results are files in `folder`, which exists already and belongs to the caller; two calls at a time need two folders.
 *   A refused document leaves no file there.
 * - Nothing in a document is run, nothing that it refers to is fetched.
 * - Reasons, warnings and errors hold no text of the document, no names and no paths.
 * - Thrown are only SyncErrors about the machine: `cancelled`, `file_unreadable` (the original), `home_disk_full` (the folder),
 *   `unexpected` (a worker does not start).
 */
import type { ErrorCode } from '../domain/errors.ts';

export interface DocumentInput {
  /** A file on a local disk. */
  readonly path: string;
  /** The name in the source system. */
  readonly fileName: string | null;
  /** The MIME type that the source system gives. */
  readonly declaredType: string | null;
}

export interface DocumentLimits {
  /** Processor time of a worker with all programs that it starts; where it cannot be measured only `timeMs` holds. */
  readonly processorMs: number;
  /** By the clock. For what waits and does nothing; on a crowded machine a document takes many times its processor time. */
  readonly timeMs: number;
  /** Resident memory of a worker with all programs that it starts, in bytes. */
  readonly memoryBytes: number;
  readonly pages: number;
  /** Width × height of one image. */
  readonly pixels: number;
  /** Size of the original, in bytes. */
  readonly inputBytes: number;
  /** All text of the document as UTF-8, in bytes. What is beyond it is left out with the warning `text_truncated`. */
  readonly textBytes: number;
}

export interface ProcessOptions {
  readonly folder: string;
  readonly limits: DocumentLimits;
  /** `auto`: pages without text are read by Tesseract when it is installed. */
  readonly ocr: 'auto' | 'off';
  /** Drawing the first page takes as long as reading the text of several. */
  readonly thumbnail: boolean;
  /** IANA zone of whoever has the document: there it is today, and there a mail was sent that does not say where. Absent: UTC. */
  readonly timeZone?: string;
  readonly signal: AbortSignal;
}

export type DocumentErrorCode = Extract<ErrorCode, `document_${string}`>;

/**
 * Whether the same bytes may fare better at another time:
 * - `never`: the answer is about the bytes and will be the same;
 * - `once`: load or chance may have had a part in it; if a second try ends the same way, it is about the bytes;
 * - `when_installed`: as soon as {@link DocumentContent.installed} names the program that is missing.
 */
export type RetryAdvice = 'never' | 'once' | 'when_installed';

export type DocumentWarning =
  /** The PDF has scripts or actions that start by themselves. They were not run. */
  | 'active_content'
  /** A mail has attachments; only their names are in the document. */
  | 'attachments_named_only'
  /** The rendition shows a box for characters that its font lacks. The text has them. */
  | 'glyphs_missing'
  | 'image_left_out'
  /** No page has text: nothing of it can be found. */
  | 'no_text'
  /** Pages without text could not be read because Tesseract is not installed. */
  | 'ocr_missing'
  | 'ocr_failed'
  /** Recognition took too long: it was ended, and the pages that were left have no text. */
  | 'ocr_incomplete'
  | 'page_unreadable'
  /** Only the first rows of a sheet are in the PDF. The text of its last page has the others. */
  | 'rows_not_shown'
  /** Some rows or columns are neither in the PDF nor in the text. */
  | 'table_truncated'
  | 'text_truncated'
  | 'thumbnail_failed';

export interface DocumentPage {
  /** From 1. */
  readonly number: number;
  /** Normalised: NFC, `\n` between lines, no control characters, at most one empty line in a row. */
  readonly text: string;
  readonly source: 'text' | 'ocr' | 'none';
}

export interface DocumentDateGuess {
  /** Calendar date, `YYYY-MM-DD`. */
  readonly date: string;
  /** 0 … 1. */
  readonly confidence: number;
  readonly from: 'mail_header' | 'label' | 'text' | 'file_name' | 'metadata';
}

export interface ProcessedDocument {
  readonly verdict: 'processed';
  /** MIME type by the bytes. */
  readonly detectedType: string;
  /** The rendition; null when the original is a PDF. */
  readonly pdf: { readonly path: string; readonly bytes: number; readonly sha256: string } | null;
  readonly pageCount: number;
  /** A file with one {@link DocumentPage} as JSON per line: a document's text may be large. */
  readonly pages: { readonly path: string; readonly textBytes: number; readonly bySource: PagesBySource };
  readonly documentDate: DocumentDateGuess | null;
  /** The first page as PNG; null when it was not asked for or could not be drawn. */
  readonly thumbnail: { readonly path: string; readonly width: number; readonly height: number } | null;
  /** Each at most once, sorted. */
  readonly warnings: readonly DocumentWarning[];
}

export type PagesBySource = Readonly<Record<DocumentPage['source'], number>>;

export interface RefusedDocument {
  readonly verdict: 'refused';
  readonly code: DocumentErrorCode;
  /** A sentence for a person. */
  readonly reason: string;
  readonly retry: RetryAdvice;
  /** The program that is missing, with `retry: 'when_installed'`. */
  readonly missing: DocumentProgram | null;
  /** Null when it was refused before its bytes were looked at, or their type is unknown. */
  readonly detectedType: string | null;
}

export interface MergedPdf {
  readonly verdict: 'merged';
  readonly pdf: { readonly path: string; readonly bytes: number; readonly sha256: string };
  readonly pageCount: number;
  /** Where each file begins, from 1; null: no page of it could be taken. */
  readonly firstPages: readonly (number | null)[];
}

export type DocumentProgram = 'libreoffice' | 'tesseract';

export interface DocumentContent {
  process(input: DocumentInput, options: ProcessOptions): Promise<ProcessedDocument | RefusedDocument>;
  /**
   * One PDF of several, in their order, within the same limits. The same files come to the same bytes.
   * @param files PDFs on a local disk
   */
  merge(
    files: readonly string[],
    options: Pick<ProcessOptions, 'folder' | 'limits' | 'signal'>,
  ): Promise<MergedPdf | RefusedDocument>;
  /** Programs that are there now. They are looked for anew each time, since one can be installed while Chartsync runs. */
  installed(): ReadonlySet<DocumentProgram>;
  /** Ends all workers; documents in work end with SyncError `cancelled`. */
  close(): Promise<void>;
}
