/**
 * Removes what is kept only for a time: contents that no document names any more, old runs, old tombstones, holds that are over.
 *
 * Contents wait longest for a reason: while they are there, a removal can be taken back.
 */
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { BookingDesk } from '../ports/booking-desk.ts';
import type { Clock } from '../ports/clock.ts';
import type { DocumentRecords } from '../ports/document-records.ts';
import type { RetentionStore } from '../ports/retention-store.ts';

export interface HousekeepingOptions {
  readonly records: DocumentRecords;
  readonly retained: RetentionStore;
  readonly blobs: BlobStore;
  readonly bookings: Pick<BookingDesk, 'expireHolds'>;
  readonly clock: Clock;
  readonly retention: {
    /** How long a released or announced content stays. Longer than the longest copy of one file. */
    readonly releasedBlobsMs: number;
    /** Null: for ever. */
    readonly runsMs: number | null;
    readonly tombstonesMs: number | null;
  };
}

export interface Tidied {
  readonly blobs: number;
  readonly runs: number;
  readonly tombstones: number;
  readonly holds: number;
}

const BATCH = 1000;
/** An announced content may still be on its way: even a retention of nothing leaves it this long. */
const SHORTEST_GRACE_MS = 15 * 60_000;

/** @param signal ends it between two steps; the next time goes on */
export async function tidy(
  options: HousekeepingOptions,
  organizationId: string,
  signal?: AbortSignal,
): Promise<Tidied> {
  const { clock, retention, retained } = options;
  const olderThan = async (ms: number | null, purge: (before: number) => Promise<number>) => {
    signal?.throwIfAborted();
    return ms === null ? 0 : purge(clock.now() - ms);
  };
  return {
    blobs: await releaseBlobs(options, organizationId, signal),
    runs: await olderThan(retention.runsMs, (before) => retained.purgeRuns(organizationId, before)),
    tombstones: await olderThan(retention.tombstonesMs, (before) => retained.purgeTombstones(organizationId, before)),
    holds: await expireHolds(options, organizationId),
  };
}

async function expireHolds({ bookings }: HousekeepingOptions, organizationId: string): Promise<number> {
  let total = 0;
  for (;;) {
    const expired = await bookings.expireHolds(organizationId, BATCH);
    total += expired.length;
    if (expired.length < BATCH) return total;
  }
}

async function releaseBlobs(
  options: HousekeepingOptions,
  organizationId: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const before = options.clock.now() - Math.max(options.retention.releasedBlobsMs, SHORTEST_GRACE_MS);
  let total = 0;
  for (;;) {
    const released = await options.records.releaseBlobs(organizationId, before, BATCH, async (sha256) => {
      signal?.throwIfAborted();
      await options.blobs.delete(blobName(organizationId, sha256));
    });
    total += released;
    if (released < BATCH) return total;
  }
}
