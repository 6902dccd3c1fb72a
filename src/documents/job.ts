/** What the main process and a worker say to each other. Plain JSON: it goes through a pipe. */
import type {
  DocumentErrorCode,
  DocumentInput,
  DocumentLimits,
  DocumentProgram,
  MergedPdf,
  ProcessedDocument,
  RetryAdvice,
} from '../ports/document-content.ts';

export interface Job {
  readonly input: DocumentInput;
  readonly limits: DocumentLimits;
  readonly ocr: 'auto' | 'off';
  readonly thumbnail: boolean;
  /** Where the results go. */
  readonly folder: string;
  /** An empty folder for everything else. The main process removes it, even when the worker was killed. */
  readonly workFolder: string;
  /** Absolute paths of the programs that are installed. */
  readonly programs: Readonly<Partial<Record<DocumentProgram, string>>>;
  /** Language codes of Tesseract, joined by `+`. */
  readonly ocrLanguages: string;
  /** IANA zone of whoever has the document. */
  readonly timeZone: string;
  /** Today there, as `YYYY-MM-DD`: a document is not from the future. */
  readonly today: string;
}

/** One PDF of several. */
export interface MergeJob extends Pick<Job, 'limits' | 'folder' | 'workFolder'> {
  readonly files: readonly string[];
}

export interface Refused {
  readonly verdict: 'refused';
  readonly code: DocumentErrorCode;
  readonly detail: string | null;
  readonly retry: RetryAdvice;
  readonly missing: DocumentProgram | null;
  readonly detectedType: string | null;
}

export type FromWorker =
  | { readonly kind: 'ready' }
  /** All but the thumbnail is there. This is the result if drawing it kills the worker. */
  | { readonly kind: 'readable'; readonly result: ProcessedDocument }
  | { readonly kind: 'done'; readonly result: ProcessedDocument | MergedPdf | Refused }
  /** The machine failed, not the document. `code` is that of the system call. */
  | { readonly kind: 'failed'; readonly code: string | null };
