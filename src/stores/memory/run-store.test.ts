/** Fencing under any interleaving of starts, crashes, time and late writes. The contract suite tries both stores by example. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SyncError } from '../../domain/errors.ts';
import { NO_COUNTS } from '../../domain/run.ts';
import type { Fence } from '../../ports/document-records.ts';
import { createMemoryRunStore } from './run-store.ts';
import { createMemoryWorld, putConnection } from './world.ts';

const KEY = { organizationId: 'org', connectionId: 'vsrx' };
const LEASE_MS = 15_000;

const actions = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('start' as const), worker: fc.nat(2) }),
    fc.record({
      kind: fc.constantFrom('heartbeat' as const, 'progress' as const, 'finish' as const),
      which: fc.nat(9),
    }),
    fc.record({ kind: fc.constant('die' as const), worker: fc.nat(2) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1000, 14_000, 16_000) }),
  ),
  { maxLength: 40 },
);

test('at most one run may write, it is the newest, and what is final stays', async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (list) => {
      let now = 1_700_000_000_000;
      let uuids = 0;
      const dead = new Set<string>();
      const names = ['0', '1', '2'];
      const world = createMemoryWorld();
      putConnection(world, KEY);
      const clock = { now: () => now, sleep: async () => undefined };
      const random = { next: () => 0.5, uuid: () => `${String(++uuids).padStart(8, '0')}-0` };
      const storeOf = (workerId: string) =>
        createMemoryRunStore({
          world,
          clock,
          random,
          workerId,
          isWorkerAlive: (id) => !dead.has(id),
          leaseMs: LEASE_MS,
        });
      const given: Fence[] = [];
      let holder: { fence: Fence; worker: string; expiresAt: number } | null = null;
      const ended = new Map<string, string>();

      for (const action of list) {
        if (action.kind === 'wait') now += action.ms;
        else if (action.kind === 'die') {
          dead.add(names[action.worker]!);
          names[action.worker] = String(uuids + 100);
        } else if (action.kind === 'start') {
          const worker = names[action.worker]!;
          const free: boolean = holder === null || dead.has(holder.worker) || holder.expiresAt < now;
          const start = storeOf(worker).start({ ...KEY, mode: 'quick', trigger: 'manual' });
          if (!free) {
            await expect(start).rejects.toMatchObject({ code: 'connection_busy' });
            continue;
          }
          const fence = await start;
          for (const older of given) expect(fence.number).toBeGreaterThan(older.number);
          if (holder !== null) ended.set(holder.fence.runId, 'failed');
          given.push(fence);
          holder = { fence, worker, expiresAt: now + LEASE_MS };
        } else {
          const fence = given[action.which % Math.max(1, given.length)];
          if (fence === undefined) continue;
          const store = storeOf('any');
          const write =
            action.kind === 'heartbeat'
              ? store.heartbeat(fence)
              : action.kind === 'progress'
                ? store.progress(fence, {
                    step: 's',
                    totalSteps: 1,
                    completedSteps: 0,
                    percentage: 0,
                    itemsProcessed: 0,
                    itemsTotal: null,
                    counts: NO_COUNTS,
                  })
                : store.finish(fence, {
                    state: 'completed',
                    outcome: 'success',
                    counts: NO_COUNTS,
                    error: null,
                    completeRead: null,
                  });
          const took = await write.then(
            () => true,
            (error) => {
              expect(error).toBeInstanceOf(SyncError);
              expect(error.code).toBe('lease_lost');
              return false;
            },
          );
          expect(took).toBe(holder !== null && holder.fence.runId === fence.runId);
          if (!took || holder === null) continue;
          if (action.kind === 'heartbeat') holder.expiresAt = now + LEASE_MS;
          if (action.kind === 'finish') {
            ended.set(fence.runId, 'completed');
            holder = null;
          }
        }
        for (const [runId, state] of ended) expect(world.runs.get(runId)!.state).toBe(state);
        const open = [...world.runs.values()].filter((run) => run.finishedAt === null).map((run) => run.id);
        expect(open).toEqual(holder === null ? [] : [holder.fence.runId]);
      }
    }),
    { numRuns: 500 },
  );
});
