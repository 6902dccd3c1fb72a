/** Who waits for what: one practice with many documents does not keep the others waiting, nor many documents a person. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
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

/** @param reference null: a person uploads it. @returns the id of the document */
async function bring(organization: string, n: number, reference: string | null = `letter-${n}`): Promise<string> {
  const form = new FormData();
  form.append('patientUuid', patient);
  form.append(
    'metadata',
    JSON.stringify({ createPatient: true, ...(reference === null ? {} : { vsrxReference: reference }) }),
  );
  form.append('file', new Blob([`Letter ${n} of ${organization}.`]), `letter-${n}.txt`);
  const response = await fetch(`${server.url}/api/process`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': organization },
    body: form,
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { documentUuid: string }).documentUuid;
}

const processedAt = async (organization: string) =>
  (await documentsOf(organization)).map((document) => document.processedAt).sort();

interface Listed {
  readonly silknoteDocumentUuid: string;
  readonly status: string;
  readonly processedAt: string;
}

async function documentsOf(organization: string): Promise<Listed[]> {
  const response = await fetch(`${server.url}/api/patients/${patient}/documents?limit=1000`, {
    headers: { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': organization },
  });
  const { documents } = (await response.json()) as { documents: Listed[] };
  for (const { status } of documents) expect(status).toBe('complete');
  return documents;
}

async function untilAllAreRead(): Promise<void> {
  await until(async () => {
    const open = await Promise.all(ORGANIZATIONS.map((id) => server.chartsync.documentWork.open(id)));
    return open.every((n) => n === 0);
  }, 400_000);
}

test('a practice with one new document does not wait until the others have nothing left', async () => {
  await start(0);
  const [first, second, third] = ORGANIZATIONS as [string, string, string];
  for (let n = 0; n < MANY; n++) for (const organization of [first, second]) await bring(organization, n);
  await bring(third, 0);
  await server.stop();
  await start(1);
  await untilAllAreRead();
  const [one] = (await processedAt(third)) as [string];
  for (const organization of [first, second]) {
    const later = (await processedAt(organization)).filter((at) => at > one);
    expect(later.length).toBeGreaterThan(MANY / 2);
  }
}, 600_000);

test('what a person uploads is read before what a system has brought, and what was removed is gone first', async () => {
  const [organization] = ORGANIZATIONS as [string];
  const [{ silknoteDocumentUuid: removed }] = (await documentsOf(organization)) as [Listed];
  await server.stop();
  await start(0);
  for (let n = 0; n < MANY; n++) await bring(organization, MANY + n);
  const uploaded = await bring(organization, 100, null);
  const answer = await fetch(`${server.url}/api/documents/${removed}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': organization },
  });
  expect(answer.status).toBe(204);
  await server.stop();
  await start(1);
  await untilAllAreRead();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ uuid: string }>(
    `SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents WHERE "organizationId" = $1
     ORDER BY coalesce("goneAt", "processedAt")`,
    [organization],
  );
  await client.end();
  const order = rows.map(({ uuid }) => uuid).slice(-(MANY + 2));
  expect(new Set(order.slice(0, 2))).toEqual(new Set([uploaded, removed]));
}, 600_000);
