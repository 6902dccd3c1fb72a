/** What the contract suites of records and runs need of an adapter, beside the ports themselves. */
import type { ConnectionKey, DocumentRecords } from '../../src/ports/document-records.ts';
import type { RunStore } from '../../src/ports/run-store.ts';

/** One process over the stores. */
export interface Worker {
  readonly records: DocumentRecords;
  readonly runs: RunStore;
  /** Ends the process as a kill does; resolves when others can notice. */
  die(): Promise<void>;
}

export interface FilesetView {
  readonly activated: boolean;
  readonly userUuid: string;
  readonly patientName: string | null;
  readonly dateOfBirth: string | null;
  readonly gender: string | null;
  readonly syncLog: string | null;
  readonly errors: unknown;
}

export interface DocumentView {
  readonly organizationId: string;
  readonly unit: string;
  readonly reference: string;
  readonly originalName: string;
  readonly title: string | null;
  readonly mimeType: string | null;
  readonly sha256: string;
  /** Epoch ms. */
  readonly deletedAt: number | null;
  readonly deletedReason: string | null;
  readonly deletedByRun: string | null;
}

/** One set of stores, seen by any number of processes. */
export interface StoresUnderTest {
  worker(): Promise<Worker>;
  putConnection(key: ConnectionKey, state?: 'active' | 'paused'): Promise<void>;
  /** As if the lease had not been renewed for too long. */
  expireLease(key: ConnectionKey): Promise<void>;
  /** As if nobody had touched the contents since 1970. */
  ageBlobs(organizationId: string): Promise<void>;
  /** What other applications see, and write. */
  fileset(organizationId: string, unit: string): Promise<FilesetView | null>;
  putFileset(organizationId: string, unit: string, fileset: Partial<FilesetView>): Promise<void>;
  document(documentUuid: string): Promise<DocumentView | null>;
  unitResults(runId: string): Promise<readonly { readonly unit: string; readonly outcome: string }[]>;
  close(): Promise<void>;
}
