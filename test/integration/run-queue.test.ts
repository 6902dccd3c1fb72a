/** The contract of `src/ports/run-queue.ts`: admission, claims and take-over with several processes on one PostgreSQL. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { NO_COUNTS } from '../../src/domain/run.ts';
import type { Fence } from '../../src/ports/document-records.ts';
import type { QueuedRun, RunQueue } from '../../src/ports/run-queue.ts';
import type { RunStore } from '../../src/ports/run-store.ts';
import type { Connection } from '../../src/runs/connections.ts';
import { startScheduler } from '../../src/runs/scheduler.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { holdFence } from '../../src/stores/postgres/fence.ts';
import { createJobBoard, type JobBoard } from '../../src/stores/postgres/job-board.ts';
import { createRunHistory } from '../../src/stores/postgres/run-history.ts';
import { createRunQueue } from '../../src/stores/postgres/run-queue.ts';
import { createRunStore } from '../../src/stores/postgres/run-store.ts';
import { createScheduleStore } from '../../src/stores/postgres/schedule-store.ts';
import { announceWorker } from '../../src/stores/postgres/worker-presence.ts';
import { systemClock, systemRandom } from '../../src/stores/system-clock.ts';
import { testDatabase } from '../support/postgres.ts';
import { runEnd } from '../support/record-samples.ts';
import { until } from '../support/until.ts';

interface Process {
  readonly queue: RunQueue;
  readonly runs: RunStore;
  readonly board: JobBoard;
  /** As after kill -9: PostgreSQL sees its session end. */
  die(): Promise<void>;
}

let testing: Awaited<ReturnType<typeof testDatabase>>;
let admin: ReturnType<typeof openDatabase>;
let one: Process;
let two: Process;
const closers: (() => Promise<void>)[] = [];
let organizations = 0;

async function openProcess(): Promise<Process> {
  const presence = await announceWorker({ url: testing.url });
  const database = openDatabase({ url: testing.url });
  const board = createJobBoard(testing.url);
  closers.push(async () => {
    await board.close();
    await presence.close();
    await database.close();
  });
  const options = { database, board, random: systemRandom, workerId: presence.workerId };
  return {
    queue: createRunQueue(options),
    runs: createRunStore(options),
    board,
    async die() {
      await presence.close();
      await until(async () => {
        const { rows } = await admin.pool.query(
          `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = $1`,
          [presence.workerId],
        );
        return rows.length === 0;
      });
    },
  };
}

async function organization(options: { connections?: number; running?: number; queued?: number } = {}) {
  const id = `org_${++organizations}`;
  const { connections = 20, running = 2, queued = 10 } = options;
  await admin.pool.query('INSERT INTO organizations (id, name, max_running, max_queued) VALUES ($1, $1, $2, $3)', [
    id,
    running,
    queued,
  ]);
  await admin.pool.query(
    `INSERT INTO connections (organization_id, id, connector) SELECT $1, 'c' || n, 'vsrx' FROM generate_series(1, $2) AS n`,
    [id, connections],
  );
  return id;
}

const run = (organizationId: string, connection: number, more: Partial<QueuedRun> = {}): QueuedRun => ({
  organizationId,
  connectionId: `c${connection}`,
  mode: 'quick',
  trigger: 'api',
  unit: null,
  heldSetId: null,
  ...more,
});
const refuse = { whenBusy: 'refuse' } as const;

async function statesOf(organizationId: string): Promise<Record<string, string>> {
  const { rows } = await admin.pool.query('SELECT connection_id, state FROM sync_runs WHERE organization_id = $1', [
    organizationId,
  ]);
  return Object.fromEntries(rows.map((row) => [row.connection_id, row.state]));
}

const finish = (process: Process, fence: Fence) => process.runs.finish(fence, runEnd());

beforeAll(async () => {
  testing = await testDatabase();
  admin = openDatabase({ url: testing.url, poolSize: 2 });
  one = await openProcess();
  two = await openProcess();
});
afterAll(async () => {
  for (const close of closers) await close();
  await admin?.close();
  await testing?.drop();
});

