/** The count that each content has of those who name it, and the announcement of contents that are about to be stored. */
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { BlobCare } from '../../ports/document-records.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

/**
 * @param onlyWhile without it nothing is announced, and nothing is returned
 * @returns for each hash, whether its blob is in the store already
 */
export async function announceBlobs(
  db: Kysely<Tables> | Trx,
  organizationId: string,
  blobs: readonly BlobCare[],
  onlyWhile: RawBuilder<unknown> = sql`true`,
): Promise<ReadonlyMap<string, 'wanted' | 'stored'>> {
  // Two files of a batch may have the same content: one row each, in one order for all writers.
  const unique = [...new Map(blobs.map((b) => [b.sha256, b])).values()].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  const { rows } = await sql<{ sha256: string; state: 'wanted' | 'stored' }>`
    INSERT INTO blobs (organization_id, sha256, size)
    SELECT ${organizationId}, b.sha256, b.size
    FROM unnest(${unique.map((b) => b.sha256)}::text[], ${unique.map((b) => b.size)}::bigint[]) AS b (sha256, size)
    WHERE ${onlyWhile}
    ON CONFLICT (organization_id, sha256) DO UPDATE SET touched_at = now()
    RETURNING sha256, state`.execute(db);
  return new Map(rows.map((row) => [row.sha256, row.state]));
}

/** @param stored hashes whose blob is known to be in the store: each must still have its row */
export async function countReferences(
  trx: Trx,
  organizationId: string,
  deltas: ReadonlyMap<string, number>,
  stored: ReadonlySet<string> = new Set(),
): Promise<void> {
  if (deltas.size === 0) return;
  const hashes = [...deltas.keys()].sort();
  // Locked in one order, or two batches that share content would wait for each other.
  const { rows } = await sql<{ sha256: string }>`
    SELECT sha256 FROM blobs WHERE organization_id = ${organizationId} AND sha256 = ANY (${hashes}::text[])
    ORDER BY sha256 FOR UPDATE`.execute(trx);
  const present = new Set(rows.map((row) => row.sha256));
  for (const sha256 of stored) {
    if (!present.has(sha256)) throw new SyncError('blob_missing', { action: 'retry' });
  }
  await sql`
    UPDATE blobs AS b
    SET "references" = b."references" + d.delta, touched_at = now(),
        state = CASE WHEN d.stored THEN 'stored' ELSE b.state END
    FROM unnest(${hashes}::text[], ${hashes.map((h) => deltas.get(h) ?? 0)}::int[],
                ${hashes.map((h) => stored.has(h))}::boolean[]) AS d (sha256, delta, stored)
    WHERE b.organization_id = ${organizationId} AND b.sha256 = d.sha256`.execute(trx);
}
