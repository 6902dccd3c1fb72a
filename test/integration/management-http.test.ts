/**
 * The management of runs over HTTP, with two replicas on the same stores: one answers, both work. Everything is asked at one
 * and seen at the other.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import Schema from 'typebox/schema';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { cancelledWithin } from '../support/cancelled-within.ts';
import { type DescribedPaths, describedPaths } from '../support/description.ts';
import { holdSource } from '../support/hold-source.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const OTHER = 'org_other';
const EMPTY = 'org_empty';

let setup: PracticeSetup;
let replicas: RunningServer[] = [];
let documented: DescribedPaths;
const releases: (() => Promise<void>)[] = [];

beforeAll(async () => {
  setup = await setUpPractice({ patients: 6, attachments: 40 });
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [connection] = file.organizations[0].connections;
  const more = ['second', 'third', 'fourth'].map((id) => ({ ...connection, id }));
  file.organizations[0].connections.push(...more);
  file.organizations[0].maxQueuedSyncs = 1;
  file.organizations.push(
    { id: OTHER, name: 'Other', timeZone: 'UTC', connections: [{ ...connection, id: 'theirs' }] },
    { id: EMPTY, name: 'Empty', timeZone: 'UTC', connections: [] },
  );
  const none = 'none';
  file.auth = {
    rateLimits: {
      requestsPerAddress: none,
      requestsPerKey: none,
      syncStartsPerKey: none,
      failedAuthenticationsPerAddress: none,
    },
  };
  await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  for (let i = 0; i < 2; i++) {
    const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
    const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
    replicas.push(await serve({ config, database }));
  }
  documented = describedPaths((await call('GET', '/openapi.json')).body);
});

afterEach(async () => {
  for (let release = releases.pop(); release !== undefined; release = releases.pop()) await release();
  await until(async () => (await call('GET', '/api/v1/sync/active')).body.total_active === 0);
});

afterAll(async () => {
  for (const replica of replicas) await replica.stop();
  replicas = [];
  await setup?.close();
});

interface Failure {
  readonly id: string;
  readonly patient_uuid: string;
  readonly operation: string;
  readonly state: string;
  readonly attempts: number;
}

interface Call {
  readonly organization?: string | null;
  readonly body?: unknown;
  /** Which replica is asked. */
  readonly at?: number;
}

