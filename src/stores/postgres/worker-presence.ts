/**
 * Tells other processes that this one is alive.
 *
 * A process holds an advisory lock in a session of its own for as long as it lives: when it is killed, PostgreSQL ends the
 * session and the lock is free, so its leases can be taken over at once instead of after they expire. When the session
 * is lost but the process lives, its leases may be taken over: the fence keeps that safe.
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { databaseError } from './database-error.ts';
import type { LostConnections } from './lost-connections.ts';

export interface WorkerPresence {
  /** Number of the lock, as text: a bigint. */
  readonly workerId: string;
  close(): Promise<void>;
}

const RECONNECT_MS = 1000;
const ASK_MS = 10_000;

/**
 * @param options.lost notices when the session is gone without a word: without its lock every run of this process would look
 * abandoned. @throws SyncError `database_unavailable`
 */
export async function announceWorker(options: {
  readonly url: string;
  readonly lost?: Pick<LostConnections, 'awaiting'>;
}): Promise<WorkerPresence> {
  // 62 random bits: positive, and never met twice.
  const workerId = (randomBytes(8).readBigUInt64BE() >> 2n).toString();
  // No reconnecting before the first connection stood: a failed start must not go on in the background.
  let closed = true;
  let client: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const next = new pg.Client({
      connectionString: options.url,
      application_name: 'chartsync presence',
      keepAlive: true,
    });
    next.on('error', () => undefined);
    next.on('end', () => {
      if (closed || client !== next) return;
      retry = setTimeout(() => void connect().catch(() => undefined), RECONNECT_MS);
    });
    client = next;
    await next.connect();
    await next.query('SELECT pg_advisory_lock($1::bigint)', [workerId]);
  }

  try {
    await connect();
  } catch (error) {
    await client?.end().catch(() => undefined);
    throw databaseError(error);
  }
  closed = false;
  const { lost } = options;
  let asking = false;
  const questions = setInterval(() => {
    if (lost === undefined || client === undefined || asking) return;
    asking = true;
    lost
      .awaiting(client, client.query('SELECT 1'))
      .catch(() => undefined)
      .finally(() => {
        asking = false;
      });
  }, ASK_MS).unref();
  return {
    workerId,
    async close() {
      closed = true;
      clearInterval(questions);
      clearTimeout(retry);
      await client?.end().catch(() => undefined);
    },
  };
}
