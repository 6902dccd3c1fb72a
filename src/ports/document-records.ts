/**
 * Document records, filesets and the reference counts of blobs.
 *
 * Contract, tested for PostgreSQL and the in-memory twin by `test/contract/document-records.ts`:
 * - Each method is one transaction. Every write carries a {@link Fence} and changes nothing when the lease behind it was
 *   taken over (`lease_lost`).
 * - `recordDocuments` is idempotent by (patient, reference): recording the same thing twice leaves one document and one
 *   count of its blob.
 * - A document that was brought under a source item's (patient, reference) before is that item's document: the connection takes
 *   it over. What a person brought is never removed, and never replaced by another content: it then stays beside the item's
 *   document, without the reference. What a program brought as a connection would (`SYNCHRONISED_SYSTEMS`) is the connection's
 *   in every respect.
 * - A patient may be known before there is a document. `knowPatients` changes no activation, and brings nobody back who was
 *   removed. Is a document recorded for somebody who was only known, and never activated, that activates the fileset: only those
 *   who are synchronised get documents.
 * - A blob is never released while a live document names it; its row's count always equals the number of such documents.
 */
import type { StoredItem } from '../domain/change-set.ts';
import type { Removal } from '../domain/completeness.ts';
import type { ItemFailure, Outcome } from '../domain/run.ts';

/** `sourceSystem` of what connections bring. All others are uploads. */
export const SYNCHRONISED_SYSTEMS = ['VSRX_SYNC', 'CLINIKO_SYNC'] as const;

export interface ConnectionKey {
  readonly organizationId: string;
  readonly connectionId: string;
}

/** The right to write for a connection: good only while `number` is the highest that was given out. */
export interface Fence extends ConnectionKey {
  readonly runId: string;
  readonly number: number;
  /** A part of a shared run, see `run-batches.ts`: good only while this attempt of this process is the newest one of it. */
  readonly batch?: { readonly n: number; readonly attempt: number };
}

export interface StoredDocument extends StoredItem {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly path: string | null;
  /** Size and modification time (epoch ms) of the source file when it was copied. */
  readonly sourceSize: number | null;
  readonly sourceModifiedAt: number | null;
  /** Somebody brought it before the connection did: it stays when the source loses it. */
  readonly uploaded: boolean;
}

/** A patient whom the source has; each once. */
export interface PatientWrite {
  readonly unit: string;
  readonly ownerUuid: string | null;
  readonly patientName: string | null;
  /** Replaces what the connection gave before, and nothing that others did; null: it says nothing. */
  readonly dateOfBirth: string | null;
  readonly gender: string | null;
  /** Another text whenever the source says something else of the patient. */
  readonly given: string;
  /** Of a fileset that is new. */
  readonly activated: boolean;
}

/** One document as it shall be. */
export interface DocumentWrite {
  /** Used when the document is new. */
  readonly documentUuid: string;
  readonly unit: string;
  readonly reference: string;
  /**
   * The document that becomes this one: same document under a new reference (a move whose source row was replaced).
   * Absent, or gone, or of another unit = the document stored under (unit, reference), or a new one.
   */
  readonly replaces?: string;
  readonly fingerprint: string;
  readonly path: string | null;
  readonly originalName: string;
  readonly title: string | null;
  readonly uploadedAt: string | null;
  readonly ownerUuid: string | null;
  readonly patientName: string | null;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly mimeType: string | null;
  readonly sourceSize: number;
  readonly sourceModifiedAt: number;
  /** Shown with a new document; absent: that of files of a share. */
  readonly sourceSystem?: (typeof SYNCHRONISED_SYSTEMS)[number];
}

export type DocumentWriteResult = 'added' | 'updated' | 'moved' | 'same';

export interface UnitResult {
  readonly unit: string;
  readonly filesAdded: number;
  readonly filesDeleted: number;
  readonly filesUpdated: number;
  readonly filesMoved: number;
  readonly errors: readonly ItemFailure[];
  readonly outcome: Outcome;
}

export interface BlobCare {
  readonly sha256: string;
  readonly size: number;
}

/** What the records say about one content of an organisation. */
export interface BlobRow {
  readonly sha256: string;
  /** As those say who name it; else as it was announced. */
  readonly size: number;
  /** `wanted`: announced, perhaps not in the store yet. */
  readonly state: 'wanted' | 'stored';
  /** The count that is kept, and those who really name it – live documents, what was made of them –: always equal. */
  readonly references: number;
  readonly documents: number;
  /** Of these, live documents: it is their content. */
  readonly originals: number;
}

export interface DocumentRecords {
  /** Live documents that came from this connection, ordered by (unit, reference) in byte order. */
  storedDocuments(key: ConnectionKey, unit?: string, signal?: AbortSignal): AsyncIterable<StoredDocument>;
  countDocuments(key: ConnectionKey, unit?: string): Promise<number>;
  /** Activated filesets of the organisation (`activatedUse`), in lower case. */
  activatedFilesets(organizationId: string): Promise<ReadonlySet<string>>;

  /** Patients whom the source of the connection had, with what `knowPatients` was given last. */
  knownPatients(key: ConnectionKey): Promise<ReadonlyMap<string, string>>;
  /**
   * Makes patients of the source filesets of the connection, and completes what is not known of them.
   * @returns how many had no fileset before
   */
  knowPatients(fence: Fence, patients: readonly PatientWrite[]): Promise<number>;

  /**
   * Announces content that is about to be stored, so that the care of blobs leaves it alone.
   * @returns for each hash, whether its blob is already in the store
   */
  reserveBlobs(fence: Fence, blobs: readonly BlobCare[]): Promise<ReadonlyMap<string, 'stored' | 'wanted'>>;
  /**
   * Creates or changes documents whose content is in the blob store, creating their filesets when needed.
   * A blob row that vanished since it was reserved → SyncError `blob_missing` with action `retry`, nothing written.
   */
  recordDocuments(fence: Fence, writes: readonly DocumentWrite[]): Promise<readonly DocumentWriteResult[]>;
  markMissing(fence: Fence, documentUuids: readonly string[], at: number): Promise<void>;
  /** For documents that are seen again: neither missing nor kept against the source any more. */
  clearMissing(fence: Fence, documentUuids: readonly string[]): Promise<void>;
  /**
   * Hides the documents, leaves tombstones and gives their blobs back. Documents that are gone already, have another
   * reference by now, were kept by a person since, or were uploaded, are passed over; so are those of other connections.
   * @returns the documents removed by this call
   */
  removeDocuments(fence: Fence, removals: readonly Removal<StoredDocument>[], at: number): Promise<readonly string[]>;
  /** Unit checkpoint of the run, with the mirror in `syncLog` and `errors` of the fileset. */
  finishUnits(fence: Fence, units: readonly UnitResult[], at: number): Promise<void>;
  /**
   * Mirrors the time of a complete read into the filesets of the connection whose patients were read, and of which nothing waits
   * for another try.
   * @param units whose patients were read; undefined: all, of which those who are only known are left out
   */
  touchFilesets(fence: Fence, at: number, units?: Iterable<string>): Promise<void>;

  /** All contents of the organisation, those that only documents name included, in byte order of the hash. */
  blobRows(organizationId: string, signal?: AbortSignal): AsyncIterable<BlobRow>;
  /**
   * Blobs without any live document, untouched since `before`: `release` is called under the lock of each row, and the row
   * goes when it succeeds. @returns how many were released
   */
  releaseBlobs(
    organizationId: string,
    before: number,
    limit: number,
    release: (sha256: string) => Promise<void>,
  ): Promise<number>;
}