async function call(method: string, path: string, { organization = ORGANIZATION, body, at = 0 }: Call = {}) {
  const replica = replicas[at]!;
  const response = await fetch(`${replica.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${replica.adminKey}`,
      'content-type': 'application/json',
      ...(organization === null ? {} : { 'x-organization-id': organization }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape, which the tests look into
  return { status: response.status, headers: response.headers, body: (text === '' ? null : JSON.parse(text)) as any };
}

/** Asks and holds the answer to the description of the interface. */
async function ask(
  method: string,
  route: string,
  parameters: Record<string, string>,
  options: Call & { query?: string } = {},
) {
  const path = route.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(parameters[name]!));
  const answer = await call(method, `${path}${options.query ?? ''}`, options);
  const schema =
    documented[route]?.[method.toLowerCase()]?.responses[answer.status]?.content?.['application/json']?.schema;
  expect(schema, `${method} ${route} → ${answer.status} is described`).toBeDefined();
  const [, errors] = Schema.Errors(schema!, answer.body);
  expect(errors).toEqual([]);
  return answer;
}

const progress = async (syncId: string, at = 0) =>
  (await ask('GET', '/api/v1/sync/progress/{syncId}', { syncId }, { at })).body;

async function untilEnded(syncId: string, at = 0): Promise<string> {
  await until(async () => (await progress(syncId, at)).completed_at !== null);
  return (await progress(syncId, at)).status;
}

/** While it lasts, no run gets past reading the source. */
async function holdUntilTheEnd(): Promise<void> {
  releases.push(await holdSource(setup.sourceUrl));
}

describe('starting', () => {
  test('trigger starts every connection of the organisation, two at a time; at the limit it says so', async () => {
    await holdUntilTheEnd();
    const first = await ask('POST', '/api/v1/sync/trigger', {});
    expect(first.body).toMatchObject({
      message: 'Sync started successfully',
      sync_started: true,
      organization_id: ORGANIZATION,
    });
    // Two run, one waits, and the fourth finds no place.
    expect(first.body.sync_ids).toHaveLength(3);
    expect(first.body.sync_id).toBe(first.body.sync_ids[0]);
    const second = await ask('POST', '/api/v1/sync/scheduler/trigger', {}, { at: 1 });
    expect(second.body).toMatchObject({ message: 'Sync already in progress', sync_started: false });
    expect(second.body.sync_ids.sort()).toEqual(first.body.sync_ids.sort());
    const active = await ask('GET', '/api/v1/sync/active', {}, { at: 1, organization: null });
    expect(active.body.total_active).toBe(3);
    const waiting = active.body.active_syncs.filter((s: { current_step: string }) =>
      s.current_step.startsWith('Waiting'),
    );
    expect(waiting).toHaveLength(1);
    expect(await progress(waiting[0].sync_id)).toMatchObject({
      status: 'starting',
      queued: true,
      estimated_completion: null,
    });

    const full = await call('POST', '/api/sync/vsrx?connection=fourth');
    expect(full.status).toBe(429);
    expect(full.body.details.error_type).toBe('queue_full');
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0);
    const busy = await call('POST', '/api/sync/vsrx?connection=practice', { at: 1 });
    expect(busy.status).toBe(409);
    expect(busy.body).toMatchObject({ error: 'Sync already in progress', syncId: expect.stringMatching(/^sync_/) });
  });

  test('start answers with an id that can be followed, and with the running one when there is one', async () => {
    await holdUntilTheEnd();
    const started = await ask(
      'POST',
      '/api/v1/sync/start/{organizationId}',
      { organizationId: OTHER },
      {
        organization: OTHER,
        query: '?sync_mode=comprehensive',
      },
    );
    expect(started.body).toMatchObject({
      message: 'Sync started successfully in comprehensive mode',
      sync_mode: 'comprehensive',
      organization_id: OTHER,
      status: 'starting',
    });
    const again = await ask(
      'POST',
      '/api/v1/sync/start/{organizationId}',
      { organizationId: OTHER },
      {
        organization: null,
        at: 1,
      },
    );
    expect(again.body).toMatchObject({
      message: 'Sync already in progress',
      sync_id: started.body.sync_id,
      progress_percentage: expect.any(Number),
    });
    await releases.pop()!();
    await until(
      async () =>
        (await call('GET', `/api/v1/sync/progress/${started.body.sync_id}`, { organization: OTHER })).body.status ===
        'completed',
    );
  });

  test('refuses what does not exist: mode, organisation, connection', async () => {
    const wrong = await ask(
      'POST',
      '/api/v1/sync/start/{organizationId}',
      { organizationId: ORGANIZATION },
      { query: '?sync_mode=all' },
    );
    expect(wrong.status).toBe(422);
    expect(
      (await ask('POST', '/api/v1/sync/start/{organizationId}', { organizationId: 'org_no' }, { organization: null }))
        .status,
    ).toBe(404);
    expect((await ask('POST', '/api/v1/sync/start/{organizationId}', { organizationId: OTHER })).status).toBe(403);
    expect((await ask('POST', '/api/v1/sync/trigger', {}, { organization: EMPTY })).status).toBe(409);
  });
});

