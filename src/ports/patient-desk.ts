/**
 * The fileset of a patient as people see and handle it, and what they say about its documents.
 *
 * Contract:
 * - What was removed is not there, for any of these but an activation that is meant for removed ones as well. `remove` takes all documents of the patient away as if each was removed by
 *   a person, in one transaction: hidden at once, contents and index by the usual durable work. The fileset is not activated
 *   any more. It is back when a document is brought or taken back, or when a source that is synchronised still lists one.
 * - Changes that matter to others write their audit entry in the same transaction.
 */

import type { AuditEntry } from '../domain/audit-entry.ts';
import type { AlertType, PatientInfo } from '../domain/document-alert.ts';
import type { DocumentCategory } from '../domain/document-category.ts';

export interface PatientRecord {
  readonly patientUuid: string;
  readonly name: string | null;
  /** As the source writes it, mostly DD/MM/YYYY. */
  readonly dateOfBirth: string | null;
  readonly gender: string | null;
  readonly activatedUse: boolean;
  readonly activatedUseTime: string | null;
  /** Null: by a run, or by another application. */
  readonly activatedBy: string | null;
  readonly summaryGenerationCount: number;
  /** Whatever a client saved. */
  readonly caseSummary: unknown;
  /** Another one whenever something else was saved; null: there is no summary. */
  readonly caseSummaryVersion: string | null;
  readonly vectorStore: unknown;
}

export interface SummarySaved {
  /** Changed: by somebody else, nothing was done. Unknown: there is no such patient. */
  readonly result: 'saved' | 'changed' | 'unknown';
  /** Of what is there now. */
  readonly version: string | null;
}

export interface DuplicateDocument {
  readonly documentUuid: string;
  readonly patientUuid: string;
  readonly patientName: string | null;
  readonly originalName: string;
  readonly sourceSystem: string;
  readonly reference: string | null;
  readonly uploadedAt: string | null;
}

/** Live documents with the same content. */
export interface Duplicates {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly documents: readonly DuplicateDocument[];
}

export interface DuplicateQuestion {
  readonly organizationId: string;
  /** Null: of all patients. */
  readonly patientUuid: string | null;
  /** True: only contents that several patients have; false: only those that one patient has several times. */
  readonly acrossPatients: boolean;
  readonly limit: number;
  readonly after?: string;
}

export interface BeforeActivation {
  /** It was activated already. */
  readonly already: boolean;
  /** It was removed. */
  readonly removed: boolean;
}

export interface PatientDesk {
  find(organizationId: string, patientUuid: string): Promise<PatientRecord | null>;
  /**
   * @param which `removed`: also one that was removed, who then is back without documents
   * @returns null: there is no such patient. Was it activated before, it stays as it was
   */
  activate(
    which: { readonly organizationId: string; readonly patientUuid: string; readonly removed: boolean },
    by: string,
    audit: (before: BeforeActivation) => AuditEntry,
  ): Promise<(PatientRecord & BeforeActivation) | null>;
  /** @returns how many documents were removed with it; null: there never was such a patient */
  remove(organizationId: string, patientUuid: string, audit: (documents: number) => AuditEntry): Promise<number | null>;
  /**
   * Null removes it. @param isAsSeen whether the version that is there now is one that the caller may replace; asked under a lock.
   * What is already as it is to become is not asked about
   */
  saveCaseSummary(
    organizationId: string,
    patientUuid: string,
    summary: object | null,
    isAsSeen: (version: string | null) => boolean,
  ): Promise<SummarySaved>;
  /** Counts one more summary that is written, before it is. @returns how many that makes; null: it would be more than `most` */
  countSummary(organizationId: string, patientUuid: string, most: number): Promise<number | null>;
  /** Nothing came of one that was counted. */
  uncountSummary(organizationId: string, patientUuid: string): Promise<void>;
  /** What a document says about whom it is; alerts when that is somebody else. @returns false: no such document */
  setPatientInfo(
    organizationId: string,
    patientUuid: string,
    documentUuid: string,
    info: PatientInfo,
  ): Promise<boolean>;
  /** Null: as nobody has said it. @param patientUuid null: of any. @returns false: no such document */
  setCategory(
    organizationId: string,
    documentUuid: string,
    category: DocumentCategory | null,
    patientUuid: string | null,
  ): Promise<boolean>;
  acknowledge(
    organizationId: string,
    patientUuid: string,
    documentUuid: string,
    type: AlertType,
  ): Promise<'acknowledged' | 'no_alert' | 'unknown'>;
  /** Reads the content again, whatever came of it before. @param patientUuid null: of any. @returns false: no such document */
  processAgain(organizationId: string, documentUuid: string, patientUuid: string | null): Promise<boolean>;
  duplicates(
    question: DuplicateQuestion,
  ): Promise<{ readonly duplicates: readonly Duplicates[]; readonly next: string | null }>;
}
