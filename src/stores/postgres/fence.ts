/** The check that every write of a run carries: its lease must still be the newest. */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { Tables } from './tables.ts';

/**
 * Shares the lease's row until the transaction ends, so that the next claim, which locks the row `FOR UPDATE`, waits for it:
 * a write is either seen by the successor or refused. `KEY SHARE`, because `SHARE` would also block the heartbeat: while
 * writes overlap without a gap it would never get through, and the lease would expire under a busy worker.
 */
export function holdFence(trx: Transaction<Tables>, fence: Fence): Promise<void> {
  return lockLease(trx, fence, 'KEY SHARE');
}

/** For the last write of a run: waits for all others, and keeps the lease to itself until the transaction ends. */
export function holdFenceAlone(trx: Transaction<Tables>, fence: Fence): Promise<void> {
  return lockLease(trx, fence, 'UPDATE');
}

async function lockLease(trx: Transaction<Tables>, fence: Fence, strength: Strength): Promise<void> {
  const { rows } = await leaseOf(fence, strength).execute(trx);
  if (rows.length === 0) throw new SyncError('lease_lost');
  if (fence.batch !== undefined) await holdBatch(trx, fence, fence.batch);
}

/** To give the lease away: does not wait for writes under way, which whoever claims it next does. */
export function holdFenceToLeave(trx: Transaction<Tables>, fence: Fence): Promise<void> {
  return lockLease(trx, fence, 'NO KEY UPDATE');
}

type Strength = 'KEY SHARE' | 'NO KEY UPDATE' | 'UPDATE';

/** One row while the lease is held. For statements that are a transaction of their own. */
export function leaseOf(fence: Fence, strength: Strength): RawBuilder<unknown> {
  return sql`
    SELECT 1 FROM connection_leases
    WHERE organization_id = ${fence.organizationId} AND connection_id = ${fence.connectionId}
      AND fence = ${fence.number} AND run_id = ${fence.runId}
    FOR ${sql.raw(strength)}`;
}

/** Who takes a batch over locks its row `FOR UPDATE` and so waits for this transaction; a renewal does not. */
async function holdBatch(trx: Transaction<Tables>, fence: Fence, batch: NonNullable<Fence['batch']>): Promise<void> {
  const { rows } = await sql`
    SELECT 1 FROM sync_run_batches
    WHERE organization_id = ${fence.organizationId} AND run_id = ${fence.runId} AND fence = ${fence.number}
      AND n = ${batch.n} AND attempt = ${batch.attempt} AND state = 'taken'
    FOR KEY SHARE`.execute(trx);
  if (rows.length === 0) throw new SyncError('lease_lost');
}
