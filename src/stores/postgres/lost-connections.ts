/**
 * Finds connections whose other side is gone without a word: a router has forgotten them, or a machine has lost its power. A
 * question on one would wait for a quarter of an hour, until the kernel gives up. Whether an answer only takes long, the server
 * says itself, on another connection: while we wait for its answer and it waits for our question, twice in a row, the
 * connection between is lost, and is broken here too.
 */
import pg from 'pg';

export interface LostConnections {
  /** Looks after all that this client is asked. */
  watch(client: pg.Client): void;
  /** The same for what is not asked by `query` alone. @returns the answer */
  awaiting<T>(client: pg.Client, answer: Promise<T>): Promise<T>;
  close(): void;
}

/** Short questions are never looked at. */
const SLOW_MS = 15_000;
const LOOK_MS = 5000;
const ANSWER_MS = 5000;

interface Waiting {
  since: number;
  questions: number;
  suspected: boolean;
}

type Query = (...args: unknown[]) => unknown;

export function watchForLost(url: string): LostConnections {
  const waiting = new Map<pg.Client, Waiting>();
  let timer: NodeJS.Timeout | null = null;
  let looking = false;

  function begin(client: pg.Client): () => void {
    const now = waiting.get(client) ?? { since: performance.now(), questions: 0, suspected: false };
    now.questions++;
    waiting.set(client, now);
    timer ??= setInterval(() => void look(), LOOK_MS).unref();
    return () => {
      now.questions--;
      now.since = performance.now();
      now.suspected = false;
      if (now.questions === 0) waiting.delete(client);
    };
  }

  function awaiting<T>(client: pg.Client, answer: Promise<T>): Promise<T> {
    const end = begin(client);
    answer.then(end, end);
    return answer;
  }

  async function look(): Promise<void> {
    if (waiting.size === 0) return stop();
    const late = [...waiting].filter(([, { since }]) => performance.now() - since >= SLOW_MS);
    if (late.length === 0 || looking) return;
    looking = true;
    try {
      const lost = await silentOnes(
        url,
        late.map(([client]) => client),
      );
      for (const [client, state] of late) {
        // Answered meanwhile, and perhaps asked again.
        if (waiting.get(client) !== state || performance.now() - state.since < SLOW_MS) continue;
        if (!lost.has(client)) state.suspected = false;
        else if (state.suspected) client.connection.stream.destroy();
        else state.suspected = true;
      }
    } catch {
      // It is away altogether, and nothing can be said of single connections.
    } finally {
      looking = false;
    }
  }

  function stop(): void {
    if (timer !== null) clearInterval(timer);
    timer = null;
  }

  return {
    awaiting,
    watch(client) {
      const query = client.query.bind(client) as Query;
      const watched: Query = (...args) => {
        const callback = args.at(-1);
        if (typeof callback === 'function') {
          const end = begin(client);
          args[args.length - 1] = (...results: unknown[]) => {
            end();
            callback(...results);
          };
          return query(...args);
        }
        const result = query(...args);
        return result instanceof Promise ? awaiting(client, result) : result;
      };
      client.query = watched as pg.Client['query'];
    },
    close: stop,
  };
}

/** @returns those of which the server says that it waits for a question. @throws when it does not answer */
async function silentOnes(url: string, clients: readonly pg.Client[]): Promise<Set<pg.Client>> {
  const asker = new pg.Client({
    connectionString: url,
    application_name: 'chartsync probe',
    connectionTimeoutMillis: ANSWER_MS,
  });
  asker.on('error', () => undefined);
  const late = setTimeout(() => asker.connection.stream.destroy(), ANSWER_MS);
  try {
    await asker.connect();
    const { rows } = await asker.query<{ pid: number; own: boolean; listens: boolean }>(
      `SELECT pid, pid = pg_backend_pid() AS own, coalesce(wait_event = 'ClientRead', false) AS listens
       FROM pg_stat_activity WHERE pid = ANY($1::integer[]) OR pid = pg_backend_pid()`,
      [clients.map(processOf)],
    );
    // A pooler between us and the server gives connections other numbers: then nothing can be told by them.
    if (rows.find(({ own }) => own)?.pid !== processOf(asker)) return new Set();
    return new Set(clients.filter((client) => rows.find(({ pid }) => pid === processOf(client))?.listens ?? true));
  } finally {
    clearTimeout(late);
    asker.connection.stream.destroy();
  }
}

/** Number of the server's process for this connection; the driver's types do not tell of it. */
function processOf(client: pg.Client): number {
  return (client as pg.Client & { readonly processID: number }).processID;
}
