/** Items that wait for another try or for a person. */
import { type Selectable, sql } from 'kysely';
import type { ErrorCode } from '../../domain/errors.ts';
import type { OpenFailure, RunStore } from '../../ports/run-store.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { holdFence } from './fence.ts';
import type { Tables } from './tables.ts';

type FailureStore = Pick<RunStore, 'recordFailures' | 'resolveFailures' | 'openFailures' | 'decideFailure'>;

export function createFailureStore(database: Database): FailureStore {
  return {
    recordFailures: (fence, failures) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        const last = [...new Map(failures.map((f) => [`${f.unit}\0${f.reference}`, f])).values()];
        const column = <T>(pick: (failure: (typeof last)[number]) => T) => last.map(pick);
        await sql`
          INSERT INTO sync_failures AS f
            (organization_id, connection_id, unit, reference, operation, code, message, fingerprint, run_id, next_retry_at)
          SELECT ${fence.organizationId}, ${fence.connectionId}, n.unit, n.reference, n.operation, n.code, n.message,
                 n.fingerprint, ${fence.runId}, n.next_retry_at
          FROM unnest(
            ${column((f) => f.unit)}::text[], ${column((f) => f.reference)}::text[], ${column((f) => f.operation)}::text[],
            ${column((f) => f.code)}::text[], ${column((f) => f.message)}::text[], ${column((f) => f.fingerprint)}::text[],
            ${column((f) => (f.nextRetryAt === null ? null : new Date(f.nextRetryAt)))}::timestamptz[]
          ) AS n (unit, reference, operation, code, message, fingerprint, next_retry_at)
          ON CONFLICT (organization_id, connection_id, unit, reference) DO UPDATE
            SET operation = excluded.operation, code = excluded.code, message = excluded.message,
                -- A changed item, or another reason, starts to count anew.
                attempts = CASE WHEN f.code = excluded.code AND f.fingerprint IS NOT DISTINCT FROM excluded.fingerprint
                                THEN f.attempts + 1 ELSE 1 END,
                state = CASE WHEN f.fingerprint IS NOT DISTINCT FROM excluded.fingerprint THEN f.state ELSE 'waiting' END,
                fingerprint = excluded.fingerprint, run_id = excluded.run_id, last_at = now(),
                next_retry_at = excluded.next_retry_at`.execute(trx);
      }),

    resolveFailures: (fence, references) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await sql`
          DELETE FROM sync_failures AS f
          USING unnest(${references.map((r) => r.unit)}::text[], ${references.map((r) => r.reference)}::text[])
            AS r (unit, reference)
          WHERE f.organization_id = ${fence.organizationId} AND f.connection_id = ${fence.connectionId}
            AND f.unit = r.unit AND f.reference = r.reference`.execute(trx);
      }),

    async openFailures(key, unit) {
      try {
        let query = database.kysely
          .selectFrom('sync_failures')
          .selectAll()
          .where('organization_id', '=', key.organizationId)
          .where('connection_id', '=', key.connectionId);
        if (unit !== undefined) query = query.where('unit', '=', unit);
        const rows = await query.orderBy('id').execute();
        return rows.map(openFailure);
      } catch (error) {
        throw databaseError(error);
      }
    },

    decideFailure: (organizationId, failureId, decision) =>
      database.transaction(async (trx) => {
        // An id that is not a number names nothing; PostgreSQL would refuse to compare it.
        if (!/^\d{1,18}$/.test(failureId)) return false;
        const result = await trx
          .updateTable('sync_failures')
          .set(
            decision === 'retry'
              ? { state: 'waiting', next_retry_at: sql<Date>`now()` }
              : { state: 'skipped', next_retry_at: null },
          )
          .where('organization_id', '=', organizationId)
          .where('id', '=', failureId)
          .executeTakeFirst();
        return result.numUpdatedRows > 0n;
      }),
  };
}

export function openFailure(row: Selectable<Tables['sync_failures']>): OpenFailure {
  return {
    id: row.id,
    unit: row.unit,
    reference: row.reference,
    operation: row.operation,
    code: row.code as ErrorCode,
    message: row.message,
    attempts: row.attempts,
    state: row.state,
    fingerprint: row.fingerprint,
    firstAt: row.first_at.toISOString(),
    lastAt: row.last_at.toISOString(),
    nextRetryAt: row.next_retry_at?.toISOString() ?? null,
  };
}
