/** What a run for records works with. */
import type { AttachmentRecords } from '../../ports/attachment-records.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { ClinicRecords } from '../../ports/clinic-records.ts';
import type { ClinicSource } from '../../ports/clinic-source.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { DocumentRecords } from '../../ports/document-records.ts';
import type { RunStore } from '../../ports/run-store.ts';
import type { GuardLimits } from '../guard.ts';
import type { RetryPolicy } from '../retry.ts';

/** Where files of patients become documents. */
export interface AttachmentPorts {
  readonly wanted: AttachmentRecords;
  readonly documents: DocumentRecords;
  readonly blobs: BlobStore;
}

export interface RecordPorts {
  readonly source: ClinicSource;
  readonly records: ClinicRecords;
  readonly runs: RunStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Null: the connection does not copy files. */
  readonly attachments: AttachmentPorts | null;
}

export interface RecordSettings {
  readonly organizationId: string;
  readonly connectionId: string;
  readonly guard: GuardLimits;
  /** For the blob store. */
  readonly retry: RetryPolicy;
}
