/**
 * How many runs of an organisation may be at work, decided under a lock of its row.
 *
 * Locks are taken in one order everywhere: organisation, lease, run.
 */
import { sql, type Transaction } from 'kysely';
import { ERROR_CATALOGUE } from '../../domain/errors.ts';
import { pauseAfterFailure } from './connection-failures.ts';
import { isJobWaiting, type JobBoard } from './job-board.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export interface OrganizationLimits {
  readonly maxRunning: number;
  readonly maxQueued: number;
}

/** Processes that died under a run before it is given up: it may be what kills them. */
const MAX_ATTEMPTS = 3;
/** A claim takes milliseconds; a job that was handed out this long ago without one is lost. */
const LOST_AFTER_SECONDS = 8;

/** Holds the organisation until the transaction ends. @returns null for an unknown one */
export async function lockOrganization(trx: Trx, organizationId: string): Promise<OrganizationLimits | null> {
  // Not FOR UPDATE: foreign keys to the row must not wait for us.
  const { rows } = await sql<OrganizationLimits>`
    SELECT max_running AS "maxRunning", max_queued AS "maxQueued" FROM organizations
    WHERE id = ${organizationId} FOR NO KEY UPDATE`.execute(trx);
  return rows[0] ?? null;
}

export interface OpenRuns {
  readonly active: number;
  readonly queued: number;
  /** The run of the named connection that is at work, else the one of it that waits longest; null: none. */
  readonly openId: string | null;
}

/** @param connectionId of which an open run is asked for */
export async function countOpen(trx: Trx, organizationId: string, connectionId: string | null): Promise<OpenRuns> {
  const { rows } = await sql<OpenRuns>`
    SELECT (count(*) FILTER (WHERE state <> 'queued'))::int AS active,
           (count(*) FILTER (WHERE state = 'queued'))::int AS queued,
           (array_agg(id ORDER BY state = 'queued', queued_at) FILTER (WHERE connection_id = ${connectionId}))[1] AS "openId"
    FROM sync_runs WHERE organization_id = ${organizationId} AND finished_at IS NULL`.execute(trx);
  return rows[0] ?? { active: 0, queued: 0, openId: null };
}

/** Dispatches waiting runs while there is room. The organisation is locked. */
export async function admitNext(
  trx: Trx,
  organizationId: string,
  limits: OrganizationLimits,
  board: JobBoard,
): Promise<number> {
  const open = await countOpen(trx, organizationId, null);
  let admitted = 0;
  for (let room = Math.min(limits.maxRunning - open.active, open.queued); room > 0; room--) {
    const { rows } = await sql<{ id: string; priority: number }>`
      SELECT r.id, r.priority FROM sync_runs AS r
      WHERE r.organization_id = ${organizationId} AND r.state = 'queued'
        AND NOT EXISTS (SELECT 1 FROM sync_runs AS a WHERE a.organization_id = r.organization_id
                          AND a.connection_id = r.connection_id AND a.state IN ('starting', 'running'))
      ORDER BY r.priority DESC, r.queued_at, r.id LIMIT 1`.execute(trx);
    const next = rows[0];
    if (next === undefined) break;
    await dispatch(trx, { runId: next.id, priority: next.priority }, board);
    admitted++;
  }
  return admitted;
}

/** Writes the job of a run; the run is `starting` from now on. */
export async function dispatch(
  trx: Trx,
  run: { readonly runId: string; readonly priority: number },
  board: JobBoard,
): Promise<void> {
  const jobId = await board.send(trx, run);
  await sql`
    UPDATE sync_runs SET state = 'starting', job_id = ${jobId}::uuid, dispatched_at = now()
    WHERE id = ${run.runId} AND finished_at IS NULL`.execute(trx);
}

export interface ActiveRun {
  readonly id: string;
  readonly connectionId: string;
  readonly attempt: number;
  readonly priority: number;
  readonly jobId: string | null;
  readonly cancelled: boolean;
  /** Somebody has taken it. */
  readonly leased: boolean;
  readonly expired: boolean;
  readonly worker: string | null;
  readonly secondsSinceDispatch: number;
}

export async function activeRuns(trx: Trx, organizationId: string): Promise<ActiveRun[]> {
  // The lease's row is locked: a heartbeat of the moment either comes before this look or waits for its outcome. Not FOR UPDATE:
  // that waits for the writes of every run that is well, and the whole organisation with it.
  const { rows } = await sql<ActiveRun>`
    SELECT r.id, r.connection_id AS "connectionId", r.attempt, r.priority, r.job_id AS "jobId",
           r.cancel_requested_at IS NOT NULL AS cancelled, coalesce(l.run_id = r.id, false) AS leased,
           coalesce(l.expires_at < now(), true) AS expired, l.worker_id::text AS worker,
           coalesce(extract(epoch FROM now() - r.dispatched_at), 1e9)::float8 AS "secondsSinceDispatch"
    FROM sync_runs AS r
    JOIN connection_leases AS l ON l.organization_id = r.organization_id AND l.connection_id = r.connection_id
    WHERE r.organization_id = ${organizationId} AND r.state IN ('starting', 'running')
    ORDER BY r.connection_id FOR NO KEY UPDATE OF l`.execute(trx);
  return rows;
}

/**
 * A worker is alive while it holds its advisory lock; see `worker-presence.ts`. Asked with a shared lock: two take-overs
 * from one dead worker must not take each other for it.
 */
