/**
 * Documents that no search finds, of an organisation and of a patient: those that wait, those whose content could not be read or
 * indexed, and those that are read and have no text, or scanned pages without. What is kept on another machine is found there, and is none of them.
 */

/** Why a document that is read, or a part of it, has no text: its scanned pages could not be read, or nothing stands in it. */
export const NO_TEXT_CODES = ['ocr_missing', 'ocr_failed', 'no_text'] as const;
export type NoTextCode = (typeof NO_TEXT_CODES)[number];

export interface NotSearched {
  /** To be read, or being read. One that is read again counts as well. */
  readonly waiting: number;
  readonly failed: number;
  readonly withoutText: number;
  /** Have scanned pages without text; the rest of them was looked at. */
  readonly partly: number;
  /** Are kept and found on another machine. */
  readonly elsewhere: number;
}

export interface UnreadCause {
  /** Of a failure, or why there is no text. */
  readonly code: string;
  readonly failed: boolean;
  readonly documents: number;
}

export interface UnreadSummary {
  readonly waiting: number;
  /** Being read at this moment. */
  readonly processing: number;
  /** The most documents first. */
  readonly causes: readonly UnreadCause[];
}

export interface UnreadDocument {
  readonly documentUuid: string;
  readonly patientUuid: string;
  readonly patientName: string | null;
  readonly originalName: string;
  readonly code: string;
  readonly failed: boolean;
  /** A sentence for a person, of a content that was refused. */
  readonly reason: string | null;
  readonly warnings: readonly string[];
  readonly processedAt: string | null;
}

export interface UnreadPage {
  /** In byte order of their UUIDs. */
  readonly documents: readonly UnreadDocument[];
  /** For `after`. */
  readonly next: string | null;
}

export interface UnreadDocuments {
  summary(organizationId: string): Promise<UnreadSummary>;
  ofPatient(organizationId: string, patientUuid: string): Promise<NotSearched>;
  list(
    organizationId: string,
    /** `code` null: of all causes. */
    question: { readonly code: string | null; readonly limit: number; readonly after: string | null },
  ): Promise<UnreadPage>;
  /** Has all of one cause read again, after everything else; what there is of them stays until there is something new. @returns how many */
  readAgain(organizationId: string, code: string): Promise<number>;
}
