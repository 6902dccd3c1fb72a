/** `npm start` as a newcomer lives it: ready, documents arrive, Ctrl-C, kill -9, a port that is taken. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { until } from '../support/until.ts';
import { openBrowser } from '../web/browser.ts';

const START = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url));

let folder: string;
const started: Demo[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chartsync-demo-'));
  // Root's PostgreSQL runs as another user; where that one can enter, all data stays in the folder and goes with it.
  await chmod(folder, 0o711);
});
afterAll(async () => {
  for (const demo of started) await demo.end('SIGKILL');
  await stopDatabases();
  await rm(folder, { recursive: true, force: true });
});

interface Demo {
  readonly child: ChildProcess;
  text(): string;
  /** Waits for the text. @throws Error with all that was said when the program ends before */
  said(text: RegExp): Promise<RegExpMatchArray>;
  /** Waits for its own end. @returns the exit code */
  ended(): Promise<number | null>;
  /** To the whole group, as a terminal does. @returns the exit code */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

function demo(home: string, port = '0', more: Readonly<Record<string, string>> = {}): Demo {
  const child = spawn(process.execPath, [START, '--still'], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', CHARTSYNC_HOME: join(folder, home), PORT: port, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const closed = once(child, 'close');
  const result: Demo = {
    child,
    text: () => output,
    async said(text) {
      await until(() => {
        if (child.exitCode !== null && !text.test(output)) throw new Error(`It ended and said:\n${output}`);
        return text.test(output);
      }, 180_000);
      return text.exec(output)!;
    },
    async ended() {
      await closed;
      return child.exitCode;
    },
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, signal);
      await closed;
      return child.exitCode;
    },
  };
  started.push(result);
  return result;
}

/** Process id of the embedded server of a home folder; null when none runs. */
async function postmaster(home: string): Promise<number | null> {
  const own = join(folder, home, 'postgres');
  const place = JSON.parse(await readFile(join(own, 'cluster.json'), 'utf8')) as { data: string };
  const text = await readFile(resolve(own, place.data, 'postmaster.pid'), 'utf8').catch(() => null);
  if (text === null) return null;
  const pid = Number(text.split('\n')[0]);
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
}

async function stopDatabases(): Promise<void> {
  for (const home of ['home', 'other']) {
    const pid = await postmaster(home).catch(() => null);
    if (pid !== null) process.kill(pid, 'SIGQUIT');
  }
}

/** The lines about these connections. */
const byId = (lines: readonly Record<string, unknown>[], ...ids: string[]) =>
  ids.map((id) => lines.find((line) => line.connectionId === id));

/** The page of another application that is printed: documents of one patient, with a token that opens nothing else, and no key. */
async function lookAtPage(origin: string, service: string, key: string): Promise<void> {
  expect(new URL(origin).origin).not.toBe(new URL(service).origin);
  // After the first run it knows who has documents.
  await until(async () => ((await (await fetch(`${origin}/patients`)).json()) as string[]).length > 1);
  const [shown, other] = (await (await fetch(`${origin}/patients`)).json()) as [string, string];
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    const sent: string[] = [];
    const answers: Promise<string>[] = [];
    page.on('request', (request) => {
      sent.push(`${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`);
    });
    page.on('response', (response) => {
      if (response.url().startsWith(origin)) answers.push(response.text().catch(() => ''));
    });
    await page.goto(origin);
    await page.getByRole('heading', { name: /^[1-9]\d* documents?$/ }).waitFor();
    expect(await page.getByLabel('Patient', { exact: true }).inputValue()).toBe(shown);
    const everything = [...sent, ...(await Promise.all(answers)), await page.content()].join('\n');
    expect(everything).not.toMatch(/cs_[0-9a-z]{16}_/);
    expect(everything).not.toContain(key);
    const [, token] = /authorization":"Bearer (ct_[\w-]+)"/.exec(everything)!;
    expect(sent.map((text) => text.split(' ')[0]).join()).not.toContain('ct_');
    const asks = (path: string) =>
      fetch(`${service}${path}`, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status);
    expect(await asks(`/api/patients/${shown}/documents`)).toBe(200);
    expect(await asks(`/api/patients/${other}/documents`)).toBeGreaterThanOrEqual(401);
    expect(await asks('/api/v1/connections')).toBeGreaterThanOrEqual(401);
    const answer = await fetch(`${origin}/chartsync-token`, {
      method: 'POST',
      headers: { 'x-requested-with': 'chartsync-patient', 'content-type': 'application/json' },
      body: JSON.stringify({ silknotePatientUuid: shown }),
    });
    const { expiresAt } = (await answer.json()) as { expiresAt: string };
    expect(new Date(expiresAt).getTime() - Date.now()).toBeLessThanOrEqual(15 * 60_000);
  } finally {
    await browser.close();
  }
}

