import { expect, test } from 'vitest';
import { memoryPractice } from '../../test/support/memory-practice.ts';
import type { FilePorts } from '../engine/files/settings.ts';
import type { Clock } from '../ports/clock.ts';
import type { FileConnection } from './connections.ts';
import { createSyncService } from './sync-service.ts';

/** A clock whose sleeps end when the test says so. */
function handClock(): Clock & { end(ms: number): void } {
  const sleeping: { ms: number; resolve: () => void }[] = [];
  return {
    now: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        sleeping.push({ ms, resolve });
      }),
    end(ms) {
      for (const sleep of sleeping) if (sleep.ms === ms) sleep.resolve();
    },
  };
}

function stuckPractice(timeoutMs: number | null) {
  const practice = memoryPractice();
  practice.file('letter', 'content');
  const reading = Promise.withResolvers<void>();
  const ports: FilePorts = {
    ...practice.ports,
    source: {
      ...practice.ports.source,
      check: (signal) =>
        new Promise((_, reject) => {
          reading.resolve();
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    },
  };
  const connection: FileConnection = {
    connector: 'vsrx',
    organizationId: 'org',
    id: 'vsrx',
    settings: practice.settings,
    ports,
    schedule: null,
    timeZone: 'UTC',
    timeoutMs,
    modes: { deepEveryMs: null, checksumEveryMs: null },
    dryRun: false,
  };
  return { practice, connection, reading: reading.promise };
}

async function claim(connection: FileConnection) {
  const run = { organizationId: 'org', connectionId: 'vsrx', mode: 'quick', trigger: 'api' } as const;
  const fence = await connection.ports.runs.start(run);
  return { ...run, fence, unit: null, heldSetId: null, attempt: 1, counts: {}, settingsVersion: 0 };
}

test('a run of the queue that does not end in time is handed back, unfinished, when the process stops', async () => {
  const { connection, reading } = stuckPractice(null);
  const clock = handClock();
  const service = createSyncService({ clock });
  const run = await claim(connection);
  const result = service.perform(connection, run);
  await reading;
  expect([...service.active]).toEqual([run.fence.runId]);
  const stopped = service.stop(30_000);
  clock.end(30_000);
  await stopped;
  expect(await result).toMatchObject({ state: 'handed_back' });
  expect(await connection.ports.runs.run('org', run.fence.runId)).toMatchObject({ finishedAt: null });
  // It still has its lease, until the queue gives it to another process.
  expect(await connection.ports.runs.heartbeat(run.fence)).toEqual({ cancelRequested: false });
});

test('a run past the queue has nobody to continue it: it is cancelled', async () => {
  const { connection, reading } = stuckPractice(null);
  const clock = handClock();
  const service = createSyncService({ clock });
  const { runId, result } = await service.start(connection, { mode: 'quick', trigger: 'manual' });
  await reading;
  const stopped = service.stop(30_000);
  clock.end(30_000);
  await stopped;
  expect(await result).toMatchObject({ state: 'cancelled' });
  expect(await connection.ports.runs.run('org', runId)).toMatchObject({ state: 'cancelled' });
  await expect(service.start(connection, { mode: 'quick', trigger: 'manual' })).rejects.toMatchObject({
    code: 'cancelled',
  });
});

test('a run that takes longer than it may fails and says so', async () => {
  const { connection, reading } = stuckPractice(5000);
  const clock = handClock();
  const service = createSyncService({ clock });
  const { result } = await service.start(connection, { mode: 'quick', trigger: 'schedule' });
  await reading;
  clock.end(5000);
  expect(await result).toMatchObject({ state: 'failed', error: { code: 'run_timeout' } });
});
