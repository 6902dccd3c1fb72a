/** `RunBatches` on PostgreSQL. Locks are taken in the order lease, batch, run. */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { RunCounts } from '../../domain/run.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { BatchFence, RunBatches, TakenBatch } from '../../ports/run-batches.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { holdFence } from './fence.ts';
import { DEFAULT_LEASE_MS } from './run-store.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

/** After so many takers only the owner takes a batch: it may be what kills them, and the owner's end counts for the run. */
const ATTEMPTS_OF_HELPERS = 2;
const RESULTS_AT_ONCE = 100;

/** The process of that number does not hold its lock any more, see `worker-presence.ts`. */
const isGone = (worker: RawBuilder<unknown>) => sql`NOT EXISTS (
  SELECT 1 FROM pg_locks AS k WHERE k.locktype = 'advisory' AND k.objsubid = 1 AND k.granted
    AND k.mode = 'ExclusiveLock' AND (k.classid::bigint << 32 | k.objid::bigint) = ${worker})`;

export function createRunBatches(options: {
  readonly database: Database;
  /** Identity of this process. */
  readonly workerId: string;
  /** How long a batch, or the place of a helper, is good without being renewed. */
  readonly leaseMs?: number;
}): RunBatches {
  const { database, workerId } = options;
  const until = sql`now() + ${options.leaseMs ?? DEFAULT_LEASE_MS} * interval '1 millisecond'`;
  const me = sql`${workerId}::bigint`;

  return {
    offer: (fence, batches) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await sql`
          DELETE FROM sync_run_batches
          WHERE organization_id = ${fence.organizationId} AND run_id = ${fence.runId}`.execute(trx);
        let n = 0;
        for await (const batch of batches()) {
          await sql`
            INSERT INTO sync_run_batches (organization_id, run_id, fence, n, units, items, changes)
            VALUES (${fence.organizationId}, ${fence.runId}, ${fence.number}, ${n++}, ${batch.units}, ${batch.items},
                    ${batch.changes})`.execute(trx);
        }
      }),

    async join(connections, { maxHelpers, except }) {
      if (connections.length === 0 || maxHelpers === 0) return null;
      for (const fence of await runsInNeed()) {
        const joined = await database.transaction((trx) => enter(trx, fence, maxHelpers));
        if (joined) return fence;
      }
      return null;

      async function runsInNeed(): Promise<Fence[]> {
        try {
          const { rows } = await sql<Omit<Fence, 'number'> & { number: string }>`
            SELECT r.organization_id AS "organizationId", r.connection_id AS "connectionId", r.id AS "runId",
                   l.fence AS number
            FROM unnest(${connections.map((c) => c.organizationId)}::text[],
                        ${connections.map((c) => c.connectionId)}::text[]) AS c (organization_id, id)
            JOIN connection_leases AS l ON l.organization_id = c.organization_id AND l.connection_id = c.id
              AND l.worker_id <> ${me} AND l.expires_at > now()
            JOIN sync_runs AS r ON r.organization_id = l.organization_id AND r.id = l.run_id
            WHERE r.finished_at IS NULL AND r.cancel_requested_at IS NULL AND r.id <> ALL (${[...except]}::text[])
              AND EXISTS (SELECT 1 FROM sync_run_batches AS b
                          WHERE b.organization_id = r.organization_id AND b.run_id = r.id AND b.fence = l.fence
                            AND b.state = 'waiting' AND b.attempt < ${ATTEMPTS_OF_HELPERS})
            ORDER BY r.priority DESC, r.started_at`.execute(database.kysely);
          return rows.map((row) => ({ ...row, number: Number(row.number) }));
        } catch (error) {
          throw databaseError(error);
        }
      }
    },

    leave: (fence) =>
      database.transaction(async (trx) => {
        await sql`
          DELETE FROM sync_run_helpers
          WHERE organization_id = ${fence.organizationId} AND run_id = ${fence.runId} AND worker_id = ${me}`.execute(
          trx,
        );
      }),

    take: (fence, as) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        const attempts = as === 'owner' ? 1_000_000 : ATTEMPTS_OF_HELPERS;
        const waiting = await takeFirst(trx, fence, sql`b.state = 'waiting' AND b.attempt < ${attempts}`);
        if (waiting !== null) return waiting;
        // A write of the moment keeps its batch: then it is somebody's, and passed over here.
        const gone = sql`(b.expires_at < now() OR (b.worker_id <> ${me} AND ${isGone(sql`b.worker_id`)}))`;
        return takeFirst(trx, fence, sql`b.state = 'taken' AND b.attempt < ${attempts} AND ${gone}`);
      }),

    complete: (fence, result) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await change(trx, fence, sql`state = 'done', result = ${result}, worker_id = NULL, expires_at = NULL`);
      }),

    giveBack: (fence) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await change(trx, fence, sql`state = 'waiting', worker_id = NULL, expires_at = NULL`);
      }),

    renew: (fence, batches) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await sql`
          UPDATE sync_run_helpers SET expires_at = ${until}
          WHERE organization_id = ${fence.organizationId} AND run_id = ${fence.runId} AND fence = ${fence.number}
            AND worker_id = ${me}`.execute(trx);
        await sql`
          UPDATE sync_run_batches AS b SET expires_at = ${until}
          FROM unnest(${batches.map((f) => f.batch.n)}::int[], ${batches.map((f) => f.batch.attempt)}::int[]) AS h (n, attempt)
          WHERE b.organization_id = ${fence.organizationId} AND b.run_id = ${fence.runId} AND b.fence = ${fence.number}
            AND b.n = h.n AND b.attempt = h.attempt AND b.state = 'taken'`.execute(trx);
        const { rows } = await sql<{ cancel: boolean }>`
          SELECT cancel_requested_at IS NOT NULL AS cancel FROM sync_runs
          WHERE organization_id = ${fence.organizationId} AND id = ${fence.runId}`.execute(trx);
        return { cancelRequested: rows[0]?.cancel === true };
      }),

    progress: (fence) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<{ open: number; itemsDone: number; effects: Partial<RunCounts> | null }>`
          SELECT (count(*) FILTER (WHERE state <> 'done'))::int AS open,
                 coalesce(sum(items) FILTER (WHERE state = 'done'), 0)::float8 AS "itemsDone",
                 (SELECT effects FROM sync_runs
                  WHERE organization_id = ${fence.organizationId} AND id = ${fence.runId}) AS effects
          FROM sync_run_batches
          WHERE organization_id = ${fence.organizationId} AND run_id = ${fence.runId} AND fence = ${fence.number}`.execute(
          trx,
        );
        const [row] = rows;
        return { open: row?.open ?? 0, itemsDone: row?.itemsDone ?? 0, effects: row?.effects ?? {} };
      }),

    async *results(fence) {
      for (let from = 0; ; ) {
        const { rows } = await sql<{ n: number; result: string }>`
          SELECT n, result FROM sync_run_batches
          WHERE organization_id = ${fence.organizationId} AND run_id = ${fence.runId} AND fence = ${fence.number}
            AND state = 'done' AND n >= ${from} ORDER BY n LIMIT ${RESULTS_AT_ONCE}`
          .execute(database.kysely)
          .catch((error) => {
            throw databaseError(error);
          });
        for (const row of rows) yield row.result;
        const last = rows.at(-1);
        if (last === undefined) return;
        from = last.n + 1;
      }
    },
  };

  /** The lease's row orders those who join: two at one moment must not both be the last one. */
  async function enter(trx: Trx, fence: Fence, maxHelpers: number): Promise<boolean> {
    const { rows: lease } = await sql`
      SELECT 1 FROM connection_leases
      WHERE organization_id = ${fence.organizationId} AND connection_id = ${fence.connectionId}
        AND fence = ${fence.number} AND run_id = ${fence.runId} FOR NO KEY UPDATE`.execute(trx);
    if (lease.length === 0) return false;
    const { rows } = await sql<{ helpers: number }>`
      SELECT count(*)::int AS helpers FROM sync_run_helpers AS h
      WHERE h.organization_id = ${fence.organizationId} AND h.run_id = ${fence.runId} AND h.fence = ${fence.number}
        AND h.worker_id <> ${me} AND h.expires_at > now() AND NOT ${isGone(sql`h.worker_id`)}`.execute(trx);
    if ((rows[0]?.helpers ?? 0) >= maxHelpers) return false;
    await sql`
      INSERT INTO sync_run_helpers (organization_id, run_id, fence, worker_id, expires_at)
      VALUES (${fence.organizationId}, ${fence.runId}, ${fence.number}, ${me}, ${until})
      ON CONFLICT (organization_id, run_id, worker_id) DO UPDATE
        SET fence = excluded.fence, expires_at = excluded.expires_at`.execute(trx);
    return true;
  }

  async function takeFirst(trx: Trx, fence: Fence, which: RawBuilder<unknown>): Promise<TakenBatch | null> {
    const { rows } = await sql<{ n: number; attempt: number; changes: string }>`
      UPDATE sync_run_batches AS t
      SET state = 'taken', attempt = t.attempt + 1, worker_id = ${me}, expires_at = ${until}
      FROM (SELECT b.organization_id, b.run_id, b.fence, b.n FROM sync_run_batches AS b
            WHERE b.organization_id = ${fence.organizationId} AND b.run_id = ${fence.runId} AND b.fence = ${fence.number}
              AND ${which}
            ORDER BY b.n LIMIT 1 FOR UPDATE SKIP LOCKED) AS f
      WHERE t.organization_id = f.organization_id AND t.run_id = f.run_id AND t.fence = f.fence AND t.n = f.n
      RETURNING t.n, t.attempt, t.changes`.execute(trx);
    const [row] = rows;
    if (row === undefined) return null;
    const { organizationId, connectionId, runId, number } = fence;
    const batch = { n: row.n, attempt: row.attempt };
    return { fence: { organizationId, connectionId, runId, number, batch }, changes: row.changes };
  }

  async function change(trx: Trx, fence: BatchFence, set: RawBuilder<unknown>): Promise<void> {
    const { numAffectedRows } = await sql`
      UPDATE sync_run_batches SET ${set}
      WHERE organization_id = ${fence.organizationId} AND run_id = ${fence.runId} AND fence = ${fence.number}
        AND n = ${fence.batch.n} AND attempt = ${fence.batch.attempt} AND state = 'taken'`.execute(trx);
    if (numAffectedRows !== 1n) throw new SyncError('lease_lost');
  }
}
