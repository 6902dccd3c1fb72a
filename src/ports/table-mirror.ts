/**
 * A copy of documents and filesets in the tables of the same names in the source's own database, where other programs and
 * people look for them.
 *
 * Contract:
 * - What has changed is written down in the transaction that changes it, for each mirrored connection, and is gone only after
 *   the copy has it. So an outage of the source's database delays the copy and loses nothing.
 * - What is copied is the state at the time of copying: doing it again, or twice, changes nothing. A text that a column cannot
 *   hold is cut, and has `?` for characters that it lacks: one name must not hold up everything that comes after it. Whoever
 *   writes is told of the latter, which the tables could be changed for.
 * - Only one process writes into a copy at one time, also when the one before it was killed.
 * - A copy has the patients that its connection fills. What other programs wrote into the tables is left alone.
 */
import type { ConnectionKey } from './document-records.ts';

export interface MirroredFileset {
  readonly patientUuid: string;
  readonly ownerUuid: string;
  readonly activatedUse: boolean;
  readonly activatedUseTime: string | null;
  readonly patientName: string | null;
  readonly patientDob: string | null;
  readonly gender: string | null;
  /** JSON text. */
  readonly errors: string | null;
  readonly syncLog: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface MirroredDocument {
  readonly documentUuid: string;
  readonly patientUuid: string;
  readonly clientFileId: string | null;
  readonly originalName: string;
  readonly reference: string | null;
  readonly storedPath: string | null;
  readonly status: string;
  readonly category: string | null;
  readonly mimeType: string | null;
  readonly sizeBytes: number | null;
  readonly pageCount: number | null;
  readonly documentDate: string | null;
  readonly uploadDate: string | null;
  readonly processedAt: string | null;
  readonly title: string | null;
  readonly author: string | null;
  readonly sourceSystem: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What is to be done in one step. */
export interface MirrorBatch {
  readonly filesets: readonly MirroredFileset[];
  readonly documents: readonly MirroredDocument[];
  /** Documents that shall not be there. */
  readonly gone: readonly string[];
}

export interface MirrorMarks {
  readonly ids: readonly string[];
  readonly batch: MirrorBatch;
}

export interface MirrorLag {
  readonly pending: number;
  /** Since when the oldest change waits. */
  readonly oldestAt: string | null;
  /** Of the last try, when it failed. */
  readonly code: string | null;
  /** Some of its columns could not hold every character, and something was written that has others. */
  readonly lacksCharacters: boolean;
}

/** Our side. */
export interface MirrorRecords {
  /** Makes these the mirrored connections. A new one begins with everything. */
  configure(keys: readonly ConnectionKey[]): Promise<void>;
  /** The oldest changes, with the state as it is now. */
  next(key: ConnectionKey, limit: number): Promise<MirrorMarks>;
  /** The copy has them. @param replaced it lacks characters of them */
  done(key: ConnectionKey, ids: readonly string[], replaced: boolean): Promise<void>;
  /** The copy can hold every character: when it could not, everything is to be written again. @returns whether it is */
  writeAnew(key: ConnectionKey): Promise<boolean>;
  failed(key: ConnectionKey, code: string): Promise<void>;
  lag(key: ConnectionKey): Promise<MirrorLag>;
  /** Everything that the copy shall have, in byte order of the document. */
  documents(key: ConnectionKey, signal?: AbortSignal): AsyncIterable<MirroredDocument>;
  /** Among these, those that were ours and were removed. */
  removed(key: ConnectionKey, documentUuids: readonly string[]): Promise<ReadonlySet<string>>;
  markAgain(key: ConnectionKey, documents: readonly { documentUuid: string; patientUuid: string }[]): Promise<void>;
}

/** The other side. Failures are the SyncErrors of `ehr-database.ts`. */
export interface TableMirror {
  /**
   * Creates the tables where they are missing. @returns whether some columns cannot hold every character
   * @throws SyncError `source_mapping` when they lack a column that is needed
   */
  prepare(signal: AbortSignal): Promise<{ readonly narrow: boolean }>;
  /** In one transaction. @returns in how many rows characters were replaced; null when another process is writing */
  write(batch: MirrorBatch, signal: AbortSignal): Promise<{ readonly replaced: number } | null>;
  /** In byte order of the document. */
  documents(signal: AbortSignal): AsyncIterable<MirroredDocument>;
  /** What the tables can hold of it: their columns may be shorter than ours. After `prepare`. */
  asHeld(document: MirroredDocument): MirroredDocument;
  close(): Promise<void>;
}
