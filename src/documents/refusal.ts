/** Thrown inside a worker when a document cannot be processed; the job turns it into a verdict. */
import type { DocumentErrorCode, DocumentProgram, RetryAdvice } from '../ports/document-content.ts';

export class Refusal extends Error {
  readonly code: DocumentErrorCode;
  /** Limits and counts for the person; never anything of the document. */
  readonly detail: string | null;
  readonly retry: RetryAdvice;
  readonly missing: DocumentProgram | null;

  constructor(code: DocumentErrorCode, detail: string | null = null, missing: DocumentProgram | null = null) {
    super(code);
    this.name = 'Refusal';
    this.code = code;
    this.detail = detail;
    this.missing = missing;
    this.retry = retryAdvice(code);
  }
}

export function retryAdvice(code: DocumentErrorCode): RetryAdvice {
  switch (code) {
    case 'document_converter_missing':
      return 'when_installed';
    case 'document_timeout':
    case 'document_reader_crashed':
      return 'once';
    default:
      // The memory that a document needs does not depend on the load of the machine.
      return 'never';
  }
}
