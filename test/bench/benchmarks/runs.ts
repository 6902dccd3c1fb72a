/** Runs through admission and dispatch: how many a minute, how soon one begins, what watching costs, what resting costs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import type { Benchmark, Measurement } from '../benchmark.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../outside.ts';
import { configure, createBenchPractice, type SyncEnvironment } from '../practice.ts';
import { median } from '../statistics.ts';

const COMMAND_LINE = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const ORGANIZATIONS = 50;
const CONNECTIONS = 3;
const CAP = 2;
const KEY = 'bench-administrator-key-0123456789';
const TICK_MS = 10;
const REQUESTS_PER_SECOND = 200;

interface Server {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export const runs: Benchmark = {
  name: 'runs',
  title: 'Runs of fifty organisations',
  async run(context) {
    const { services, quick } = context;
    const total = quick ? 60 : 1200;
    const practice = await createBenchPractice(services, {
      rows: 20,
      patients: 4,
      files: { minBytes: 4000, maxBytes: 8000 },
    });
    const databaseUrl = await services.recordDatabase();
    const environment = await configure(services, {
      practice,
      databaseUrl,
      blobs: { kind: 'filesystem', folder: await services.folder() },
    });
    await manyOrganizations(environment);
    const admin = new pg.Client({ connectionString: databaseUrl });
    const server = await startServer(environment);
    try {
      await admin.connect();
      await watchCap(admin);
      context.log('  first runs');
      await untilAllHaveRun(admin);
      // Contents are read after the first copy by processes of their own; what is measured here is runs.
      context.log("  reading the first copy's documents");
      await untilDocumentsAreDone(admin);
      context.log(`  ${total} runs`);
      const rounds: Measurement[] = [];
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        const before = usageOf(server.pid);
        const begun = performance.now();
        await runMany(server, total);
        const wallMs = performance.now() - begun;
        const after = usageOf(server.pid);
        rounds.push({ wallMs, processMs: wallMs, cpuMs: after.cpuMs - before.cpuMs, peakBytes: after.bytes });
        context.log(`  round ${round + 1}: ${Math.round((total / wallMs) * 60_000)} runs a minute`);
      }
      const floor: Measurement[] = [];
      for (let round = 0; round < (quick ? 1 : 3); round++) floor.push(await emptyJobs(databaseUrl, total));
      const most = (await admin.query('SELECT max(most)::int AS most FROM watched')).rows[0].most as number;

      context.log('  single runs while idle');
      const starts = await startTimes(server, admin, quick ? 5 : 30);
      context.log('  polling of progress while one run follows another');
      const polled = await pollProgress(server, quick ? 2 : 20);
      context.log('  resting');
      await untilDocumentsAreDone(admin);
      // The connections to the sources are closed and the memory is given back by then.
      await sleep(quick ? 1000 : 60_000);
      const before = usageOf(server.pid);
      const restMs = quick ? 2000 : 30_000;
      await sleep(restMs);
      const rest = usageOf(server.pid);
      const idle = ((rest.cpuMs - before.cpuMs) / restMs) * 100;

      const wall = median(rounds.map((r) => r.wallMs));
      const perMinute = Math.round((total / wall) * 60_000);
      const startMs = median(starts);
      const p99 = percentile(polled.times, 99);
      const memory = Math.round(rest.bytes / 1e6);
      return {
        series: [
          { label: 'chartsync serve', role: 'subject', items: total, rounds },
          { label: 'pg-boss, empty jobs', role: 'floor', items: total, rounds: floor },
        ],
        ratios: { 'speed of empty jobs': median(rounds.map((r, i) => floor[i]!.wallMs / r.wallMs)) },
        promises: [
          { text: 'at least 500 short runs a minute', measured: `${perMinute} a minute`, kept: perMinute >= 500 },
          { text: `never more than ${CAP} of an organisation at once`, measured: `${most}`, kept: most <= CAP },
          {
            text: 'from the request to the run at work within 300 ms while idle',
            measured: `${Math.round(startMs)} ms (slowest of ${starts.length}: ${Math.round(Math.max(...starts))} ms)`,
            kept: startMs <= 300,
          },
          {
            text: `99 of 100 answers about progress within 20 ms, ${REQUESTS_PER_SECOND} a second while a run is in progress`,
            measured: `${p99.toFixed(1)} ms (median ${median(polled.times).toFixed(1)} ms, ${polled.times.length} answers, ${polled.runs} runs)`,
            kept: p99 <= 20,
          },
          { text: 'less than 2 % of a core while idle', measured: `${idle.toFixed(1)} %`, kept: idle < 2 },
          {
            text: 'at most 250 MB while idle, without the database, after all of that',
            measured: `${memory} MB`,
            kept: memory <= 250,
          },
        ],
        notes: [
          `${ORGANIZATIONS} organisations with ${CONNECTIONS} connections each; every run compares 20 files and finds nothing to do.`,
          'The clients, the service, PostgreSQL and the source share two cores. Every request is authenticated, counted against its limits and audited where it starts a run.',
        ],
      };
    } finally {
      await server.stop();
      await admin.end();
      await practice.source.close();
    }
  },
};

async function manyOrganizations(environment: SyncEnvironment): Promise<void> {
  const file = JSON.parse(await readFile(environment.CHARTSYNC_CONFIG, 'utf8'));
  const [connection] = file.organizations[0].connections;
  file.organizations = Array.from({ length: ORGANIZATIONS }, (_, n) => ({
    id: `org_${n}`,
    name: `Bench ${n}`,
    timeZone: 'UTC',
    maxConcurrentSyncs: CAP,
    // With a schedule: looking whether something is due is a part of resting.
    connections: Array.from({ length: CONNECTIONS }, (__, c) => ({
      ...connection,
      id: `c${n}-${c}`,
      schedule: { every: '7d' },
    })),
  }));
  const none = 'none';
  // One address and one key ask for all clients here.
  file.auth = {
    rateLimits: {
      requestsPerAddress: '1000000/1m',
      requestsPerKey: '1000000/1m',
      syncStartsPerKey: '1000000/1m',
      failedAuthenticationsPerAddress: none,
    },
  };
  await writeFile(environment.CHARTSYNC_CONFIG, JSON.stringify(file));
}

async function startServer(environment: SyncEnvironment): Promise<Server> {
  const child = spawn(process.execPath, [...NODE_FLAGS, COMMAND_LINE, 'serve', '--json'], {
    env: {
      ...NODE_ENVIRONMENT,
      PATH: process.env.PATH ?? '',
      ...environment,
      PORT: '0',
      CHARTSYNC_ADMIN_KEY: KEY,
      SYNC_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const ready = Promise.withResolvers<string>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const line = text.split('\n').find((l) => l.includes('"type":"ready"'));
    if (line !== undefined) ready.resolve(JSON.parse(line).url);
  });
  child.once('exit', () => ready.reject(new Error('The service ended.')));
  const url = await ready.promise;
  return {
    url,
    pid: child.pid!,
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

function usageOf(pid: number): { cpuMs: number; bytes: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, bytes: Number(fields[21]) * 4096 };
}

async function call(server: Server, method: string, path: string, organization: number): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, 'x-organization-id': `org_${organization}` },
  });
}

/** Every connection has a client that starts one run after another. */
async function runMany(server: Server, total: number): Promise<void> {
  let left = total;
  await Promise.all(
    Array.from({ length: ORGANIZATIONS * CONNECTIONS }, async (_, i) => {
      const organization = i % ORGANIZATIONS;
      const connection = `c${organization}-${Math.floor(i / ORGANIZATIONS)}`;
      while (left-- > 0) {
        const answer = await call(server, 'POST', `/api/sync/vsrx?wait=true&connection=${connection}`, organization);
        if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
        await answer.arrayBuffer();
      }
    }),
  );
}

