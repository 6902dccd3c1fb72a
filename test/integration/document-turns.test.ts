/** Several practices on one service: one with many documents does not keep the others waiting. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type TestDatabase, testDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const ORGANIZATIONS = ['org_a', 'org_b', 'org_c'];
const MANY = 12;

let folder: string;
let database: TestDatabase;
let server: RunningServer;
const patient = randomUUID();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chartsync-turns-'));
  database = await testDatabase();
});
afterAll(async () => {
  await server?.stop();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

async function start(documentsAtOnce: number): Promise<void> {
  const file = {
    organizations: ORGANIZATIONS.map((id) => ({ id, name: id, connections: [] })),
    stores: { search: { kind: 'none' } },
    limits: { documentsAtOnce },
  };
  const path = join(folder, 'chartsync.yaml');
  await writeFile(path, JSON.stringify(file));
  const env = {
    CHARTSYNC_HOME: join(folder, 'home'),
    CHARTSYNC_CONFIG: path,
    CHARTSYNC_ADMIN_KEY: 'test-administrator-key-0123456789',
    PORT: '0',
    SYNC_LOG_LEVEL: 'error',
  };
  server = await serve({
    config: await loadConfig({ env, cwd: folder }),
    database: { url: database.url, urlOf: () => null, close: async () => undefined },
  });
}

async function bring(organization: string, n: number): Promise<void> {
  const form = new FormData();
  form.append('patientUuid', patient);
  form.append('metadata', JSON.stringify({ vsrxReference: `letter-${n}`, createPatient: true }));
  form.append('file', new Blob([`Letter ${n} of ${organization}.`]), `letter-${n}.txt`);
  const response = await fetch(`${server.url}/api/process`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': organization },
    body: form,
  });
  expect(response.status).toBe(200);
}

async function processedAt(organization: string): Promise<string[]> {
  const response = await fetch(`${server.url}/api/patients/${patient}/documents?limit=1000`, {
    headers: { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': organization },
  });
  const { documents } = (await response.json()) as { documents: { status: string; processedAt: string }[] };
  for (const { status } of documents) expect(status).toBe('complete');
  return documents.map((document) => document.processedAt).sort();
}

test('a practice with one new document does not wait until the others have nothing left', async () => {
  await start(0);
  const [first, second, third] = ORGANIZATIONS as [string, string, string];
  for (let n = 0; n < MANY; n++) for (const organization of [first, second]) await bring(organization, n);
  await bring(third, 0);
  await server.stop();
  await start(1);
  await until(async () => {
    const open = await Promise.all(ORGANIZATIONS.map((id) => server.chartsync.documentWork.open(id)));
    return open.every((n) => n === 0);
  }, 400_000);
  const [one] = (await processedAt(third)) as [string];
  for (const organization of [first, second]) {
    const later = (await processedAt(organization)).filter((at) => at > one);
    expect(later.length).toBeGreaterThan(MANY / 2);
  }
}, 600_000);
