/** The frame of a run: lease, heartbeat, cancellation, progress, and an end that is always written. */
import { beforeEach, describe, expect, test } from 'vitest';
import { SyncError } from '../domain/errors.ts';
import type { RunProgress, RunStart } from '../ports/run-store.ts';
import { createMemoryRunStore } from '../stores/memory/run-store.ts';
import { createMemoryWorld, keyOf, type MemoryWorld, putConnection } from '../stores/memory/world.ts';
import { type RunSession, type SessionOptions, type WorkResult, withRun } from './run-session.ts';

const START: RunStart = { organizationId: 'org', connectionId: 'vsrx', mode: 'quick', trigger: 'manual' };
const NOTHING: WorkResult = { completeRead: null };

let now: number;
let world: MemoryWorld;
let options: SessionOptions;
/** Lets the sleeping heartbeat go on. */
let beats: (() => void)[];

beforeEach(() => {
  now = 1_700_000_000_000;
  let uuids = 0;
  beats = [];
  world = createMemoryWorld();
  putConnection(world, START);
  const clock = {
    now: () => now,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        beats.push(() => {
          now += ms;
          resolve();
        });
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
  };
  const random = { next: () => 0.5, uuid: () => `${String(++uuids).padStart(8, '0')}-0000` };
  const runs = createMemoryRunStore({ world, clock, random, workerId: 'me', isWorkerAlive: () => true });
  options = { runs, clock, start: START, totalSteps: 4 };
});

const run = (work: (session: RunSession) => Promise<WorkResult>, more: Partial<SessionOptions> = {}) =>
  withRun({ ...options, ...more }, work);
const turn = () => new Promise((resolve) => setImmediate(resolve));
const record = (runId: string) => world.runs.get(runId);
const lease = () => world.leases.get(keyOf('org', 'vsrx'))!;

describe('an end', () => {
  test('is written with counts and outcome, and gives the lease back', async () => {
    const result = await run(async (session) => {
      session.count({ added: 2 });
      session.count({ added: 1, same: 4 });
      now += 5000;
      return { completeRead: null };
    });
    expect(result).toMatchObject({
      state: 'completed',
      outcome: 'success',
      error: null,
      counts: { added: 3, same: 4 },
    });
    expect(result.finishedAt - result.startedAt).toBe(5000);
    expect(record(result.runId)).toMatchObject({ state: 'completed', outcome: 'success', counts: { added: 3 } });
    expect(lease().runId).toBeNull();
  });

  test.each([
    [{ failed: 1 }, 'partial'],
    [{ waiting: 1 }, 'partial'],
    [{ skipped: 1, held: 2, missing: 3, removed: 1 }, 'success'],
  ] as const)('with %j is %s', async (counts, outcome) => {
    expect(
      await run(async (session) => {
        session.count(counts);
        return NOTHING;
      }),
    ).toMatchObject({
      state: 'completed',
      outcome,
    });
  });

  test('after an error says which, with what to do', async () => {
    const result = await run(async (session) => {
      session.count({ added: 1 });
      throw new SyncError('blob_disk_full');
    });
    const { message, remedy } = new SyncError('blob_disk_full');
    expect(result).toMatchObject({
      state: 'failed',
      outcome: 'failed',
      error: { code: 'blob_disk_full', message, remedy },
    });
    expect(record(result.runId)).toMatchObject({
      state: 'failed',
      error: { code: 'blob_disk_full' },
      counts: { added: 1 },
    });
  });

  test('after something unforeseen says nothing of it', async () => {
    const result = await run(async () => {
      throw new Error('Zoe Sample');
    });
    expect(result).toMatchObject({ state: 'failed', error: { code: 'unexpected' } });
    expect(JSON.stringify(result)).not.toContain('Zoe');
  });

  test('that cannot be written is a failure', async () => {
    const runs = {
      ...options.runs,
      finish: async () => {
        throw new SyncError('database_unavailable');
      },
    };
    expect(await run(async () => NOTHING, { runs })).toMatchObject({
      state: 'failed',
      outcome: 'failed',
      error: { code: 'database_unavailable' },
    });
    const failed = run(async () => Promise.reject(new SyncError('source_unreachable')), { runs, start: { ...START } });
    await expect(failed).rejects.toMatchObject({ code: 'connection_busy' });
  });

  test('remembers a complete read for the next guard', async () => {
    const evidence = {
      startedAt: 1,
      finishedAt: 2,
      ended: true,
      itemsRead: 7,
      itemsExpected: 7,
      share: 'not-applicable',
      resumed: false,
    } as const;
    await run(async () => ({ completeRead: { itemsInSource: 7, evidence } }));
    expect(await options.runs.lastCompleteRead(START)).toEqual({ itemsInSource: 7 });
  });
});

