/**
 * What the in-memory twins of the stores share: the state that survives when a process does not.
 *
 * Rows are replaced, never changed in place, so that a reader's snapshot stays what it was.
 */
import { SyncError } from '../../domain/errors.ts';
import type { ConnectionKey, Fence, UnitResult } from '../../ports/document-records.ts';
import type { HeldItem, HeldSet, OpenFailure, RunRecord } from '../../ports/run-store.ts';

export interface MemoryConnection extends ConnectionKey {
  readonly connector: string;
  readonly state: 'active' | 'paused' | 'removed';
  readonly stateReason: string | null;
  readonly pausedBy: 'person' | 'failures' | null;
  readonly pauseAfterFailures: number | null;
  readonly completeReadItems: number | null;
  readonly consecutiveFailures: number;
}

export interface MemoryLease {
  /** Only grows, also while nobody holds the lease. */
  readonly fence: number;
  readonly runId: string | null;
  readonly workerId: string | null;
  readonly expiresAt: number | null;
}

export interface MemoryFileset {
  readonly organizationId: string;
  readonly unit: string;
  readonly userUuid: string;
  readonly activated: boolean;
  /** It was activated once, whether or not it is. */
  readonly wasActivated: boolean;
  readonly patientName: string | null;
  readonly dateOfBirth: string | null;
  readonly gender: string | null;
  readonly syncLog: string | null;
  readonly errors: unknown;
}

export interface MemoryConnectionFileset extends ConnectionKey {
  readonly unit: string;
  /** What the source said of the patient, as text; null: nobody looked. */
  readonly given: string | null;
  readonly gave: { readonly dateOfBirth: string | null; readonly gender: string | null };
  readonly onlyKnown: boolean;
  /** There was no fileset before. */
  readonly made: boolean;
}

export interface MemoryDocument {
  readonly documentUuid: string;
  readonly organizationId: string;
  readonly connectionId: string;
  readonly unit: string;
  readonly reference: string;
  readonly fingerprint: string;
  readonly path: string | null;
  readonly originalName: string;
  readonly title: string | null;
  readonly uploadedAt: string | null;
  readonly mimeType: string | null;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly sourceSize: number;
  readonly sourceModifiedAt: number;
  readonly missingSince: number | null;
  readonly keptSince: number | null;
  readonly deletedAt: number | null;
  readonly deletedReason: string | null;
  readonly deletedByRun: string | null;
}

export interface MemoryBlob {
  readonly organizationId: string;
  readonly sha256: string;
  readonly size: number;
  readonly references: number;
  readonly state: 'wanted' | 'stored';
  readonly touchedAt: number;
}

export interface MemoryFailure extends OpenFailure, ConnectionKey {}

export interface MemoryHeldSet {
  readonly set: HeldSet;
  readonly items: readonly HeldItem[];
}

export interface MemoryUnitResult extends UnitResult {
  readonly runId: string;
  readonly finishedAt: number;
}

/** The lock of a blob's row while its content is being released. */
export interface BlobLock {
  readonly session: object;
  readonly released: Promise<void>;
  readonly unlock: () => void;
}

export interface MemoryWorld {
  readonly connections: Map<string, MemoryConnection>;
  readonly leases: Map<string, MemoryLease>;
  /** In the order of their starts. */
  readonly runs: Map<string, RunRecord>;
  readonly units: Map<string, MemoryUnitResult>;
  readonly filesets: Map<string, MemoryFileset>;
  readonly connectionFilesets: Map<string, MemoryConnectionFileset>;
  /** By UUID, removed ones included. */
  readonly documents: Map<string, MemoryDocument>;
  /** UUIDs of the live documents by (organisation, connection, unit, reference). */
  readonly liveDocuments: Map<string, string>;
  readonly blobs: Map<string, MemoryBlob>;
  readonly blobLocks: Map<string, BlobLock>;
  readonly failures: Map<string, MemoryFailure>;
  readonly heldSets: Map<string, MemoryHeldSet>;
  nextFailureId: number;
}

export function createMemoryWorld(): MemoryWorld {
  return {
    connections: new Map(),
    leases: new Map(),
    runs: new Map(),
    units: new Map(),
    filesets: new Map(),
    connectionFilesets: new Map(),
    documents: new Map(),
    liveDocuments: new Map(),
    blobs: new Map(),
    blobLocks: new Map(),
    failures: new Map(),
    heldSets: new Map(),
    nextFailureId: 1,
  };
}

/** One text for several parts; no part may hold NUL. */
export function keyOf(...parts: readonly string[]): string {
  return parts.join('\0');
}

/** Adds a connection, or changes its state; its organisation needs no row of its own. */
export function putConnection(
  world: MemoryWorld,
  connection: ConnectionKey & Partial<Pick<MemoryConnection, 'connector' | 'state' | 'stateReason'>>,
): void {
  const key = keyOf(connection.organizationId, connection.connectionId);
  const before = world.connections.get(key);
  world.connections.set(key, {
    connector: 'vsrx',
    state: 'active',
    stateReason: null,
    completeReadItems: null,
    consecutiveFailures: 0,
    pausedBy: null,
    pauseAfterFailures: null,
    ...before,
    ...connection,
  });
}

/** Ends what a process holds in the database when it dies: its row locks. Leases end by themselves. */
export function endSession(world: MemoryWorld, session: object): void {
  for (const [key, lock] of world.blobLocks) {
    if (lock.session !== session) continue;
    world.blobLocks.delete(key);
    lock.unlock();
  }
}

/** The check that every write of a run carries: its lease must still be the newest. */
export function holdFence(world: MemoryWorld, fence: Fence): void {
  const lease = world.leases.get(keyOf(fence.organizationId, fence.connectionId));
  if (lease?.fence !== fence.number || lease.runId !== fence.runId) throw new SyncError('lease_lost');
}
