import type { DocumentLimits } from '../ports/document-content.ts';

const MEBIBYTE = 1024 * 1024;

/** Raised when the same bytes come to another text, rendition or picture: all documents are then processed again. */
export const PROCESSOR_VERSION = 1;

/** Generous for what practices store: a scanned file of a whole treatment has some hundred pages. */
export const DOCUMENT_LIMITS: DocumentLimits = {
  timeMs: 120_000,
  // It is looked at from time to time, and a reader fills some dozen megabytes between two looks: 600 MB is never reached.
  memoryBytes: 512 * MEBIBYTE,
  pages: 3_000,
  pixels: 150_000_000,
  inputBytes: 50 * MEBIBYTE,
  textBytes: 20 * MEBIBYTE,
};
