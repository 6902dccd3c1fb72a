/**
 * Asks the record database whether it answers, on a connection of its own: those of the pool may all wait for a database that
 * is frozen, or be busy with what only takes long.
 */
import pg from 'pg';
import { SyncError } from '../../domain/errors.ts';
import { databaseError } from './database-error.ts';

export interface DatabaseProbe {
  /**
   * @returns how many runs wait; null: it answers, but somebody has locked the runs.
   * @throws SyncError `database_unavailable` when no answer has come within two seconds
   */
  ask(): Promise<number | null>;
  close(): void;
}

const ANSWER_MS = 2000;
/** A connection that is silent for so long may be lost without anybody having told us; another one may get through. */
const SILENT_MS = 10_000;
/** Somebody may hold a lock for long without the database being away. */
const QUESTION = `BEGIN; SET LOCAL lock_timeout = '1s';
  SELECT count(*)::int AS waiting FROM sync_runs WHERE state = 'queued' AND finished_at IS NULL;
  COMMIT`;
const LOCKED = '55P03';

export function createDatabaseProbe(url: string): DatabaseProbe {
  let line: pg.Client | null = null;
  let open: { readonly since: number; readonly answer: Promise<number | null> } | null = null;

  /** Not `end`: that waits for the other side. */
  function hangUp(old: pg.Client | null): void {
    old?.connection.stream.destroy();
    if (line === old) line = null;
  }

  function dial(): pg.Client {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'chartsync probe',
      connectionTimeoutMillis: SILENT_MS,
    });
    client.on('error', () => hangUp(client));
    client.on('end', () => hangUp(client));
    return client;
  }

  async function question(): Promise<number | null> {
    const known = line;
    const client = known ?? dial();
    line = client;
    try {
      if (known === null) await client.connect();
      // One answer for each statement, which the driver's types do not tell.
      const answers = (await client.query(QUESTION)) as unknown as pg.QueryResult<{ waiting: number }>[];
      return answers[2]?.rows[0]?.waiting ?? null;
    } catch (error) {
      hangUp(client);
      if ((error as { code?: string }).code === LOCKED) return null;
      throw databaseError(error);
    }
  }

  /** One at a time: a database that is frozen must not be given more and more to answer. */
  function asked(): Promise<number | null> {
    if (open !== null && performance.now() - open.since > SILENT_MS) {
      hangUp(line);
      open = null;
    }
    if (open !== null) return open.answer;
    const mine = { since: performance.now(), answer: question() };
    open = mine;
    const over = () => {
      if (open === mine) open = null;
    };
    mine.answer.then(over, over);
    return mine.answer;
  }

  return {
    async ask() {
      let late: NodeJS.Timeout | undefined;
      const limit = new Promise<never>((_, reject) => {
        late = setTimeout(() => reject(new SyncError('database_unavailable')), ANSWER_MS);
      });
      try {
        return await Promise.race([asked(), limit]);
      } finally {
        clearTimeout(late);
      }
    },
    close: () => hangUp(line),
  };
}