export async function isAlive(trx: Trx, workerId: string | null): Promise<boolean> {
  if (workerId === null) return false;
  const { rows } = await sql<{ gone: boolean }>`
    SELECT pg_try_advisory_xact_lock_shared(${workerId}::bigint) AS gone`.execute(trx);
  return rows[0]?.gone !== true;
}

/** Is there a process that takes jobs? */
export async function hasWorkers(trx: Trx): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`SELECT id::text AS id FROM workers ORDER BY started_at DESC`.execute(trx);
  for (const { id } of rows) if (await isAlive(trx, id)) return true;
  return false;
}

/** Looks after every active run of the organisation, which is locked. @returns how many were touched */
export async function takeOverRuns(
  trx: Trx,
  organizationId: string,
  board: JobBoard,
): Promise<{
  readonly touched: number;
  /** Runs that are to be ended, by asking once more: their writes are refused when this transaction is over. */
  readonly ending: number;
}> {
  let touched = 0;
  let ending = 0;
  for (const run of await activeRuns(trx, organizationId)) {
    const isOver = run.cancelled || run.attempt >= MAX_ATTEMPTS || (run.jobId === null && run.attempt > 0);
    if (run.leased) {
      if (!run.expired && (await isAlive(trx, run.worker))) continue;
      touched++;
      // From here on its writes are refused. Those under way are waited for by whoever claims or ends it, not here: helpers that
      // write without a gap would keep the lease's row for as long as they write.
      await clearLease(trx, organizationId, run.connectionId);
      if (isOver) ending++;
      else await dispatch(trx, { runId: run.id, priority: run.priority }, board);
    } else if (isOver) {
      if (run.cancelled) await endRun(trx, organizationId, run.id, 'cancelled');
      else await abandon(trx, organizationId, run);
    } else if (run.secondsSinceDispatch > LOST_AFTER_SECONDS) {
      if (run.jobId !== null && (await isJobWaiting(trx, run.jobId))) continue;
      touched++;
      await dispatch(trx, { runId: run.id, priority: run.priority }, board);
    }
  }
  return { touched, ending };
}

/** What is written under the lease of this run is either there for its successor, or refused; see `fence.ts`. */
async function waitForWrites(trx: Trx, organizationId: string, runId: string): Promise<void> {
  await sql`
    SELECT 1 FROM connection_leases AS l JOIN sync_runs AS r
      ON r.organization_id = l.organization_id AND r.connection_id = l.connection_id
    WHERE l.organization_id = ${organizationId} AND r.id = ${runId}
      -- Taken away from it, it may have a write that is not over yet.
      AND (l.run_id = r.id OR l.run_id IS NULL) FOR UPDATE OF l`.execute(trx);
}

async function clearLease(trx: Trx, organizationId: string, connectionId: string): Promise<void> {
  await sql`
    UPDATE connection_leases SET run_id = NULL, worker_id = NULL, expires_at = NULL
    WHERE organization_id = ${organizationId} AND connection_id = ${connectionId}`.execute(trx);
}

/** Ends a run whose process ended without doing so. To its connection that is a failure like any other. */
export async function abandon(trx: Trx, organizationId: string, run: Pick<ActiveRun, 'id' | 'attempt'>): Promise<void> {
  const givenUp = run.attempt >= MAX_ATTEMPTS;
  const message = givenUp
    ? `${run.attempt} processes in a row ended while they worked on this run.`
    : 'The process that worked on this run ended without finishing it.';
  const remedy = givenUp
    ? 'Find out what ends the processes – memory, or their logs – before it is started again. What was done is kept.'
    : 'Start it again. What was done is kept.';
  await endRun(trx, organizationId, run.id, 'failed', { code: 'lease_lost', message, remedy });
  // Nobody has worked on it: that says nothing about the connection.
  if (run.attempt === 0) return;
  const { rows } = await sql<{ connectionId: string; failures: number; limit: number | null; state: string }>`
    UPDATE connections AS c
    SET consecutive_failures = c.consecutive_failures + 1, last_failure_at = clock_timestamp(),
        last_failure_code = 'lease_lost'
    FROM sync_runs AS r
    WHERE r.organization_id = ${organizationId} AND r.id = ${run.id}
      AND c.organization_id = r.organization_id AND c.id = r.connection_id
    RETURNING c.id AS "connectionId", c.consecutive_failures AS failures, c.pause_after_failures AS limit, c.state`.execute(
    trx,
  );
  const [connection] = rows;
  if (connection === undefined) return;
  await pauseAfterFailure(trx, { organizationId, connectionId: connection.connectionId }, 'lease_lost', connection);
}

/** Writes the end of a run that nobody works on. */
export async function endRun(
  trx: Trx,
  organizationId: string,
  runId: string,
  state: 'failed' | 'cancelled',
  error: { code: string; message: string; remedy: string } = {
    code: 'cancelled',
    message: ERROR_CATALOGUE.cancelled.summary,
    remedy: ERROR_CATALOGUE.cancelled.remedy,
  },
): Promise<void> {
  await waitForWrites(trx, organizationId, runId);
  await sql`
    UPDATE sync_runs
    SET state = ${state}, outcome = 'failed', error = ${JSON.stringify(error)}::jsonb, counts = counts || effects,
        finished_at = clock_timestamp()
    WHERE organization_id = ${organizationId} AND id = ${runId} AND finished_at IS NULL`.execute(trx);
  await sql`
    UPDATE connection_leases SET run_id = NULL, worker_id = NULL, expires_at = NULL
    WHERE organization_id = ${organizationId} AND run_id = ${runId}`.execute(trx);
}
