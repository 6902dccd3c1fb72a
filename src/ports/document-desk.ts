/**
 * Documents as people see and handle them: look, upload, remove, take back.
 *
 * Contract:
 * - Every change asks for its work in the same transaction, see `DocumentWork`.
 * - Only live documents are listed and found.
 * - `upload` is idempotent by (patient, reference), also against documents that a connection brought: the same reference again
 *   answers with the document that is there – or was migrated from there –, and changes nothing. What was uploaded belongs to no connection, so no run ever
 *   removes it.
 * - `remove` hides at once and is fine when it was removed already. What the source still lists comes back with the next run.
 * - `restore` brings back the same document while its content is still stored. It is then kept against its source until that
 *   lists it again. Refused where another document has taken its place meanwhile.
 */
import type { DocumentAlert, PatientInfo } from '../domain/document-alert.ts';
import type { BlobCare } from './document-records.ts';
import type { Rendition } from './document-work.ts';

export interface DeskDocument {
  readonly documentUuid: string;
  readonly patientUuid: string;
  /** Null: it was uploaded. */
  readonly connectionId: string | null;
  readonly reference: string | null;
  readonly clientFileId: string | null;
  readonly originalName: string;
  readonly title: string | null;
  readonly category: string | null;
  readonly sourceSystem: string;
  readonly mimeType: string | null;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly status: string;
  readonly stage: string | null;
  readonly errorCode: string | null;
  readonly uploadedAt: string | null;
  readonly processedAt: string | null;
  readonly author: string | null;
  /** `ungrouped`, or `grouped` by a person. */
  readonly groupingStatus: string;
  readonly alerts: readonly DocumentAlert[];
  /** What the document itself says about whom it is; null: not known. */
  readonly patientInfo: PatientInfo | null;
  /** Null: its content was not read yet. */
  readonly rendition: Rendition | null;
}

export interface DeskPage {
  readonly documents: readonly DeskDocument[];
  readonly total: number;
  /** The place to go on `after`. */
  readonly next: string | null;
}

export interface Upload {
  readonly organizationId: string;
  readonly patientUuid: string;
  /** Used when the document is new. */
  readonly documentUuid: string;
  readonly reference: string | null;
  readonly clientFileId: string | null;
  readonly originalName: string;
  readonly title: string | null;
  readonly uploadedAt: string | null;
  readonly sourceSystem: string;
  readonly mimeType: string | null;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** A patient without a fileset gets one, with this owner. Absent: such an upload is refused. */
  readonly newPatient?: { readonly ownerUuid: string | null };
}

export type UploadResult =
  | { readonly outcome: 'added' | 'same'; readonly documentUuid: string; readonly sameContent: boolean }
  /** There is no fileset of this patient. */
  | { readonly outcome: 'no_patient' };

export type RestoreResult =
  | 'restored'
  /** It was never removed. */
  | 'live'
  | 'unknown'
  /** Its content is not stored any more. */
  | 'too_late'
  /** Another document has its reference. */
  | 'replaced';

/** What the records say about a document and the index. */
export interface IndexExpectation {
  readonly patientUuid: string;
  readonly documentUuid: string;
  /** That the index shall have; null: it shall have nothing of the document, or nobody knows what. */
  readonly version: string | null;
  /** It counts as done, but was never read here: another machine had it until now. */
  readonly unread: boolean;
  /** Something is still to be done about it: whatever the index has may be right. */
  readonly open: boolean;
}

export interface DocumentDesk {
  hasPatient(organizationId: string, patientUuid: string): Promise<boolean>;
  /** By UUID. */
  list(
    organizationId: string,
    patientUuid: string,
    page: { readonly limit: number; readonly after?: string },
  ): Promise<DeskPage>;
  /** By the time of their upload, the newest first; those without one come last. */
  listNewest(
    organizationId: string,
    patientUuid: string,
    page: { readonly limit: number; readonly after: readonly string[] | null },
  ): Promise<Omit<DeskPage, 'next'> & { readonly next: readonly string[] | null }>;
  find(organizationId: string, documentUuid: string): Promise<DeskDocument | null>;
  /** The newest live document of the patient with this id of the client. */
  findByClientId(organizationId: string, patientUuid: string, clientFileId: string): Promise<DeskDocument | null>;
  /** Live documents of the patient among these. */
  names(
    organizationId: string,
    patientUuid: string,
    documentUuids: readonly string[],
  ): Promise<ReadonlyMap<string, string>>;
  /** Announces a content that is about to be stored. @returns whether it is stored already */
  announce(organizationId: string, content: BlobCare): Promise<'wanted' | 'stored'>;
  upload(upload: Upload): Promise<UploadResult>;
  /** @param patientUuid whose it is, or was when it was brought; null: of any patient */
  remove(
    organizationId: string,
    documentUuid: string,
    patientUuid: string | null,
  ): Promise<'removed' | 'gone' | 'unknown'>;
  restore(organizationId: string, documentUuid: string): Promise<RestoreResult>;
  /**
   * Documents that shall be in the index, and those about which something is still to be done, in byte order of patient, then
   * document; lower case, as the index has them. Those that are kept on another machine are indexed there, not here.
   */
  expectations(
    organizationId: string,
    patientUuid: string | null,
    signal?: AbortSignal,
  ): AsyncIterable<IndexExpectation>;
  /** Asks for work on the document as it is now: process it, or take it out of the index. False: there is no such record. */
  askAgain(organizationId: string, documentUuid: string): Promise<boolean>;
}
