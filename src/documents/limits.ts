import type { DocumentLimits } from '../ports/document-content.ts';

const MEBIBYTE = 1024 * 1024;

/** Raised when the same bytes come to another text, rendition or picture: all documents are then processed again. */
export const PROCESSOR_VERSION = 3;

/** Generous for what practices store: a scanned file of a whole treatment has some hundred pages. */
export const DOCUMENT_LIMITS: DocumentLimits = {
  processorMs: 120_000,
  timeMs: 360_000,
  // It is looked at from time to time, and a reader fills some dozen megabytes between two looks: 600 MB is never reached.
  memoryBytes: 512 * MEBIBYTE,
  pages: 3_000,
  pixels: 150_000_000,
  inputBytes: 50 * MEBIBYTE,
  textBytes: 20 * MEBIBYTE,
};

/** Of the picture of the first page: what takes more is done without, or a page of a million lines costs as much as a hundred letters. */
export const DRAWING_LIMITS = {
  /** A drawing stops itself, where it is between two objects of the page. */
  stopMs: 1_000,
  /** Of the worker, which is ended: the document is complete without a picture. Its first drawing has to load much. */
  processorMs: 5_000,
  timeMs: 120_000,
} as const;
