/** The record database is away under a service that goes on: its log says so once, and once that it is back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliProcess, startCli } from '../support/cli.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { type SqlProxy, startSqlProxy } from '../support/sql-proxy.ts';
import { until } from '../support/until.ts';

const LONG_MS = 120_000;
const ASKED = 20;

let setup: PracticeSetup;
let proxy: SqlProxy;
let service: CliProcess;
let url: string;
let log = '';

beforeAll(async () => {
  setup = await setUpPractice({ patients: 2, attachments: 6 });
  proxy = await startSqlProxy(setup.environment.DATABASE_URL);
  service = startCli(['serve', '--json'], {
    cwd: setup.folder,
    env: { ...setup.environment, DATABASE_URL: proxy.url, SYNC_LOG_LEVEL: 'info' },
  });
  service.child.stderr!.on('data', (text: string) => {
    log += text;
  });
  ({ url } = await service.printed('ready'));
}, LONG_MS);

afterAll(async () => {
  proxy?.back();
  service?.child.kill('SIGTERM');
  await service?.result;
  await proxy?.stop();
  await setup?.close();
});

const logged = () => log.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
const warnings = () => logged().filter(({ level }) => level === 'warn' || level === 'error');
const isReady = async () => (await fetch(`${url}/ready`)).status === 200;

async function ask(method: string, path: string): Promise<number> {
  const headers = { authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}` };
  const answer = await fetch(`${url}${path}`, { method, headers });
  await answer.arrayBuffer();
  return answer.status;
}

test('one line when it is lost, one when it answers again, whoever was refused', { timeout: LONG_MS }, async () => {
  for (let time = 1; time <= 2; time++) {
    await until(isReady, LONG_MS);
    const before = warnings().length;
    proxy.away();
    for (let n = 0; n < ASKED; n++) expect(await ask('GET', '/api/v1/connections')).toBe(503);
    await until(async () => !(await isReady()), LONG_MS);
    proxy.back();
    await until(() => warnings().filter(({ state }) => state === 'back').length === time, LONG_MS);
    expect(warnings().slice(before)).toEqual([
      expect.objectContaining({ level: 'error', state: 'away', code: 'database_unavailable' }),
      expect.objectContaining({ level: 'warn', state: 'back', ms: expect.any(Number) }),
    ]);
    // What was asked for meanwhile is no more than refused.
    await until(async () => (await ask('POST', '/api/sync/vsrx?wait=true')) === 200, LONG_MS);
  }
  // Lines come by a pipe of their own.
  await until(() => logged().filter(({ msg }) => msg === 'run ended').length >= 2, LONG_MS);
});