// What one test leaves open is not the next one's.
afterEach(async () => {
  await admin.pool.query(`UPDATE sync_runs SET state = 'cancelled', finished_at = now() WHERE finished_at IS NULL`);
  await admin.pool.query('UPDATE connection_leases SET run_id = NULL, worker_id = NULL, expires_at = NULL');
  await admin.pool.query('DELETE FROM chartsync_jobs.job');
});

describe('admission', () => {
  test('of many asked for at once by two processes, two start, ten wait, the rest is told when to come back', async () => {
    const org = await organization();
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).queue.enqueue(run(org, i + 1), refuse)),
    );
    const states = answers.map((a) => (a.status === 'fulfilled' ? a.value?.state : a.reason.code));
    expect(Object.groupBy(states, (s) => s!).starting).toHaveLength(2);
    expect(Object.groupBy(states, (s) => s!).queued).toHaveLength(10);
    expect(Object.groupBy(states, (s) => s!).queue_full).toHaveLength(8);
    const full = answers.find((a) => a.status === 'rejected') as PromiseRejectedResult;
    expect(full.reason.retryAfterMs).toBeGreaterThanOrEqual(5000);
  });

  test('the end of a run admits the next: people before the schedule, then in order', async () => {
    const org = await organization({ running: 1 });
    const first = await one.queue.enqueue(run(org, 1), refuse);
    await one.queue.enqueue(run(org, 2, { trigger: 'schedule' }), refuse);
    await one.queue.enqueue(run(org, 3), refuse);
    await one.queue.enqueue(run(org, 4), refuse);
    expect(await createRunHistory(admin).position(org, (await one.queue.enqueue(run(org, 5), refuse))!.runId)).toBe(3);
    const order: string[] = [];
    let current = first!.runId;
    for (let i = 0; i < 5; i++) {
      const claimed = await two.queue.claim(current);
      order.push(claimed!.connectionId);
      await finish(two, claimed!.fence);
      const { rows } = await admin.pool.query(
        `SELECT id FROM sync_runs WHERE organization_id = $1 AND state = 'starting'`,
        [org],
      );
      expect(rows.length).toBe(i < 4 ? 1 : 0);
      current = rows[0]?.id;
    }
    expect(order).toEqual(['c1', 'c3', 'c4', 'c5', 'c2']);
  });

  test('the schedule leaves half of the places to people', async () => {
    const org = await organization({ running: 1, queued: 4 });
    for (const n of [1, 2, 3]) await one.queue.enqueue(run(org, n, { trigger: 'schedule' }), refuse);
    await expect(one.queue.enqueue(run(org, 4, { trigger: 'schedule' }), refuse)).rejects.toMatchObject({
      code: 'queue_full',
    });
    expect(await one.queue.enqueue(run(org, 4), refuse)).toMatchObject({ state: 'queued' });
  });

  test('a second run of a connection is refused with the id of the first, or waits behind it', async () => {
    const org = await organization();
    const first = await one.queue.enqueue(run(org, 1), refuse);
    await expect(two.queue.enqueue(run(org, 1), refuse)).rejects.toMatchObject({
      code: 'connection_busy',
      detail: first!.runId,
    });
    const second = await two.queue.enqueue(run(org, 1), { whenBusy: 'queue' });
    expect(second?.state).toBe('queued');
    const claimed = await one.queue.claim(first!.runId);
    expect(await two.queue.claim(second!.runId)).toBeNull();
    await finish(one, claimed!.fence);
    expect(await two.queue.claim(second!.runId)).not.toBeNull();
  });

  test.each(['quick', 'incremental', 'comprehensive', 'calendar', 'consultations'] as const)(
    'of two processes that ask for the same firing (%s) only one gets a run, and so at the next one',
    async (mode) => {
      const org = await organization();
      const schedule = run(org, 1, { trigger: 'schedule', mode });
      const asked = await Promise.allSettled(
        [one, two, one, two].map((p) => p.queue.enqueue(schedule, { ...refuse, ifLastStartedAt: null })),
      );
      const won = asked.flatMap((a) => (a.status === 'fulfilled' && a.value !== null ? [a.value] : []));
      expect(won).toHaveLength(1);
      const claimed = await one.queue.claim(won[0]!.runId);
      await finish(one, claimed!.fence);
      // Too late: the run that it did not know of has even ended.
      expect(await two.queue.enqueue(schedule, { ...refuse, ifLastStartedAt: null })).toBeNull();
      const states = await createScheduleStore(admin).states();
      const { lastStartedAt } = states.find((s) => s.organizationId === org && s.connectionId === 'c1')!;
      expect(await two.queue.enqueue(schedule, { ...refuse, ifLastStartedAt: lastStartedAt })).toMatchObject({
        state: 'starting',
      });
    },
  );

  test('a run past the queue keeps to the limit as well', async () => {
    const org = await organization({ running: 2 });
    const direct = { organizationId: org, mode: 'quick', trigger: 'manual' } as const;
    const fences = [
      await one.runs.start({ ...direct, connectionId: 'c1' }),
      await two.runs.start({ ...direct, connectionId: 'c2' }),
    ];
    await expect(one.runs.start({ ...direct, connectionId: 'c3' })).rejects.toMatchObject({
      code: 'organization_busy',
    });
    expect(await one.queue.enqueue(run(org, 4), refuse)).toMatchObject({ state: 'queued' });
    await finish(one, fences[0]!);
    expect((await statesOf(org)).c4).toBe('starting');
  });
});

