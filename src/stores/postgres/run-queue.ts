/** `RunQueue` on PostgreSQL. */
import { sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import { NO_COUNTS, type RunCounts, type RunMode, type RunTrigger } from '../../domain/run.ts';
import type { Random } from '../../ports/clock.ts';
import type { ClaimedRun, QueuedRun, RunQueue } from '../../ports/run-queue.ts';
import { admitNext, countOpen, dispatch, endRun, lockOrganization, takeOverRuns } from './admission.ts';
import type { Database } from './database.ts';
import { ask, isLockTimeout } from './database-error.ts';
import { holdFenceToLeave } from './fence.ts';
import type { JobBoard } from './job-board.ts';
import { DEFAULT_LEASE_MS, newRunId, requireRunnable } from './run-store.ts';
import type { Tables } from './tables.ts';

export interface RunQueueOptions {
  readonly database: Database;
  readonly board: JobBoard;
  readonly random: Random;
  /** Identity of this process, see `worker-presence.ts`. */
  readonly workerId: string;
  readonly leaseMs?: number;
}

/** A person is served before the schedule. */
const PRIORITY: Readonly<Record<RunTrigger, number>> = { manual: 10, api: 10, schedule: 0 };

export function createRunQueue(options: RunQueueOptions): RunQueue {
  const { database, board, workerId } = options;
  const leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
  return {
    enqueue: (run, how) =>
      database.transaction(async (trx) => {
        const limits = await lockOrganization(trx, run.organizationId);
        const connector = await requireRunnable(trx, run);
        if (how.ifLastStartedAt !== undefined && (await lastStart(trx, run)) !== how.ifLastStartedAt) return null;
        const { active, queued, openId: open } = await countOpen(trx, run.organizationId, run.connectionId);
        if (open !== null && how.whenBusy === 'refuse') throw new SyncError('connection_busy', { detail: open });
        const admitted = open === null && active < limits!.maxRunning;
        // Half of the places are kept for people.
        const places = run.trigger === 'schedule' ? Math.floor(limits!.maxQueued / 2) : limits!.maxQueued;
        if (!admitted && queued >= places) {
          throw new SyncError('queue_full', {
            detail: `Running: ${active}, waiting: ${queued}.`,
            retryAfterMs: await waitForPlace(trx, run.organizationId),
          });
        }
        const runId = newRunId(run.organizationId, options.random);
        const priority = PRIORITY[run.trigger];
        const { heldSetId, planId = null, onlyDue = false } = run;
        const request = JSON.stringify({
          ...(heldSetId === null ? {} : { heldSetId }),
          ...(planId === null ? {} : { planId }),
          ...(onlyDue ? { onlyDue } : {}),
        });
        await sql`
          WITH lease AS (
            INSERT INTO connection_leases (organization_id, connection_id)
            VALUES (${run.organizationId}, ${run.connectionId}) ON CONFLICT DO NOTHING)
          INSERT INTO sync_runs (id, organization_id, connection_id, connector, mode, trigger, unit, state, priority, counts,
                                 request)
          VALUES (${runId}, ${run.organizationId}, ${run.connectionId}, ${connector}, ${run.mode}, ${run.trigger},
                  ${run.unit}, 'queued', ${priority}, ${JSON.stringify(NO_COUNTS)}, ${request})`.execute(trx);
        if (admitted) await dispatch(trx, { runId, priority }, board);
        return { runId, state: admitted ? 'starting' : 'queued' };
      }),

    claim: (runId) =>
      database
        .transaction((trx) => claimRun(trx, runId, workerId, leaseMs))
        .catch((error) => {
          // Its former holder still writes, or is cut off in the middle of it: it is dispatched again.
          if (isLockTimeout(error)) return null;
          throw error;
        }),

    handBack: (fence) =>
      database.transaction(async (trx) => {
        await lockOrganization(trx, fence.organizationId);
        await holdFenceToLeave(trx, fence);
        await sql`
          UPDATE connection_leases SET run_id = NULL, worker_id = NULL, expires_at = NULL
          WHERE organization_id = ${fence.organizationId} AND connection_id = ${fence.connectionId}`.execute(trx);
        // This process ended in order: that is not a sign of a run that kills processes.
        const { rows } = await sql<{ priority: number }>`
          UPDATE sync_runs SET attempt = attempt - 1, state = 'starting'
          WHERE id = ${fence.runId} AND finished_at IS NULL RETURNING priority`.execute(trx);
        const run = rows[0];
        if (run !== undefined) await dispatch(trx, { runId: fence.runId, priority: run.priority }, board);
      }),

    cancel: (organizationId, runId) =>
      database.transaction(async (trx) => {
        const limits = await lockOrganization(trx, organizationId);
        // The lease first: a claim of this moment waits, or is seen.
        const { rows } = await sql<{ leased: boolean }>`
          SELECT coalesce(l.run_id = r.id, false) AS leased
          FROM sync_runs AS r
          JOIN connection_leases AS l ON l.organization_id = r.organization_id AND l.connection_id = r.connection_id
          WHERE r.organization_id = ${organizationId} AND r.id = ${runId} FOR NO KEY UPDATE OF l`.execute(trx);
        const run = rows[0];
        if (run === undefined) return null;
        const { numAffectedRows } = await sql`
          UPDATE sync_runs SET cancel_requested_at = coalesce(cancel_requested_at, now())
          WHERE organization_id = ${organizationId} AND id = ${runId} AND finished_at IS NULL`.execute(trx);
        if (numAffectedRows === 0n) return 'ended';
        if (run.leased) return 'requested';
        await endRun(trx, organizationId, runId, 'cancelled');
        await admitNext(trx, organizationId, limits!, board);
        return 'cancelled';
      }),

    takeOver: (organizationIds) =>
      ask(async () => {
        await forgetDeadWorkers(database);
        let touched = 0;
        for (const organizationId of await organizationsInNeed(database)) {
          if (organizationIds !== undefined && !organizationIds.includes(organizationId)) continue;
          for (let ending = 1; ending > 0; ) {
            const looked = await database.transaction(async (trx) => {
              const limits = await lockOrganization(trx, organizationId);
              if (limits === null) return { touched: 0, ending: 0 };
              const taken = await takeOverRuns(trx, organizationId, board);
              return { ...taken, touched: taken.touched + (await admitNext(trx, organizationId, limits, board)) };
            });
            touched += looked.touched;
            ending = looked.ending;
          }
        }
        return touched;
      }),

    enlist: () =>
      database.transaction(async (trx) => {
        await sql`INSERT INTO workers (id) VALUES (${workerId}::bigint) ON CONFLICT DO NOTHING`.execute(trx);
      }),

    pause: (key, reason) =>
      database.transaction(async (trx) => {
        const limits = await lockOrganization(trx, key.organizationId);
        const { numAffectedRows } = await sql`
          UPDATE connections
          SET state = 'paused', paused_by = 'person', paused_at = now(), state_reason = ${reason}, updated_at = now()
          WHERE organization_id = ${key.organizationId} AND id = ${key.connectionId} AND state <> 'removed'`.execute(
          trx,
        );
        if (numAffectedRows !== 1n) return false;
        const { rows } = await sql<{ id: string }>`
          SELECT id FROM sync_runs WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
            AND state = 'queued'`.execute(trx);
        for (const { id } of rows) await endRun(trx, key.organizationId, id, 'cancelled');
        await admitNext(trx, key.organizationId, limits!, board);
        return true;
      }),

    resume: (key) =>
      database.transaction(async (trx) => {
        // The breaker begins anew as well: whoever resumes wants to see it run.
        const { numAffectedRows } = await sql`
          UPDATE connections
          SET state = 'active', paused_by = NULL, paused_at = NULL, state_reason = NULL, consecutive_failures = 0,
              updated_at = now()
          WHERE organization_id = ${key.organizationId} AND id = ${key.connectionId} AND state <> 'removed'`.execute(
          trx,
        );
        // Somebody may have unlocked the account, or taken its second factor away.
        await sql`
          DELETE FROM portal_refusals
          WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}`.execute(trx);
        return numAffectedRows === 1n;
      }),
  };
}

async function claimRun(
  trx: Transaction<Tables>,
  runId: string,
  workerId: string,
  leaseMs: number,
): Promise<ClaimedRun | null> {
  // Claims that wait for ever would take the places of all other runs.
  await sql`SET LOCAL lock_timeout = '5s'`.execute(trx);
  // Waits for the writes of whoever had the run before: what they did is there, or was refused.
  const { rows: leases } = await sql<{ taken: boolean; fence: string }>`
    SELECT l.run_id IS NOT NULL AS taken, l.fence
    FROM connection_leases AS l JOIN sync_runs AS r
      ON r.organization_id = l.organization_id AND r.connection_id = l.connection_id
    WHERE r.id = ${runId} FOR UPDATE OF l`.execute(trx);
  const lease = leases[0];
  if (lease === undefined || lease.taken) return null;
  const { rows } = await sql<{
    organizationId: string;
    connectionId: string;
    mode: RunMode;
    trigger: RunTrigger;
    unit: string | null;
    attempt: number;
    request: { heldSetId?: string; planId?: string; onlyDue?: boolean };
    counts: Partial<RunCounts>;
    effects: Partial<RunCounts>;
    settings: number;
  }>`
    UPDATE sync_runs AS r
    SET attempt = attempt + 1, started_at = CASE WHEN attempt = 0 THEN now() ELSE started_at END
    -- A late word about progress may have said "running" since it was taken over; the lease, which is held here, is what counts.
    WHERE id = ${runId} AND state IN ('starting', 'running')
    RETURNING organization_id AS "organizationId", connection_id AS "connectionId", mode, trigger, unit, attempt,
              request, counts, effects,
              coalesce((SELECT s.version FROM connection_settings AS s
                        WHERE s.organization_id = r.organization_id AND s.connection_id = r.connection_id), 0)::float8
                AS settings`.execute(trx);
  const run = rows[0];
  if (run === undefined) return null;
  const { organizationId, connectionId, attempt } = run;
  const number = Number(lease.fence) + 1;
  await sql`
    UPDATE connection_leases
    SET fence = ${number}, run_id = ${runId}, worker_id = ${workerId}::bigint,
        expires_at = now() + ${leaseMs} * interval '1 millisecond'
    WHERE organization_id = ${organizationId} AND connection_id = ${connectionId}`.execute(trx);
  return {
    fence: { organizationId, connectionId, runId, number },
    organizationId,
    connectionId,
    mode: run.mode,
    trigger: run.trigger,
    unit: run.unit,
    heldSetId: run.request.heldSetId ?? null,
    planId: run.request.planId ?? null,
    onlyDue: run.request.onlyDue ?? false,
    attempt,
    counts: attempt === 1 ? {} : { ...run.effects, bytes: run.counts.bytes ?? 0 },
    settingsVersion: run.settings,
  };
}

/**
 * Epoch ms of the newest run of the whole connection: the same that `ScheduleState.lastStartedAt` tells, or a schedule would never
 * be the first to ask.
 */
async function lastStart(trx: Transaction<Tables>, run: QueuedRun): Promise<number | null> {
  const { rows } = await sql<{ last: Date | null }>`
    SELECT max(started_at) AS last FROM sync_runs
    WHERE organization_id = ${run.organizationId} AND connection_id = ${run.connectionId} AND unit IS NULL
      AND mode NOT IN ('plan', 'held')`.execute(trx);
  return rows[0]?.last?.getTime() ?? null;
}

/** How long, by the last runs, until one of the running ones ends. */
async function waitForPlace(trx: Transaction<Tables>, organizationId: string): Promise<number> {
  const { rows } = await sql<{ seconds: number | null }>`
    SELECT avg(extract(epoch FROM finished_at - started_at))::float8 AS seconds
    FROM (SELECT started_at, finished_at FROM sync_runs
          WHERE organization_id = ${organizationId} AND state = 'completed' ORDER BY started_at DESC LIMIT 10) AS last`.execute(
    trx,
  );
  return Math.min(Math.max(rows[0]?.seconds ?? 30, 5), 600) * 1000;
}

/** Those with a run whose process may be gone, whose job may be lost, or that waits although there is room. */
async function organizationsInNeed(database: Database): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    SELECT DISTINCT r.organization_id AS id
    FROM sync_runs AS r
    JOIN organizations AS o ON o.id = r.organization_id
    LEFT JOIN connection_leases AS l ON l.organization_id = r.organization_id AND l.connection_id = r.connection_id
      AND l.run_id = r.id
    WHERE r.finished_at IS NULL AND CASE
      WHEN r.state = 'queued' THEN o.max_running > (
        SELECT count(*) FROM sync_runs AS a WHERE a.organization_id = r.organization_id AND a.state IN ('starting', 'running'))
      WHEN l.run_id IS NULL THEN coalesce(r.dispatched_at, 'epoch') < now() - interval '8 seconds'
      ELSE l.expires_at < now() OR NOT EXISTS (
        SELECT 1 FROM pg_locks AS k WHERE k.locktype = 'advisory' AND k.objsubid = 1 AND k.granted
          AND k.mode = 'ExclusiveLock' AND (k.classid::bigint << 32 | k.objid::bigint) = l.worker_id)
    END`.execute(database.kysely);
  return rows.map((row) => row.id);
}

async function forgetDeadWorkers(database: Database): Promise<void> {
  await sql`
    DELETE FROM workers AS w WHERE NOT EXISTS (
      SELECT 1 FROM pg_locks AS k WHERE k.locktype = 'advisory' AND k.objsubid = 1 AND k.granted
        AND k.mode = 'ExclusiveLock' AND (k.classid::bigint << 32 | k.objid::bigint) = w.id)`.execute(database.kysely);
}