describe('history and status', () => {
  test('tell what happened, newest first, and nothing of others', async () => {
    const none = await ask(
      'GET',
      '/api/v1/sync/history/{organizationId}',
      { organizationId: EMPTY },
      { organization: EMPTY },
    );
    expect(none.body).toEqual({
      organization_id: EMPTY,
      total_syncs: 0,
      successful_syncs: 0,
      failed_syncs: 0,
      last_sync_at: null,
      last_successful_sync_at: null,
      average_sync_duration_seconds: null,
      recent_syncs: [],
    });
    const before = (await ask('GET', '/api/v1/sync/history/{organizationId}', { organizationId: ORGANIZATION })).body;
    const run = (await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`)).body;
    const after = (
      await ask(
        'GET',
        '/api/v1/sync/history/{organizationId}',
        { organizationId: ORGANIZATION },
        { at: 1, query: '?limit=1' },
      )
    ).body;
    expect(after.total_syncs).toBe(before.total_syncs + 1);
    expect(after.successful_syncs).toBe(before.successful_syncs + 1);
    expect(after.recent_syncs).toHaveLength(1);
    const { added, updated, moved, removed, same, failed, waiting } = run.counts;
    expect(after.recent_syncs[0]).toMatchObject({
      sync_id: run.syncId,
      status: 'completed',
      records_success: added + updated + moved + removed + same,
      records_failed: failed + waiting,
      metadata: { sync_type: 'quick', connector: 'vsrx' },
    });
    expect(after.average_sync_duration_seconds).toBeGreaterThan(0);
    expect((await call('GET', `/api/v1/sync/history/${ORGANIZATION}?limit=0`)).status).toBe(400);
    const status = await ask('GET', '/api/v1/sync/status/organization/{organizationId}', {
      organizationId: ORGANIZATION,
    });
    expect(status.body.sync_id).toBe(run.syncId);
    const noStatus = await ask(
      'GET',
      '/api/v1/sync/status/organization/{organizationId}',
      { organizationId: EMPTY },
      { organization: EMPTY },
    );
    expect(noStatus.body.status).toBe('no_sync_found');
    const dashboard = await ask('GET', '/api/v1/sync/dashboard/{organizationId}', { organizationId: ORGANIZATION });
    expect(dashboard.body).toMatchObject({
      current_sync: null,
      last_sync: { sync_id: run.syncId },
      sync_available: true,
    });
    expect(dashboard.body.connections.map((c: { connection_id: string }) => c.connection_id).sort()).toEqual([
      'fourth',
      'practice',
      'second',
      'third',
    ]);
  });

  test('the scheduler says whether anything runs by itself', async () => {
    const { body } = await ask('GET', '/api/v1/sync/scheduler/status', {});
    // The connections of this test are run by hand.
    expect(body).toMatchObject({ organization_id: ORGANIZATION, sync_running: false, scheduler_active: false });
    expect(body.last_sync_time).toMatch(/Z$/);
  });

  test('cleanup touches no run that is well', async () => {
    await holdUntilTheEnd();
    const { syncId } = (await call('POST', `/api/sync/vsrx?connection=${CONNECTION}`)).body;
    await until(async () => (await progress(syncId)).status === 'running');
    // By the words of earlier servers: a run of files finds no patients of a clinic.
    const at = { organizationId: ORGANIZATION };
    const { current_sync } = (await ask('GET', '/api/v1/sync/dashboard/{organizationId}', at)).body;
    expect(current_sync).toMatchObject({
      sync_id: syncId,
      status: 'running',
      progress_percentage: expect.any(Number),
      current_step: expect.any(String),
      patients_found: 0,
      appointments_found: 0,
      active_patients_identified: 0,
      active_patients_stored: 0,
    });
    const cleaned = await ask('POST', '/api/v1/sync/cleanup', {}, { organization: null, at: 1 });
    expect(cleaned.body).toMatchObject({ message: 'Cleaned up 0 stale syncs', cleaned_syncs: 0 });
    await releases.pop()!();
    expect(await untilEnded(syncId)).toBe('completed');
  });
});

describe('the stream', () => {
  test('tells each change at another replica than the one that works, and ends', async () => {
    await holdUntilTheEnd();
    const { syncId } = (await call('POST', `/api/sync/vsrx?connection=${CONNECTION}`)).body;
    const streams = await Promise.all(
      [0, 1].map((at) =>
        fetch(`${replicas[at]!.url}/api/v1/sync/stream/${syncId}`, {
          headers: {
            authorization: `Bearer ${replicas[at]!.adminKey}`,
            'x-organization-id': ORGANIZATION,
            'last-event-id': '40',
          },
        }),
      ),
    );
    await until(async () => (await progress(syncId)).status === 'running');
    await releases.pop()!();
    for (const stream of streams) {
      expect(stream.status).toBe(200);
      expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      expect(stream.headers.get('x-request-id')).toMatch(/^req_/);
      const text = await stream.text();
      const events = text.split('\n\n').filter((block) => block.includes('event: '));
      const parsed = events.map((block) =>
        Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2))),
      );
      expect(parsed.map((e) => Number(e.id))).toEqual(parsed.map((_, i) => 41 + i));
      expect(parsed.at(-1)?.event).toBe('end');
      expect(parsed.slice(0, -1).every((e) => e.event === 'progress')).toBe(true);
      expect(JSON.parse(parsed.at(-1)!.data!)).toMatchObject({
        sync_id: syncId,
        status: 'completed',
        progress_percentage: 100,
      });
    }
  });

  test('of a run that has ended tells its end; an unknown one is not found', async () => {
    const { syncId } = (await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`)).body;
    const response = await fetch(`${replicas[0]!.url}/api/v1/sync/stream/${syncId}`, {
      headers: { authorization: `Bearer ${replicas[0]!.adminKey}`, 'x-organization-id': ORGANIZATION },
    });
    expect(await response.text()).toContain('event: end');
    expect((await call('GET', `/api/v1/sync/stream/${syncId}`, { organization: OTHER })).status).toBe(404);
  });
});