describe('claims', () => {
  test('exactly one of several gets the run', async () => {
    const org = await organization();
    const { runId } = (await one.queue.enqueue(run(org, 1, { unit: 'patient' }), refuse))!;
    const claims = await Promise.all([one, two, one, two].map((p) => p.queue.claim(runId)));
    const won = claims.filter((c) => c !== null);
    expect(won).toHaveLength(1);
    expect(won[0]).toMatchObject({ unit: 'patient', mode: 'quick', attempt: 1, fence: { runId, number: 1 } });
  });

  test('a job comes to a process that works, whichever it is', async () => {
    const org = await organization();
    const heard: string[] = [];
    const worker = await openProcess();
    await worker.board.work(async (runId) => void heard.push(runId), 2);
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    await until(() => heard.includes(runId));
    // By the database's clock, however late this looks.
    const { rows } = await admin.pool.query(
      `SELECT extract(epoch FROM started_on - created_on)::float8 * 1000 AS ms FROM chartsync_jobs.job
       WHERE data ->> 'runId' = $1`,
      [runId],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].ms).toBeLessThan(2000);
    await worker.board.close();
  });
});

describe('cancel', () => {
  test('what nobody works on ends at once and makes room', async () => {
    const org = await organization({ running: 1 });
    const first = (await one.queue.enqueue(run(org, 1), refuse))!;
    const second = (await one.queue.enqueue(run(org, 2), refuse))!;
    await one.queue.enqueue(run(org, 3), refuse);
    expect(await two.queue.cancel(org, second.runId)).toBe('cancelled');
    expect(await two.queue.cancel(org, second.runId)).toBe('ended');
    expect(await two.queue.cancel('org_other', first.runId)).toBeNull();
    expect(await two.queue.cancel(org, first.runId)).toBe('cancelled');
    expect(await one.queue.claim(first.runId)).toBeNull();
    expect(await statesOf(org)).toEqual({ c1: 'cancelled', c2: 'cancelled', c3: 'starting' });
  });

  test('one at work hears of it', async () => {
    const org = await organization();
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    const { fence } = (await one.queue.claim(runId))!;
    expect(await two.queue.cancel(org, runId)).toBe('requested');
    expect(await one.runs.heartbeat(fence)).toEqual({ cancelRequested: true });
  });

  test('a claim and a cancel at the same moment never both win', async () => {
    const org = await organization();
    for (let i = 1; i <= 10; i++) {
      const { runId } = (await one.queue.enqueue(run(org, i), refuse))!;
      const [claimed, cancelled] = await Promise.all([one.queue.claim(runId), two.queue.cancel(org, runId)]);
      expect([claimed === null, cancelled]).toEqual(claimed === null ? [true, 'cancelled'] : [false, 'requested']);
      if (claimed !== null) await finish(one, claimed.fence);
    }
  });
});

