/** `RunStore` on PostgreSQL: runs and leases here, failures and held sets in the files beside it. */
import { sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import { NO_COUNTS, type RunCounts, type RunState } from '../../domain/run.ts';
import type { Random } from '../../ports/clock.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { RunEnd, RunRecord, RunStart, RunStore } from '../../ports/run-store.ts';
import { abandon, activeRuns, admitNext, hasWorkers, isAlive, lockOrganization } from './admission.ts';
import { pauseAfterFailure } from './connection-failures.ts';
import type { Database } from './database.ts';
import { ask, databaseError } from './database-error.ts';
import { createFailureStore } from './failures.ts';
import { holdFenceAlone, leaseOf } from './fence.ts';
import { createHeldSetStore } from './held-sets.ts';
import type { JobBoard } from './job-board.ts';
import type { Tables } from './tables.ts';

export interface RunStoreOptions {
  readonly database: Database;
  readonly random: Random;
  /** Identity of this process, see `worker-presence.ts`. */
  readonly workerId: string;
  /** Where waiting runs are dispatched when this process ends one. */
  readonly board: JobBoard;
  /** How long a lease is good without a heartbeat. */
  readonly leaseMs?: number;
}

export const DEFAULT_LEASE_MS = 15_000;

export function createRunStore(options: RunStoreOptions): RunStore {
  const { database, random, workerId, board } = options;
  const leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
  return {
    ...createFailureStore(database),
    ...createHeldSetStore(database, random),

    start: (start) => database.transaction((trx) => startRun(trx, start, { random, workerId, leaseMs, board })),

    heartbeat: (fence) =>
      ask(async () => {
        const { rows } = await sql<{ cancel: boolean }>`
          UPDATE connection_leases AS l SET expires_at = now() + ${leaseMs} * interval '1 millisecond'
          FROM sync_runs AS r
          WHERE l.organization_id = ${fence.organizationId} AND l.connection_id = ${fence.connectionId}
            AND l.fence = ${fence.number} AND l.run_id = ${fence.runId} AND r.id = l.run_id
          RETURNING r.cancel_requested_at IS NOT NULL AS cancel`.execute(database.kysely);
        const row = rows[0];
        if (row === undefined) throw new SyncError('lease_lost');
        return { cancelRequested: row.cancel };
      }),

    // One statement instead of a transaction: a run that finds nothing to do does little else.
    progress: (fence, p) =>
      ask(async () => {
        const { rows } = await sql<{ held: boolean }>`
          WITH lease AS (${leaseOf(fence, 'KEY SHARE')}),
          written AS (
            UPDATE sync_runs
            SET state = 'running', step = ${p.step}, total_steps = ${p.totalSteps}, completed_steps = ${p.completedSteps},
                percentage = ${p.percentage}, items_processed = ${p.itemsProcessed}, items_total = ${p.itemsTotal},
                counts = ${JSON.stringify(p.counts)}
            WHERE id = ${fence.runId} AND organization_id = ${fence.organizationId} AND finished_at IS NULL
              AND EXISTS (SELECT 1 FROM lease))
          SELECT EXISTS (SELECT 1 FROM lease) AS held`.execute(database.kysely);
        if (rows[0]?.held !== true) throw new SyncError('lease_lost');
      }),

    finish: (fence, end) =>
      database.transaction(async (trx) => {
        const limits = await lockOrganization(trx, fence.organizationId);
        await holdFenceAlone(trx, fence);
        await trx
          .updateTable('sync_runs')
          .set((eb) => ({
            state: end.state,
            outcome: end.outcome,
            // What the transactions of all its attempts did, whatever the last process knows of it.
            counts: sql`${JSON.stringify(end.counts)}::jsonb || effects`,
            error: end.error === null ? null : JSON.stringify(end.error),
            // Not the begin of this transaction: it may have waited for the last write of a helper.
            finished_at: sql<Date>`clock_timestamp()`,
            percentage: end.state === 'completed' ? eb.val(100) : eb.ref('percentage'),
            completed_steps: end.state === 'completed' ? eb.ref('total_steps') : eb.ref('completed_steps'),
          }))
          .where('id', '=', fence.runId)
          .where('organization_id', '=', fence.organizationId)
          .where('finished_at', 'is', null)
          .execute();
        await rememberEnd(trx, fence, end);
        await trx
          .updateTable('connection_leases')
          .set({ run_id: null, worker_id: null, expires_at: null })
          .where('organization_id', '=', fence.organizationId)
          .where('connection_id', '=', fence.connectionId)
          .where('fence', '=', String(fence.number))
          .execute();
        if (limits !== null) await admitNext(trx, fence.organizationId, limits, board);
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
  readonly board: JobBoard;
}

/** A run that this process works on itself. */
async function startRun(trx: Transaction<Tables>, start: RunStart, context: StartContext): Promise<Fence> {
  const { organizationId, connectionId } = start;
  const limits = await lockOrganization(trx, organizationId);
  const connector = await requireRunnable(trx, start);
  await sql`
    INSERT INTO connection_leases (organization_id, connection_id) VALUES (${organizationId}, ${connectionId})
    ON CONFLICT DO NOTHING`.execute(trx);
  await makeRoom(trx, start, limits!.maxRunning);
  const { rows } = await sql<{ fence: string }>`
    SELECT fence FROM connection_leases WHERE organization_id = ${organizationId} AND connection_id = ${connectionId}
    FOR UPDATE`.execute(trx);
  const number = Number(rows[0]!.fence) + 1;
  const runId = newRunId(organizationId, context.random);
  await trx
    .insertInto('sync_runs')
    .values({
      id: runId,
      organization_id: organizationId,
      connection_id: connectionId,
      connector,
      mode: start.mode,
      trigger: start.trigger,
      unit: start.unit ?? null,
      state: 'starting',
      attempt: 1,
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

/** Ends what nobody will end any more. @throws SyncError `connection_busy`, `organization_busy` */
async function makeRoom(trx: Transaction<Tables>, start: RunStart, maxRunning: number): Promise<void> {
  const { organizationId, connectionId } = start;
  // A run that was dispatched is continued by any process that takes jobs. Where there is none it would wait for ever.
  let workers: boolean | null = null;
  const continued = async () => {
    workers ??= await hasWorkers(trx);
    return workers;
  };
  let active = 0;
  for (const run of await activeRuns(trx, organizationId)) {
    const atWork = run.leased && !run.expired && (await isAlive(trx, run.worker));
    const goesOn = atWork || (!run.leased && (await continued()));
    if (run.connectionId === connectionId) {
      if (goesOn) throw new SyncError('connection_busy', { detail: run.id });
      await abandon(trx, organizationId, run);
    } else if (goesOn || (run.leased && run.jobId !== null && (await continued()))) active++;
  }
  const { rows } = await sql<{ id: string; attempt: number }>`
    SELECT id, attempt FROM sync_runs WHERE organization_id = ${organizationId} AND connection_id = ${connectionId}
      AND state = 'queued' ORDER BY queued_at`.execute(trx);
  for (const waiting of rows) {
    if (await continued()) throw new SyncError('connection_busy', { detail: waiting.id });
    await abandon(trx, organizationId, waiting);
  }
  if (active >= maxRunning) throw new SyncError('organization_busy', { detail: `Running: ${active}.` });
}

/** @returns the connector. @throws SyncError `connection_paused` */
export async function requireRunnable(
  trx: Transaction<Tables>,
  start: Pick<RunStart, 'organizationId' | 'connectionId' | 'trigger'>,
): Promise<string> {
  const connection = await trx
    .selectFrom('connections')
    .select(['connector', 'state', 'state_reason', 'paused_by'])
    .where('organization_id', '=', start.organizationId)
    .where('id', '=', start.connectionId)
    .executeTakeFirst();
  if (connection === undefined) {
    throw new SyncError('connection_paused', { detail: 'It is not known: run "chartsync apply" first.' });
  }
  // Its own failures only stop the schedule: a person may try whether the reason is gone.
  const mayTry = connection.state === 'paused' && connection.paused_by === 'failures' && start.trigger !== 'schedule';
  if (connection.state !== 'active' && !mayTry) {
    throw new SyncError('connection_paused', { detail: connection.state_reason ?? connection.state });
  }
  return connection.connector;
}

/** What the next guard, the breaker and the alerts look at. */
async function rememberEnd(trx: Transaction<Tables>, fence: Fence, end: RunEnd): Promise<void> {
  const success = end.state === 'completed' && end.outcome !== 'failed';
  // That a patient is not activated says nothing about the connection.
  const isAbout = end.error?.code !== 'fileset_not_activated';
  const failure = end.state === 'failed' && isAbout;
  // A list of records or a date that failed was not read: unlike a file that cannot be copied, that leaves the copy old.
  const allRead = sql`(r.mode NOT IN ('incremental', 'comprehensive', 'calendar') OR ${end.outcome === 'success'}::boolean)`;
  const { rows } = await sql<{ failures: number; limit: number | null; state: string }>`
    UPDATE connections AS c
    SET complete_read_items = coalesce(${end.completeRead?.itemsInSource ?? null}::bigint, c.complete_read_items),
        complete_read_at = CASE WHEN ${end.completeRead !== null}::boolean THEN now() ELSE c.complete_read_at END,
        last_success_at = CASE WHEN ${success}::boolean AND chartsync_is_whole(r.mode, r.unit) AND ${allRead} THEN now()
                               ELSE c.last_success_at END,
        last_failure_at = CASE WHEN ${failure}::boolean THEN now() ELSE c.last_failure_at END,
        last_failure_code = CASE WHEN ${failure}::boolean THEN ${end.error?.code ?? 'unexpected'} ELSE c.last_failure_code END,
        mode_completed = CASE
          WHEN c.mode_completed = '{}' AND ${end.state === 'completed'}::boolean AND r.unit IS NULL
            AND r.mode IN ('quick', 'deep', 'checksum')
          -- The first run copies everything, which is as good as a hash of everything. Later ones of the mode quick are not.
          THEN jsonb_build_object('deep', floor(extract(epoch FROM r.started_at) * 1000)::bigint,
                                  'checksum', floor(extract(epoch FROM r.started_at) * 1000)::bigint)
          ELSE c.mode_completed END || CASE
          WHEN ${end.state === 'completed'}::boolean AND r.unit IS NULL AND r.mode NOT IN ('plan', 'held') AND ${allRead}
          THEN jsonb_build_object(r.mode, floor(extract(epoch FROM r.started_at) * 1000)::bigint) ELSE '{}' END,
        consecutive_failures = CASE WHEN ${success}::boolean THEN 0
                                    WHEN ${end.state === 'cancelled' || !isAbout}::boolean THEN c.consecutive_failures
                                    ELSE c.consecutive_failures + 1 END
    FROM sync_runs AS r
    WHERE c.organization_id = ${fence.organizationId} AND c.id = ${fence.connectionId} AND r.id = ${fence.runId}
    RETURNING c.consecutive_failures AS failures, c.pause_after_failures AS limit, c.state`.execute(trx);
  const connection = rows[0];
  if (success && connection?.state === 'paused') {
    await sql`
      UPDATE connections SET state = 'active', paused_by = NULL, paused_at = NULL, state_reason = NULL
      WHERE organization_id = ${fence.organizationId} AND id = ${fence.connectionId}
        AND state = 'paused' AND paused_by = 'failures'`.execute(trx);
  } else if (failure && connection !== undefined) {
    await pauseAfterFailure(trx, fence, end.error?.code ?? 'unexpected', connection);
  }
}

/** Opaque to clients; the random end keeps two starts within one second apart. */
export function newRunId(organizationId: string, random: Random): string {
  const stamp = new Date().toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15);
  return `sync_${organizationId}_${stamp}_${random.uuid().slice(0, 8)}`;
}

export type RunRow = {
  [K in keyof Tables['sync_runs']]: unknown;
};

export function runRecord(row: RunRow): RunRecord {
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
    attempt: row.attempt as number,
    queuedAt: (row.queued_at as Date).toISOString(),
    startedAt: (row.started_at as Date).toISOString(),
    finishedAt: row.finished_at === null ? null : (row.finished_at as Date).toISOString(),
  };
}
