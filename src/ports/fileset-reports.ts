/**
 * Read-only questions of people about filesets: who has one, what was removed from it, what is written down of one document.
 * Every method takes the organisation; what belongs to another one does not exist.
 */

export interface Fileset {
  readonly patientUuid: string;
  readonly name: string | null;
  /** As the source writes it. */
  readonly birthDate: string | null;
  readonly gender: string | null;
  readonly activated: boolean;
  readonly activatedAt: string | null;
  /** Live documents. */
  readonly documents: number;
  readonly connectionIds: readonly string[];
  /** Null: it is not removed. */
  readonly removedAt: string | null;
  readonly updatedAt: string;
}

export interface FilesetQuery {
  readonly organizationId: string;
  /** Part of a name, in any case, or a whole UUID. Null: all. */
  readonly text: string | null;
  /** Only those with live documents. */
  readonly withDocuments: boolean;
  /** True: those who were removed, and only those. */
  readonly removed: boolean;
  readonly limit: number;
  /** UUID of the last one of the page before; null: from the beginning. */
  readonly after: string | null;
}

export interface FilesetPage {
  /** In the order of names. */
  readonly filesets: readonly Fileset[];
  /** For `after`. */
  readonly next: string | null;
}

export interface RemovedDocument {
  readonly documentUuid: string;
  readonly originalName: string;
  readonly removedAt: string;
  /** As the records have it: a person, or why a run removed it. */
  readonly reason: string | null;
  readonly runId: string | null;
  /** Its content is stored, so it can be brought back. */
  readonly restorable: boolean;
  /** From then on the content may go; null: it is gone, or another document has it. */
  readonly contentUntil: string | null;
}

export interface RemovedPage {
  /** Newest first. */
  readonly documents: readonly RemovedDocument[];
  readonly next: readonly string[] | null;
}

/** A document as it is written down, removed ones included. */
export interface DocumentRow {
  readonly documentUuid: string;
  readonly patientUuid: string;
  /** Where its source lists it: another patient when it was migrated. */
  readonly unit: string;
  readonly connectionId: string | null;
  readonly reference: string | null;
  readonly path: string | null;
  readonly originalName: string;
  readonly status: string;
  readonly sizeBytes: number | null;
  readonly sha256: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly removedAt: string | null;
  readonly removedReason: string | null;
  /** What is written down of its content; null: nothing. */
  readonly content: {
    readonly size: number;
    /** Documents and their parts that need it. */
    readonly references: number;
    readonly state: 'wanted' | 'stored';
    /** When nothing needs it: from then on it may go. */
    readonly until: string | null;
  } | null;
}

export interface FilesetReports {
  filesets(query: FilesetQuery): Promise<FilesetPage>;
  /** Also one that was removed. */
  fileset(organizationId: string, patientUuid: string): Promise<Fileset | null>;
  /** @param page `after`: `next` of the page before */
  removed(
    organizationId: string,
    patientUuid: string,
    page: { readonly limit: number; readonly after: readonly string[] | null },
  ): Promise<RemovedPage>;
  documentRow(organizationId: string, documentUuid: string): Promise<DocumentRow | null>;
}
