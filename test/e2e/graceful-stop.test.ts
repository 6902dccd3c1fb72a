/** A service that is told to stop: it accepts nothing more, lets what is at work end for a while, and hands back the rest. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startService } from '../support/cli.ts';
import { holdSource } from '../support/hold-source.ts';
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

const startServer = () => startService({ cwd: setup.folder, env: setup.environment });

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
  const release = await holdSource(setup.sourceUrl);
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
  const release = await holdSource(setup.sourceUrl);
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
