/** The clean-up of earlier servers: what was done is written down for each organisation by itself. */
import { readFile, writeFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

/** Runs that nobody works on any more, by organisation. */
const ABANDONED = { org_one: 1, org_two: 2 } as const;
const connectionOf = (organization: string, n: number) => `${organization.replace('_', '-')}-${n}`;

let setup: PracticeSetup;
let server: RunningServer;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 2, attachments: 4 });
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [{ connections }] = file.organizations;
  file.organizations = Object.entries(ABANDONED).map(([id, runs]) => ({
    id,
    name: id,
    timeZone: 'UTC',
    connections: Array.from({ length: runs }, (_, n) => ({ ...connections[0], id: connectionOf(id, n) })),
  }));
  await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  // A worker would find them by itself.
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
    role: 'api',
  });
  const admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  for (const [organization, runs] of Object.entries(ABANDONED)) {
    for (let n = 0; n < runs; n++) {
      const values = [organization, connectionOf(organization, n), `sync_${organization}_${n}`];
      await admin.query(
        `INSERT INTO sync_runs (id, organization_id, connection_id, connector, mode, trigger, state, attempt, counts)
         VALUES ($3, $1, $2, 'vsrx', 'quick', 'api', 'running', 1, '{}')`,
        values,
      );
      await admin.query(
        `INSERT INTO connection_leases (organization_id, connection_id, fence, run_id, worker_id, expires_at)
         VALUES ($1, $2, 1, $3, 4711, now() - interval '1 minute')`,
        values,
      );
    }
  }
  await admin.end();
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

async function ask(method: string, path: string, organization?: string) {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      ...(organization === undefined ? {} : { 'x-organization-id': organization }),
    },
  });
  expect(answer.status).toBe(200);
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  return (await answer.json()) as any;
}

test('each organisation reads of its own runs only', async () => {
  expect(await ask('POST', '/api/v1/sync/cleanup')).toMatchObject({
    cleaned_syncs: 3,
    message: 'Cleaned up 3 stale syncs',
  });
  for (const [organization, runs] of Object.entries(ABANDONED)) {
    const { entries } = await ask('GET', '/api/v1/audit?action=sync.cleanup', organization);
    expect(entries).toHaveLength(1);
    expect(entries[0].details).toEqual({ touched: runs });
    const { recent_syncs } = await ask('GET', `/api/v1/sync/history/${organization}`, organization);
    expect(recent_syncs.map(({ status }: { status: string }) => status)).toEqual(Array(runs).fill('failed'));
  }
});
