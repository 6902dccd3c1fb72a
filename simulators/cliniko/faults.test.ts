import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AnswerFaultKind } from './faults.ts';
import { type ClinikoSimulator, startCliniko } from './server.ts';
import { clientOf, headersOf } from './test-client.ts';

let simulator: ClinikoSimulator;
let client: ReturnType<typeof clientOf>;
let now = new Date('2026-05-01T00:00:10Z');

beforeEach(async () => {
  now = new Date('2026-05-01T00:00:10Z');
  simulator = await startCliniko({ accounts: [{ patients: 120, appointments: 60 }], now: () => now });
  client = clientOf(simulator);
});

afterEach(() => simulator.stop());

const get = (headers: Record<string, string>) => fetch(`${simulator.url}/user`, { headers });

test('refuses a wrong key, a wrong shard, a revoked key and a missing contact', async () => {
  const [account] = simulator.accounts;
  const { key } = account!;
  const good = headersOf(key);
  expect((await get(good)).status).toBe(200);
  expect((await get(headersOf(key.slice(0, key.lastIndexOf('-'))))).status).toBe(200);
  expect((await get(headersOf(key.replace(/-au1$/, '-uk1')))).status).toBe(401);
  expect((await get(headersOf(`${key}x`))).status).toBe(401);
  expect((await get({ 'user-agent': good['user-agent']! })).status).toBe(401);
  const withPassword = `Basic ${btoa(`${key}:secret`)}`;
  expect((await get({ ...good, authorization: withPassword })).status).toBe(401);
  expect((await get({ ...good, 'user-agent': 'curl/8' })).status).toBe(403);
  simulator.faults.requireUserAgent = false;
  expect((await get({ ...good, 'user-agent': 'curl/8' })).status).toBe(200);
  account!.moveTo('uk2');
  expect((await get(good)).status).toBe(401);
  expect((await get(headersOf(account!.key))).status).toBe(200);
  simulator.faults.movedToShard = 'ca1';
  expect(account!.key).toMatch(/-ca1$/);
  expect((await get(headersOf(account!.key))).status).toBe(200);
  simulator.faults.movedToShard = null;
  simulator.faults.keyRevoked = true;
  expect((await get(headersOf(account!.key))).status).toBe(401);
  simulator.faults.keyRevoked = false;
  account!.revokeKey(account!.key);
  expect((await get(headersOf(account!.key))).status).toBe(401);
});

test('limits the requests of a user over all keys, until the window ends', async () => {
  simulator.rateLimit.options = { requests: 3, windowSeconds: 60 };
  const [account] = simulator.accounts;
  const same = headersOf(account!.addKey());
  const other = headersOf(account!.addKey(account!.world.tables.users.rows[1]!.id));
  for (let i = 0; i < 3; i++) expect((await client.ask('user')).status).toBe(200);
  const refused = await client.ask('user');
  expect(refused.status).toBe(429);
  const reset = Date.parse('2026-05-01T00:01:00Z') / 1000;
  expect(refused.headers.get('x-ratelimit-reset')).toBe(String(reset));
  expect(refused.headers.get('retry-after')).toBeNull();
  expect((await get(same)).status).toBe(429);
  expect((await get(other)).status).toBe(200);
  const seen = async (kind: typeof simulator.faults.rateLimitHeader) => {
    simulator.faults.rateLimitHeader = kind;
    const { headers } = await client.ask('user');
    return [headers.get('x-ratelimit-reset'), headers.get('retry-after')];
  };
  expect(await seen('retry-after')).toEqual([null, '50']);
  expect(await seen('both')).toEqual([String(reset), '50']);
  expect(await seen('none')).toEqual([null, null]);
  expect(Number((await seen('past'))[0])).toBeLessThan(now.getTime() / 1000);
  expect(Number((await seen('huge'))[0])).toBeGreaterThan(reset + 3600);
  now = new Date('2026-05-01T00:01:00Z');
  expect((await client.ask('user')).status).toBe(200);
});

