/**
 * Documents that go from one fileset of a patient to another, because the source booked the patient anew under a new id.
 *
 * Contract:
 * - Nothing migrates by itself. `apply` moves in one transaction, with its audit entry: all of it is done, or nothing.
 * - A document stays the same document: its content, what was made of it and its reference go along. It leaves the index of the
 *   one patient and enters that of the other by the usual durable work; nobody finds it under the former patient meanwhile.
 * - Runs go on comparing it with the place where the source lists it: they neither bring it again nor take it back, and what
 *   changes there changes the document where it is.
 * - Doing it again moves what is still there: usually nothing. `undo` takes back what is still where this migration put it.
 */
import type { AuditEntry } from '../domain/audit-entry.ts';

export interface MigrationRequest {
  readonly organizationId: string;
  readonly from: string;
  readonly to: string;
  /** Null: all live documents. */
  readonly documentUuids: readonly string[] | null;
}

export type MigrationConflict =
  /** The other fileset has a document with this reference, or with this id of the client. */
  | 'same_reference'
  /** It is in a group whose other documents, perhaps removed ones, stay. */
  | 'grouped'
  /** It is not among the documents of the patient. */
  | 'not_here';

export interface FilesetCounts {
  readonly before: number;
  readonly after: number;
}

export interface MigrationResult {
  /** What moves, or has moved. */
  readonly documentUuids: readonly string[];
  /** What stays, and why. */
  readonly conflicts: readonly { readonly documentUuid: string; readonly reason: MigrationConflict }[];
  /** Of what moves: the other fileset has the same content already. */
  readonly sameContent: number;
  /** Live documents. */
  readonly counts: { readonly from: FilesetCounts; readonly to: FilesetCounts };
}

export interface Migration {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly documents: number;
  readonly appliedAt: string;
  readonly appliedBy: string;
  readonly undoneAt: string | null;
  readonly undoneBy: string | null;
}

export interface FilesetMigrations {
  /** Changes nothing. Null: one of the filesets does not exist. */
  plan(request: MigrationRequest): Promise<MigrationResult | null>;
  /** @returns with the id of the migration; null when nothing moved. Null: one of the filesets does not exist */
  apply(
    request: MigrationRequest,
    by: string,
    audit: (result: MigrationResult, id: string | null) => AuditEntry,
  ): Promise<(MigrationResult & { readonly id: string | null }) | null>;
  /** `undone`: it was undone before. @param patientUuid null: of any patient */
  undo(
    organizationId: string,
    id: string,
    patientUuid: string | null,
    by: string,
    audit: (result: MigrationResult) => AuditEntry,
  ): Promise<(MigrationResult & { readonly migration: Migration }) | 'undone' | 'unknown'>;
  /** From or to this patient, the newest first. */
  list(organizationId: string, patientUuid: string): Promise<readonly Migration[]>;
  /** Ids under which this patient's documents were before, as far as they were migrated and not taken back. */
  formerIds(organizationId: string, patientUuid: string): Promise<readonly string[]>;
}
