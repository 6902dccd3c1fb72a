/** What only the PostgreSQL adapters can show: killed processes, lost connections, locks, and rows that others write. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionKey, Fence } from '../../src/ports/document-records.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { createDocumentRecords } from '../../src/stores/postgres/document-records.ts';
import { holdFence } from '../../src/stores/postgres/fence.ts';
import { announceWorker } from '../../src/stores/postgres/worker-presence.ts';
import { postgresStores } from '../support/postgres-stores.ts';
import { countsOf, PATIENT, record, runEnd, sampleWrite, sha256Of, storedOf } from '../support/record-samples.ts';
import type { Worker } from '../support/stores.ts';
import { until } from '../support/until.ts';

const WORKER_PROCESS = fileURLToPath(new URL('../support/worker-process.ts', import.meta.url));

let stores: Awaited<ReturnType<typeof postgresStores>>;
let database: Database;
let worker: Worker;
let organizations = 0;

beforeAll(async () => {
  stores = await postgresStores();
  database = openDatabase({ url: stores.url });
  worker = await stores.worker();
});
afterAll(async () => {
  await database.close();
  await stores.close();
});

async function connection(): Promise<ConnectionKey> {
  const key = { organizationId: `org_${++organizations}`, connectionId: 'vsrx' };
  await stores.putConnection(key);
  return key;
}

const start = (key: ConnectionKey): Promise<Fence> => worker.runs.start({ ...key, mode: 'quick', trigger: 'manual' });

describe('a worker', () => {
  test('that is killed loses its lease at once', async () => {
    const key = await connection();
    const child = spawn(process.execPath, [WORKER_PROCESS, stores.url, key.organizationId, key.connectionId], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = await once(createInterface(child.stdout), 'line');
      const old = JSON.parse(line) as Fence;
      await expect(start(key)).rejects.toMatchObject({ code: 'connection_busy', detail: old.runId });
      child.kill('SIGKILL');
      let fence: Fence | undefined;
      await until(async () => {
        fence = await start(key).catch((error) => {
          if (error.code !== 'connection_busy') throw error;
          return undefined;
        });
        return fence !== undefined;
      });
      expect(fence?.number).toBe(old.number + 1);
      expect(await worker.runs.run(key.organizationId, old.runId)).toMatchObject({ state: 'failed' });
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('announces itself again after its session was lost', async () => {
    const presence = await announceWorker({ url: stores.url });
    const holders = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
                     AND (classid::bigint << 32 | objid::bigint) = $1::bigint`;
    const holder = async () => (await database.pool.query<{ pid: number }>(holders, [presence.workerId])).rows[0]?.pid;
    const before = await holder();
    await database.pool.query('SELECT pg_terminate_backend($1)', [before]);
    await until(async () => {
      const now = await holder();
      return now !== undefined && now !== before;
    });
    await presence.close();
    await until(async () => (await holder()) === undefined);
  });

  test('that cannot announce itself says so and does not try on', async () => {
    const gone = new URL(stores.url);
    gone.pathname = '/no_such_database';
    await expect(announceWorker({ url: gone.href })).rejects.toMatchObject({ code: 'database_unavailable' });
  });
});

describe('the fence', () => {
  test('lets the heartbeat through while writes are under way, and makes a take-over wait for them', async () => {
    const key = await connection();
    const fence = await start(key);
    const held = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const writing = database.transaction(async (trx) => {
      await holdFence(trx, fence);
      held.resolve();
      await release.promise;
    });
    await held.promise;
    expect(await worker.runs.heartbeat(fence)).toEqual({ cancelRequested: false });

    await stores.expireLease(key);
    let taken = false;
    const taking = start(key).then((next) => {
      taken = true;
      return next;
    });
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await until(async () => ((await database.pool.query(waiting)).rowCount ?? 0) > 0);
    expect(taken).toBe(false);
    release.resolve();
    await writing;
    expect((await taking).number).toBe(fence.number + 1);
  });

  test('makes the end of a run wait for its writes', async () => {
    const fence = await start(await connection());
    const order: string[] = [];
    const held = Promise.withResolvers<void>();
    const writing = database.transaction(async (trx) => {
      await holdFence(trx, fence);
      held.resolve();
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      await until(async () => ((await database.pool.query(waiting)).rowCount ?? 0) > 0);
      order.push('written');
    });
    await held.promise;
    await worker.runs.finish(fence, runEnd()).then(() => order.push('finished'));
    await writing;
    expect(order).toEqual(['written', 'finished']);
  });
});

describe('a lost connection', () => {
  test('in a transaction is database_unavailable, and the pool goes on', async () => {
    const failing = database.transaction(async (trx) => {
      const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(trx);
      await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await trx.selectFrom('blobs').selectAll().execute();
    });
    await expect(failing).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(await storedOf(createDocumentRecords(database), await connection())).toEqual([]);
  });

  test('under an open stream ends the stream, not the process', async () => {
    const key = await connection();
    const single = openDatabase({ url: stores.url, poolSize: 1 });
    const records = createDocumentRecords(single);
    const writes = Array.from({ length: 5001 }, (_, i) => sampleWrite(`f${i}`, 'one'));
    await record(worker.records, await start(key), ...writes);
    const { rows } = await single.pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const read = async () => {
      let seen = 0;
      for await (const _ of records.storedDocuments(key)) {
        if (++seen === 1) await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(await records.countDocuments(key)).toBe(5001);
    await single.close();
  });
});

describe('a stream', () => {
  test('that waits for the database is given up when it is aborted', async () => {
    const key = await connection();
    const single = openDatabase({ url: stores.url, poolSize: 1 });
    const records = createDocumentRecords(single);
    const locked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const locking = database.transaction(async (trx) => {
      await trx.schema.alterTable('silknote_documents').addColumn('for_this_test', 'text').execute();
      locked.resolve();
      await release.promise;
      throw new Error('Undo.');
    });
    await locked.promise;
    const stop = new AbortController();
    const reading = Array.fromAsync(records.storedDocuments(key, undefined, stop.signal));
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await until(async () => ((await database.pool.query(waiting)).rowCount ?? 0) > 0);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    release.resolve();
    await expect(locking).rejects.toMatchObject({ code: 'unexpected' });
    expect(await records.countDocuments(key)).toBe(0);
    await single.close();
  });
});

describe('documents of other applications', () => {
  test('keep their content, and are not part of any connection', async () => {
    const key = await connection();
    const fence = await start(key);
    const records = worker.records;
    await record(records, fence, sampleWrite('f1', 'mine'));
    await records.reserveBlobs(fence, [{ sha256: sha256Of('uploaded'), size: 8 }]);
    await database.pool.query(
      `INSERT INTO silknote_documents ("silknoteDocumentUuid", "organizationId", "patientUuid", "originalName", sha256, "sizeBytes")
       VALUES ('upload-1', $1, $2, 'upload.pdf', $3, 8), ('upload-2', $1, $2, 'upload.pdf', $4, 8)`,
      [key.organizationId, PATIENT, sha256Of('uploaded'), sha256Of('elsewhere')],
    );
    await stores.ageBlobs(key.organizationId);
    expect(await records.releaseBlobs(key.organizationId, 1_000_000, 10, async () => undefined)).toBe(0);
    expect(await storedOf(records, key)).toMatchObject([{ reference: 'f1' }]);
    expect(await countsOf(records, key.organizationId)).toEqual({
      [sha256Of('mine')]: [1, 1, 'stored'],
      [sha256Of('uploaded')]: [0, 1, 'wanted'],
      [sha256Of('elsewhere')]: [0, 1, 'wanted'],
    });
  });
});

test('contents are found by index', async () => {
  const client = await database.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL enable_seqscan = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT sha256 FROM blobs WHERE organization_id = 'org' AND sha256 = ANY ($1::text[])`,
      [[sha256Of('a'), sha256Of('b')]],
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/Index Cond: .*sha256 = ANY/);
    await client.query('ROLLBACK');
  } finally {
    client.release();
  }
});