describe('a beginning', () => {
  test('is told once, before the work', async () => {
    const told: string[] = [];
    const result = await run(
      async (session) => {
        expect(told).toEqual([session.fence.runId]);
        return NOTHING;
      },
      { onStarted: (runId) => told.push(runId) },
    );
    expect(told).toEqual([result.runId]);
  });

  test('that is refused is thrown, and nothing is done', async () => {
    let worked = false;
    await run(async () => {
      const second = run(async () => {
        worked = true;
        return NOTHING;
      });
      await expect(second).rejects.toMatchObject({ code: 'connection_busy' });
      return NOTHING;
    });
    expect(worked).toBe(false);
  });
});

describe('cancelling', () => {
  test('from outside aborts the work', async () => {
    const stop = new AbortController();
    const result = await run(
      async (session) => {
        stop.abort();
        expect(session.signal.aborted).toBe(true);
        session.signal.throwIfAborted();
        return NOTHING;
      },
      { signal: stop.signal },
    );
    expect(result).toMatchObject({ state: 'cancelled', outcome: 'failed', error: { code: 'cancelled' } });
    expect(record(result.runId)).toMatchObject({ state: 'cancelled' });
  });

  test('before it began, or too late to be noticed by the work, is a cancelled run too', async () => {
    expect(await run(async () => NOTHING, { signal: AbortSignal.abort() })).toMatchObject({ state: 'cancelled' });
    const stop = new AbortController();
    const late = await run(
      async () => {
        stop.abort();
        return NOTHING;
      },
      { signal: stop.signal },
    );
    expect(late).toMatchObject({ state: 'cancelled' });
  });

  test('by a person reaches the work with the next heartbeat', async () => {
    const result = await run(async (session) => {
      await options.runs.requestCancel('org', session.fence.runId);
      expect(session.signal.aborted).toBe(false);
      beats.shift()!();
      await turn();
      session.signal.throwIfAborted();
      return NOTHING;
    });
    expect(result).toMatchObject({ state: 'cancelled', error: { code: 'cancelled' } });
  });
});

describe('the heartbeat', () => {
  test('renews the lease every second, and stops with the run', async () => {
    await run(async () => {
      for (let beat = 1; beat <= 3; beat++) {
        const before = lease().expiresAt!;
        beats.shift()!();
        await turn();
        expect(lease().expiresAt).toBe(before + 1000);
      }
      return NOTHING;
    });
    const left = beats.length;
    for (const beat of beats) beat();
    await turn();
    expect(beats.length).toBe(left);
    expect(lease().expiresAt).toBeNull();
  });

  test('may fail for a while', async () => {
    let calls = 0;
    const runs = {
      ...options.runs,
      heartbeat: async () => {
        calls++;
        throw new SyncError('database_unavailable');
      },
    };
    const result = await run(
      async (session) => {
        for (let beat = 0; beat < 2; beat++) {
          beats.shift()!();
          await turn();
        }
        expect(session.signal.aborted).toBe(false);
        return NOTHING;
      },
      { runs },
    );
    expect(calls).toBe(2);
    expect(result.state).toBe('completed');
  });

  test('that finds the lease lost ends the run, which then writes nothing', async () => {
    const result = await run(async (session) => {
      world.leases.set(keyOf('org', 'vsrx'), { fence: 99, runId: 'other', workerId: 'other', expiresAt: now + 1000 });
      beats.shift()!();
      await turn();
      expect(session.signal.aborted).toBe(true);
      session.signal.throwIfAborted();
      return NOTHING;
    });
    expect(result).toMatchObject({ state: 'failed', error: { code: 'lease_lost' } });
    expect(record(result.runId)).toMatchObject({ finishedAt: null });
    expect(lease().runId).toBe('other');
  });
});

