/**
 * The record database is frozen – it takes questions and never answers – under a service that goes on: everybody gets an
 * answer, streams keep their heartbeat, and when it goes on, so does everything else.
 */
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { treeOf } from '../bench/process-tree.ts';
import { type CliProcess, startCli } from '../support/cli.ts';
import { holdSource } from '../support/hold-source.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const KEY = 'administrator-key-of-a-test-0123456789';
const LONG_MS = 180_000;
/** What anybody may have to wait for a refusal. */
const REFUSED_MS = 30_000;
const STATE_MS = 3000;
const headers = { authorization: `Bearer ${KEY}` };

let setup: PracticeSetup;
let service: CliProcess;
let url: string;
let home: string;
let frozen: number[] = [];

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
  thaw();
  service?.child.kill('SIGTERM');
  await service?.result;
  if (home !== undefined) {
    const { data } = JSON.parse(await readFile(join(home, 'postgres', 'cluster.json'), 'utf8'));
    await rm(resolve(home, 'postgres', data, '..'), { recursive: true, force: true });
  }
  await setup?.close();
});

/** All of its processes: those that serve a connection would work on without the first. */
async function freeze(): Promise<void> {
  const { data } = JSON.parse(await readFile(join(home, 'postgres', 'cluster.json'), 'utf8'));
  const pidFile = await readFile(resolve(home, 'postgres', data, 'postmaster.pid'), 'utf8');
  const postmaster = Number(pidFile.split('\n')[0]);
  process.kill(postmaster, 'SIGSTOP');
  frozen = treeOf(postmaster);
  for (const id of frozen) process.kill(id, 'SIGSTOP');
}

function thaw(): void {
  for (const id of frozen.splice(0)) process.kill(id, 'SIGCONT');
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  readonly body: any;
  readonly ms: number;
}

async function ask(method: string, path: string): Promise<Answer> {
  const begun = performance.now();
  const answer = await fetch(`${url}${path}`, { method, headers });
  const body = await answer.json();
  return { status: answer.status, headers: answer.headers, body, ms: performance.now() - begun };
}

const isReady = async () => (await ask('GET', '/ready').catch(() => null))?.status === 200;

/** Reads a stream as text for as long as it lives. */
async function listen(path: string) {
  const stop = new AbortController();
  const response = await fetch(`${url}${path}`, { headers, signal: stop.signal });
  expect(response.status).toBe(200);
  let text = '';
  let ended = false;
  void (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk;
  })()
    .catch(() => undefined)
    .finally(() => {
      ended = true;
    });
  return { text: () => text, ended: () => ended, stop: () => stop.abort() };
}

test('everybody is refused in time, and all goes on when the database does', { timeout: LONG_MS }, async () => {
  await until(isReady, LONG_MS);
  expect((await ask('POST', '/api/sync/vsrx?wait=true')).status).toBe(200);
  // A run that is at work while the database is frozen.
  const release = await holdSource(setup.sourceUrl);
  const started = await ask('POST', '/api/sync/vsrx');
  expect(started.status).toBe(202);
  const run = started.body.syncId as string;
  await until(async () => (await ask('GET', `/api/v1/sync/progress/${run}`)).body.status === 'running');
  const stream = await listen(`/api/v1/sync/stream/${run}`);
  await until(() => stream.text().includes('event: progress'));

  await freeze();
  const inFlight = await Promise.all([
    ask('GET', '/api/v1/connections'),
    ask('GET', '/fhir/Patient'),
    ask('GET', '/metrics'),
    ask('POST', '/api/v1/connections/practice/pause'),
  ]);
  for (const answer of inFlight) {
    expect(answer.status).toBe(503);
    expect(answer.ms).toBeLessThan(REFUSED_MS);
    expect(answer.headers.get('retry-after')).toBe('5');
  }
  const [read, , , written] = inFlight;
  expect(read.body).toMatchObject({
    success: false,
    error: 'The record database does not answer.',
    details: { error_type: 'database_unavailable', error_code: 'DATABASE_UNAVAILABLE', retry_after: 5 },
  });
  // A refusal must not claim that nothing was done.
  expect(written.body.error).toContain('Whether what was asked for is done shows');

  for (const path of ['/health', '/ready']) {
    const state = await ask('GET', path);
    expect(state.status).toBe(503);
    expect(state.ms).toBeLessThan(STATE_MS);
  }
  expect((await ask('GET', '/health')).body.checks).toContainEqual({
    name: 'database',
    status: 'fail',
    message: 'It does not answer.',
  });
  // Who comes later need not wait to hear it.
  const late = await ask('GET', '/api/v1/connections');
  expect(late.status).toBe(503);
  expect(late.ms).toBeLessThan(STATE_MS);
  const page = await fetch(`${url}/`, { headers: { accept: 'application/json' } });
  expect(page.status).toBe(200);
  const heard = stream.text().split('still here').length;
  await until(() => stream.text().split('still here').length > heard || stream.ended());
  expect(stream.ended()).toBe(false);

  thaw();
  await release();
  await until(isReady, LONG_MS);
  await until(async () => (await ask('GET', '/api/v1/connections')).status === 200);
  await until(() => stream.ended(), LONG_MS);
  expect(stream.text()).toContain('event: end');
  expect((await ask('GET', `/api/v1/sync/progress/${run}`)).body).toMatchObject({ status: 'completed' });
  // It was refused before anybody knew who asks: then it is not done later either.
  expect((await ask('GET', '/api/v1/connections')).body.connections[0].state).toBe('active');
  await until(async () => (await ask('POST', '/api/sync/vsrx?wait=true')).status === 200, LONG_MS);
});