describe('take-over', () => {
  test('a run whose process is gone is dispatched again and continued; the old process cannot write', async () => {
    const org = await organization();
    const doomed = await openProcess();
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    const old = (await doomed.queue.claim(runId))!;
    expect(await one.queue.takeOver()).toBe(0);
    await doomed.die();
    expect(await one.queue.takeOver()).toBe(1);
    await expect(doomed.runs.heartbeat(old.fence)).rejects.toMatchObject({ code: 'lease_lost' });
    await expect(finish(doomed, old.fence)).rejects.toMatchObject({ code: 'lease_lost' });
    const again = (await two.queue.claim(runId))!;
    expect(again.attempt).toBe(2);
    expect(again.fence.number).toBeGreaterThan(old.fence.number);
    await expect(finish(doomed, old.fence)).rejects.toMatchObject({ code: 'lease_lost' });
    await finish(two, again.fence);
    expect((await statesOf(org)).c1).toBe('completed');
  });

  test('a run that three processes did not survive is given up', async () => {
    const org = await organization();
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    for (let i = 0; i < 3; i++) {
      const doomed = await openProcess();
      expect(await doomed.queue.claim(runId)).not.toBeNull();
      await doomed.die();
      await one.queue.takeOver();
    }
    expect(await one.runs.run(org, runId)).toMatchObject({
      state: 'failed',
      attempt: 3,
      error: { code: 'lease_lost', message: expect.stringContaining('3 processes') },
    });
  });

  test('what is given up counts as a failure of its connection, and pauses it in the end', async () => {
    const org = await organization();
    await admin.pool.query('UPDATE connections SET pause_after_failures = 2 WHERE organization_id = $1', [org]);
    for (let failures = 1; failures <= 2; failures++) {
      const { runId } = (await one.queue.enqueue(run(org, 1, { trigger: 'schedule' }), refuse))!;
      for (let i = 0; i < 3; i++) {
        const doomed = await openProcess();
        await doomed.queue.claim(runId);
        await doomed.die();
        await one.queue.takeOver();
      }
      const { rows } = await admin.pool.query(
        `SELECT consecutive_failures, last_failure_code, state, paused_by FROM connections
         WHERE organization_id = $1 AND id = 'c1'`,
        [org],
      );
      expect(rows[0]).toEqual({
        consecutive_failures: failures,
        last_failure_code: 'lease_lost',
        state: failures < 2 ? 'active' : 'paused',
        paused_by: failures < 2 ? null : 'failures',
      });
    }
    await expect(one.queue.enqueue(run(org, 1, { trigger: 'schedule' }), refuse)).rejects.toMatchObject({
      code: 'connection_paused',
      detail: expect.stringContaining('2 runs in a row failed, the last one with lease_lost'),
    });
  });

  test('a cancelled run whose process is gone is cancelled, not repeated', async () => {
    const org = await organization();
    const doomed = await openProcess();
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    await doomed.queue.claim(runId);
    await one.queue.cancel(org, runId);
    await doomed.die();
    await one.queue.takeOver();
    expect((await one.runs.run(org, runId))?.state).toBe('cancelled');
  });

  test('a job that got lost is written again', async () => {
    const org = await organization();
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    const jobOf = async () =>
      (await admin.pool.query('SELECT job_id FROM sync_runs WHERE id = $1', [runId])).rows[0].job_id as string;
    const job = await jobOf();
    await admin.pool.query(`UPDATE sync_runs SET dispatched_at = now() - interval '1 minute' WHERE id = $1`, [runId]);
    expect(await one.queue.takeOver(), 'its job only waits for a worker').toBe(0);
    await admin.pool.query('DELETE FROM chartsync_jobs.job WHERE id = $1', [job]);
    expect(await one.queue.takeOver()).toBe(1);
    expect(await jobOf()).not.toBe(job);
  });

  test('waits for no writes, refuses new ones, and lets the run be claimed when those under way are over', async () => {
    const org = await organization();
    const doomed = await openProcess();
    const claim = async (process: Process, n: number) =>
      (await process.queue.claim((await one.queue.enqueue(run(org, n), refuse))!.runId))!.fence;
    const writer = openDatabase({ url: testing.url, poolSize: 5 });
    closers.push(() => writer.close());
    const [well, lost] = [await claim(two, 1), await claim(doomed, 2)];
    /** A write that lasts until it is told to end. */
    const write = async (fence: Fence) => {
      const end = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const done = writer.transaction(async (trx) => {
        await holdFence(trx, fence);
        begun.resolve();
        await end.promise;
      });
      await Promise.race([begun.promise, done]);
      return async () => {
        end.resolve();
        await done;
      };
    };
    const endWell = await write(well);
    // As helpers write: the next one begins before the one before it ends.
    const endLost = [await write(lost), await write(lost)];
    await doomed.die();
    expect(await one.queue.takeOver()).toBe(1);
    await expect(write(lost)).rejects.toMatchObject({ code: 'lease_lost' });
    let claimed = false;
    const claiming = one.queue.claim(lost.runId).finally(() => {
      claimed = true;
    });
    await until(async () => {
      const { rows } = await admin.pool.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    expect(claimed).toBe(false);
    for (const end of endLost) await end();
    const next = (await claiming)!.fence;
    expect(next.number).toBeGreaterThan(lost.number);
    await endWell();
    await finish(one, next);
    await finish(two, well);
  });

  test('a claim does not wait for ever for a write that never ends: it is dispatched again', async () => {
    const org = await organization();
    const doomed = await openProcess();
    const lost = (await doomed.queue.claim((await one.queue.enqueue(run(org, 1), refuse))!.runId))!.fence;
    const writer = openDatabase({ url: testing.url, poolSize: 1 });
    closers.push(() => writer.close());
    const end = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const writing = writer.transaction(async (trx) => {
      await holdFence(trx, lost);
      begun.resolve();
      await end.promise;
    });
    await begun.promise;
    await doomed.die();
    expect(await one.queue.takeOver()).toBe(1);
    try {
      expect(await one.queue.claim(lost.runId)).toBeNull();
    } finally {
      end.resolve();
      await writing;
    }
    const next = await one.queue.claim(lost.runId);
    await finish(one, next!.fence);
  }, 30_000);

  test('what was handed back is continued and does not count as a crash', async () => {
    const org = await organization();
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    const { fence } = (await one.queue.claim(runId))!;
    await one.queue.handBack(fence);
    await expect(one.runs.heartbeat(fence)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await two.queue.claim(runId)).toMatchObject({ attempt: 1 });
  });

  test('a command is not blocked by runs for which there is no process', async () => {
    await admin.pool.query('DELETE FROM workers');
    const org = await organization();
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    const direct = { organizationId: org, connectionId: 'c1', mode: 'quick', trigger: 'manual' } as const;
    const worker = await openProcess();
    await worker.queue.enlist();
    await expect(two.runs.start(direct)).rejects.toMatchObject({ code: 'connection_busy', detail: runId });
    await worker.die();
    expect(await two.runs.start(direct)).toMatchObject({ connectionId: 'c1' });
    expect((await one.runs.run(org, runId))?.state).toBe('failed');
  });
});

describe('the schedule', () => {
  test('the first run counts as a deep and a checksum run, later quick ones do not put those off', async () => {
    const org = await organization();
    const completed = async () => {
      const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
      await finish(one, (await one.queue.claim(runId))!.fence);
      const states = await createScheduleStore(admin).states();
      return states.find((s) => s.organizationId === org && s.connectionId === 'c1')!.lastCompletedByMode;
    };
    const first = await completed();
    expect(first).toEqual({ quick: first.quick, deep: first.quick, checksum: first.quick });
    expect(first.quick).toBeGreaterThan(0);
    const second = await completed();
    expect(second).toEqual({ ...first, quick: expect.any(Number) });
    expect(second.quick).toBeGreaterThan(first.quick!);
  });

  test('goes by the clock of the database: a process whose own is ahead starts nothing before its time', async () => {
    const org = await organization();
    const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
    await finish(one, (await one.queue.claim(runId))!.fence);
    const soon = new Date(Date.now() + 2 * 60_000);
    const daily = { kind: 'cron', cron: `${soon.getUTCMinutes()} ${soon.getUTCHours()} * * *` };
    const modes = { deepEveryMs: null, checksumEveryMs: null };
    const connection = { organizationId: org, id: 'c1', connector: 'vsrx', schedule: daily, timeZone: 'UTC', modes };
    const ahead = { ...systemClock, now: () => systemClock.now() + 3600_000 };
    const store = createScheduleStore(admin);
    let looks = 0;
    const scheduler = startScheduler({
      connections: [connection as unknown as Connection],
      store: {
        ...store,
        states() {
          looks++;
          return store.states();
        },
      },
      queue: one.queue,
      clock: ahead,
      everyMs: 10,
    });
    await until(async () => looks > 3);
    await scheduler.stop();
    expect((await admin.pool.query('SELECT id FROM sync_runs WHERE organization_id = $1', [org])).rows).toEqual([
      { id: runId },
    ]);
  });
});

describe('pause', () => {
  const fail = (code: string) => ({
    state: 'failed' as const,
    outcome: 'failed' as const,
    counts: NO_COUNTS,
    error: { code: code as 'source_timeout', message: 'It failed.', remedy: 'Look.' },
    completeRead: null,
  });
  const states = async (org: string) =>
    (
      await admin.pool.query(
        `SELECT state, paused_by, state_reason, consecutive_failures FROM connections WHERE organization_id = $1 AND id = 'c1'`,
        [org],
      )
    ).rows[0];

  test('by a person: waiting runs end, nothing starts until it is resumed', async () => {
    const org = await organization({ running: 1 });
    await one.queue.enqueue(run(org, 2), refuse);
    await one.queue.enqueue(run(org, 1), refuse);
    expect(await one.queue.pause({ organizationId: org, connectionId: 'c1' }, 'moving house')).toBe(true);
    expect(await one.queue.pause({ organizationId: org, connectionId: 'none' }, null)).toBe(false);
    expect((await statesOf(org)).c1).toBe('cancelled');
    for (const trigger of ['api', 'schedule'] as const) {
      await expect(one.queue.enqueue(run(org, 1, { trigger }), refuse)).rejects.toMatchObject({
        code: 'connection_paused',
        detail: 'moving house',
      });
    }
    expect(await one.queue.resume({ organizationId: org, connectionId: 'c1' })).toBe(true);
    expect(await one.queue.enqueue(run(org, 1), refuse)).not.toBeNull();
  });

  test('by failures: the schedule stops, a person may try, success makes it active again', async () => {
    const org = await organization();
    await admin.pool.query('UPDATE connections SET pause_after_failures = 3 WHERE organization_id = $1', [org]);
    const perform = async (end: ReturnType<typeof fail> | ReturnType<typeof runEnd>) => {
      const { runId } = (await one.queue.enqueue(run(org, 1), refuse))!;
      await one.runs.finish((await one.queue.claim(runId))!.fence, end);
    };
    for (let i = 0; i < 3; i++) {
      expect((await states(org)).state).toBe('active');
      await perform(fail('source_timeout'));
    }
    expect(await states(org)).toMatchObject({
      state: 'paused',
      paused_by: 'failures',
      consecutive_failures: 3,
      state_reason: expect.stringContaining('3 runs in a row failed, the last one with source_timeout'),
    });
    await expect(one.queue.enqueue(run(org, 1, { trigger: 'schedule' }), refuse)).rejects.toMatchObject({
      code: 'connection_paused',
    });
    await perform(runEnd());
    expect(await states(org)).toMatchObject({ state: 'active', paused_by: null, consecutive_failures: 0 });
  });

  test('refused credentials pause at once', async () => {
    const org = await organization();
    const { runId } = (await one.queue.enqueue(run(org, 1, { trigger: 'schedule' }), refuse))!;
    await one.runs.finish((await one.queue.claim(runId))!.fence, fail('source_credentials'));
    expect(await states(org)).toMatchObject({ state: 'paused', paused_by: 'failures' });
  });
});
