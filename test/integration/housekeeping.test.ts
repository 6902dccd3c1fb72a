/** Housekeeping begins soon after a start, and only one replica does it. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../../src/server.ts';
import { runCli } from '../support/cli.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const LONG_MS = 120_000;
/** Within this time after its start each replica has looked once. */
const LOOKED_MS = 26_000;

let setup: PracticeSetup;
let replicas: RunningServer[] = [];
let admin: pg.Client;
let begun: number;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 2, attachments: 4 });
  admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  await admin.query(`INSERT INTO rate_limits (key, points, expire) VALUES ('over', 1, 1)`);
  for (let i = 0; i < 2; i++) {
    const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
    replicas.push(await serve({ config: setup.config, database }));
  }
  begun = performance.now();
});
afterAll(async () => {
  for (const replica of replicas) await replica.stop();
  replicas = [];
  await admin?.end();
  await setup?.close();
});

async function housekeeping() {
  const { lines } = await runCli(['status', '--json'], { cwd: setup.folder, env: setup.environment });
  return lines.find(({ type, task }) => type === 'upkeep' && task === 'housekeeping');
}

test('what is over is gone within a minute, and it was done once', { timeout: LONG_MS }, async () => {
  const left = async () => (await admin.query(`SELECT 1 FROM rate_limits WHERE key = 'over'`)).rowCount;
  await until(async () => (await left()) === 0, 60_000);
  await until(async () => (await housekeeping())?.finishedAt != null);
  const first = await housekeeping();
  expect(first).toMatchObject({ code: null });
  // The other replica has looked as well by then, and has left it alone.
  await until(() => performance.now() - begun > LOOKED_MS);
  expect(await housekeeping()).toEqual(first);
});
