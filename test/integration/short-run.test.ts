/** What a run that finds nothing to do asks of the record database: with fifty organisations there are thousands of them an hour. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../../src/server.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

const MOST_STATEMENTS = 68;
const RUNS = 20;
/** What is asked by the clock, or by whoever looks for work or for the end of a run: more on a slow machine. */
const BY_TIME = [
  /^WITH next AS/,
  /FROM sync_runs WHERE id = ANY/,
  /run_log_lines/,
  /FROM connections AS c/,
  /FROM sync_runs AS r/,
  /AS now$/,
  /workers|alert|upkeep|blobs|bookings|rate_limits|sessions|tokens|document_events|audit_log" where/,
  /chartsync_jobs\.(version|queue)|blocked|pg_listening_channels|SET expires_at/,
  /connection_settings"$/,
];

let setup: PracticeSetup;
let proxy: CountingProxy;
let server: RunningServer;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 4, attachments: 20 });
  proxy = await startCountingProxy(setup.environment.DATABASE_URL);
  server = await serve({
    config: setup.config,
    database: { url: proxy.url, urlOf: () => null, close: async () => undefined },
  });
});
afterAll(async () => {
  await server?.stop();
  await proxy?.stop();
  await setup?.close();
});

async function sync(): Promise<void> {
  const answer = await fetch(`${server.url}/api/sync/vsrx?wait=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}` },
  });
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
}

test('it is little', async () => {
  await sync();
  proxy.taken();
  for (let i = 0; i < RUNS; i++) await sync();
  const all = proxy.taken();
  const statements = all.filter((text) => !BY_TIME.some((pattern) => pattern.test(text)));
  const often = new Map<string, number>();
  for (const text of statements) often.set(text.slice(0, 90), (often.get(text.slice(0, 90)) ?? 0) + 1);
  const most = [...often].sort((a, b) => b[1] - a[1]).map(([text, times]) => `${(times / RUNS).toFixed(1)}  ${text}`);
  expect(statements.length / RUNS, `${all.length / RUNS} in all\n${most.join('\n')}`).toBeLessThan(MOST_STATEMENTS);
});
