/**
 * The contract of `src/ports/run-store.ts` about runs and leases, sentence by sentence, for any adapter. Failures and held
 * sets have suites of their own beside it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_COUNTS } from '../../src/domain/run.ts';
import type { ConnectionKey, Fence } from '../../src/ports/document-records.ts';
import type { RunProgress, RunStore } from '../../src/ports/run-store.ts';
import { EVIDENCE, itemFailure, runEnd } from '../support/record-samples.ts';
import type { StoresUnderTest, Worker } from '../support/stores.ts';

const PROGRESS: RunProgress = {
  step: 'Copying',
  totalSteps: 4,
  completedSteps: 2,
  percentage: 62.5,
  itemsProcessed: 5,
  itemsTotal: 10,
  counts: { ...NO_COUNTS, added: 5 },
};

/** @param makeStores called once; every test uses an organisation of its own. */
export function describeRunStore(name: string, makeStores: () => Promise<StoresUnderTest>): void {
  describe(`run store contract: ${name}`, () => {
    let stores: StoresUnderTest;
    let worker: Worker;
    let runs: RunStore;
    let organizations = 0;

    beforeAll(async () => {
      stores = await makeStores();
      worker = await stores.worker();
      runs = worker.runs;
    });
    afterAll(() => stores.close());

    async function connection(more: Partial<ConnectionKey> = {}): Promise<ConnectionKey> {
      const key = { organizationId: `org_${++organizations}`, connectionId: 'vsrx', ...more };
      await stores.putConnection(key);
      return key;
    }

    const start = (key: ConnectionKey, by: RunStore = runs): Promise<Fence> =>
      by.start({
        organizationId: key.organizationId,
        connectionId: key.connectionId,
        mode: 'quick',
        trigger: 'manual',
      });

    describe('start', () => {
      it('begins a run that can be looked up', async () => {
        const key = await connection();
        const before = Date.now();
        const fence = await runs.start({ ...key, mode: 'deep', trigger: 'schedule', unit: 'patient' });
        const run = await runs.run(key.organizationId, fence.runId);
        expect(run).toEqual({
          ...key,
          id: fence.runId,
          connector: 'vsrx',
          mode: 'deep',
          trigger: 'schedule',
          unit: 'patient',
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
          queuedAt: run?.queuedAt,
          startedAt: run?.startedAt,
          finishedAt: null,
        });
        expect(Math.abs(Date.parse(run!.startedAt) - before)).toBeLessThan(60_000);
        expect(new Date(run!.startedAt).toISOString()).toBe(run!.startedAt);
      });

      it('lets exactly one of several starts at once win; the others learn its run', async () => {
        const key = await connection();
        const other = await stores.worker();
        const results = await Promise.allSettled([1, 2, 3, 4, 5, 6].map((i) => start(key, i % 2 ? runs : other.runs)));
        const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
        expect(won).toHaveLength(1);
        for (const result of results) {
          if (result.status === 'rejected') {
            expect(result.reason).toMatchObject({ code: 'connection_busy', detail: won[0]!.runId });
          }
        }
        expect(await runs.runs(key, 10)).toHaveLength(1);
      });

      it('refuses paused and unknown connections', async () => {
        const key = await connection();
        await stores.putConnection(key, 'paused');
        await expect(start(key)).rejects.toMatchObject({ code: 'connection_paused' });
        await expect(start({ ...key, connectionId: 'unknown' })).rejects.toMatchObject({ code: 'connection_paused' });
        expect(await runs.runs(key, 10)).toEqual([]);
        await stores.putConnection(key, 'active');
        await start(key);
      });

      it('pauses a connection whose credentials were refused: the schedule stops, a person may try, success heals', async () => {
        const key = await connection();
        const error = { code: 'source_credentials', message: 'Refused.', remedy: 'Correct them.' } as const;
        await runs.finish(await start(key), runEnd({ state: 'failed', outcome: 'failed', error }));
        const scheduled = { ...key, mode: 'quick', trigger: 'schedule' } as const;
        await expect(runs.start(scheduled)).rejects.toMatchObject({ code: 'connection_paused' });
        await runs.finish(await start(key), runEnd());
        expect(await runs.start(scheduled)).toMatchObject(key);
      });

      it('keeps connections and organisations of the same name apart', async () => {
        const one = await connection();
        const fences = [
          await start(one),
          await start(await connection({ organizationId: one.organizationId, connectionId: 'other' })),
          await start(await connection()),
        ];
        expect(new Set(fences.map((fence) => fence.runId)).size).toBe(3);
        expect(fences.map((fence) => fence.number)).toEqual([1, 1, 1]);
      });
    });

    describe('take-over', () => {
      const tookOver = async (key: ConnectionKey, old: Fence, fence: Fence) => {
        expect(fence.number).toBeGreaterThan(old.number);
        expect(await runs.run(key.organizationId, old.runId)).toMatchObject({
          state: 'failed',
          outcome: 'failed',
          error: { code: 'lease_lost' },
        });
        expect((await runs.run(key.organizationId, old.runId))?.finishedAt).not.toBeNull();
        expect(await runs.run(key.organizationId, fence.runId)).toMatchObject({ state: 'starting' });
      };

      it('takes over an expired lease', async () => {
        const key = await connection();
        const old = await start(key);
        await stores.expireLease(key);
        await tookOver(key, old, await start(key));
      });

      it('takes over the lease of a process that is gone, at once', async () => {
        const key = await connection();
        const other = await stores.worker();
        const old = await start(key, other.runs);
        await expect(start(key)).rejects.toMatchObject({ code: 'connection_busy' });
        await other.die();
        await tookOver(key, old, await start(key));
      });

      it('takes over several connections of a process that is gone at once', async () => {
        const keys = await Promise.all([1, 2, 3, 4].map(() => connection()));
        const other = await stores.worker();
        for (const key of keys) await start(key, other.runs);
        await other.die();
        expect(await Promise.all(keys.map((key) => start(key)))).toHaveLength(4);
      });

      it('lets one of several successors win', async () => {
        const key = await connection();
        const old = await start(key);
        await stores.expireLease(key);
        const results = await Promise.allSettled([1, 2, 3, 4].map(() => start(key)));
        const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
        expect(won).toHaveLength(1);
        await tookOver(key, old, won[0]!);
      });

      it('spares a lease that its holder has renewed', async () => {
        const key = await connection();
        const fence = await start(key);
        await stores.expireLease(key);
        expect(await runs.heartbeat(fence)).toEqual({ cancelRequested: false });
        await expect(start(key)).rejects.toMatchObject({ code: 'connection_busy', detail: fence.runId });
      });

      it('refuses every write of the overtaken run and changes nothing', async () => {
        const key = await connection();
        const fence = await start(key);
        const held = { unit: null, reason: 'Too many.', evidence: EVIDENCE, items: [] };
        await runs.recordFailures(fence, [{ ...itemFailure('f1'), nextRetryAt: null }]);
        await stores.expireLease(key);
        const successor = await start(key);
        const look = async () => ({
          runs: await runs.runs(key, 10),
          failures: await runs.openFailures(key),
          held: await runs.heldSets(key.organizationId),
          read: await runs.lastCompleteRead(key),
        });
        const before = await look();
        const writes: Record<string, () => Promise<unknown>> = {
          heartbeat: () => runs.heartbeat(fence),
          progress: () => runs.progress(fence, PROGRESS),
          finish: () => runs.finish(fence, runEnd({ completeRead: { itemsInSource: 1, evidence: EVIDENCE } })),
          recordFailures: () => runs.recordFailures(fence, [{ ...itemFailure('f2'), nextRetryAt: null }]),
          resolveFailures: () => runs.resolveFailures(fence, [itemFailure('f1')]),
          holdRemovals: () =>
            runs.holdRemovals(
              fence,
              { ...held, items: [{ documentUuid: 'd', unit: 'u', reference: 'r', absence: 'missing' }] },
              1,
            ),
          completeHeldSet: () => runs.completeHeldSet(fence, 'set', []),
        };
        for (const [method, write] of Object.entries(writes)) {
          await expect(write(), method).rejects.toMatchObject({ code: 'lease_lost' });
          expect(await look(), method).toEqual(before);
        }
        await runs.heartbeat(successor);
        await expect(start(key)).rejects.toMatchObject({ code: 'connection_busy', detail: successor.runId });
      });
    });

    describe('progress and end', () => {
      it('shows progress and the end', async () => {
        const key = await connection();
        const fence = await start(key);
        await runs.progress(fence, PROGRESS);
        expect(await runs.run(key.organizationId, fence.runId)).toMatchObject({ ...PROGRESS, state: 'running' });
        const counts = { ...NO_COUNTS, added: 9 };
        await runs.finish(fence, runEnd({ outcome: 'partial', counts }));
        const ended = await runs.run(key.organizationId, fence.runId);
        expect(ended).toMatchObject({
          state: 'completed',
          outcome: 'partial',
          counts,
          percentage: 100,
          completedSteps: 4,
          error: null,
        });
        expect(ended?.finishedAt).not.toBeNull();
      });

      it('keeps the error and how far a failed run came', async () => {
        const key = await connection();
        const fence = await start(key);
        await runs.progress(fence, PROGRESS);
        const error = { code: 'source_unreachable', message: 'It does not answer.', remedy: 'Start it.' } as const;
        await runs.finish(fence, runEnd({ state: 'failed', outcome: 'failed', error }));
        expect(await runs.run(key.organizationId, fence.runId)).toMatchObject({
          state: 'failed',
          outcome: 'failed',
          error,
          percentage: 62.5,
          completedSteps: 2,
        });
      });

      it('gives the lease back: the next run starts at once with a higher fence', async () => {
        const key = await connection();
        const first = await start(key);
        await runs.finish(first, runEnd());
        const second = await start(key);
        expect(second.number).toBeGreaterThan(first.number);
        expect(await runs.run(key.organizationId, first.runId)).toMatchObject({ state: 'completed' });
      });

      it.each(['completed', 'failed', 'cancelled'] as const)('never leaves %s', async (state) => {
        const key = await connection();
        const fence = await start(key);
        await runs.finish(fence, runEnd({ state }));
        const ended = await runs.run(key.organizationId, fence.runId);
        await expect(runs.progress(fence, PROGRESS)).rejects.toMatchObject({ code: 'lease_lost' });
        await expect(runs.heartbeat(fence)).rejects.toMatchObject({ code: 'lease_lost' });
        await expect(runs.finish(fence, runEnd({ state: 'failed' }))).rejects.toMatchObject({ code: 'lease_lost' });
        expect(await runs.requestCancel(key.organizationId, fence.runId)).toBe(false);
        await runs.finish(await start(key), runEnd());
        expect(await runs.run(key.organizationId, fence.runId)).toEqual(ended);
      });

      it('lets one of two ends at once win', async () => {
        const key = await connection();
        const fence = await start(key);
        const results = await Promise.allSettled([
          runs.finish(fence, runEnd()),
          runs.finish(fence, runEnd({ state: 'failed', outcome: 'failed' })),
        ]);
        expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
        const lost = results.find((result) => result.status === 'rejected');
        expect(lost?.reason).toMatchObject({ code: 'lease_lost' });
        const state = results[0].status === 'fulfilled' ? 'completed' : 'failed';
        expect(await runs.run(key.organizationId, fence.runId)).toMatchObject({ state });
      });

      it('remembers what the last complete read contained', async () => {
        const key = await connection();
        expect(await runs.lastCompleteRead(key)).toBeNull();
        await runs.finish(await start(key), runEnd({ completeRead: { itemsInSource: 42, evidence: EVIDENCE } }));
        expect(await runs.lastCompleteRead(key)).toEqual({ itemsInSource: 42 });
        await runs.finish(await start(key), runEnd());
        expect(await runs.lastCompleteRead(key)).toEqual({ itemsInSource: 42 });
        await runs.finish(await start(key), runEnd({ completeRead: { itemsInSource: 0, evidence: EVIDENCE } }));
        expect(await runs.lastCompleteRead(key)).toEqual({ itemsInSource: 0 });
        expect(await runs.lastCompleteRead({ ...key, organizationId: 'other' })).toBeNull();
      });
    });

    describe('cancelling and looking up', () => {
      it('tells the worker with the next heartbeat', async () => {
        const key = await connection();
        const fence = await start(key);
        expect(await runs.requestCancel('other', fence.runId)).toBe(false);
        expect(await runs.requestCancel(key.organizationId, 'unknown')).toBe(false);
        expect(await runs.heartbeat(fence)).toEqual({ cancelRequested: false });
        expect(await runs.requestCancel(key.organizationId, fence.runId)).toBe(true);
        expect(await runs.requestCancel(key.organizationId, fence.runId)).toBe(true);
        expect(await runs.heartbeat(fence)).toEqual({ cancelRequested: true });
        expect(await runs.run(key.organizationId, fence.runId)).toMatchObject({ cancelRequested: true });
      });

      it('lists runs newest first, of one organisation, up to the limit', async () => {
        const key = await connection();
        const other = await connection({ organizationId: key.organizationId, connectionId: 'other' });
        const ids: string[] = [];
        for (let i = 0; i < 3; i++) {
          const fence = await start(i === 1 ? other : key);
          ids.unshift(fence.runId);
          await runs.finish(fence, runEnd());
        }
        const idsOf = async (of: { organizationId: string; connectionId?: string }, limit: number) =>
          (await runs.runs(of, limit)).map((run) => run.id);
        expect(await idsOf({ organizationId: key.organizationId }, 10)).toEqual(ids);
        expect(await idsOf({ organizationId: key.organizationId }, 2)).toEqual(ids.slice(0, 2));
        expect(await idsOf(key, 10)).toEqual([ids[0], ids[2]]);
        expect(await idsOf({ organizationId: 'nobody' }, 10)).toEqual([]);
        expect(await runs.run('other', ids[0]!)).toBeNull();
        expect(await runs.run(key.organizationId, 'unknown')).toBeNull();
      });
    });
  });
}
