/** What a request got wrong is said so that whoever typed it need not look for what is allowed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../../src/server.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

let setup: PracticeSetup;
let server: RunningServer;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 2, attachments: 4 });
  server = await serve({
    config: setup.config,
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
    role: 'api',
  });
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

async function refusalOf(method: string, path: string, body?: object): Promise<string> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(400);
  return ((await answer.json()) as { error: string }).error;
}

test('a value that is none of the allowed ones: all of them are named, the wrong one is not repeated', async () => {
  expect(await refusalOf('POST', '/api/sync/vsrx?mode=Sample-Elm')).toBe(
    'querystring/mode must be one of quick, deep, checksum',
  );
  expect(await refusalOf('POST', '/api/v1/keys', { name: 'x', role: 'Sample-Elm' })).toBe(
    'body/role must be one of viewer, operator, administrator',
  );
  expect(await refusalOf('POST', '/api/v1/keys', { name: 'x', scopes: ['Sample-Elm'] })).toMatch(
    /^body\/scopes\/0 must be one of .*held:decide.*, admin$/,
  );
});

test('a field that there is not: its name, and those that there are', async () => {
  expect(await refusalOf('GET', '/api/v1/held?state=pending')).toBe(
    'querystring has no field state; it takes all, decided, limit, after',
  );
  expect(await refusalOf('GET', `/api/v1/held?${encodeURIComponent('a name, with 0400 000 000')}=1`)).toBe(
    'querystring has an unknown field; it takes all, decided, limit, after',
  );
});

test('of several shapes only the one that was meant is spoken of', async () => {
  const alert = { name: 'x', kind: 'connection_paused' };
  const url = 'https://hooks.example.org';
  expect(await refusalOf('POST', '/api/v1/alerts', { ...alert, target: { channel: 'pigeon', url } })).toBe(
    'body/target/channel must be one of webhook, email',
  );
  expect(await refusalOf('POST', '/api/v1/alerts', { ...alert, target: { channel: 'email' } })).toBe(
    "body/target must have required property 'recipients'",
  );
  expect(await refusalOf('POST', '/api/v1/alerts', { ...alert, target: { channel: 'webhook' } })).toBe(
    "body/target must have required property 'url'",
  );
  expect(await refusalOf('POST', '/api/v1/held/held_none/approve', { items: [] })).toBe(
    'body has no field items; it takes note, documents',
  );
});

test('other mistakes are said as they were', async () => {
  expect(await refusalOf('GET', '/api/v1/statistics?days=many')).toBe('querystring/days must be integer');
});
