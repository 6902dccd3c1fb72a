/** The embedded PostgreSQL dies under a service that goes on: it is started again, and nothing has to be done by hand. */
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliProcess, startCli } from '../support/cli.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const KEY = 'administrator-key-of-a-test-0123456789';
const LONG_MS = 120_000;

let setup: PracticeSetup;
let service: CliProcess;
let url: string;
let home: string;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 2, attachments: 6 });
  home = join(setup.folder, 'own-home');
  const { DATABASE_URL: _, ...environment } = setup.environment;
  service = startCli(['serve', '--json'], {
    cwd: setup.folder,
    env: { ...environment, CHARTSYNC_HOME: home, CHARTSYNC_ADMIN_KEY: KEY, PORT: '0' },
  });
  ({ url } = await service.printed('ready'));
}, LONG_MS);

afterAll(async () => {
  service?.child.kill('SIGTERM');
  await service?.result;
  if (home !== undefined) {
    const { data } = await place();
    await rm(resolve(home, 'postgres', data, '..'), { recursive: true, force: true });
  }
  await setup?.close();
});

async function place(): Promise<{ data: string; port: number }> {
  return JSON.parse(await readFile(join(home, 'postgres', 'cluster.json'), 'utf8'));
}

async function postmaster(): Promise<number> {
  const { data } = await place();
  return Number((await readFile(resolve(home, 'postgres', data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

const isReady = async () => (await fetch(`${url}/ready`).catch(() => null))?.status === 200;

async function sync(): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${url}/api/sync/vsrx?wait=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}` },
  });
  return { status: answer.status, text: await answer.text() };
}

test.each(['SIGQUIT', 'SIGKILL'] as const)('after %s the service works on', { timeout: LONG_MS }, async (signal) => {
  await until(isReady, LONG_MS);
  expect((await sync()).status).toBe(200);
  const before = await postmaster();
  process.kill(before, signal);
  const isAnother = (pid: number) => pid > 0 && pid !== before;
  await until(async () => isAnother(await postmaster().catch(() => before)), LONG_MS);
  await until(isReady, LONG_MS);
  await until(async () => (await sync()).status === 200, LONG_MS);
});
