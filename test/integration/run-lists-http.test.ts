/** Lists about runs at size: page by page and whole, in order, none left out, none twice, and without filling the memory. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliProcess, startCli } from '../support/cli.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

const MANY = 100_000;
const UNITS = 20_000;
const SETS = 2500;
const ITEMS = 2500;
/** What is thrown away soon counts as well: as objects and as one text the failures would be some 400 MB beside it. */
const MOST_MEGABYTES = 250;
const STRANGER = 'org_stranger';

let setup: PracticeSetup;
let service: CliProcess;
let url: string;
let run: string;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 2, attachments: 6 });
  service = startCli(['serve', '--json'], { cwd: setup.folder, env: setup.environment });
  let text = '';
  service.child.stdout?.on('data', (chunk: string) => {
    text += chunk;
  });
  await service.printed('ready');
  url = JSON.parse(text.split('\n').find((line) => line.includes('"type":"ready"'))!).url;
  run = (await ask('POST', '/api/sync/vsrx?wait=true')).body.syncId;
  await fill();
});

afterAll(async () => {
  service?.child.kill('SIGTERM');
  await service?.result;
  await setup?.close();
});

/** What a wrong mapping of a large source leaves behind; and the same once more of somebody else. */
async function fill(): Promise<void> {
  const admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  await admin.query(`INSERT INTO organizations (id, name) VALUES ('${STRANGER}', 'Stranger')`);
  await admin.query(
    `INSERT INTO connections (organization_id, id, connector, settings) VALUES ('${STRANGER}', '${CONNECTION}', 'vsrx', '{}')`,
  );
  await admin.query('DELETE FROM sync_failures');
  await admin.query('DELETE FROM sync_run_units');
  for (const organization of [ORGANIZATION, STRANGER]) {
    await admin.query(
      `INSERT INTO sync_failures (organization_id, connection_id, unit, reference, operation, code, message, run_id)
       SELECT $1, $2, 'unit ' || n % 500, 'reference ' || n, 'add', CASE WHEN n % 4 = 0 THEN 'file_empty' ELSE 'file_missing' END,
              'The source has a record of this file but the share has no such file.', $3
       FROM generate_series(1, $4::integer) AS n`,
      [organization, CONNECTION, run, organization === STRANGER ? 10 : MANY],
    );
    await admin.query(
      `INSERT INTO held_sets (id, organization_id, connection_id, run_id, unit, state, reason, evidence, created_at)
       SELECT 'held_' || $1 || n, $1, $2, $3, 'unit ' || n, CASE WHEN n % 5 = 0 THEN 'pending' ELSE 'rejected' END, 'Too many.', '{}',
              -- Many in one moment: their order must be steady all the same.
              date_trunc('day', now()) - n / 100 * interval '1 minute'
       FROM generate_series(1, $4::integer) AS n`,
      [organization, CONNECTION, run, organization === STRANGER ? 10 : SETS],
    );
  }
  await admin.query(
    `INSERT INTO held_items (organization_id, set_id, document_uuid, unit, reference, absence)
     SELECT $1, 'held_' || $1 || '5', gen_random_uuid()::text, 'unit ' || n % 7, 'reference ' || n % 100, 'missing'
     FROM generate_series(1, $2::integer) AS n`,
    [ORGANIZATION, ITEMS],
  );
  await admin.query(
    `INSERT INTO sync_run_units (organization_id, run_id, unit, outcome, counts, errors, finished_at)
     SELECT $1, $2, 'Pätient ' || n, CASE n % 3 WHEN 0 THEN 'success' WHEN 1 THEN 'partial' ELSE 'failed' END, '{"added":1}',
            CASE WHEN n % 3 = 0 THEN '[]'::jsonb ELSE '[{"code":"file_missing","message":"There is no such file.","reference":"r","operation":"add"}]' END,
            now()
     FROM generate_series(1, $3::integer) AS n`,
    [ORGANIZATION, run, UNITS],
  );
  await admin.query('ANALYZE');
  await admin.end();
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
async function ask(method: string, path: string): Promise<{ status: number; body: any }> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}` },
  });
  return { status: answer.status, body: await answer.json() };
}

const get = (path: string) => ask('GET', path);

/** Every item, and how many pages it took. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
async function pages(path: string, name: string): Promise<{ items: any[]; pages: number; first: any }> {
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  const items: any[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  let first: any = null;
  let count = 0;
  for (let after: string | null = ''; after !== null; count++) {
    const { status, body } = await get(`${path}${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`);
    expect(status).toBe(200);
    first ??= body;
    items.push(...body[name]);
    after = body.next;
  }
  return { items, pages: count, first };
}

function peakMegabytes(): number {
  const status = readFileSync(`/proc/${service.child.pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

test('a hundred thousand failures: whole, and page by page', async () => {
  const before = peakMegabytes();
  const { status, body } = await get('/api/v1/failures');
  expect(status).toBe(200);
  expect(body.next).toBeNull();
  expect(body.failures).toHaveLength(MANY);
  expect(body.causes.map(({ code, items }: { code: string; items: number }) => [code, items])).toEqual([
    ['file_missing', (MANY * 3) / 4],
    ['file_empty', MANY / 4],
  ]);
  const whole = await pages('/api/v1/failures?limit=1000', 'failures');
  expect(whole.pages).toBe(MANY / 1000);
  expect(whole.items).toEqual(body.failures);
  expect(whole.first.causes).toEqual(body.causes);
  const few = await pages('/api/v1/failures?limit=1000&code=file_empty', 'failures');
  expect(new Set(few.items.map(({ id }) => id)).size).toBe(MANY / 4);
  expect(peakMegabytes() - before).toBeLessThan(MOST_MEGABYTES);
});

test('failures of one run, of a connection, of nobody', async () => {
  const ofRun = (await get(`/api/v1/failures?limit=1&sync_id=${run}`)).body;
  expect(ofRun.causes[0].items).toBe((MANY * 3) / 4);
  expect((await get('/api/v1/failures?limit=1&sync_id=sync_other')).body).toMatchObject({ failures: [], causes: [] });
  expect((await get('/api/v1/failures?limit=1&connection=nobody')).status).toBe(404);
});

test('sets of held removals, many made in one moment', async () => {
  const { body } = await get('/api/v1/held?all=true');
  expect(body.held).toHaveLength(SETS);
  const all = await pages('/api/v1/held?all=true&limit=300', 'held');
  expect(all.items).toEqual(body.held);
  const times = all.items.map(({ created_at }) => created_at);
  expect(times).toEqual([...times].sort().reverse());
  const open = await pages('/api/v1/held?limit=300', 'held');
  expect(open.items).toHaveLength(SETS / 5);
  expect(open.items).toEqual((await get('/api/v1/held')).body.held);
  const decided = await pages('/api/v1/held?decided=true&limit=300', 'held');
  expect(new Set(decided.items.map(({ state }) => state))).toEqual(new Set(['rejected']));
  expect(decided.items.length + open.items.length).toBe(SETS);
});

test('units of a run, what failed first', async () => {
  const path = `/api/v1/sync/run/${run}/units`;
  const usual = (await get(path)).body;
  expect(usual.units).toHaveLength(200);
  expect(usual.total).toBe(UNITS);
  const all = await pages(`${path}?limit=1000`, 'units');
  expect(new Set(all.items.map(({ unit }) => unit)).size).toBe(UNITS);
  const ranks = all.items.map(({ outcome }) => ['failed', 'partial', 'success'].indexOf(outcome));
  expect(ranks).toEqual([...ranks].sort());
  const wrong = all.items.filter(({ outcome }) => outcome !== 'success').length;
  expect(usual.causes).toMatchObject([{ code: 'file_missing', items: wrong, error: 'There is no such file.' }]);
});

test('the items of one set, whole and page by page', async () => {
  const path = `/api/v1/held/held_${ORGANIZATION}5`;
  const { body } = await get(path);
  expect(body.set).toMatchObject({ state: 'pending', items: ITEMS });
  expect(body.items).toHaveLength(ITEMS);
  const all = await pages(`${path}?limit=1000`, 'items');
  expect(all.pages).toBe(3);
  expect(all.items).toEqual(body.items);
  expect(all.first.set).toEqual(body.set);
});

test.each([
  ['/api/v1/failures?after=', ['x']],
  ['/api/v1/failures?after=', ['1', '2']],
  ['/api/v1/held?after=', ['x', 'held_1']],
  ['/api/v1/held?after=', ['1']],
  [`/api/v1/held/held_${ORGANIZATION}5?after=`, ['1', '2']],
  ['/api/v1/sync/run/RUN/units?after=', ['7', 'unit']],
])('%s with a key that was not offered is refused', async (path, key) => {
  const text = Buffer.from(JSON.stringify(key)).toString('base64url');
  expect((await get(`${path.replace('RUN', run)}${text}`)).status).toBe(400);
});
