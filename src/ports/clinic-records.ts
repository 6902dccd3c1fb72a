/**
 * What we keep of a practice management system: patients, appointments and what they refer to.
 *
 * Contract, tested by `test/contract/clinic-records.ts`:
 * - Each method is one transaction. Every write carries a {@link Fence}; when the lease was taken over: `lease_lost`, nothing
 *   written.
 * - `write` is idempotent by (connection, stream, reference). Its checkpoint becomes true together with its records.
 * - A removal hides the record and says why; nothing is destroyed. A record that the source shows again is live again.
 */
import type { StoredItem } from '../domain/change-set.ts';
import type { ClinicRecord, HiddenKind, RecordStream } from '../domain/clinic.ts';
import type { Removal } from '../domain/completeness.ts';
import type { ConnectionKey, Fence } from './document-records.ts';

export interface StoredRecord extends StoredItem {
  readonly stream: RecordStream;
  /** Hidden because the source lost it. */
  readonly removed: boolean;
  /** The source said so of it when it last showed it. */
  readonly hidden: readonly HiddenKind[];
}

/** Where a stream stands. */
export interface StreamState {
  /** ISO instant of the source's clock at which the last good read began; null before the first. */
  readonly cursor: string | null;
  /** How long that read took. */
  readonly readMs: number;
  /** A read of everything that has not come to its end: since when, and up to which creation time. ISO instants. */
  readonly unfinished: { readonly startedAt: string; readonly createdFrom: string } | null;
  /** What the last complete read contained; null before the first. */
  readonly completeItems: number | null;
}

export interface RecordChanges {
  readonly added: number;
  readonly updated: number;
  /** Ids of patients whose appointments or own record changed. */
  readonly touchedPatients: readonly string[];
}

/** Whose records they are, and who asked for them last. */
export interface SourceAccount {
  readonly account: string | null;
  readonly user: string;
}

export interface ClinicRecords {
  /** Null before the first run. */
  account(key: ConnectionKey): Promise<SourceAccount | null>;
  rememberAccount(fence: Fence, account: SourceAccount): Promise<void>;
  /** Lists that this run has read already, before another process took it over. */
  finishedUnits(fence: Fence): Promise<ReadonlySet<RecordStream>>;
  streamState(key: ConnectionKey, stream: RecordStream): Promise<StreamState>;
  /** What is stored under these references, removed records included. */
  find(
    key: ConnectionKey,
    stream: RecordStream,
    references: readonly string[],
  ): Promise<ReadonlyMap<string, StoredRecord>>;
  /** Whether nothing was ever stored of the list, nor of another one that shares its table; removed records count. */
  isEmpty(key: ConnectionKey, stream: RecordStream): Promise<boolean>;
  /** Creates and changes records, and moves the stream's state with them. */
  write(
    fence: Fence,
    stream: RecordStream,
    changes: {
      readonly added: readonly ClinicRecord[];
      readonly updated: readonly ClinicRecord[];
      /** The caller knows that nothing is stored under any of their references: what they were before is not looked for. */
      readonly neverStored?: boolean;
    },
    state: Partial<StreamState>,
    at: number,
  ): Promise<void>;
  /** Live records of the stream, ordered by reference in byte order. */
  stored(key: ConnectionKey, stream: RecordStream, signal?: AbortSignal): AsyncIterable<StoredRecord>;
  count(key: ConnectionKey, stream: RecordStream): Promise<number>;
  markMissing(fence: Fence, stream: RecordStream, references: readonly string[], at: number): Promise<void>;
  /** For records that are seen again: neither missing nor kept against the source any more. */
  clearMissing(fence: Fence, stream: RecordStream, references: readonly string[]): Promise<void>;
  /** @returns the references removed by this call */
  remove(
    fence: Fence,
    stream: RecordStream,
    removals: readonly Removal<StoredRecord>[],
    at: number,
  ): Promise<readonly string[]>;
  /**
   * Computes anew, from the stored appointments, which patients are active: of those whose record or appointments changed
   * in this run, and of those for whom time alone has changed it. @returns how many are active now
   */
  computeActivity(fence: Fence, at: number, all: boolean): Promise<{ readonly computed: number }>;
  finishUnit(
    fence: Fence,
    unit: {
      /** Also what became of the documents of a source. */
      readonly stream: RecordStream | 'documents';
      readonly outcome: 'success' | 'partial' | 'failed';
      readonly counts: Readonly<Record<string, number>>;
      readonly errors: readonly string[];
    },
    at: number,
  ): Promise<void>;
}