describe('metrics', () => {
  type Series = Map<string, number>;
  async function scrape(at = 0, organization: string | null = ORGANIZATION): Promise<Series> {
    const response = await fetch(`${replicas[at]!.url}/metrics`, {
      headers: {
        authorization: `Bearer ${replicas[at]!.adminKey}`,
        ...(organization === null ? {} : { 'x-organization-id': organization }),
      },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const series: Series = new Map();
    for (const line of (await response.text()).split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const [, name, value] = /^([a-z_]+(?:\{[^}]*\})?) (-?[\d.e+-]+)$/.exec(line) ?? [];
      expect(name, line).toBeDefined();
      expect(series.has(name!), name).toBe(false);
      series.set(name!, Number(value));
    }
    return series;
  }
  const labels = `organization="${ORGANIZATION}",connection="${CONNECTION}"`;

  test('agree with what happened, at every replica, and survive the purge of old runs', async () => {
    const before = await scrape();
    const run = (await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`)).body;
    const after = await scrape(1);
    const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    const end = `${labels},state="completed",outcome="${run.outcome}"`;
    expect(grown(`sync_runs_total{${end}}`)).toBe(1);
    expect(grown(`sync_duration_seconds_count{${end}}`)).toBe(1);
    expect(grown(`sync_duration_seconds_sum{${end}}`)).toBeCloseTo(run.summary.duration / 1000, 2);
    expect(grown(`sync_duration_seconds_bucket{${end},le="+Inf"}`)).toBe(1);
    expect(grown(`sync_duration_seconds_bucket{${end},le="3600"}`)).toBe(1);
    for (const action of ['added', 'same', 'failed']) {
      expect(grown(`sync_items_total{${labels},action="${action}"}`)).toBe(run.counts[action]);
    }
    expect(after.get(`sync_freshness_seconds{${labels}}`)).toBeLessThan(30);
    expect(after.get(`sync_consecutive_failures{${labels}}`)).toBe(0);
    expect(after.get(`sync_queue_queued{organization="${ORGANIZATION}"}`)).toBe(0);
    for (const name of ['process_uptime_seconds', 'process_memory_bytes', 'database_pool_total']) {
      expect(after.get(name)).toBeGreaterThan(0);
    }
    await setup.chartsync.retained.purgeRuns(ORGANIZATION, Date.now() + 60_000);
    expect((await scrape()).get(`sync_runs_total{${end}}`)).toBe(after.get(`sync_runs_total{${end}}`));
  });

  test('a run of one patient makes nothing fresh', async () => {
    await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`);
    const name = `sync_last_success_timestamp_seconds{${labels}}`;
    const before = (await scrape()).get(name)!;
    expect(before).toBeGreaterThan(0);
    const { patientUuids } = setup.practice;
    const one = await call('POST', `/api/sync/vsrx/patient/${patientUuids[0]}?connection=${CONNECTION}&wait=true`);
    expect(one.status).toBe(200);
    expect((await scrape()).get(name)).toBe(before);
    await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`);
    expect((await scrape()).get(name)).toBeGreaterThan(before);
  });

  test('tell how long answers take by route, and name no URL', async () => {
    const count = (series: Series, route: string, status: string) =>
      series.get(`http_request_duration_seconds_count{method="GET",route="${route}",status="${status}"}`) ?? 0;
    const before = await scrape();
    await call('GET', '/api/sync/status/11111111-2222-4333-8444-555555555555');
    await call('GET', '/no-such-route/with-a-name');
    const after = await scrape();
    expect(count(after, '/api/sync/status/:patientId', '4xx')).toBe(
      count(before, '/api/sync/status/:patientId', '4xx') + 1,
    );
    expect(count(after, 'none', '4xx')).toBe(count(before, 'none', '4xx') + 1);
    expect(count(after, '/metrics', '2xx')).toBe(count(before, '/metrics', '2xx') + 1);
    const names = [...after.keys()].join();
    for (const secret of ['11111111-2222', 'with-a-name']) expect(names).not.toContain(secret);
    expect(after.get('outbound_wait_seconds_total')).toBe(0);
    expect(after.get('sync_worker_helps')).toBe(0);
  });

  test('of another organisation are not seen; the administrator sees all', async () => {
    await call('POST', '/api/sync/vsrx?wait=true', { organization: OTHER });
    const own = [...(await scrape()).keys()];
    expect(own.filter((name) => name.includes(OTHER))).toEqual([]);
    const all = [...(await scrape(0, null)).keys()];
    for (const organization of [ORGANIZATION, OTHER]) {
      expect(all.some((name) => name.includes(`organization="${organization}"`))).toBe(true);
    }
  });

  test('count waiting runs and their age', async () => {
    await holdUntilTheEnd();
    await call('POST', '/api/v1/sync/trigger');
    const series = await scrape();
    expect(series.get(`sync_queue_active{organization="${ORGANIZATION}"}`)).toBe(2);
    expect(series.get(`sync_queue_queued{organization="${ORGANIZATION}"}`)).toBe(1);
    expect(series.get(`sync_queue_oldest_age_seconds{organization="${ORGANIZATION}"}`)).toBeGreaterThan(0);
  });
});

describe('cancel', () => {
  test('reaches a run wherever it is worked on within two seconds, and one that waits at once', async () => {
    await holdUntilTheEnd();
    const ids: string[] = (await call('POST', '/api/v1/sync/trigger')).body.sync_ids;
    await until(
      async () => (await Promise.all(ids.map((id) => progress(id)))).filter((p) => p.status === 'running').length === 2,
    );
    const answers = await Promise.all(
      ids.map((syncId) => ask('DELETE', '/api/v1/sync/cancel/{syncId}', { syncId }, { at: 1 })),
    );
    expect(answers.every((a) => a.body.message === 'Sync cancellation requested')).toBe(true);
    for (const id of ids) {
      expect(await untilEnded(id)).toBe('cancelled');
      expect(await cancelledWithin(setup.environment.DATABASE_URL, id)).toBeLessThan(2500);
    }
    const again = await ask('DELETE', '/api/v1/sync/force-cancel/{syncId}', { syncId: ids[0]! });
    expect(again.body).toMatchObject({ message: 'Sync already completed', status: 'cancelled' });
  });
});

describe('pause and resume', () => {
  test('a paused connection is not run by anybody and says why', async () => {
    const at = { connectionId: 'second' };
    await ask('POST', '/api/v1/connections/{connectionId}/pause', at, { body: { reason: 'The server moves.' } });
    const refused = await call('POST', '/api/sync/vsrx?connection=second', { at: 1 });
    expect(refused.status).toBe(409);
    expect(refused.body.details).toMatchObject({
      error_type: 'connection_paused',
      message: expect.stringContaining('The server moves.'),
    });
    const { body } = await ask('GET', '/api/v1/connections', {}, { at: 1 });
    const second = body.connections.find((c: { id: string }) => c.id === 'second');
    expect(second).toMatchObject({ state: 'paused', state_reason: 'The server moves.', next_run_at: null });
    // Whoever starts all of them hears of the one that was not.
    const { body: all } = await ask('POST', '/api/v1/sync/trigger', {}, { at: 1 });
    expect(all.not_started).toContainEqual({
      connection_id: 'second',
      error_type: 'connection_paused',
      message: expect.stringContaining('The server moves.'),
    });
    for (const syncId of all.sync_ids) await untilEnded(syncId);
    await ask('POST', '/api/v1/connections/{connectionId}/resume', at);
    const run = await call('POST', '/api/sync/vsrx?connection=second&wait=true');
    expect(run.status).toBe(200);
    expect(
      (await ask('POST', '/api/v1/connections/{connectionId}/pause', { connectionId: 'theirs' }, { body: {} })).status,
    ).toBe(404);
  });

  test('whoever may act for several organisations and names none is told which there are', async () => {
    const unnamed = await call('POST', '/api/v1/connections/second/pause', { organization: null });
    expect(unnamed.status).toBe(400);
    expect(unnamed.body.error).toBe(
      `Name the organisation in the header X-Organization-ID: one of ${[ORGANIZATION, OTHER, EMPTY].join(', ')}.`,
    );
  });

  test('the reason may be left out, and the body with it', async () => {
    const at = { connectionId: 'second' };
    for (const options of [{}, { body: {} }]) {
      expect((await ask('POST', '/api/v1/connections/{connectionId}/pause', at, options)).status).toBe(200);
      const { body } = await ask('GET', '/api/v1/connections', {});
      const second = body.connections.find((c: { id: string }) => c.id === 'second');
      expect(second).toMatchObject({ state: 'paused', state_reason: 'Paused by a person.' });
      await ask('POST', '/api/v1/connections/{connectionId}/resume', at);
    }
    const wrong = await ask('POST', '/api/v1/connections/{connectionId}/pause', at, { body: { why: 'not a field' } });
    expect(wrong.status).toBe(400);
    expect(wrong.body.error).toBe('body has no field why; it takes reason');
  });
});

describe('failures and held removals', () => {
  test('failed items are listed, retried or skipped, by their organisation only', async () => {
    await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`);
    const { body } = await ask('GET', '/api/v1/failures', {}, { query: `?connection=${CONNECTION}` });
    expect(body.failures.length).toBeGreaterThan(1);
    const [one, two] = body.failures;
    expect((await ask('POST', '/api/sync/items/{id}/skip', { id: one.id }, { organization: OTHER })).status).toBe(404);
    expect((await ask('POST', '/api/sync/items/{id}/retry', { id: '999999' })).status).toBe(404);
    expect((await ask('POST', '/api/sync/items/{id}/retry', { id: 'x' })).status).toBe(404);
    expect((await ask('POST', '/api/sync/items/{id}/skip', { id: one.id })).body).toEqual({
      success: true,
      id: one.id,
    });
    expect((await ask('POST', '/api/sync/items/{id}/retry', { id: two.id })).status).toBe(200);
    const retried = await ask('POST', '/api/v1/connections/{connectionId}/retry-failures', {
      connectionId: CONNECTION,
    });
    expect(retried.status).toBe(202);
    expect(retried.body.retried).toBe(body.failures.length - 1);
    expect(await untilEnded(retried.body.sync_id)).toBe('completed');
    const after = (await ask('GET', '/api/v1/failures', {}, { query: `?connection=${CONNECTION}` })).body.failures;
    const find = (id: string) => after.find((f: { id: string }) => f.id === id);
    expect(find(one.id)).toMatchObject({ state: 'skipped', attempts: one.attempts });
    expect(find(two.id).attempts).toBeGreaterThan(two.attempts);
  });

  test('what failed in one run is retried alone; when nothing of it waits any more, none is started', async () => {
    const at = { connectionId: CONNECTION };
    const retry = (syncId: string, options: Call = {}) =>
      ask('POST', '/api/v1/connections/{connectionId}/retry-failures', at, { ...options, body: { sync_id: syncId } });
    const list = async (query = ''): Promise<Failure[]> =>
      (await ask('GET', '/api/v1/failures', {}, { query: `?connection=${CONNECTION}${query}` })).body.failures;
    const attemptsOf = async (id: string) => (await list()).find((failure) => failure.id === id)?.attempts;
    await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`);
    const files = (await list()).filter(({ operation, state }) => operation === 'add' && state === 'waiting');
    const mine = files[0]!;
    const other = files.find(({ patient_uuid }) => patient_uuid !== mine.patient_uuid)!;
    // A run of one patient fails on nothing of the others.
    const one = `/api/sync/vsrx/patient/${mine.patient_uuid}?connection=${CONNECTION}&wait=true`;
    const failedOn = (await call('POST', one)).body.syncId;
    const ofRun = (await list(`&sync_id=${failedOn}`)).map(({ id }) => id);
    expect(ofRun).toContain(mine.id);

    // That a later run has failed on it again does not take it away from this one; the others wait for their time.
    for (const tries of [2, 3]) {
      const retried = await retry(failedOn);
      expect([retried.status, retried.body.retried]).toEqual([202, ofRun.length]);
      await untilEnded(retried.body.sync_id);
      expect(await attemptsOf(mine.id)).toBe(mine.attempts + tries);
      expect(await attemptsOf(other.id)).toBe(other.attempts);
    }

    await ask('POST', '/api/v1/failures/decide', {}, { body: { ids: ofRun, decision: 'skip' } });
    const none = await retry(failedOn);
    expect([none.status, none.body.details.error_type]).toEqual([409, 'nothing_to_retry']);
    expect((await call('GET', '/api/v1/sync/active')).body.total_active).toBe(0);

    const ofAnother = (await call('POST', '/api/sync/vsrx?connection=second&wait=true')).body.syncId;
    for (const unknown of [ofAnother, 'sync_nothing']) {
      const refused = await retry(unknown);
      expect([refused.status, refused.body.error]).toEqual([404, 'Sync not found']);
    }
    expect((await retry(failedOn, { organization: OTHER })).status).toBe(404);
    expect((await retry('no id')).status).toBe(400);
    const wrong = await ask('POST', '/api/v1/connections/{connectionId}/retry-failures', at, {
      body: { run: failedOn },
    });
    expect([wrong.status, wrong.body.error]).toEqual([400, 'body has no field run; it takes sync_id']);
  });

  test('a held set is seen with its proof, kept or removed by a run', async () => {
    await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`);
    const client = new pg.Client({ connectionString: setup.sourceUrl });
    await client.connect();
    await client.query('CREATE TABLE kept AS SELECT * FROM ax_notes_attachments');
    await client.query('DELETE FROM ax_notes_attachments');
    try {
      // Missing once is not gone; the second complete read holds.
      await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`);
      await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`);
      const { held } = (await ask('GET', '/api/v1/held', {})).body;
      expect(held).toHaveLength(1);
      const [set] = held;
      expect(set.connector).toBe('vsrx');
      expect((await ask('GET', '/api/v1/held/{setId}', { setId: set.id }, { organization: OTHER })).status).toBe(404);
      const whole = (await ask('GET', '/api/v1/held/{setId}', { setId: set.id })).body;
      expect(whole.items).toHaveLength(set.items);
      expect(whole.items.every((i: { state: string }) => i.state === 'held')).toBe(true);
      const approved = (
        await ask('POST', '/api/v1/held/{setId}/approve', { setId: set.id }, { body: { note: 'Emptied on purpose.' } })
      ).body;
      expect(approved).toMatchObject({ items: set.items, sync_id: expect.stringMatching(/^sync_/) });
      expect(await untilEnded(approved.sync_id, 1)).toBe('completed');
      expect((await progress(approved.sync_id)).counts.removed).toBe(set.items);
      const done = (await ask('GET', '/api/v1/held/{setId}', { setId: set.id })).body;
      expect(done.set).toMatchObject({ state: 'applied', note: 'Emptied on purpose.' });
      for (const options of [{}, { body: {} }]) {
        expect((await ask('POST', '/api/v1/held/{setId}/reject', { setId: set.id }, options)).status).toBe(409);
        expect((await ask('POST', '/api/v1/held/{setId}/approve', { setId: set.id }, options)).status).toBe(409);
      }
      expect((await ask('GET', '/api/v1/held', {})).body.held).toEqual([]);
    } finally {
      await client.query('INSERT INTO ax_notes_attachments SELECT * FROM kept');
      await client.query('DROP TABLE kept');
      await client.end();
    }
  });
});

