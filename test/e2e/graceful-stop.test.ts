/** A service that is told to stop: it accepts nothing more, lets what is at work end for a while, and hands back the rest. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliProcess, startCli } from '../support/cli.ts';
import { ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const LONG_MS = 180_000;
/** The time of grace, and what a busy machine needs besides. */
const GRACE_MS = { least: 25_000, most: 60_000 };

let setup: PracticeSetup;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 4, attachments: 20 });
});
afterAll(async () => {
  await setup?.close();
});

async function holdSource(): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: setup.sourceUrl });
  await client.connect();
  await client.query('BEGIN; LOCK TABLE ax_notes_attachments IN ACCESS EXCLUSIVE MODE');
  return async () => {
    await client.query('ROLLBACK');
    await client.end();
  };
}

async function startServer(): Promise<{ process: CliProcess; url: string }> {
  const process = startCli(['serve', '--json'], { cwd: setup.folder, env: setup.environment });
  let text = '';
  process.child.stdout?.on('data', (chunk: string) => {
    text += chunk;
  });
  await process.printed('ready');
  return { process, url: JSON.parse(text.split('\n').find((l) => l.includes('"type":"ready"'))!).url };
}

const runOf = async (id: string) => (await setup.chartsync.runs.run(ORGANIZATION, id))!;

async function startRun(url: string): Promise<string> {
  const answer = await fetch(`${url}/api/sync/vsrx`, {
    method: 'POST',
    headers: { authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}` },
  });
  expect(answer.status).toBe(202);
  const { syncId } = (await answer.json()) as { syncId: string };
  await until(async () => (await runOf(syncId)).state === 'running');
  return syncId;
}

const accepts = (url: string) =>
  fetch(`${url}/ready`).then(
    () => true,
    () => false,
  );

test('a run that ends in time is let end', { timeout: LONG_MS }, async () => {
  const { process, url } = await startServer();
  const release = await holdSource();
  const id = await startRun(url);
  process.child.kill('SIGTERM');
  await until(async () => !(await accepts(url)));
  expect((await runOf(id)).state).toBe('running');
  await release();
  expect((await process.result).code).toBe(0);
  expect(await runOf(id)).toMatchObject({ state: 'completed', attempt: 1 });
});

test('one that does not is handed back, and the next service ends it under its id', { timeout: LONG_MS }, async () => {
  const first = await startServer();
  const release = await holdSource();
  let second: Awaited<ReturnType<typeof startServer>> | null = null;
  try {
    const id = await startRun(first.url);
    const told = performance.now();
    first.process.child.kill('SIGTERM');
    await until(async () => !(await accepts(first.url)));
    expect((await first.process.result).code).toBe(0);
    const took = performance.now() - told;
    expect(took).toBeGreaterThan(GRACE_MS.least);
    expect(took).toBeLessThan(GRACE_MS.most);
    // It has not failed, and that its process ended does not count against it.
    expect(await runOf(id)).toMatchObject({ finishedAt: null, attempt: 0 });
    second = await startServer();
    await until(async () => (await runOf(id)).state === 'running');
    await release();
    await until(async () => (await runOf(id)).finishedAt !== null);
    expect(await runOf(id)).toMatchObject({ state: 'completed', attempt: 1 });
  } finally {
    await release().catch(() => undefined);
    second?.process.child.kill('SIGTERM');
    await second?.process.result;
  }
});