/** Keys that the server of that page has. */
async function pageKeys(service: string, key: string): Promise<string[]> {
  const answer = await fetch(`${service}/api/v1/keys`, { headers: { authorization: `Bearer ${key}` } });
  const { keys } = (await answer.json()) as { keys: { name: string; state: string }[] };
  return keys.filter(({ name }) => name === 'sample page of a clinic system').map(({ state }) => state);
}

const env = () => ({ CHARTSYNC_HOME: join(folder, 'home') });

test('ready with URL and key, documents arrive, Ctrl-C stops all of it, kill -9 is recovered from', {
  timeout: 600_000,
}, async () => {
  const first = demo('home');
  await first.said(/Ready after/);
  const url = (await first.said(/URL +(http:\S+)/))[1]!;
  const key = (await first.said(/administrator's key +(\S+)/))[1]!;
  expect((await fetch(`${url}/ready`)).status).toBe(200);
  expect(await postmaster('home')).not.toBeNull();
  expect((await fetch(`${url}/api/sync/vsrx`, { method: 'POST' })).status).toBe(401);
  // The first run may still be at work: whoever asks then is told so.
  await first.said(/run of riverside-vsrx: partial – added \d{2,}/);
  const answer = await fetch(`${url}/api/sync/vsrx?wait=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ success: true });
  await lookAtPage((await first.said(/(http:\S+) is a page of another application/))[1]!, url, key);
  // The clinic's book comes by the browser.
  await first.said(/serving a sample portal of IDEXX Neo/);
  await first.said(/run of riverside-front-desk: \w+ – added [1-9]/);
  const status = await runCli(['status', '--json'], { cwd: folder, env: env() });
  const [copied, connection] = byId(status.lines, 'riverside-cliniko', 'riverside-vsrx');
  expect(copied).toMatchObject({ state: 'active' });
  expect(connection).toMatchObject({ type: 'connection' });
  const documents = (connection as { documents: number }).documents;
  expect(documents).toBeGreaterThan(200);

  // A second one, without a browser, says so; then it finds the port taken and says that.
  const second = demo('other', new URL(url).port, { CHARTSYNC_CHROMIUM: join(folder, 'none') });
  await second.said(/no sample portal of IDEXX Neo: there is no Chromium/);
  await second.said(/Port \d+ is in use/);
  expect(await second.ended()).toBe(1);
  expect(second.text()).not.toMatch(/^\s+at .+:\d+:\d+/m);
  expect(await postmaster('other')).toBeNull();

  // One of the same home says so, and leaves everybody's addresses as they are.
  const addresses = () =>
    Promise.all(
      ['cliniko.json', 'idexx.json', 'page.txt'].map((name) => readFile(join(folder, 'home', 'sample', name), 'utf8')),
    );
  const before = await addresses();
  const same = demo('home');
  await same.said(/The sample practice in \S+home is served by another process already/);
  expect(await same.ended()).toBe(1);
  expect(await addresses()).toEqual(before);

  expect(await first.end('SIGINT')).toBe(0);
  expect(first.text()).toMatch(/Stopped\.\n$/);
  expect(await postmaster('home')).toBeNull();
  await expect(fetch(`${url}/health`)).rejects.toThrow();

  const third = demo('home');
  await third.said(/Ready after/);
  expect(await postmaster('home')).not.toBeNull();
  await third.end('SIGKILL');

  const fourth = demo('home');
  await fourth.said(/Ready after/);
  // One for each start: only the newest is good, also after a kill.
  const now = (await fourth.said(/URL +(http:\S+)/))[1]!;
  expect(await pageKeys(now, key)).toEqual(['revoked', 'revoked', 'active']);
  const again = await runCli(['sync', 'riverside-vsrx', '--json'], { cwd: folder, env: env() });
  expect([0, 3, 75]).toContain(again.code);
  const after = await runCli(['status', '--json'], { cwd: folder, env: env() });
  const [kept] = byId(after.lines, 'riverside-vsrx');
  expect(kept).toMatchObject({ documents });
  expect(await fourth.end('SIGINT')).toBe(0);
  expect(await postmaster('home')).toBeNull();
});
