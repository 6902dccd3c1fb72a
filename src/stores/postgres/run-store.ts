/** `RunStore` on PostgreSQL: runs and leases here, failures and held sets in the files beside it. */
import { sql, type Transaction } from 'kysely';
import { ERROR_CATALOGUE, SyncError } from '../../domain/errors.ts';
import { NO_COUNTS, type RunCounts, type RunState } from '../../domain/run.ts';
import type { Random } from '../../ports/clock.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { RunRecord, RunStart, RunStore } from '../../ports/run-store.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { createFailureStore } from './failures.ts';
import { holdFence, holdFenceAlone } from './fence.ts';
import { createHeldSetStore } from './held-sets.ts';
import type { Tables } from './tables.ts';

export interface RunStoreOptions {
  readonly database: Database;
  readonly random: Random;
  /** Identity of this process, see `worker-presence.ts`. */
  readonly workerId: string;
  /** How long a lease is good without a heartbeat. */
  readonly leaseMs?: number;
}

const DEFAULT_LEASE_MS = 15_000;

export function createRunStore(options: RunStoreOptions): RunStore {
  const { database, random, workerId } = options;
  const leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
  return {
    ...createFailureStore(database),
    ...createHeldSetStore(database, random),

    start: (start) => database.transaction((trx) => startRun(trx, start, { random, workerId, leaseMs })),

    heartbeat: (fence) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<{ cancel: boolean }>`
          UPDATE connection_leases AS l SET expires_at = now() + ${leaseMs} * interval '1 millisecond'
          FROM sync_runs AS r
          WHERE l.organization_id = ${fence.organizationId} AND l.connection_id = ${fence.connectionId}
            AND l.fence = ${fence.number} AND l.run_id = ${fence.runId} AND r.id = l.run_id
          RETURNING r.cancel_requested_at IS NOT NULL AS cancel`.execute(trx);
        const row = rows[0];
        if (row === undefined) throw new SyncError('lease_lost');
        return { cancelRequested: row.cancel };
      }),

    progress: (fence, p) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await trx
          .updateTable('sync_runs')
          .set({
            state: 'running',
            step: p.step,
            total_steps: p.totalSteps,
            completed_steps: p.completedSteps,
            percentage: p.percentage,
            items_processed: p.itemsProcessed,
            items_total: p.itemsTotal,
            counts: JSON.stringify(p.counts),
          })
          .where('id', '=', fence.runId)
          .where('organization_id', '=', fence.organizationId)
          .where('finished_at', 'is', null)
          .execute();
      }),

    finish: (fence, end) =>
      database.transaction(async (trx) => {
        await holdFenceAlone(trx, fence);
        await trx
          .updateTable('sync_runs')
          .set((eb) => ({
            state: end.state,
            outcome: end.outcome,
            counts: JSON.stringify(end.counts),
            error: end.error === null ? null : JSON.stringify(end.error),
            finished_at: sql<Date>`now()`,
            percentage: end.state === 'completed' ? eb.val(100) : eb.ref('percentage'),
            completed_steps: end.state === 'completed' ? eb.ref('total_steps') : eb.ref('completed_steps'),
          }))
          .where('id', '=', fence.runId)
          .where('organization_id', '=', fence.organizationId)
          .where('finished_at', 'is', null)
          .execute();
        const success = end.state === 'completed' && end.outcome !== 'failed';
        await sql`
          UPDATE connections
          SET complete_read_items = coalesce(${end.completeRead?.itemsInSource ?? null}::bigint, complete_read_items),
              complete_read_at = CASE WHEN ${end.completeRead !== null}::boolean THEN now() ELSE complete_read_at END,
              last_success_at = CASE WHEN ${success}::boolean THEN now() ELSE last_success_at END,
              consecutive_failures = CASE WHEN ${success}::boolean THEN 0
                                          WHEN ${end.state === 'cancelled'}::boolean THEN consecutive_failures
                                          ELSE consecutive_failures + 1 END
          WHERE organization_id = ${fence.organizationId} AND id = ${fence.connectionId}`.execute(trx);
        await trx
          .updateTable('connection_leases')
          .set({ run_id: null, worker_id: null, expires_at: null })
          .where('organization_id', '=', fence.organizationId)
          .where('connection_id', '=', fence.connectionId)
          .where('fence', '=', String(fence.number))
          .execute();
      }),

    requestCancel: (organizationId, runId) =>
      database.transaction(async (trx) => {
        const result = await trx
          .updateTable('sync_runs')
          .set({ cancel_requested_at: sql<Date>`coalesce(cancel_requested_at, now())` })
          .where('id', '=', runId)
          .where('organization_id', '=', organizationId)
          .where('finished_at', 'is', null)
          .executeTakeFirst();
        return result.numUpdatedRows > 0n;
      }),

    async run(organizationId, runId) {
      try {
        const row = await database.kysely
          .selectFrom('sync_runs')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where('id', '=', runId)
          .executeTakeFirst();
        return row === undefined ? null : runRecord(row);
      } catch (error) {
        throw databaseError(error);
      }
    },

    async runs(key, limit) {
      try {
        let query = database.kysely
          .selectFrom('sync_runs')
          .selectAll()
          .where('organization_id', '=', key.organizationId);
        if (key.connectionId !== undefined) query = query.where('connection_id', '=', key.connectionId);
        const rows = await query.orderBy('started_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
        return rows.map(runRecord);
      } catch (error) {
        throw databaseError(error);
      }
    },

    async lastCompleteRead(key) {
      try {
        const row = await database.kysely
          .selectFrom('connections')
          .select('complete_read_items')
          .where('organization_id', '=', key.organizationId)
          .where('id', '=', key.connectionId)
          .executeTakeFirst();
        const items = row?.complete_read_items;
        return items === null || items === undefined ? null : { itemsInSource: Number(items) };
      } catch (error) {
        throw databaseError(error);
      }
    },
  };
}

