/** Settings that people change while the service runs: checked, followed by every process, written down, taken back. */
import { readFile, writeFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type DescribedCall, describedClient } from '../support/described-client.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice, storedState } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const TEMPLATE = '/api/v1/connections/{connectionId}/settings';
const PATH = `/api/v1/connections/${CONNECTION}/settings`;

let setup: PracticeSetup;
let server: RunningServer;
let other: RunningServer;
let call: DescribedCall;

const start = async (role: 'all' | 'api' | 'worker' = 'all', env = {}) =>
  serve({
    config: await loadConfig({ env: { ...setup.environment, ...env }, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
    role,
  });

beforeAll(async () => {
  setup = await setUpPractice({ patients: 4, attachments: 30, settings: { pathPrefixes: ['elsewhere/'] } });
  // One only answers, the other one only performs runs.
  server = await start('api');
  other = await start('worker');
  call = await describedClient(() => server);
});
afterAll(async () => {
  await server?.stop();
  await other?.stop();
  await setup?.close();
});

const settings = async () => (await call('GET', TEMPLATE, PATH)).body;
const change = (body: unknown, key?: string) => call('PATCH', TEMPLATE, PATH, body, key);
const field = async (name: string) => (await settings()).fields.find((f: { name: string }) => f.name === name);
const synchronise = async () =>
  (await call('POST', '/api/sync/vsrx', '/api/sync/vsrx?wait=true')).body as { syncId: string };
const stored = async () => Object.values(await storedState(setup.connection)).flatMap(Object.keys).length;

test('every setting says what it may be, what it is, and who said so; no secret is among them', async () => {
  const known = await settings();
  expect(known).toMatchObject({ connector: 'vsrx', version: 0, mistakes: [] });
  for (const { name, title, help, expected } of known.fields) {
    expect([title === name, help === '', expected === '' && name !== 'mapping'], name).toEqual([false, false, false]);
  }
  expect(await field('activate')).toMatchObject({ value: 'all', default: 'recorded', from: 'file', fixed: null });
  expect(await field('timeouts.query')).toMatchObject({ value: '60s', from: 'default' });
  expect((await field('database')).fixed).toMatch(/credentials/);
  const { username, password } = new URL(setup.sourceUrl);
  const text = JSON.stringify(known);
  expect(text).not.toContain(`${username}:`);
  if (password !== '') expect(text).not.toContain(password);
});

test('a value that cannot be is refused by name, with what is expected, and nothing changes', async () => {
  for (const [wrong, name, message] of [
    [{ change: { 'timeouts.query': '3 days' } }, 'timeouts.query', /expected a time from 100ms to 60m/],
    [{ change: { activate: 'record' } }, 'activate', /Did you mean "recorded"/],
    [{ change: { pathPrefixes: ['../etc/'] } }, 'pathPrefixes', /\[0\] expected a folder below fileBasePath/],
    [{ change: { activat: 'all' } }, 'activat', /Did you mean "activate"/],
    [{ change: { database: 'mysql://u:p@elsewhere:3306/x' } }, 'database', /cannot be changed here/],
    [{ change: JSON.parse('{"__proto__": 1}') }, '__proto__', /no setting of this name/],
    [{ change: { activate: 'all' }, forget: ['activate'] }, 'activate', /both/],
    [{ change: { shareMarker: `x${'y'.repeat(30_000)}` } }, 'shareMarker', /too long/],
  ] as const) {
    const { status, body } = await change(wrong);
    expect([status, body.details.error_type], name).toEqual([400, 'settings_invalid']);
    const [mistake] = body.validationErrors;
    expect([mistake.field, mistake.message]).toEqual([name, expect.stringMatching(message)]);
  }
  expect(await settings()).toMatchObject({ version: 0 });
});

test('only an administrator changes settings', async () => {
  const operator = (await call('POST', '/api/v1/keys', '/api/v1/keys', { name: 'operator', role: 'operator' })).body;
  expect((await change({ change: { activate: 'all' } }, operator.secret)).status).toBe(403);
  const scopes = ['connections:write'];
  const writer = (await call('POST', '/api/v1/keys', '/api/v1/keys', { name: 'writer', scopes })).body;
  expect((await change({ change: { activate: 'all' } }, writer.secret)).status).toBe(403);
});

test('a change counts for the next run, on another process and without a restart; it is written down and taken back', async () => {
  await synchronise();
  // Files are elsewhere: all were refused.
  expect(await stored()).toBe(0);
  const changed = await change({ version: 0, change: { pathPrefixes: [] } });
  expect(changed.body).toMatchObject({ version: 1, settings: { pathPrefixes: [] } });
  expect(await field('pathPrefixes')).toMatchObject({ value: [], configured: ['elsewhere/'], from: 'person' });
  expect((await field('pathPrefixes')).changed_by).toBe('administrator administrator');
  await synchronise();
  expect(await stored()).toBeGreaterThan(10);

  expect((await change({ version: 0, change: { activate: 'recorded' } })).status).toBe(409);
  const { entries } = (await call('GET', '/api/v1/audit', '/api/v1/audit?action=settings.change')).body;
  expect(entries.map(({ details }: { details: unknown }) => details)).toEqual([{ settings: 'pathPrefixes' }]);
  const records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
  const { rows } = await records.query('SELECT settings FROM connections WHERE id = $1', [CONNECTION]);
  await records.end();
  expect(rows[0].settings.pathPrefixes).toEqual([]);

  const back = await change({ forget: ['pathPrefixes'] });
  expect(back.body).toMatchObject({ version: 2, settings: { pathPrefixes: ['elsewhere/'] } });
  expect(await field('pathPrefixes')).toMatchObject({ from: 'file', changed_by: null });
});

test('a run in progress ends with the settings it began with', async () => {
  await change({ change: { pathPrefixes: [] } });
  const source = new pg.Client({ connectionString: setup.sourceUrl });
  await source.connect();
  await source.query('BEGIN; LOCK TABLE ax_notes_attachments');
  const run = synchronise();
  const active = async () => other.chartsync.queue && (await other.chartsync.history.open([ORGANIZATION])).length > 0;
  await until(active);
  // The same database, the same pool: what is replaced meanwhile must not take it away.
  await change({ change: { 'timeouts.query': '45s' } });
  await until(() => {
    const [live] = other.chartsync.live.configured();
    return live?.connector === 'vsrx' && live.settings.timeouts.queryMs === 45_000;
  });
  await source.query('COMMIT');
  await source.end();
  expect(await run).toMatchObject({ syncId: expect.any(String) });
  const newest = (
    await call('GET', '/api/v1/connections/{connectionId}/runs', `/api/v1/connections/${CONNECTION}/runs`)
  ).body.runs[0];
  expect(['completed', 'partial'], JSON.stringify(newest)).toContain(newest.status);
  await change({ forget: ['pathPrefixes', 'timeouts.query'] });
});

test('what does not go together with a changed file does not count, and that is said', async () => {
  await change({ change: { sourceTimeZone: 'Australia/Perth' } });
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  file.organizations[0].connections[0].settings.mapping = { preset: 'vsrx', sourceTimeZone: 'Australia/Hobart' };
  const path = `${setup.environment.CHARTSYNC_CONFIG}.other.yaml`;
  await writeFile(path, JSON.stringify(file));
  const third = await start('api', { CHARTSYNC_CONFIG: path });
  try {
    const answer = await fetch(`${third.url}${PATH}`, { headers: { authorization: `Bearer ${third.adminKey}` } });
    // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
    const known = (await answer.json()) as any;
    expect(known.mistakes).toEqual([{ field: 'sourceTimeZone', message: expect.stringContaining('differs') }]);
    expect(known.settings.mapping.sourceTimeZone).toBe('Australia/Hobart');
  } finally {
    await third.stop();
  }
  await change({ forget: ['sourceTimeZone'] });
});
