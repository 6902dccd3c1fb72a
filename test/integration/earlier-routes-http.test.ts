/** Routes that programs know from earlier servers: users, questions, other addresses of the same. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

const OTHER = 'org_other';

let setup: PracticeSetup;
let server: RunningServer;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 3, attachments: 6 });
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  const [first] = config.organizations;
  const organizations = [first!, { ...first!, id: OTHER, name: 'Other Practice', connections: [] }];
  server = await serve({
    config: { ...config, organizations },
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  expect((await ask('POST', '/api/sync/vsrx?wait=true')).status).toBe(200);
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

async function ask(
  method: string,
  path: string,
  {
    body,
    organization = ORGANIZATION,
    key = server.adminKey,
  }: { body?: object; organization?: string; key?: string } = {},
) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      'x-organization-id': organization,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  return { status: response.status, json: (text === '' ? null : JSON.parse(text)) as any };
}

const UUID = '2f6c1d84-5b07-4e3a-9c18-7d40e5b2a6f1';

test('users are those to whom filesets belong and those who were written down, each organisation its own', async () => {
  const named = (await ask('GET', '/api/users')).json.users;
  expect(named.length).toBeGreaterThan(0);
  expect(named[0]).toMatchObject({ name: null, createdAt: null });
  expect(named.reduce((sum: number, user: { patients: number }) => sum + user.patients, 0)).toBeGreaterThan(0);
  expect((await ask('GET', '/api/users', { organization: OTHER })).json.users).toEqual([]);

  const body = { silknoteUserUuid: UUID.toUpperCase(), name: 'Dr Sample Example' };
  const created = await ask('POST', '/api/users', { body });
  expect(created).toMatchObject({
    status: 201,
    json: { silknoteUserUuid: UUID, name: 'Dr Sample Example', patients: 0 },
  });
  const again = await ask('POST', '/api/users', { body: { ...body, name: 'Somebody Else' } });
  expect(again).toEqual({ status: 200, json: created.json });
  expect((await ask('POST', '/api/users', { body: {} })).json.silknoteUserUuid).toMatch(/^[0-9a-f-]{36}$/);
  expect((await ask('POST', '/api/users', { body: { silknoteUserUuid: 'nobody' } })).status).toBe(400);
  expect((await ask('GET', `/api/users/${UUID}`)).json).toEqual(created.json);
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const sent = { organization: OTHER, ...(method === 'PUT' ? { body: { name: 'x' } } : {}) };
    expect((await ask(method, `/api/users/${UUID}`, sent)).status).toBe(404);
  }

  const pages = [];
  for (let after = ''; ; ) {
    const page = (await ask('GET', `/api/users?limit=1${after === '' ? '' : `&after=${after}`}`)).json;
    pages.push(...page.users);
    if (page.next === null) break;
    after = page.next;
  }
  expect(pages).toEqual((await ask('GET', '/api/users')).json.users);
  expect(pages).toHaveLength(named.length + 2);

  // An owner whom only filesets name gets a name; a fileset still belongs to whom its source says.
  const owner = named.find((user: { patients: number }) => user.patients > 0);
  const path = `/api/users/${owner.silknoteUserUuid}`;
  expect((await ask('PUT', path, { body: { name: 'Dr Invented Owner' } })).json).toMatchObject({
    ...owner,
    name: 'Dr Invented Owner',
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  expect((await ask('PATCH', path, { body: { name: null } })).json).toMatchObject({
    name: null,
    patients: owner.patients,
  });
  expect(await ask('DELETE', path)).toMatchObject({
    status: 409,
    json: { details: { error_type: 'user_owns_filesets' }, patients: owner.patients },
  });
  expect((await ask('DELETE', `/api/users/${UUID}`)).status).toBe(204);
  expect((await ask('DELETE', `/api/users/${UUID}`)).status).toBe(404);
  expect((await ask('GET', `/api/users/${UUID}`)).status).toBe(404);
});

test('users want scopes of documents, and their names are not in the audit log', async () => {
  const keyOf = async (...scopes: string[]) =>
    (await ask('POST', '/api/v1/keys', { body: { name: 'program', scopes } })).json.secret as string;
  const reader = await keyOf('documents:read');
  const other = await keyOf('sync:read');
  expect((await ask('GET', '/api/users', { key: reader })).status).toBe(200);
  expect((await ask('POST', '/api/users', { key: reader, body: { name: 'Dr Secret Name' } })).status).toBe(403);
  expect((await ask('GET', '/api/users', { key: other })).status).toBe(403);
  expect((await ask('POST', '/api/users', { body: { name: 'Dr Secret Name' } })).status).toBe(201);
  const { entries } = (await ask('GET', '/api/v1/audit?limit=100')).json;
  expect(entries.map((entry: { action: string }) => entry.action)).toContain('user.create');
  expect(JSON.stringify(entries)).not.toContain('Secret');
});

test('a question about all patients is not done, and says what is', async () => {
  const asked = await ask('POST', '/api/query', { body: { query: 'Who has a broken wing?' } });
  expect(asked).toMatchObject({ status: 501, json: { details: { error_type: 'not_available' } } });
  expect(asked.json.error).toContain('with or without a language model');
  expect(asked.json.error).toContain('query-full');
  expect((await ask('POST', '/api/query', { key: 'wrong' })).status).toBe(401);
});

test('the other addresses of the same do the same', async () => {
  const anonymous = async (path: string, accept: string) => {
    const response = await fetch(`${server.url}${path}`, { headers: { accept } });
    return { status: response.status, text: await response.text() };
  };
  expect(await anonymous('/', 'application/json')).toEqual({ status: 200, text: '{"status":"ok"}' });
  expect((await anonymous('/', 'text/html,application/json')).text).toMatch(/^<!doctype html>/i);
  for (const path of ['/health', '/api/process/health', '/api/vsrx-sync/health']) {
    const { status, text } = await anonymous(path, '*/*');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ status: 'healthy' });
  }
  const [patient] = setup.practice.patientUuids;
  const bring = async (path: string) => {
    const form = new FormData();
    form.append('patientUuid', patient!);
    form.append('metadata', JSON.stringify({ vsrxReference: 'pushed-1' }));
    form.append('file', new Blob(['A pushed letter.']), 'pushed.txt');
    const headers = { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': ORGANIZATION };
    const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: form });
    return { status: response.status, json: (await response.json()) as { documentUuid: string; created: boolean } };
  };
  const first = await bring('/api/vsrx-sync');
  expect(first).toMatchObject({ status: 200, json: { created: true } });
  expect((await bring('/api/process')).json).toMatchObject({ documentUuid: first.json.documentUuid, created: false });
});
