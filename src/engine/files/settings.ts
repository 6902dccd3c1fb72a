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
  readonly spool: ChangeSpool;
  readonly clock: Clock;
  readonly random: Random;
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