test('fails by chance, the same way for the same seed', async () => {
  const statuses = async () => {
    const own = await startCliniko({
      accounts: [{ patients: 1, appointments: 0 }],
      faults: { random429: 0.3, random500: 0.3 },
    });
    const seen: number[] = [];
    for (let i = 0; i < 20; i++) seen.push((await clientOf(own).ask('user')).status);
    await own.stop();
    return seen;
  };
  const first = await statuses();
  expect(new Set(first)).toEqual(new Set([200, 429, 500]));
  expect(await statuses()).toEqual(first);
});

const PAGE_2 = 'patients?per_page=10&page=2';

async function withFault(kind: AnswerFaultKind) {
  simulator.faults.answers = [{ kind, resource: 'patients', page: 2, times: 1 }];
  expect((await client.ask('patients?per_page=10&page=1')).status).toBe(200);
  expect((await client.ask('practitioners?page=2')).status).toBe(200);
  const answer = await client.ask(PAGE_2).catch(() => null);
  const again = await client.ask(PAGE_2);
  expect(again.body.patients).toHaveLength(10);
  return { answer, rows: again.body.patients as { id: string }[] };
}

test.each([
  ['status500', 500],
  ['status502', 502],
  ['status503', 503],
  ['status429', 429],
  ['html502', 502],
] as const)('%s answers one page of one list once', async (kind, status) => {
  expect((await withFault(kind)).answer!.status).toBe(status);
});

test.each(['half-body', 'reset', 'no-answer'] as const)('%s breaks the connection', async (kind) => {
  expect((await withFault(kind)).answer).toBeNull();
});

test('a page can stop in the middle for as long as somebody waits', async () => {
  simulator.faults.answers = [{ kind: 'stall', resource: 'patients' }];
  const stop = new AbortController();
  const answer = await fetch(`${simulator.url}/patients`, {
    headers: headersOf(simulator.accounts[0]!.key),
    signal: stop.signal,
  });
  const reader = answer.body!.getReader();
  let length = 0;
  const half = Math.floor(Number(answer.headers.get('content-length')) / 2);
  while (length < half) length += (await reader.read()).value!.length;
  expect(length).toBe(half);
  const more = reader.read();
  stop.abort();
  await expect(more).rejects.toThrow('abort');
});

test('a page can be no JSON, or JSON under another name', async () => {
  const html = (await withFault('html200')).answer!;
  expect([html.status, html.body, html.headers.get('content-type')]).toEqual([200, undefined, 'text/html']);
  expect((await withFault('malformed')).answer!.body).toBeUndefined();
  const plain = (await withFault('wrong-type')).answer!;
  expect([plain.headers.get('content-type'), plain.body.patients.length]).toEqual(['text/plain', 10]);
});

test('a page can have too little, something twice, or a link that leads astray', async () => {
  const short = await withFault('short');
  expect(short.answer!.body.patients).toHaveLength(9);
  const twice = await withFault('duplicate');
  expect(twice.answer!.body.patients[9].id).toBe(twice.rows[0]!.id);
  const empty = (await withFault('empty')).answer!.body;
  expect([empty.patients.length, empty.total_entries > 100, empty.links.next]).toEqual([0, true, undefined]);
  expect((await withFault('foreign-next')).answer!.body.links.next).toMatch(
    /^http:\/\/elsewhere\.invalid\/v1\/patients/,
  );
  const self = (await withFault('self-next')).answer!.body.links;
  expect(self.next).toBe(self.self);
});

test('a list can answer the same page for ever', async () => {
  simulator.faults.answers = [{ kind: 'same-page', resource: 'patients', page: 2 }];
  const second = (await client.ask(PAGE_2)).body;
  const fifth = (await client.ask('patients?per_page=10&page=5')).body;
  expect(fifth).toEqual(second);
});

test('an answer can have another shape', async () => {
  simulator.faults.listKey = 'results';
  simulator.faults.omitTotalEntries = true;
  simulator.faults.idsAsNumbers = true;
  simulator.faults.emptyDates = true;
  simulator.faults.emptyRelations = 'absent';
  const { text, body } = await client.ask('patients?per_page=5');
  expect(text).toMatch(/"id":\d{19}[,}]/);
  expect(body.total_entries).toBeUndefined();
  expect(body.results[0]).toMatchObject({ archived_at: '' });
  expect(body.results.some((one: object) => 'referring_doctor' in one)).toBe(false);
});

