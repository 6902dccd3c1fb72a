/** `RunStore` in memory, for simulation and tests: runs and leases here, failures and held sets in the files beside it. */
import { SyncError } from '../../domain/errors.ts';
import { pauseReason } from '../../domain/failure-limit.ts';
import { NO_COUNTS } from '../../domain/run.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { RunEnd, RunRecord, RunStart, RunStore } from '../../ports/run-store.ts';
import { createMemoryFailures } from './failures.ts';
import { createMemoryHeldSets } from './held-sets.ts';
import { holdFence, keyOf, type MemoryConnection, type MemoryWorld } from './world.ts';

export interface MemoryRunStoreOptions {
  readonly world: MemoryWorld;
  readonly clock: Clock;
  readonly random: Random;
  /** Identity of this process. */
  readonly workerId: string;
  readonly isWorkerAlive: (workerId: string) => boolean;
  /** How long a lease is good without a heartbeat. */
  readonly leaseMs?: number;
}

const DEFAULT_LEASE_MS = 15_000;

export function createMemoryRunStore(options: MemoryRunStoreOptions): RunStore {
  const { world, clock, random } = options;
  const leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;

  function change(runId: string, values: Partial<RunRecord>): void {
    const run = world.runs.get(runId);
    if (run !== undefined && run.finishedAt === null) world.runs.set(runId, { ...run, ...values });
  }

  return {
    ...createMemoryFailures(world, clock),
    ...createMemoryHeldSets(world, random),

    async start(start) {
      return startRun(options, leaseMs, start, change);
    },

    async heartbeat(fence) {
      holdFence(world, fence);
      const key = keyOf(fence.organizationId, fence.connectionId);
      world.leases.set(key, { ...world.leases.get(key)!, expiresAt: clock.now() + leaseMs });
      return { cancelRequested: world.runs.get(fence.runId)!.cancelRequested };
    },

    async progress(fence, progress) {
      holdFence(world, fence);
      change(fence.runId, { ...progress, state: 'running' });
    },

    async finish(fence, end) {
      holdFence(world, fence);
      const { state, outcome, counts, error } = end;
      const run = world.runs.get(fence.runId)!;
      const whole = state === 'completed' ? { percentage: 100, completedSteps: run.totalSteps } : {};
      change(fence.runId, { state, outcome, counts, error, finishedAt: new Date(clock.now()).toISOString(), ...whole });
      rememberEnd(world, fence, end);
      const key = keyOf(fence.organizationId, fence.connectionId);
      world.leases.set(key, { fence: fence.number, runId: null, workerId: null, expiresAt: null });
    },

    async requestCancel(organizationId, runId) {
      const run = world.runs.get(runId);
      if (run?.organizationId !== organizationId || run.finishedAt !== null) return false;
      change(runId, { cancelRequested: true });
      return true;
    },

    async run(organizationId, runId) {
      const run = world.runs.get(runId);
      return run?.organizationId === organizationId ? run : null;
    },

    async runs(key, limit) {
      return [...world.runs.values()]
        .filter((run) => run.organizationId === key.organizationId)
        .filter((run) => key.connectionId === undefined || run.connectionId === key.connectionId)
        .reverse()
        .slice(0, limit);
    },

    async lastCompleteRead(key) {
      const items = world.connections.get(keyOf(key.organizationId, key.connectionId))?.completeReadItems ?? null;
      return items === null ? null : { itemsInSource: items };
    },
  };
}

function startRun(
  options: MemoryRunStoreOptions,
  leaseMs: number,
  start: RunStart,
  change: (runId: string, values: Partial<RunRecord>) => void,
): Fence {
  const { world, clock, random, workerId } = options;
  const { organizationId, connectionId } = start;
  const key = keyOf(organizationId, connectionId);
  const now = clock.now();
  const iso = new Date(now).toISOString();
  const connection = world.connections.get(key);
  if (connection === undefined) {
    throw new SyncError('connection_paused', { detail: 'It is not known: run "chartsync apply" first.' });
  }
  const mayTry = connection.pausedBy === 'failures' && start.trigger !== 'schedule';
  if (connection.state !== 'active' && !mayTry) {
    throw new SyncError('connection_paused', { detail: connection.stateReason ?? connection.state });
  }
  const lease = world.leases.get(key);
  const holder = lease?.runId ?? null;
  if (lease !== undefined && holder !== null) {
    const expired = lease.expiresAt === null || lease.expiresAt < now;
    const alive = lease.workerId !== null && options.isWorkerAlive(lease.workerId);
    if (!expired && alive) throw new SyncError('connection_busy', { detail: holder });
    const error = {
      code: 'lease_lost',
      message: 'The process that worked on this run ended without finishing it.',
      remedy: 'Start it again. What was done is kept.',
    };
    change(holder, { state: 'failed', outcome: 'failed', error, finishedAt: iso });
    world.connections.set(
      key,
      afterFailure({ ...connection, consecutiveFailures: connection.consecutiveFailures + 1 }, error.code),
    );
  }
  const number = (lease?.fence ?? 0) + 1;
  const stamp = iso.replace(/[-:]/g, '').replace('T', '_').slice(0, 15);
  const runId = `sync_${organizationId}_${stamp}_${random.uuid().slice(0, 8)}`;
  world.runs.set(runId, {
    id: runId,
    organizationId,
    connectionId,
    connector: connection.connector,
    mode: start.mode,
    trigger: start.trigger,
    unit: start.unit ?? null,
    state: 'starting',
    outcome: null,
    step: null,
    totalSteps: 0,
    completedSteps: 0,
    percentage: 0,
    itemsProcessed: 0,
    itemsTotal: null,
    counts: NO_COUNTS,
    error: null,
    cancelRequested: false,
    attempt: 1,
    queuedAt: iso,
    startedAt: iso,
    finishedAt: null,
  });
  world.leases.set(key, { fence: number, runId, workerId, expiresAt: now + leaseMs });
  return { organizationId, connectionId, runId, number };
}

/** What the next guard and the alerts look at. */
function rememberEnd(world: MemoryWorld, fence: Fence, end: RunEnd): void {
  const key = keyOf(fence.organizationId, fence.connectionId);
  const connection = world.connections.get(key)!;
  const success = end.state === 'completed' && end.outcome !== 'failed';
  // That a patient is not activated says nothing about the connection.
  const isAbout = end.error?.code !== 'fileset_not_activated';
  const more =
    end.state === 'cancelled' || !isAbout ? connection.consecutiveFailures : connection.consecutiveFailures + 1;
  const next: MemoryConnection = {
    ...connection,
    completeReadItems: end.completeRead?.itemsInSource ?? connection.completeReadItems,
    consecutiveFailures: success ? 0 : more,
  };
  const byFailures = connection.state === 'paused' && connection.pausedBy === 'failures';
  if (end.state === 'failed' && isAbout)
    world.connections.set(key, afterFailure(next, end.error?.code ?? 'unexpected'));
  else if (success && byFailures) {
    world.connections.set(key, { ...next, state: 'active', pausedBy: null, stateReason: null });
  } else world.connections.set(key, next);
}

/** Paused when its last failure, counted already, was one too many. */
function afterFailure(connection: MemoryConnection, code: string): MemoryConnection {
  if (connection.state !== 'active') return connection;
  const reason = pauseReason(code, connection.consecutiveFailures, connection.pauseAfterFailures);
  return reason === null ? connection : { ...connection, state: 'paused', pausedBy: 'failures', stateReason: reason };
}
