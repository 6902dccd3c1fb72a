/**
 * Two processes share the work of twenty organisations, by hand and by schedule, while one of them is killed again and again.
 * At the end everything has happened exactly once.
 */
import { readFile, writeFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliProcess, startCli } from '../support/cli.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const ORGANIZATIONS = 20;
const KILLS = 5;
const id = (n: number) => `org_${n}`;
/** Half of the organisations may have one run at a time, the others two. */
const limitOf = (n: number) => (n % 2 === 0 ? 1 : 2);

let setup: PracticeSetup;
let admin: pg.Client;
const processes: CliProcess[] = [];

beforeAll(async () => {
  setup = await setUpPractice({ patients: 4, attachments: 24 });
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [connection] = file.organizations[0].connections;
  file.organizations = Array.from({ length: ORGANIZATIONS }, (_, n) => ({
    id: id(n),
    name: `Practice ${n}`,
    timeZone: 'Australia/Sydney',
    maxConcurrentSyncs: limitOf(n),
    connections: [1, 2].map((c) => ({ ...connection, id: `c${n}-${c}`, schedule: { every: '1m' } })),
  }));
  file.limits.runsPerProcess = 4;
  await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  // Sees every moment at which a run becomes active, under the lock that orders them.
  await admin.query(`
    CREATE TABLE watched (organization_id text PRIMARY KEY, most integer NOT NULL);
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE n integer;
    BEGIN
      SELECT count(*) INTO n FROM sync_runs
      WHERE organization_id = NEW.organization_id AND state IN ('starting', 'running');
      INSERT INTO watched VALUES (NEW.organization_id, n)
      ON CONFLICT (organization_id) DO UPDATE SET most = greatest(watched.most, n);
      RETURN NULL;
    END $$;
    CREATE TRIGGER watch AFTER INSERT OR UPDATE OF state ON sync_runs FOR EACH ROW EXECUTE FUNCTION watch()`);
});

afterAll(async () => {
  for (const process of processes) process.child.kill('SIGKILL');
  await Promise.allSettled(processes.map((p) => p.result));
  await admin?.end();
  await setup?.close();
});

async function start(): Promise<{ process: CliProcess; url: string }> {
  const process = startCli(['serve', '--json'], { cwd: setup.folder, env: setup.environment });
  // Also when it does not become ready, it is ended.
  processes.push(process);
  const { url } = await process.printed('ready');
  return { process, url };
}

async function call(url: string, method: string, path: string, organization: string) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}`,
      'x-organization-id': organization,
    },
  });
  return { status: response.status, body: await response.json() };
}

const one = async <T>(text: string): Promise<T> => (await admin.query(text)).rows[0] as T;

test('caps hold, every run ends, nothing is done twice, and the history agrees with what happened', async () => {
  const steady = await start();
  let asked = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = await start();
    for (let i = 0; i < 6; i++) {
      const organization = id((kill * 6 + i) % ORGANIZATIONS);
      const answer = await call(i % 2 ? steady.url : victim.url, 'POST', '/api/v1/sync/trigger', organization);
      expect([200, 429]).toContain(answer.status);
      asked++;
    }
    // It is killed while it works on something.
    await until(async () => {
      const { n } = await one<{ n: number }>(
        'SELECT count(DISTINCT worker_id)::int AS n FROM connection_leases WHERE run_id IS NOT NULL',
      );
      return n > 1;
    }, 10_000).catch(() => undefined);
    victim.process.child.kill('SIGKILL');
    await victim.process.result;
  }
  expect(asked).toBe(KILLS * 6);
  await until(async () => {
    const { open, never } = await one<{ open: number; never: number }>(`
      SELECT (SELECT count(*) FROM sync_runs WHERE finished_at IS NULL)::int AS open,
             (SELECT count(*) FROM connections WHERE last_success_at IS NULL AND state = 'active')::int AS never`);
    return open === 0 && never === 0;
  }, 50_000);
  steady.process.child.kill('SIGTERM');
  expect((await steady.process.result).code).toBe(0);

  const watched = (await admin.query('SELECT organization_id, most FROM watched')).rows;
  expect(watched).toHaveLength(ORGANIZATIONS);
  for (const { organization_id, most } of watched) {
    expect(most).toBeLessThanOrEqual(limitOf(Number(organization_id.slice(4))));
  }

  // Every run has one of the final states, and no run is failed for another reason than its processes' ends.
  const ends = (await admin.query(`SELECT state, error ->> 'code' AS code, count(*)::int FROM sync_runs GROUP BY 1, 2`))
    .rows;
  for (const { state, code } of ends) {
    expect(['completed', 'failed', 'cancelled']).toContain(state);
    if (state === 'failed') expect(['lease_lost', 'handed_back']).toContain(code);
  }
  expect(ends.find((e) => e.state === 'completed').count).toBeGreaterThanOrEqual(ORGANIZATIONS * 2);
  // Somebody was really killed in the middle.
  expect((await one<{ n: number }>('SELECT count(*)::int AS n FROM sync_runs WHERE attempt > 1')).n).toBeGreaterThan(0);

  // Each document was added exactly once over all runs and attempts, and the runs say so.
  const documents = (
    await admin.query(`
      SELECT c.id, (SELECT count(*)::int FROM silknote_documents AS d WHERE d."connectionId" = c.id) AS stored,
             (SELECT coalesce(sum((r.counts ->> 'added')::int), 0)::int FROM sync_runs AS r WHERE r.connection_id = c.id) AS counted,
             (SELECT count(*)::int FROM (SELECT 1 FROM silknote_documents AS d WHERE d."connectionId" = c.id
                GROUP BY "patientUuid", "vsrxReference" HAVING count(*) > 1) AS twice) AS doubled
      FROM connections AS c WHERE c.state = 'active'`)
  ).rows;
  expect(documents).toHaveLength(ORGANIZATIONS * 2);
  const [{ stored }] = documents;
  expect(stored).toBeGreaterThan(15);
  for (const row of documents) expect(row).toEqual({ id: row.id, stored, counted: stored, doubled: 0 });
});