async function watchCap(admin: pg.Client): Promise<void> {
  await admin.query(`
    CREATE TABLE watched (organization_id text PRIMARY KEY, most integer NOT NULL);
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE n integer;
    BEGIN
      SELECT count(*) INTO n FROM sync_runs WHERE organization_id = NEW.organization_id AND state IN ('starting', 'running');
      INSERT INTO watched VALUES (NEW.organization_id, n)
      ON CONFLICT (organization_id) DO UPDATE SET most = greatest(watched.most, n);
      RETURN NULL;
    END $$;
    CREATE TRIGGER watch AFTER INSERT OR UPDATE OF state ON sync_runs FOR EACH ROW EXECUTE FUNCTION watch()`);
}

/** From the request to the first report of the run that it works. */
async function startTimes(server: Server, admin: pg.Client, times: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) {
    await sleep(200);
    const begun = performance.now();
    const answer = await call(server, 'POST', `/api/sync/vsrx?connection=c${i % ORGANIZATIONS}-0`, i % ORGANIZATIONS);
    const { syncId } = (await answer.json()) as { syncId: string };
    for (;;) {
      const { rows } = await admin.query('SELECT state, finished_at FROM sync_runs WHERE id = $1', [syncId]);
      if (rows[0]?.state === 'running' || rows[0]?.finished_at) break;
    }
    all.push(performance.now() - begun);
  }
  return all;
}

