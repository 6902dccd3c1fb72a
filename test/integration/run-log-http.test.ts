/** The log of a run over HTTP: its steps, what failed, how it ended – and nothing that a name could be in. */
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;

beforeAll(async () => {
  setup = await setUpPractice();
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  server = await serve({ config, database });
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

async function call(method: string, path: string) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}` },
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}
interface Line {
  id: number;
  event: string;
  step: string | null;
  code: string | null;
  reference: string | null;
}

test('tells steps, failures and the end in order, page by page', async () => {
  const { syncId } = (await call('POST', '/api/sync/vsrx?wait=true')).body;
  const path = `/api/v1/sync/run/${syncId}/log`;
  const read = async (query = ''): Promise<Line[]> => (await call('GET', `${path}${query}`)).body.lines;
  await until(async () => (await read()).at(-1)?.event === 'ended');
  const lines = await read();
  expect(lines.at(-1)).toMatchObject({ event: 'ended', step: 'partial' });
  expect(lines.filter(({ event }) => event === 'step').length).toBeGreaterThan(2);
  const { failures } = (await call('GET', '/api/v1/failures')).body;
  const failed = lines.filter(({ event }) => event === 'failed');
  expect(failed.map(({ code, reference }) => `${code} ${reference}`).sort()).toEqual(
    failures.map(({ code, reference }: Line) => `${code} ${reference}`).sort(),
  );
  const first = await read('?limit=3');
  const rest = await read(`?after=${first.at(-1)?.id}`);
  expect([...first, ...rest]).toEqual(lines);
  // Names of files often are those of patients.
  const names = (await readdir(setup.filesFolder, { recursive: true })).filter((name) => name.includes('.'));
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) expect(JSON.stringify(lines)).not.toContain(name.split('/').at(-1));
  expect((await call('GET', '/api/v1/sync/run/sync_nobody/log')).status).toBe(404);
});
