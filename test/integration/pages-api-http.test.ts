/** What the pages ask for: runs of one connection, what a run did, statistics, many failures at once, the audit log. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type DescribedCall, describedClient } from '../support/described-client.ts';
import { CONNECTION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let call: DescribedCall;
let viewer: string;

beforeAll(async () => {
  setup = await setUpPractice();
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  server = await serve({ config, database });
  call = await describedClient(() => server);
  viewer = (await post('/api/v1/keys', '/api/v1/keys', { name: 'viewer', role: 'viewer' })).body.secret;
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

const get = (template: string, path = template, key?: string) => call('GET', template, path, undefined, key);
const post = (template: string, path: string, body: unknown, key?: string) => call('POST', template, path, body, key);

const RUNS = '/api/v1/connections/{connectionId}/runs';
const runsPath = `/api/v1/connections/${CONNECTION}/runs`;
const RUN = '/api/v1/sync/run/{syncId}';
const UNITS = '/api/v1/sync/run/{syncId}/units';

async function run(mode?: string): Promise<string> {
  const { status, body } = await post(RUNS, runsPath, mode === undefined ? {} : { mode });
  expect(status).toBe(202);
  await until(async () => (await get(RUN, `/api/v1/sync/run/${body.sync_id}`)).body.run.completed_at !== null);
  return body.sync_id;
}

describe('runs of one connection', () => {
  let first: string;
  let second: string;
  beforeAll(async () => {
    first = await run();
    await run('deep');
    second = await run('quick');
  });

  test('are started in a mode that it has', async () => {
    const { runs } = (await get(RUNS, runsPath)).body;
    expect(runs.map((r: { metadata: { sync_type: string } }) => r.metadata.sync_type)).toEqual([
      'quick',
      'deep',
      'quick',
    ]);
    expect((await post(RUNS, runsPath, { mode: 'incremental' })).status).toBe(422);
    expect((await post(RUNS, '/api/v1/connections/nobody/runs', {})).status).toBe(404);
    expect((await post(RUNS, runsPath, {}, viewer)).status).toBe(403);
    const [connection] = (await get('/api/v1/connections')).body.connections;
    expect(connection.modes).toEqual(['quick', 'deep', 'checksum']);
    expect(connection.last_run).toEqual(runs[0]);
  });

  test('are compared with the run of the same kind before', async () => {
    const compared = (await get(RUN, `/api/v1/sync/run/${second}`)).body;
    expect(compared.previous.sync_id).toBe(first);
    expect((await get(RUN, `/api/v1/sync/run/${first}`)).body.previous).toBeNull();
  });

  test('tell what they did unit by unit, what failed first', async () => {
    const { total, units } = (await get(UNITS, `/api/v1/sync/run/${first}/units`)).body;
    expect(total).toBe(units.length);
    const outcomes = units.map((unit: { outcome: string }) => unit.outcome);
    expect(outcomes).toContain('success');
    expect(outcomes.indexOf('success')).toBeGreaterThan(outcomes.lastIndexOf('partial'));
    expect(units[0].errors[0]).toMatchObject({ code: expect.any(String), remedy: expect.stringMatching(/\w+\./) });
    expect((await get(UNITS, `/api/v1/sync/run/${first}/units?limit=1`)).body.units).toHaveLength(1);
    expect((await get(UNITS, `/api/v1/sync/run/nobody/units`)).status).toBe(404);
  });

  test('are counted day by day', async () => {
    const { time_zone, days } = (await get('/api/v1/statistics')).body;
    expect([time_zone, days.length]).toEqual(['Australia/Sydney', 14]);
    const { counts } = (await setup.chartsync.runs.run('org_test', first))!;
    // The runs of a test that passes midnight are on two days.
    const sum = (name: string) => days.reduce((total: number, day: Record<string, number>) => total + day[name]!, 0);
    expect([sum('runs'), sum('failed_runs')]).toEqual([3, 0]);
    expect(sum('items')).toBe(counts.added);
    expect(sum('failures')).toBeGreaterThanOrEqual(counts.failed);
    expect(days.slice(0, 12).every((day: { runs: number }) => day.runs === 0)).toBe(true);
  });
});

test('many failures are decided at once', async () => {
  const { failures } = (await get('/api/v1/failures')).body;
  expect(failures.length).toBeGreaterThan(1);
  expect(failures[0].remedy).toMatch(/\w+\./);
  const ids = failures.map((failure: { id: string }) => failure.id);
  const DECIDE = '/api/v1/failures/decide';
  expect((await post(DECIDE, DECIDE, { ids, decision: 'skip' }, viewer)).status).toBe(403);
  expect((await post(DECIDE, DECIDE, { ids: [...ids, '999999'], decision: 'skip' })).body.decided).toBe(ids.length);
  const skipped = (await get('/api/v1/failures')).body.failures;
  expect(new Set(skipped.map((failure: { state: string }) => failure.state))).toEqual(new Set(['skipped']));
  expect((await post(DECIDE, DECIDE, { ids: [], decision: 'skip' })).status).toBe(400);
});

describe('the audit log', () => {
  const actions = async (query: string) =>
    (await get('/api/v1/audit', `/api/v1/audit?${query}`)).body.entries.map((e: { action: string }) => e.action);

  test('is searched', async () => {
    expect(new Set(await actions('action=sync.start'))).toEqual(new Set(['sync.start']));
    expect(new Set(await actions('action=key.'))).toEqual(new Set(['key.create']));
    expect(await actions(`subject=${CONNECTION}&action=sync.start&limit=2`)).toHaveLength(2);
    expect(await actions('actor=nobody')).toEqual([]);
    expect(new Set(await actions('result=refused'))).toEqual(new Set());
    expect(await actions('since=2000-01-01T00:00:00Z&until=2001-01-01T00:00:00Z')).toEqual([]);
    expect((await get('/api/v1/audit', '/api/v1/audit?result=well')).status).toBe(400);
  });

  test('is verified', async () => {
    const verdict = (await get('/api/v1/audit/verify')).body;
    expect(verdict).toMatchObject({ intact: true, problems: [] });
    expect(verdict.entries).toBe(verdict.end.id);
    expect((await get('/api/v1/audit/verify', '/api/v1/audit/verify', viewer)).status).toBe(403);
  });

  test('is had as a file', async () => {
    const text: string = (await get('/api/v1/audit/export')).body;
    const entries = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(entries.length).toBeGreaterThan(10);
    expect(entries.map((entry) => entry.id)).toEqual(entries.map((entry) => entry.id).sort((a, b) => a - b));
    expect(entries.at(-1).action).toBe('audit.export');
  });
});
