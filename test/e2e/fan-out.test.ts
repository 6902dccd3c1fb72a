/**
 * A first copy of 1,200 patients by three processes, one of which is killed again and again; and one that is cancelled in the
 * middle. At the end everything has happened exactly once.
 */
import { readFile, writeFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectedState } from '../../simulators/vsrx/oracle.ts';
import { type CliProcess, startCli } from '../support/cli.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const KILLS = 3;
/** Six processes are started one after another, on whatever machine. */
const LONG = { timeout: 900_000 };
/** How long the machine may take for what the product does in seconds. */
const PATIENCE_MS = 180_000;
const HELPERS = 2;

let setup: PracticeSetup;
let admin: pg.Client;
const processes: CliProcess[] = [];

beforeAll(async () => {
  setup = await setUpPractice({ patients: 1200, attachments: 1600 });
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [connection] = file.organizations[0].connections;
  file.organizations = ['copied', 'cancelled'].map((id) => ({
    id: `org_${id}`,
    name: id,
    timeZone: 'Australia/Sydney',
    maxConcurrentSyncs: 1,
    connections: [{ ...connection, id }],
  }));
  file.limits = { ...file.limits, runsPerProcess: 2, helpersPerRun: HELPERS, filesPerBatch: 10 };
  await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  // What happens to documents and who helps, as the transactions that do it see it.
  await admin.query(`
    CREATE TABLE written (organization_id text, unit text, reference text, run_at timestamptz DEFAULT clock_timestamp());
    CREATE FUNCTION watch_document() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO written VALUES (NEW."organizationId", NEW."patientUuid", NEW."vsrxReference");
      RETURN NULL;
    END $$;
    CREATE TRIGGER watch_document AFTER INSERT OR UPDATE ON silknote_documents
      FOR EACH ROW EXECUTE FUNCTION watch_document();
    CREATE TABLE helped (counted integer NOT NULL, alive integer NOT NULL);
    CREATE FUNCTION watch_helpers() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO helped SELECT count(*) FILTER (WHERE h.expires_at > now()), count(*) FROM sync_run_helpers AS h
      WHERE h.run_id = NEW.run_id AND h.fence = NEW.fence AND EXISTS (
        SELECT 1 FROM pg_locks AS k WHERE k.locktype = 'advisory' AND k.granted AND k.mode = 'ExclusiveLock'
          AND (k.classid::bigint << 32 | k.objid::bigint) = h.worker_id);
      RETURN NULL;
    END $$;
    CREATE TRIGGER watch_helpers AFTER INSERT ON sync_run_helpers FOR EACH ROW EXECUTE FUNCTION watch_helpers()`);
}, LONG.timeout);

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

