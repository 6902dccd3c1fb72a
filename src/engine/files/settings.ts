/** What the loop for files needs: the ports it works on and the settings of one connection. */
import type { BlobStore } from '../../ports/blob-store.ts';
import type { ChangeSpool } from '../../ports/change-spool.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { ConnectionKey, DocumentRecords } from '../../ports/document-records.ts';
import type { EhrDatabase } from '../../ports/ehr-database.ts';
import type { FileShare } from '../../ports/file-share.ts';
import type { RunBatches } from '../../ports/run-batches.ts';
import type { RunStore } from '../../ports/run-store.ts';
import type { GuardLimits } from '../guard.ts';
import type { RetryPolicy } from '../retry.ts';

export interface FilePorts {
  readonly source: EhrDatabase;
  readonly share: FileShare;
  readonly blobs: BlobStore;
  readonly records: DocumentRecords;
  readonly runs: RunStore;
  /** Where large runs are shared with other processes; without it each process copies alone. */
  readonly batches?: RunBatches;
  /** Where documents go that are not for this machine. */
  readonly destination?: DocumentDestination;
  readonly spool: ChangeSpool;
  readonly clock: Clock;
  readonly random: Random;
}

/** A document service on another machine. */
export interface DocumentDestination {
  /** @throws SyncError when it does not answer: then the run does not begin */
  probe(signal: AbortSignal): Promise<void>;
  /**
   * Sends what it does not have, and takes away there what was removed here.
   * @returns what is not there in the end: refused by it, or waiting for another try
   */
  deliver(request: {
    /** Also what it refused before. */
    readonly refused: boolean;
    readonly signal: AbortSignal;
    readonly onDone: (documents: number) => void;
  }): Promise<{ readonly refused: number; readonly waiting: number }>;
}

export interface FileSettings extends ConnectionKey {
  /** Which filesets are synchronised: every patient's, those activated in our records, those the source marks. */
  readonly activate: 'all' | 'recorded' | 'source';
  readonly guard: GuardLimits;
  /** Items per database transaction. */
  readonly filesPerBatch: number;
  readonly maxParallelUploads: number;
  /** A run with work in more units than this is shared. */
  readonly fanOutUnits: number;
  readonly retry: RetryPolicy;
}
