/** Stored credentials as an administrator lives them: set, wrong, right, rotated – and never seen again. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { serve } from '../../src/server.ts';
import { runCli } from '../support/cli.ts';
import { runCommand } from '../support/command.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

const KEYS = ['a', 'b', 'c'].map(() => randomBytes(32).toString('base64'));
const WRONG = 'wrong-password-5512';

let setup: PracticeSetup;
let environment: PracticeSetup['environment'];
let right: { username: string; password: string };
/** Everything that was said. */
const said: string[] = [];

beforeAll(async () => {
  setup = await setUpPractice({ patients: 4, attachments: 20 });
  const url = new URL(setup.sourceUrl);
  right = { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  expect(right.password).not.toBe('');
  url.username = '';
  url.password = '';
  environment = await setup.environmentWith({ settings: { database: url.href } });
});

afterAll(async () => {
  await setup?.close();
});

async function cli(
  keys: { current?: string; old?: string },
  args: readonly string[],
  input?: unknown,
  run: typeof runCommand = runCommand,
) {
  const result = await run([...args, '--json'], {
    cwd: setup.folder,
    env: {
      ...environment,
      USER: 'tester',
      ...(keys.current === undefined ? {} : { CHARTSYNC_ENCRYPTION_KEY: keys.current }),
      ...(keys.old === undefined ? {} : { CHARTSYNC_ENCRYPTION_KEYS_OLD: keys.old }),
    },
    ...(input === undefined ? {} : { input: typeof input === 'string' ? input : JSON.stringify(input) }),
  });
  said.push(result.stdout, result.stderr);
  return result;
}

const sync = (keys: { current?: string; old?: string }) => cli(keys, ['sync', CONNECTION]);
const [a, b, c] = KEYS as [string, string, string];

test('by the command line: without, wrong, right, rotated, lost', async () => {
  const without = await sync({ current: a });
  expect(without.code).toBe(1);
  expect(without.stdout + without.stderr).toContain('source_credentials');

  const set = ['credentials', 'set', CONNECTION];
  const unsealed = await cli({}, set, right);
  expect(unsealed.code).toBe(1);
  expect(unsealed.stderr).toContain('CHARTSYNC_ENCRYPTION_KEY');
  for (const input of ['', '{', '[]', { username: 'x' }, { username: 'x', password: '' }]) {
    expect((await cli({ current: a }, set, input)).code, JSON.stringify(input)).toBe(2);
  }

  expect((await cli({ current: a }, set, { ...right, password: WRONG })).code).toBe(0);
  const wrong = await sync({ current: a });
  expect(wrong.code).toBe(1);
  expect(wrong.stdout + wrong.stderr).toContain('source_credentials');
  expect((await cli({ current: a }, set, right, runCli)).code).toBe(0);
  expect((await sync({ current: a })).code).toBe(3);

  const rotated = await cli({ current: b, old: a }, ['key', 'rotate-encryption'], undefined, runCli);
  expect(rotated.code).toBe(0);
  expect(rotated.lines).toMatchObject([{ type: 'rotated', sealed: 1, unreadable: [] }]);
  expect((await sync({ current: b })).code).toBe(3);
  const lost = await sync({ current: c });
  expect(lost.code).toBe(1);
  expect(lost.stdout + lost.stderr).toContain('credentials_unreadable');
  const unreadable = await cli({ current: c }, ['key', 'rotate-encryption']);
  expect(unreadable.code).toBe(3);
  expect((await cli({ current: c }, ['credentials', 'show', CONNECTION], undefined, runCli)).lines).toMatchObject([
    { stored: true, readable: false, updatedBy: 'tester' },
  ]);
  // What could be opened before can still be.
  expect((await sync({ current: b })).code).toBe(3);
});

test('over HTTP: the next run uses them without a restart; nobody can read them', async () => {
  const config = await loadConfig({ env: { ...environment, CHARTSYNC_ENCRYPTION_KEY: b }, cwd: setup.folder });
  const database = { url: environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  const server = await serve({ config, database });
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    said.push(text, JSON.stringify([...response.headers]));
    return { status: response.status, body: JSON.parse(text) };
  };
  try {
    const path = `/api/v1/connections/${CONNECTION}/credentials`;
    const run = () => call('POST', '/api/sync/vsrx?wait=true');
    expect((await run()).status).toBe(200);
    expect(await call('PUT', path, { ...right, password: WRONG })).toMatchObject({
      status: 200,
      body: { connection_id: CONNECTION, stored: true, readable: true, updated_by: 'administrator administrator' },
    });
    expect(await run()).toMatchObject({ status: 502, body: { details: { error_type: 'source_credentials' } } });
    expect((await call('PUT', path, right)).status).toBe(200);
    expect((await run()).status).toBe(200);
    expect((await call('GET', path)).body).toMatchObject({ stored: true, readable: true });
    expect((await call('PUT', '/api/v1/connections/none/credentials', right)).status).toBe(404);
    for (const body of [{}, { username: 'x' }, { ...right, more: 1 }, [], null]) {
      expect((await call('PUT', path, body)).status).toBe(400);
    }
    expect((await call('DELETE', path)).body).toMatchObject({ stored: false, key_id: null });
    expect((await call('DELETE', path)).status).toBe(404);
    expect(await run()).toMatchObject({ status: 502 });
    const audit = (await call('GET', '/api/v1/audit?limit=500')).body.entries;
    expect(audit.map((entry: { action: string }) => entry.action)).toEqual(
      expect.arrayContaining(['credentials.put', 'credentials.remove', 'credentials.rotate']),
    );
    expect(config.organizations.map((o) => o.id)).toEqual([ORGANIZATION]);
  } finally {
    await server.stop();
  }
});

test('no secret was said anywhere', () => {
  const everything = said.join('\n');
  expect(everything.length).toBeGreaterThan(1000);
  for (const secret of [right.password, WRONG, ...KEYS]) expect(everything).not.toContain(secret);
});