/** So many requests a second whether the answers come or not, while one run follows another without a pause. */
async function pollProgress(server: Server, seconds: number): Promise<{ times: number[]; runs: number }> {
  const times: number[] = [];
  let ended = false;
  let runs = 0;
  const working = (async () => {
    while (!ended) {
      const answer = await call(server, 'POST', '/api/sync/vsrx?wait=true&connection=c0-0', 0);
      await answer.arrayBuffer();
      runs += 1;
    }
  })();
  const first = (await (await call(server, 'GET', '/api/v1/sync/history/org_0?limit=1', 0)).json()) as {
    recent_syncs: { sync_id: string }[];
  };
  const path = `/api/v1/sync/progress/${first.recent_syncs[0]!.sync_id}`;
  const asked: Promise<void>[] = [];
  const begun = performance.now();
  for (let i = 0; i < seconds * REQUESTS_PER_SECOND; i++) {
    const due = begun + (i * 1000) / REQUESTS_PER_SECOND;
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
    const sent = performance.now();
    asked.push(
      call(server, 'GET', path, 0).then(async (answer) => {
        await answer.arrayBuffer();
        if (answer.status !== 200) throw new Error(`progress: ${answer.status}`);
        times.push(performance.now() - sent);
      }),
    );
  }
  await Promise.all(asked);
  ended = true;
  await working;
  return { times, runs };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * share) / 100) - 1)]!;
}

/** The library alone: as many jobs that do nothing, one transaction each, as many workers as the service has. */
async function emptyJobs(url: string, total: number): Promise<Measurement> {
  const boss = new PgBoss({ connectionString: url, schema: 'bench_jobs', useListenNotify: true, schedule: false });
  boss.on('error', () => undefined);
  await boss.start();
  try {
    await boss.createQueue('empty', { notify: true });
    let done = 0;
    const all = Promise.withResolvers<void>();
    const cpu = process.cpuUsage();
    const begun = performance.now();
    for (let i = 0; i < 8; i++) {
      let id: string | null = null;
      id = await boss.work('empty', { batchSize: 1 }, async () => {
        if (++done === total) all.resolve();
        if (id !== null) boss.notifyWorker(id);
      });
    }
    for (let i = 0; i < total; i++) await boss.send('empty', {});
    await all.promise;
    const wallMs = performance.now() - begun;
    const used = process.cpuUsage(cpu);
    return { wallMs, processMs: wallMs, cpuMs: (used.user + used.system) / 1000, peakBytes: process.memoryUsage().rss };
  } finally {
    await boss.stop({ graceful: false });
  }
}

/** What is made of the files' contents goes on after the runs. */
async function untilDocumentsAreDone(admin: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await admin.query('SELECT count(*)::int AS left FROM document_outbox');
    if (rows[0].left === 0) return;
    await sleep(200);
  }
}

/** A new connection is due at once: waits until each has had its first run. */
async function untilAllHaveRun(admin: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await admin.query('SELECT count(*)::int AS left FROM connections WHERE last_success_at IS NULL');
    if (rows[0].left === 0) return;
    await sleep(200);
  }
}
