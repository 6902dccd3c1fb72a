/** Read-only questions that people and their programs ask about stored things. Every method takes the organisation. */
import type { ItemFailure, Outcome } from '../domain/run.ts';
import type { ConnectionKey } from './document-records.ts';

/** Summary of a run in the shape of the sync script (spec: run summary); `duration` in ms. */
export interface RunSummary {
  readonly startTime: string;
  readonly endTime: string | null;
  readonly duration: number | null;
  readonly totalFilesets: number;
  readonly totalFilesAdded: number;
  readonly totalFilesDeleted: number;
  readonly totalErrors: number;
  readonly successfulSyncs: number;
  readonly partialSyncs: number;
  readonly failedSyncs: number;
}

export interface RunUnit {
  readonly unit: string;
  readonly outcome: Outcome;
  readonly filesAdded: number;
  readonly filesDeleted: number;
  readonly errors: readonly ItemFailure[];
  readonly finishedAt: string;
}

export interface DocumentRecord extends ConnectionKey {
  readonly documentUuid: string;
  readonly patientUuid: string;
  readonly originalName: string;
  readonly mimeType: string | null;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly updatedAt: string;
}

export interface FilesetStatus {
  readonly connectionIds: readonly string[];
  readonly activated: boolean;
  readonly lastSyncAttempt: string | null;
  readonly lastSuccessfulSync: string | null;
  readonly consecutiveFailures: number;
}

export interface ConnectionStatus extends ConnectionKey {
  readonly connector: string;
  readonly state: string;
  readonly stateReason: string | null;
  readonly documents: number;
  /** Patients: activated filesets, or copied patients. */
  readonly filesets: number;
  readonly appointments: number;
  readonly openFailures: number;
  readonly heldItems: number;
  readonly lastSuccessAt: string | null;
  readonly lastCompleteReadAt: string | null;
  readonly consecutiveFailures: number;
  readonly runningRunId: string | null;
}

export interface Reports {
  runSummary(organizationId: string, runId: string): Promise<RunSummary | null>;
  /** Units that a run changed or failed on; the others were found in step. For lists see `run-lists.ts`. */
  runUnits(organizationId: string, runId: string): Promise<readonly RunUnit[]>;
  /** A live document. */
  document(organizationId: string, documentUuid: string): Promise<DocumentRecord | null>;
  fileset(organizationId: string, patientUuid: string): Promise<FilesetStatus | null>;
  connections(organizationId?: string): Promise<readonly ConnectionStatus[]>;
}