describe('progress', () => {
  test('counts steps and items, at most every half second, and never backwards', async () => {
    const told: RunProgress[] = [];
    const result = await run(
      async (session) => {
        session.step('Comparing', null);
        session.advance(100);
        now += 499;
        session.advance(100);
        now += 1;
        session.advance(100);
        session.step('Copying', 200);
        session.advance(50);
        now += 600;
        session.advance(50);
        now += 600;
        session.advance(900);
        await turn();
        return NOTHING;
      },
      { onProgress: (progress) => told.push(progress) },
    );
    expect(
      told.map(({ step, percentage, itemsProcessed, itemsTotal }) => [step, percentage, itemsProcessed, itemsTotal]),
    ).toEqual([
      ['Comparing', 0, 0, null],
      ['Comparing', 0, 300, null],
      ['Copying', 25, 0, 200],
      ['Copying', 37.5, 100, 200],
      ['Copying', 50, 1000, 200],
    ]);
    expect(told[3]).toMatchObject({ totalSteps: 4, completedSteps: 1, runId: result.runId });
    expect(record(result.runId)).toMatchObject({ step: 'Copying', totalSteps: 4, percentage: 100 });
  });

  test('more steps than were foreseen do not lead beyond the end', async () => {
    const told: RunProgress[] = [];
    await run(
      async (session) => {
        for (let n = 0; n < 6; n++) session.step(`step ${n}`, 0);
        return NOTHING;
      },
      { totalSteps: 2, onProgress: (progress) => told.push(progress) },
    );
    expect(told.map((progress) => progress.percentage)).toEqual([0, 50, 50, 50, 50, 50]);
  });

  test('does not go back when a step comes after the last that was foreseen', async () => {
    const told: RunProgress[] = [];
    await run(
      async (session) => {
        session.step('first', null);
        session.step('last', 4);
        now += 600;
        session.advance(3);
        session.step('one more', 4);
        return NOTHING;
      },
      { totalSteps: 2, onProgress: (progress) => told.push(progress) },
    );
    expect(told.map((progress) => progress.percentage)).toEqual([0, 50, 87.5, 87.5]);
  });

  test('is written one at a time: a slow store is not flooded', async () => {
    let writing = 0;
    let most = 0;
    let written = 0;
    const waiting: (() => void)[] = [];
    const runs = {
      ...options.runs,
      progress: async () => {
        most = Math.max(most, ++writing);
        written++;
        await new Promise<void>((resolve) => waiting.push(resolve));
        writing--;
      },
    };
    await run(
      async (session) => {
        session.step('Copying', 100);
        for (let n = 0; n < 20; n++) {
          now += 1000;
          session.advance(1);
        }
        await turn();
        expect(written).toBe(1);
        waiting.shift()!();
        await turn();
        now += 1000;
        session.advance(1);
        await turn();
        expect(written).toBe(2);
        waiting.shift()!();
        return NOTHING;
      },
      { runs },
    );
    expect(most).toBe(1);
  });

  test('whose write finds the lease lost ends the run; another failure does not', async () => {
    const fail = (code: 'lease_lost' | 'database_unavailable') => ({
      ...options.runs,
      progress: async () => {
        throw new SyncError(code);
      },
    });
    const work = async (session: RunSession) => {
      session.step('Copying', 1);
      await turn();
      return NOTHING;
    };
    expect(await run(work, { runs: fail('database_unavailable') })).toMatchObject({ state: 'completed' });
    expect(await run(work, { runs: fail('lease_lost') })).toMatchObject({
      state: 'failed',
      error: { code: 'lease_lost' },
    });
  });
});