test('a database that ends all connections again and again while runs are in progress: nothing hangs, and the next run is well', async () => {
  const admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  const answers: number[] = [];
  try {
    for (let i = 0; i < 12; i++) {
      const starts = [0, 1].map((at) =>
        call('POST', '/api/v1/sync/trigger', { at }).then(
          (answer) => answers.push(answer.status),
          () => answers.push(0),
        ),
      );
      await admin.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      await Promise.all(starts);
    }
  } finally {
    await admin.end();
  }
  for (const status of answers) expect([200, 429, 503]).toContain(status);
  await until(async () => {
    const answer = await call('GET', '/api/v1/sync/active');
    return answer.status === 200 && answer.body.total_active === 0;
  }, 50_000);
  const runs = (await call('GET', `/api/v1/sync/history/${ORGANIZATION}?limit=100`)).body.recent_syncs;
  for (const run of runs) {
    expect(['completed', 'failed', 'cancelled']).toContain(run.status);
    if (run.status === 'failed') expect(['database_unavailable', 'lease_lost']).toContain(run.error.code);
  }
  for (const at of [0, 1]) {
    const run = await call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`, { at });
    expect(run.status).toBe(200);
  }
});

test('processes that make the administrator’s key at the same moment all take the same', async () => {
  const { CHARTSYNC_ADMIN_KEY: _, ...environment } = setup.environment;
  const home = join(setup.folder, 'fresh');
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  const servers = await Promise.all(
    [1, 2].map(async () => {
      const config = await loadConfig({ env: { ...environment, CHARTSYNC_HOME: home }, cwd: setup.folder });
      return serve({ config, database, role: 'worker' });
    }),
  );
  const kept = (await readFile(join(home, 'admin-key'), 'utf8')).trim();
  expect(servers.map((server) => server.adminKey)).toEqual([kept, kept]);
  expect(await readdir(home)).not.toContainEqual(expect.stringMatching(/^admin-key\./));
  for (const server of servers) await server.stop();
});