test('relations without value are absent in some records and null in others, texts "" and null', async () => {
  const rows = await client.list('patients?per_page=100');
  expect(new Set(rows.map((one) => one.referring_doctor))).toEqual(new Set([undefined, null]));
  expect(new Set(rows.map((one) => one.notes))).toEqual(new Set(['', null]));
});

test('the body of a refusal has several forms', async () => {
  const bodies: string[] = [];
  for (const kind of ['json', 'empty', 'html'] as const) {
    simulator.faults.errorBody = kind;
    bodies.push((await client.ask('nowhere')).text);
  }
  expect(bodies).toEqual(['{"message":"Not found"}', '', expect.stringContaining('<html>')]);
  simulator.faults.errorBody = 'mixed';
  const mixed = new Set<string>();
  for (let i = 0; i < 3; i++) mixed.add((await client.ask('nowhere')).text);
  expect(mixed).toEqual(new Set(bodies));
});

test('what the documentation leaves open is a switch', async () => {
  const ids = (query: string) => client.ids(`individual_appointments?per_page=100&${query}`);
  const { rows } = simulator.accounts[0]!.world.tables.appointments;
  const cancelled = rows.filter((one) => one.cancelledAt !== null && !one.archivedAt && !one.deletedAt);
  simulator.faults.anyValue = 'only';
  expect(await ids('q[]=cancelled_at:*')).toEqual(cancelled.map(({ id }) => id));
  simulator.faults.anyValue = 'include';
  const included = await ids('q[]=cancelled_at:*');
  simulator.faults.showCancelled = true;
  expect(await ids('')).toEqual(included);
  simulator.faults.refuseAnyDeleted = true;
  expect((await client.ask('individual_appointments?q[]=deleted_at:*')).status).toBe(400);
  expect((await client.ask('individual_appointments?q[]=deleted_at:?')).status).toBe(200);
  simulator.faults.listInactivePractitioners = true;
  expect(await client.ids('practitioners')).toHaveLength(7);
});

test('the account changes while somebody pages, and the clock of the answers differs', async () => {
  simulator.faults.mutateWhilePaging = { every: 2, steps: 5 };
  simulator.faults.clockSkewSeconds = 3600;
  const { world } = simulator.accounts[0]!;
  const before = world.version;
  const { headers } = await client.ask('patients?page=1');
  expect(headers.get('date')).toBe('Fri, 01 May 2026 01:00:10 GMT');
  expect(world.version).toBe(before);
  await client.ask('patients?page=2');
  expect(world.version).toBeGreaterThan(before);
});

test('the control door merges switches, changes the world and counts it, beside the limit', async () => {
  simulator.rateLimit.options = { requests: 0, windowSeconds: 60 };
  const control = async (path: string, body?: object) => {
    const answer = await fetch(`${simulator.controlUrl}/_control/${path}`, {
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, never> };
  };
  const changed = await control('faults', { latencyMs: 1, attachments: { download: 'expired' } });
  expect(changed.body).toMatchObject({ latencyMs: 1, attachments: { download: 'expired', linkSeconds: 60 } });
  expect(simulator.faults.latencyMs).toBe(1);
  expect((await control('faults', { latency: 1 })).status).toBe(400);
  expect((await control('mutate', { steps: 3 })).body).toMatchObject({ accounts: [{ done: { length: 3 } }] });
  expect((await control('mutate', { steps: -1 })).status).toBe(400);
  expect((await control('world')).body).toMatchObject({ accounts: [{ patients: { total: expect.any(Number) } }] });
  expect((await control('keys')).status).toBe(404);
  expect(simulator.requests).toEqual([]);
});

test('notes what was asked, without headers', async () => {
  await client.ask('patients?per_page=3');
  expect(simulator.requests).toEqual([
    { method: 'GET', path: '/v1/patients', query: 'per_page=3', status: 200, account: 'Sample practice 1' },
  ]);
});
