/** The contract of `src/ports/run-batches.ts`, with several processes on one PostgreSQL. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Fence } from '../../src/ports/document-records.ts';
import type { OfferedBatch, RunBatches } from '../../src/ports/run-batches.ts';
import type { RunQueue } from '../../src/ports/run-queue.ts';
import type { RunStore } from '../../src/ports/run-store.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { createDocumentRecords } from '../../src/stores/postgres/document-records.ts';
import { createJobBoard } from '../../src/stores/postgres/job-board.ts';
import { createRunBatches } from '../../src/stores/postgres/run-batches.ts';
import { createRunQueue } from '../../src/stores/postgres/run-queue.ts';
import { createRunStore } from '../../src/stores/postgres/run-store.ts';
import { announceWorker } from '../../src/stores/postgres/worker-presence.ts';
import { systemRandom } from '../../src/stores/system-clock.ts';
import { testDatabase } from '../support/postgres.ts';
import { runEnd } from '../support/record-samples.ts';
import { until } from '../support/until.ts';

interface Process {
  readonly batches: RunBatches;
  readonly runs: RunStore;
  readonly queue: RunQueue;
  /** As after kill -9: PostgreSQL sees its session end. */
  die(): Promise<void>;
}

const ORGANIZATION = 'org_shared';
let testing: Awaited<ReturnType<typeof testDatabase>>;
let admin: ReturnType<typeof openDatabase>;
const closers: (() => Promise<void>)[] = [];
let connections = 0;
let owner: Process;
let helper: Process;
let key: { organizationId: string; connectionId: string };
let fence: Fence;