interface StartContext {
  readonly random: Random;
  readonly workerId: string;
  readonly leaseMs: number;
}

async function startRun(trx: Transaction<Tables>, start: RunStart, context: StartContext): Promise<Fence> {
  const { organizationId, connectionId } = start;
  const connection = await trx
    .selectFrom('connections')
    .select(['connector', 'state', 'state_reason'])
    .where('organization_id', '=', organizationId)
    .where('id', '=', connectionId)
    .executeTakeFirst();
  if (connection === undefined) {
    throw new SyncError('connection_paused', { detail: 'It is not known: run "chartsync apply" first.' });
  }
  if (connection.state !== 'active') {
    throw new SyncError('connection_paused', { detail: connection.state_reason ?? connection.state });
  }
  await sql`
    INSERT INTO connection_leases (organization_id, connection_id) VALUES (${organizationId}, ${connectionId})
    ON CONFLICT DO NOTHING`.execute(trx);
  const { rows } = await sql<{ fence: string; runId: string | null; worker: string | null; expired: boolean }>`
    SELECT fence, run_id AS "runId", worker_id AS worker, coalesce(expires_at < now(), true) AS expired
    FROM connection_leases WHERE organization_id = ${organizationId} AND connection_id = ${connectionId}
    FOR UPDATE`.execute(trx);
  const lease = rows[0]!;
  if (lease.runId !== null) {
    if (!lease.expired && (await isAlive(trx, lease.worker))) {
      throw new SyncError('connection_busy', { detail: lease.runId });
    }
    await abandon(trx, organizationId, lease.runId);
  }
  const number = Number(lease.fence) + 1;
  const runId = newRunId(organizationId, context.random);
  await trx
    .insertInto('sync_runs')
    .values({
      id: runId,
      organization_id: organizationId,
      connection_id: connectionId,
      connector: connection.connector,
      mode: start.mode,
      trigger: start.trigger,
      unit: start.unit ?? null,
      state: 'starting',
      counts: JSON.stringify(NO_COUNTS),
      items_processed: 0,
    })
    .execute();
  await sql`
    UPDATE connection_leases
    SET fence = ${number}, run_id = ${runId}, worker_id = ${context.workerId}::bigint,
        expires_at = now() + ${context.leaseMs} * interval '1 millisecond'
    WHERE organization_id = ${organizationId} AND connection_id = ${connectionId}`.execute(trx);
  return { organizationId, connectionId, runId, number };
}

/**
 * A worker is alive while it holds its advisory lock; see `worker-presence.ts`. Asked with a shared lock: two take-overs
 * from one dead worker must not take each other for it.
 */
async function isAlive(trx: Transaction<Tables>, workerId: string | null): Promise<boolean> {
  if (workerId === null) return false;
  const { rows } = await sql<{ gone: boolean }>`
    SELECT pg_try_advisory_xact_lock_shared(${workerId}::bigint) AS gone`.execute(trx);
  return rows[0]?.gone !== true;
}

async function abandon(trx: Transaction<Tables>, organizationId: string, runId: string): Promise<void> {
  const error = {
    code: 'lease_lost',
    message: 'The process that worked on this run ended without finishing it.',
    remedy: ERROR_CATALOGUE.lease_lost.remedy,
  };
  await trx
    .updateTable('sync_runs')
    .set({ state: 'failed', outcome: 'failed', error: JSON.stringify(error), finished_at: sql<Date>`now()` })
    .where('id', '=', runId)
    .where('organization_id', '=', organizationId)
    .where('finished_at', 'is', null)
    .execute();
}

/** Opaque to clients; the random end keeps two starts within one second apart. */
function newRunId(organizationId: string, random: Random): string {
  const stamp = new Date().toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15);
  return `sync_${organizationId}_${stamp}_${random.uuid().slice(0, 8)}`;
}

type RunRow = {
  [K in keyof Tables['sync_runs']]: unknown;
};

function runRecord(row: RunRow): RunRecord {
  return {
    id: row.id as string,
    organizationId: row.organization_id as string,
    connectionId: row.connection_id as string,
    connector: row.connector as string,
    mode: row.mode as string,
    trigger: row.trigger as string,
    unit: row.unit as string | null,
    state: row.state as RunState,
    outcome: row.outcome as RunRecord['outcome'],
    step: row.step as string | null,
    totalSteps: row.total_steps as number,
    completedSteps: row.completed_steps as number,
    percentage: Number(row.percentage),
    itemsProcessed: Number(row.items_processed),
    itemsTotal: row.items_total === null ? null : Number(row.items_total),
    counts: { ...NO_COUNTS, ...(row.counts as Partial<RunCounts>) },
    error: row.error as RunRecord['error'],
    cancelRequested: row.cancel_requested_at !== null,
    startedAt: (row.started_at as Date).toISOString(),
    finishedAt: row.finished_at === null ? null : (row.finished_at as Date).toISOString(),
  };
}
