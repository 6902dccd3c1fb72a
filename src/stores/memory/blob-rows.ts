/** The rows that count the references of contents, with the lock that a row has while its content goes. */
import { SyncError, toSyncError } from '../../domain/errors.ts';
import { compareBytes } from '../../domain/reference.ts';
import type { BlobCare } from '../../ports/document-records.ts';
import { keyOf, type MemoryWorld } from './world.ts';

/** Waits until none of the rows is locked; the caller then goes on without another wait. */
export async function unlocked(world: MemoryWorld, organizationId: string, hashes: readonly string[]): Promise<void> {
  for (;;) {
    const lock = hashes
      .map((sha256) => world.blobLocks.get(keyOf(organizationId, sha256)))
      .find((l) => l !== undefined);
    if (lock === undefined) return;
    await lock.released;
  }
}

export function reserveMemoryBlobs(
  world: MemoryWorld,
  organizationId: string,
  blobs: readonly BlobCare[],
  now: number,
): ReadonlyMap<string, 'stored' | 'wanted'> {
  const states = new Map<string, 'stored' | 'wanted'>();
  for (const { sha256, size } of blobs) {
    const key = keyOf(organizationId, sha256);
    const row = world.blobs.get(key) ?? {
      organizationId,
      sha256,
      size,
      references: 0,
      state: 'wanted',
      touchedAt: now,
    };
    world.blobs.set(key, { ...row, touchedAt: now });
    states.set(sha256, row.state);
  }
  return states;
}

/** @param stored the content is known to be in the store */
export function addToBlobs(
  world: MemoryWorld,
  organizationId: string,
  sha256: string,
  delta: number,
  now: number,
  stored = false,
): void {
  const key = keyOf(organizationId, sha256);
  const row = world.blobs.get(key);
  if (row === undefined) return;
  const references = row.references + delta;
  if (references < 0) throw new SyncError('unexpected', { detail: 'A count of references fell below zero.' });
  world.blobs.set(key, { ...row, references, touchedAt: now, state: stored ? 'stored' : row.state });
}

interface Release {
  readonly world: MemoryWorld;
  readonly session: object;
  readonly organizationId: string;
  readonly before: number;
  readonly limit: number;
  readonly release: (sha256: string) => Promise<void>;
}

export async function releaseMemoryBlobs(work: Release): Promise<number> {
  const { world, organizationId, limit } = work;
  const due = () =>
    [...world.blobs.values()]
      .filter((row) => row.organizationId === organizationId && row.references === 0 && row.touchedAt < work.before)
      .filter((row) => !world.blobLocks.has(keyOf(organizationId, row.sha256)))
      .sort((a, b) => a.touchedAt - b.touchedAt || compareBytes(a.sha256, b.sha256));
  // A crash after the content went and before its row did must not leave a row that says "stored".
  const stored = due().filter((row) => row.state === 'stored');
  for (const row of stored.slice(0, limit)) {
    world.blobs.set(keyOf(organizationId, row.sha256), { ...row, state: 'wanted' });
  }
  let released = 0;
  while (released < limit) {
    const row = due().find(({ state, sha256 }) => state === 'wanted' && !isNamed(world, organizationId, sha256));
    if (row === undefined) break;
    await releaseOne(work, row.sha256);
    released++;
  }
  return released;
}

async function releaseOne({ world, session, organizationId, release }: Release, sha256: string): Promise<void> {
  const key = keyOf(organizationId, sha256);
  const { promise, resolve } = Promise.withResolvers<void>();
  const lock = { session, released: promise, unlock: resolve };
  world.blobLocks.set(key, lock);
  try {
    await release(sha256);
    if (world.blobLocks.get(key) !== lock) throw new SyncError('database_unavailable');
    world.blobs.delete(key);
  } catch (error) {
    throw toSyncError(error);
  } finally {
    if (world.blobLocks.get(key) === lock) world.blobLocks.delete(key);
    resolve();
  }
}

function isNamed(world: MemoryWorld, organizationId: string, sha256: string): boolean {
  for (const uuid of world.liveDocuments.values()) {
    const document = world.documents.get(uuid)!;
    if (document.organizationId === organizationId && document.sha256 === sha256) return true;
  }
  return false;
}
