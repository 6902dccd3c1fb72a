/**
 * Jobs of pg-boss: they wake a worker for a run. The truth about runs is in `sync_runs`; a job that comes twice, or for a run
 * that has ended, does nothing.
 */
import { sql, type Transaction } from 'kysely';
import pg from 'pg';
import type { PgBoss } from 'pg-boss';
import type { RunDispatcher } from '../../ports/run-queue.ts';
import type { LostConnections } from './lost-connections.ts';
import type { Tables } from './tables.ts';

const SCHEMA = 'chartsync_jobs';
const QUEUE = 'runs';
/** Version of its tables that this pg-boss wants. */
const SCHEMA_VERSION = 43;
/** A run may last long; what became of its process is seen by the lease, not by the job. */
const JOB_SECONDS = 24 * 3600;

/** Loaded when there is a job: most commands have none. */
const library = () => import('pg-boss');

/** Are the tables of pg-boss there, as this one wants them? */
export async function areJobsReady(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('${SCHEMA}.version') IS NOT NULL AND to_regclass('${SCHEMA}.queue') IS NOT NULL AS there`,
  );
  if (!rows[0]?.there) return false;
  const { rowCount } = await client.query(
    `SELECT 1 FROM ${SCHEMA}.version, ${SCHEMA}.queue WHERE version = $1 AND name = $2`,
    [SCHEMA_VERSION, QUEUE],
  );
  return rowCount === 1;
}

/** Makes or updates the tables of pg-boss. */
export async function prepareJobs(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    if (await areJobsReady(client)) return;
  } finally {
    await client.end();
  }
  const { PgBoss } = await library();
  const boss = new PgBoss({ connectionString: url, schema: SCHEMA, supervise: false, schedule: false, max: 1 });
  boss.on('error', () => undefined);
  await boss.start();
  try {
    await boss.createQueue(QUEUE, {
      notify: true,
      retryLimit: 0,
      expireInSeconds: JOB_SECONDS - 1,
      retentionSeconds: 14 * JOB_SECONDS,
      deleteAfterSeconds: 3600,
    });
  } finally {
    await boss.stop({ graceful: false });
  }
}

export interface JobBoard extends RunDispatcher {
  /** Within the transaction that admits the run. @returns the job's id */
  send(trx: Transaction<Tables>, run: { runId: string; priority: number }): Promise<string>;
}

/** @param url of the record database. @param lost looks after its connections, too */
export function createJobBoard(url: string, lost?: LostConnections): JobBoard {
  let sender: Promise<PgBoss> | null = null;
  let worker: PgBoss | null = null;
  // The library hands it to the pool, but its types do not tell of it.
  const watched: object = lost === undefined ? {} : { onConnect: lost.watch };

  async function openSender(): Promise<PgBoss> {
    const { PgBoss } = await library();
    // A connection of its own: while it is opened, the whole pool may be taken by transactions that wait for it.
    const boss = new PgBoss({
      connectionString: url,
      application_name: 'chartsync jobs',
      schema: SCHEMA,
      supervise: false,
      schedule: false,
      migrate: false,
      max: 1,
      ...watched,
    });
    boss.on('error', () => undefined);
    try {
      return await boss.start();
    } catch (error) {
      sender = null;
      throw error;
    }
  }

  return {
    async send(trx, { runId, priority }) {
      sender ??= openSender();
      const boss = await sender;
      const { fromKysely } = await library();
      const id = await boss.send(QUEUE, { runId }, { db: fromKysely(trx), priority });
      return id!;
    },
    async work(handler, concurrency) {
      const { PgBoss } = await library();
      const boss = new PgBoss({
        connectionString: url,
        application_name: 'chartsync jobs',
        schema: SCHEMA,
        schedule: false,
        migrate: false,
        useListenNotify: true,
        max: 3,
        ...watched,
      });
      // It reconnects by itself; until then nothing is dispatched and `/ready` says why.
      boss.on('error', () => undefined);
      await boss.start();
      worker = boss;
      const atWork = new Set<Promise<void>>();
      let id: string | null = null;
      // One that asks for all places: of several each would ask anew whenever somebody starts a run.
      id = await boss.work<{ runId: string }>(
        QUEUE,
        { batchSize: 1, pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 5 },
        async (jobs) => {
          for (const job of jobs) {
            const work = handler(job.data.runId).finally(() => atWork.delete(work));
            atWork.add(work);
          }
          // Others may have a place for the next job while there is none here.
          if (atWork.size >= concurrency) await Promise.race(atWork);
          // It would rest before it asks for the next job, although there may be one.
          if (id !== null) boss.notifyWorker(id);
        },
      );
    },
    async rest() {
      await worker?.offWork(QUEUE, { wait: false }).catch(() => undefined);
    },
    async close() {
      await worker?.stop({ graceful: false }).catch(() => undefined);
      if (sender !== null) await (await sender.catch(() => null))?.stop({ graceful: false }).catch(() => undefined);
    },
  };
}

/** Will pg-boss still give this job to a worker? */
export async function isJobWaiting(trx: Transaction<Tables>, jobId: string): Promise<boolean> {
  const { rows } = await sql<{ waiting: boolean }>`
    SELECT EXISTS (SELECT 1 FROM ${sql.id(SCHEMA, 'job')}
                   WHERE name = ${QUEUE} AND id = ${jobId}::uuid AND state IN ('created', 'retry')) AS waiting`.execute(
    trx,
  );
  return rows[0]?.waiting === true;
}
