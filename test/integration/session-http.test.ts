/** Sessions of the pages in the browser: what a cookie may do, and when it stops. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

let setup: PracticeSetup;
let server: RunningServer;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 2, attachments: 4 });
  server = await start();
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

async function start(env: Record<string, string> = {}): Promise<RunningServer> {
  const config = await loadConfig({ env: { ...setup.environment, ...env }, cwd: setup.folder });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  return serve({ config, database });
}

async function call(method: string, path: string, headers: Record<string, string> = {}, body?: unknown) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

async function newKey(role: string): Promise<{ id: string; secret: string }> {
  const { body } = await call('POST', '/api/v1/keys', bearer(server.adminKey), { name: role, role });
  return { id: body.key.id, secret: body.secret };
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const signIn = (key: string) => call('POST', '/api/v1/session', {}, { key });
const cookieOf = (answer: { headers: Headers }) => ({ cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' });

describe('a session', () => {
  test('begins with a key, and is what the key is', async () => {
    const key = await newKey('operator');
    const answer = await signIn(` ${key.secret}\n`);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('set-cookie')).toMatch(
      /^chartsync_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(answer.body).toMatchObject({
      kind: 'key',
      id: key.id,
      role: 'operator',
      organizations: [{ id: ORGANIZATION, name: 'Test Practice', time_zone: 'Australia/Sydney' }],
    });
    const seen = await call('GET', '/api/v1/session', cookieOf(answer));
    expect(seen.body).toEqual(answer.body);
    expect(seen.headers.get('cache-control')).toBe('no-store');
    expect((await call('GET', '/api/v1/connections', cookieOf(answer))).status).toBe(200);
    expect((await call('GET', '/api/v1/keys', cookieOf(answer))).status).toBe(403);
  });

  test('changes nothing without its token', async () => {
    const answer = await signIn(server.adminKey);
    const path = `/api/v1/connections/${CONNECTION}/pause`;
    const refused = await call('POST', path, cookieOf(answer), {});
    expect([refused.status, refused.body.details.error_type]).toEqual([403, 'csrf_token']);
    const other = (await signIn(server.adminKey)).body.csrf_token;
    expect((await call('POST', path, { ...cookieOf(answer), 'x-csrf-token': other }, {})).status).toBe(403);
    const token = { ...cookieOf(answer), 'x-csrf-token': answer.body.csrf_token };
    expect((await call('POST', path, token, {})).status).toBe(200);
  });

  test('ends when its reader signs out', async () => {
    const answer = await signIn(server.adminKey);
    const token = { ...cookieOf(answer), 'x-csrf-token': answer.body.csrf_token };
    const out = await call('DELETE', '/api/v1/session', token);
    expect([out.status, out.body.message]).toEqual([200, 'Signed out']);
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await call('GET', '/api/v1/session', token)).status).toBe(401);
  });

  test('ends with its key', async () => {
    const key = await newKey('viewer');
    const cookie = cookieOf(await signIn(key.secret));
    expect((await call('GET', '/api/v1/session', cookie)).status).toBe(200);
    await call('DELETE', `/api/v1/keys/${key.id}`, bearer(server.adminKey));
    expect((await call('GET', '/api/v1/session', cookie)).status).toBe(401);
  });

  test('ends when the administrator has another key', async () => {
    const cookie = cookieOf(await signIn(server.adminKey));
    await server.stop();
    server = await start({ CHARTSYNC_ADMIN_KEY: 'another-administrator-key-0123456789' });
    expect((await call('GET', '/api/v1/session', cookie)).status).toBe(401);
    await server.stop();
    server = await start();
    expect((await call('GET', '/api/v1/session', cookie)).status).toBe(200);
  });

  test.each([
    ['twelve hours after it began', `created_at = now() - interval '12 hours'`],
    ['after an hour without a request', `used_at = now() - interval '1 hour'`],
  ])('ends %s', async (_when, change) => {
    const cookie = cookieOf(await signIn(server.adminKey));
    const database = openDatabase({ url: setup.environment.DATABASE_URL, poolSize: 1 });
    await database.pool.query(`UPDATE web_sessions SET ${change}`);
    await database.close();
    expect((await call('GET', '/api/v1/session', cookie)).status).toBe(401);
  });

  test('counts only where nothing else is presented', async () => {
    const cookie = cookieOf(await signIn(server.adminKey));
    const viewer = await newKey('viewer');
    expect((await call('GET', '/api/v1/session', { ...cookie, ...bearer(viewer.secret) })).body.role).toBe('viewer');
    expect((await call('GET', '/api/v1/session', { ...cookie, ...bearer('wrong') })).status).toBe(401);
  });

  test('is no way to guess keys, and is written down', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 25; i++) statuses.push((await signIn(`guess ${i}`)).status);
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401));
    expect(statuses.at(-1)).toBe(429);
    const actions: string[] = [];
    for await (const entry of setup.chartsync.audit.read({})) actions.push(entry.action);
    expect(actions).toEqual(expect.arrayContaining(['session.begin', 'session.end', 'access.denied']));
  });
});