async function call<T>(url: string, method: string, path: string, organization: string) {
  const headers = {
    authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}`,
    'x-organization-id': organization,
  };
  const response = await fetch(`${url}${path}`, { method, headers });
  return { status: response.status, body: (await response.json()) as T };
}

const all = async (text: string, ...values: unknown[]) => (await admin.query(text, values)).rows;
const one = async (text: string, ...values: unknown[]) => (await all(text, ...values))[0];
const workers = async () => new Set((await all('SELECT id::text AS id FROM workers')).map((row) => row.id));

/** Nobody can take or end a batch meanwhile; everything else goes on. */
async function whileNobodyTakes(work: () => Promise<void>): Promise<void> {
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE sync_run_batches IN SHARE ROW EXCLUSIVE MODE');
  try {
    await work();
  } finally {
    await admin.query('COMMIT');
  }
}

async function triggered(url: string, organization: string): Promise<string> {
  const { body } = await call<{ sync_ids: string[] }>(url, 'POST', '/api/v1/sync/trigger', organization);
  return body.sync_ids[0]!;
}

const batchOf = (runId: string, state: string) =>
  one('SELECT count(*)::int AS n FROM sync_run_batches WHERE run_id = $1 AND state = $2', runId, state);

test('a process that is killed again and again changes nothing about the result', LONG, async () => {
  const owner = await start();
  let runId = '';
  let kills = 0;
  let victim: CliProcess | null = null;
  // The offer waits until both helpers are there.
  const helper = { worker: '' };
  await whileNobodyTakes(async () => {
    runId = await triggered(owner.url, 'org_copied');
    await until(async () => (await one('SELECT run_id FROM connection_leases WHERE run_id = $1', runId)) !== undefined);
    await start();
  });
  for (; kills < KILLS; kills++) {
    await whileNobodyTakes(async () => {
      const before = await workers();
      victim = (await start()).process;
      await until(async () => {
        helper.worker = [...(await workers())].find((id) => !before.has(id)) ?? '';
        if (helper.worker === '') return false;
        return (await one('SELECT 1 FROM sync_run_helpers WHERE worker_id = $1::bigint', helper.worker)) !== undefined;
      });
    });
    await until(async () => {
      const sql = `SELECT 1 FROM sync_run_batches WHERE run_id = $1 AND state = 'taken' AND worker_id = $2::bigint`;
      return (await one(sql, runId, helper.worker)) !== undefined;
    });
    victim!.child.kill('SIGKILL');
    await victim!.result;
  }
  await until(
    async () => (await one('SELECT finished_at FROM sync_runs WHERE id = $1', runId)).finished_at !== null,
    PATIENCE_MS,
  );

  const run = await one('SELECT state, outcome, attempt, counts FROM sync_runs WHERE id = $1', runId);
  expect(run).toMatchObject({ state: 'completed', outcome: 'partial', attempt: 1 });
  const { documents, units } = await one(`
    SELECT count(*)::int AS documents, count(DISTINCT "patientUuid")::int AS units
    FROM silknote_documents WHERE "organizationId" = 'org_copied'`);
  // Every document once, by the transactions themselves, and as the oracle of the practice wants them.
  const twice = await all(`
    SELECT reference, count(*)::int FROM written WHERE organization_id = 'org_copied'
    GROUP BY unit, reference HAVING count(*) > 1`);
  expect(twice).toEqual([]);
  const expected = await expectedState(setup.source, setup.filesFolder);
  let wanted = 0;
  for (const [, files] of expected.patients) {
    for (const [, file] of files) if (file.sha256 !== null && file.content !== 'unknown-type') wanted++;
  }
  expect(documents).toBe(wanted);
  expect(units).toBeGreaterThan(700);
  expect(run.counts).toMatchObject({ added: documents, same: 0, updated: 0, moved: 0, removed: 0 });
  // So say the results of the patients.
  const perUnit = await one(
    `
    SELECT sum((counts ->> 'added')::int)::int AS added, count(DISTINCT unit)::int AS units FROM sync_run_units WHERE run_id = $1`,
    runId,
  );
  expect(perUnit.added).toBe(documents);
  const { failures } = await one(
    `SELECT count(*)::int AS failures FROM sync_failures WHERE organization_id = 'org_copied'`,
  );
  expect(run.counts.failed).toBe(failures);
  const { counted, alive } = await one('SELECT max(counted) AS counted, max(alive) AS alive FROM helped');
  expect(counted).toBeLessThanOrEqual(HELPERS);
  // On a slow machine one may have been held up for so long that it did not count any more.
  expect(alive).toBeGreaterThanOrEqual(HELPERS);
  expect((await one('SELECT count(*)::int AS n FROM sync_run_batches')).n).toBe(0);
});

test('a cancel stops all of them', LONG, async () => {
  const [{ url }] = [await start()];
  const runId = await triggered(url, 'org_cancelled');
  await until(
    async () =>
      (await batchOf(runId, 'done')).n > 1 &&
      (await one('SELECT 1 FROM sync_run_helpers WHERE run_id = $1', runId)) !== undefined,
    PATIENCE_MS,
  );
  await call(url, 'DELETE', `/api/v1/sync/cancel/${runId}`, 'org_cancelled');
  await until(async () => (await one('SELECT finished_at FROM sync_runs WHERE id = $1', runId)).finished_at !== null);
  const run = await one(
    `SELECT state, finished_at, counts, extract(epoch FROM finished_at - cancel_requested_at)::float8 AS took
     FROM sync_runs WHERE id = $1`,
    runId,
  );
  // Two seconds on a machine of its own; here other tests run beside it.
  expect(run.took).toBeLessThan(6);
  expect(run.state).toBe('cancelled');
  await until(async () => {
    const response = await fetch(`${url}/metrics`, {
      headers: { authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}` },
    });
    return /^sync_worker_helps 0$/m.test(await response.text());
  });
  const { stored, late } = await one(
    `
    SELECT (SELECT count(*)::int FROM silknote_documents WHERE "organizationId" = 'org_cancelled') AS stored,
           (SELECT count(*)::int FROM written WHERE organization_id = 'org_cancelled' AND run_at > $1) AS late`,
    run.finished_at,
  );
  expect(late).toBe(0);
  expect(run.counts.added).toBe(stored);
  expect(stored).toBeGreaterThan(0);
});