async function openProcess(): Promise<Process> {
  const presence = await announceWorker({ url: testing.url });
  const database = openDatabase({ url: testing.url });
  const board = createJobBoard(testing.url);
  closers.push(async () => {
    await board.close();
    await presence.close();
    await database.close();
  });
  const work = { database, board, random: systemRandom, workerId: presence.workerId };
  return {
    batches: createRunBatches(work),
    runs: createRunStore(work),
    queue: createRunQueue(work),
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

async function* offered(count: number): AsyncGenerator<OfferedBatch> {
  for (let n = 0; n < count; n++) yield { units: 1, items: 10, changes: `changes ${n}` };
}

const join = (process: Process, maxHelpers = 4) => process.batches.join([key], { maxHelpers, except: new Set() });

beforeAll(async () => {
  testing = await testDatabase();
  admin = openDatabase({ url: testing.url, poolSize: 2 });
  await admin.pool.query(`INSERT INTO organizations (id, name, max_running) VALUES ($1, $1, 100)`, [ORGANIZATION]);
  owner = await openProcess();
  helper = await openProcess();
});
beforeEach(async () => {
  key = { organizationId: ORGANIZATION, connectionId: `c${++connections}` };
  await admin.pool.query(`INSERT INTO connections (organization_id, id, connector) VALUES ($1, $2, 'vsrx')`, [
    ORGANIZATION,
    key.connectionId,
  ]);
  fence = await owner.runs.start({ ...key, mode: 'quick', trigger: 'manual' });
});
afterAll(async () => {
  for (const close of closers) await close();
  await admin?.close();
  await testing?.drop();
});

describe('taking', () => {
  test('each batch goes to one of many takers, in order, and comes back only when it is given back', async () => {
    await owner.batches.offer(fence, () => offered(20));
    expect(await join(helper)).toEqual(fence);
    const taken = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        i % 2 ? owner.batches.take(fence, 'owner') : helper.batches.take(fence, 'helper'),
      ),
    );
    const got = taken.flatMap((batch) => (batch === null ? [] : [batch]));
    expect(got.map((b) => b.fence.batch.n).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(got[0]!.changes).toBe(`changes ${got[0]!.fence.batch.n}`);
    await helper.batches.giveBack(got[0]!.fence);
    expect(await owner.batches.take(fence, 'owner')).toMatchObject({
      fence: { batch: { n: got[0]!.fence.batch.n, attempt: 2 } },
    });
  });

  test('what is done is counted and not given out again', async () => {
    await owner.batches.offer(fence, () => offered(3));
    for (let n = 0; n < 3; n++) {
      const batch = (await owner.batches.take(fence, 'owner'))!;
      expect(await owner.batches.progress(fence)).toMatchObject({ open: 3 - n, itemsDone: 10 * n });
      await owner.batches.complete(batch.fence, `result ${n}`);
    }
    expect(await owner.batches.take(fence, 'owner')).toBeNull();
    expect(await Array.fromAsync(owner.batches.results(fence))).toEqual(['result 0', 'result 1', 'result 2']);
  });

  test('the batch of a process that is gone goes to another one; the former one cannot write', async () => {
    const doomed = await openProcess();
    await owner.batches.offer(fence, () => offered(1));
    await join(doomed);
    const batch = (await doomed.batches.take(fence, 'helper'))!;
    expect(await owner.batches.take(fence, 'owner')).toBeNull();
    const records = createDocumentRecords(admin);
    await records.finishUnits(batch.fence, [], 0);
    await doomed.die();
    const again = (await owner.batches.take(fence, 'owner'))!;
    expect(again.fence.batch).toEqual({ n: 0, attempt: 2 });
    await expect(records.finishUnits(batch.fence, [], 0)).rejects.toMatchObject({ code: 'lease_lost' });
    await expect(doomed.batches.complete(batch.fence, '')).rejects.toMatchObject({ code: 'lease_lost' });
    await owner.batches.complete(again.fence, '');
    await expect(records.finishUnits(again.fence, [], 0)).rejects.toMatchObject({ code: 'lease_lost' });
  });

  test('a batch that is renewed stays; one whose process is silent goes to another one', async () => {
    const silent = await openProcess();
    await owner.batches.offer(fence, () => offered(2));
    await join(silent);
    const first = (await silent.batches.take(fence, 'helper'))!;
    const second = (await silent.batches.take(fence, 'helper'))!;
    expect(await owner.batches.take(fence, 'owner')).toBeNull();
    // So much later that both were due to be renewed, and one of them was.
    await admin.pool.query(`UPDATE sync_run_batches SET expires_at = now() - interval '1 second' WHERE run_id = $1`, [
      fence.runId,
    ]);
    await silent.batches.renew(fence, [first.fence]);
    expect(await owner.batches.take(fence, 'owner')).toMatchObject({
      fence: { batch: { n: second.fence.batch.n, attempt: 2 } },
    });
    expect(await owner.batches.take(fence, 'owner')).toBeNull();
    await silent.batches.complete(first.fence, '');
  });

  test('what two processes did not survive is left to the owner', async () => {
    await owner.batches.offer(fence, () => offered(1));
    for (let i = 0; i < 2; i++) {
      const doomed = await openProcess();
      if (i === 0) await join(doomed);
      expect(await doomed.batches.take(fence, 'helper')).not.toBeNull();
      await doomed.die();
    }
    expect(await helper.batches.take(fence, 'helper')).toBeNull();
    expect(await owner.batches.take(fence, 'owner')).toMatchObject({ fence: { batch: { attempt: 3 } } });
  });
});

describe('helpers', () => {
  test('never more than allowed, whoever joins at the same moment; the dead and those who left do not count', async () => {
    await owner.batches.offer(fence, () => offered(5));
    const many = await Promise.all(Array.from({ length: 6 }, () => openProcess()));
    const joined = await Promise.all(many.map((process) => join(process, 2)));
    const inside = many.filter((_, i) => joined[i] !== null);
    expect(inside).toHaveLength(2);
    expect(await join(helper, 2)).toBeNull();
    await inside[0]!.batches.leave(fence);
    expect(await join(helper, 2)).toEqual(fence);
    await inside[1]!.die();
    expect(await join(many.find((_, i) => joined[i] === null)!, 2)).toEqual(fence);
  });

  test('nobody helps with what is not offered, not wanted, cancelled, or of another connection; nor the owner itself', async () => {
    expect(await join(helper)).toBeNull();
    await owner.batches.offer(fence, () => offered(2));
    expect(await join(owner)).toBeNull();
    expect(await join(helper, 0)).toBeNull();
    expect(await helper.batches.join([key], { maxHelpers: 4, except: new Set([fence.runId]) })).toBeNull();
    const other = { organizationId: 'org_other', connectionId: key.connectionId };
    expect(await helper.batches.join([other], { maxHelpers: 4, except: new Set() })).toBeNull();
    expect(await join(helper)).toEqual(fence);
    expect(await helper.batches.renew(fence, [])).toEqual({ cancelRequested: false });
    await owner.runs.requestCancel(ORGANIZATION, fence.runId);
    expect(await helper.batches.renew(fence, [])).toEqual({ cancelRequested: true });
    await helper.batches.leave(fence);
    expect(await join(helper)).toBeNull();
  });
});

describe('the end of the run', () => {
  test('fences every helper and leaves nothing of the batches', async () => {
    await owner.batches.offer(fence, () => offered(2));
    await join(helper);
    const batch = (await helper.batches.take(fence, 'helper'))!;
    await owner.runs.finish(fence, runEnd());
    await expect(helper.batches.renew(fence, [])).rejects.toMatchObject({ code: 'lease_lost' });
    await expect(helper.batches.complete(batch.fence, '')).rejects.toMatchObject({ code: 'lease_lost' });
    for (const table of ['sync_run_batches', 'sync_run_helpers']) {
      const { rows } = await admin.pool.query(`SELECT 1 FROM ${table} WHERE run_id = $1`, [fence.runId]);
      expect(rows).toEqual([]);
    }
  });

  test('a run that is handed back loses its helpers; the next owner offers anew', async () => {
    await owner.runs.finish(fence, runEnd());
    const request = { ...key, mode: 'quick', trigger: 'api', unit: null, heldSetId: null } as const;
    const { runId } = (await owner.queue.enqueue(request, { whenBusy: 'refuse' }))!;
    const first = (await owner.queue.claim(runId))!.fence;
    await owner.batches.offer(first, () => offered(4));
    await join(helper);
    const batch = (await helper.batches.take(first, 'helper'))!;
    await owner.queue.handBack(first);
    await expect(helper.batches.renew(first, [batch.fence])).rejects.toMatchObject({ code: 'lease_lost' });
    await expect(helper.batches.take(first, 'helper')).rejects.toMatchObject({ code: 'lease_lost' });
    const second = (await owner.queue.claim(runId))!.fence;
    expect(await join(helper), 'what the first one offered is void').toBeNull();
    await owner.batches.offer(second, () => offered(1));
    expect(await owner.batches.progress(second)).toMatchObject({ open: 1 });
    expect(await join(helper)).toEqual(second);
    await expect(owner.batches.offer(first, () => offered(4))).rejects.toMatchObject({ code: 'lease_lost' });
  });
});
