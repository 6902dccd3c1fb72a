/** What a person does to runs and connections by the command line: pause, resume, cancel; and a service that is stopped. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli, startService } from '../support/cli.ts';
import { runCommand } from '../support/command.ts';
import { holdSource } from '../support/hold-source.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 4, attachments: 20 });
});
afterAll(async () => {
  await setup?.close();
});

const surroundings = () => ({ cwd: setup.folder, env: setup.environment });
const cli = (...args: string[]) => runCommand([...args, '--json'], surroundings());
/** Each command once. */
const cliProcess = (...args: string[]) => runCli([...args, '--json'], surroundings());

const startServer = () => startService({ cwd: setup.folder, env: setup.environment });

const runOf = async (id: string) => (await setup.chartsync.runs.run(ORGANIZATION, id))!;

/** How long the run has gone on after it was asked to stop, in ms. */
async function cancelTook(id: string): Promise<number> {
  const client = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await client.connect();
  const text = 'SELECT extract(epoch FROM finished_at - cancel_requested_at)::float8 AS s FROM sync_runs WHERE id = $1';
  const { rows } = await client.query(text, [id]);
  await client.end();
  return rows[0].s * 1000;
}

async function startRun(url: string): Promise<string> {
  const answer = await fetch(`${url}/api/sync/vsrx`, {
    method: 'POST',
    headers: { authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}` },
  });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { syncId: string }).syncId;
}

test('a paused connection is not run until it is resumed', async () => {
  const paused = await cliProcess('pause', CONNECTION, '--reason', 'The server moves.');
  expect(paused.lines).toMatchObject([{ type: 'paused', connection: CONNECTION, reason: 'The server moves.' }]);
  const refused = await cli('sync', CONNECTION);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('The server moves.');
  const status = (await cli('status')).lines[0];
  expect(status).toMatchObject({ state: 'paused', stateReason: 'The server moves.' });
  expect((await cliProcess('resume', CONNECTION)).code).toBe(0);
  expect((await cli('sync', CONNECTION)).code).toBe(3);
  expect((await cli('pause', 'none')).code).toBe(2);
});

test('a run of the service is cancelled by a command within two seconds', async () => {
  const { process, url } = await startServer();
  const release = await holdSource(setup.sourceUrl);
  try {
    const id = await startRun(url);
    await until(async () => (await runOf(id)).state === 'running');
    const busy = await cliProcess('sync', CONNECTION);
    expect(busy.code).toBe(75);
    expect(busy.stderr).toContain(id);
    const cancelled = await cliProcess('cancel', id);
    expect(cancelled.lines).toMatchObject([{ type: 'cancel', run: id, answer: 'requested' }]);
    await until(async () => (await runOf(id)).state === 'cancelled');
    expect(await cancelTook(id)).toBeLessThan(2000);
    expect((await cli('cancel', id)).lines).toMatchObject([{ answer: 'ended' }]);
    expect((await cli('cancel', 'sync_none')).code).toBe(2);
  } finally {
    await release();
    process.child.kill('SIGTERM');
    await process.result;
  }
});

test('a run of a service that is killed is continued by the next one within 15 seconds, under its id', async () => {
  const first = await startServer();
  const release = await holdSource(setup.sourceUrl);
  let second: Awaited<ReturnType<typeof startServer>> | null = null;
  try {
    const id = await startRun(first.url);
    await until(async () => (await runOf(id)).state === 'running');
    second = await startServer();
    first.process.child.kill('SIGKILL');
    const killed = performance.now();
    await first.process.result;
    await until(async () => (await runOf(id)).attempt === 2);
    expect(performance.now() - killed).toBeLessThan(15_000);
    await release();
    await until(async () => (await runOf(id)).finishedAt !== null);
    expect(await runOf(id)).toMatchObject({ state: 'completed', attempt: 2 });
  } finally {
    await release().catch(() => undefined);
    second?.process.child.kill('SIGTERM');
    await second?.process.result;
  }
});
