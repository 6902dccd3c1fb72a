/** Inspections over HTTP: a plan that changes nothing, a test that says what failed, a verification with its sums, a repair. */
import { chmod, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type DescribedCall, describedClient } from '../support/described-client.ts';
import { CONNECTION, type PracticeSetup, setUpPractice, storedState } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let call: DescribedCall;
let viewer: string;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 4, attachments: 30, sections: { stores: { search: { kind: 'lancedb' } } } });
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  server = await serve({ config, database });
  call = await describedClient(() => server);
  viewer = (await call('POST', '/api/v1/keys', '/api/v1/keys', { name: 'viewer', role: 'viewer' })).body.secret;
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

const OF_CONNECTION = '/api/v1/connections/{connectionId}/inspections';
const ofConnection = `/api/v1/connections/${CONNECTION}/inspections`;
const ONE = '/api/v1/inspections/{inspectionId}';
const ask = (body: object, key?: string) => call('POST', OF_CONNECTION, ofConnection, body, key);
const look = (id: string) => call('GET', ONE, `/api/v1/inspections/${id}`, undefined, viewer);

async function inspected(body: object) {
  const { status, body: begun } = await ask(body);
  expect(status).toBe(202);
  await until(async () => (await look(begun.id)).body.state !== 'running');
  return (await look(begun.id)).body;
}

const synchronise = () => call('POST', '/api/sync/vsrx', '/api/sync/vsrx?wait=true');
const source = async (sql: string) => {
  const client = new pg.Client({ connectionString: setup.sourceUrl });
  await client.connect();
  const { rowCount } = await client.query(sql);
  await client.end();
  return rowCount ?? 0;
};

test('a plan says what a run would do, and does nothing', async () => {
  const plan = await inspected({ kind: 'plan' });
  expect(plan).toMatchObject({ state: 'done', complete: true, held: null });
  expect(plan.counts.add).toBeGreaterThan(10);
  expect(plan.lines).toHaveLength(plan.counts.add);
  expect(await storedState(setup.connection)).toEqual({});
  await synchronise();
  const again = await inspected({ kind: 'plan', mode: 'deep' });
  expect([again.mode, again.counts.remove ?? 0]).toEqual(['deep', 0]);
  expect(again.counts.inspect).toBeGreaterThan(10);
});

test('a plan tells that its removals would be held, and names no file', async () => {
  await synchronise();
  await source(`CREATE TABLE away AS SELECT * FROM ax_notes_attachments; DELETE FROM ax_notes_attachments`);
  try {
    const plan = await inspected({ kind: 'plan' });
    expect(plan.counts.remove).toBeGreaterThan(10);
    // Missing for the first time: nothing would be removed yet.
    expect([plan.counts.removed, plan.counts.missing]).toEqual([0, plan.counts.remove]);
    await synchronise();
    const next = await inspected({ kind: 'plan' });
    expect([next.counts.removed, next.held]).toEqual([plan.counts.remove, expect.stringMatching(/\w/)]);
    const paths = (await readdir(setup.filesFolder, { recursive: true })).filter((path) => path.includes('/'));
    expect(paths.length).toBeGreaterThan(10);
    for (const path of paths) expect(JSON.stringify(next)).not.toContain(path);
  } finally {
    await source(`INSERT INTO ax_notes_attachments SELECT * FROM away; DROP TABLE away`);
  }
});

const RUNS = '/api/v1/connections/{connectionId}/runs';
const runs = `/api/v1/connections/${CONNECTION}/runs`;

/** From begin to end. */
async function ran(body: object) {
  const begun = await call('POST', RUNS, runs, body);
  expect(begun.status).toBe(202);
  const run = async () =>
    (await call('GET', RUNS, runs)).body.runs.find((r: { sync_id: string }) => r.sync_id === begun.body.sync_id);
  await until(async () => (await run())?.completed_at != null);
  return run();
}

test('a run that is started with a plan does what that showed, or stops before it does more', async () => {
  await synchronise();
  const plan = await inspected({ kind: 'plan' });
  const before = await storedState(setup.connection);
  const reference = Object.values(before)
    .flatMap((unit) => Object.keys(unit))
    .find((name) => !name.startsWith('id:'));
  expect(
    await source(
      `UPDATE ax_notes_attachments SET file_uuid = 'AAAAAAAA-0000-4000-8000-00000000000A' WHERE lower(file_uuid) = '${reference}'`,
    ),
  ).toBe(1);
  const stopped = await ran({ plan: plan.id });
  expect(stopped).toMatchObject({
    status: 'cancelled',
    error: { code: 'plan_differs' },
    metadata: { sync_type: 'quick' },
  });
  expect(stopped.error.message).toContain('Not in the plan: 1 to add.');
  expect(await storedState(setup.connection)).toEqual(before);
  const next = await inspected({ kind: 'plan', mode: 'quick' });
  const done = await ran({ plan: next.id, mode: 'quick' });
  expect([done.status, done.metadata.moved + done.metadata.added]).toEqual(['completed', 1]);
  const after = await storedState(setup.connection);
  expect(JSON.stringify(after)).toContain('aaaaaaaa-0000-4000-8000-00000000000a');
});

test('only a finished plan of the connection can be kept to, in its own mode, while it is known', async () => {
  const { id } = await inspected({ kind: 'plan', mode: 'deep' });
  const test = await inspected({ kind: 'test' });
  const refused = async (body: object) => {
    const { status, body: answer } = await call('POST', RUNS, runs, body);
    return [status, answer.details.error_type];
  };
  expect(await refused({ plan: id, mode: 'quick' })).toEqual([422, 'invalid_request']);
  expect(await refused({ plan: test.id })).toEqual([409, 'no_plan']);
  expect(await refused({ plan: 'inspection_nobody' })).toEqual([409, 'no_plan']);
  for (let later = 0; later < 5; later++) await inspected({ kind: 'plan' });
  expect(await refused({ plan: id })).toEqual([409, 'no_plan']);
});

test('a test of the connection says which part of it failed, and what to do', async () => {
  const fine = await inspected({ kind: 'test' });
  expect(fine.lines.map(({ what, code }: { what: string; code: string | null }) => [what, code])).toEqual([
    ['source', null],
    ['share', null],
    ['blobs', null],
  ]);
  await rename(setup.filesFolder, `${setup.filesFolder}-away`);
  try {
    const { lines } = await inspected({ kind: 'test' });
    expect(lines.map(({ what, code }: { what: string; code: string | null }) => [what, code])).toEqual([
      ['source', null],
      ['share', 'share_unavailable'],
      ['blobs', null],
    ]);
    expect(lines[1].remedy).toMatch(/\w/);
  } finally {
    await rename(`${setup.filesFolder}-away`, setup.filesFolder);
  }
});

test('a verification compares all stores, and its sums differ when a content is gone', async () => {
  await synchronise();
  await synchronise();
  const whole = await inspected({ kind: 'verify', content: true });
  expect(whole.checksums.row).toMatch(/^[\da-f]{64}$/);
  expect(whole.checksums.blob).toBe(whole.checksums.row);
  const [document] = Object.values(await storedState(setup.connection)).flatMap((unit) => Object.values(unit));
  const blobs = join(setup.folder, 'home', 'blobs');
  const [path] = (await readdir(blobs, { recursive: true })).filter((name) => name.endsWith(document!));
  await rm(join(blobs, path!));
  const broken = await inspected({ kind: 'verify' });
  expect(broken.counts['missing blob']).toBeGreaterThan(0);
  expect(broken.checksums.row).toBe(whole.checksums.row);
  expect(broken.checksums.blob).not.toBe(whole.checksums.blob);
  const { inspections } = (await call('GET', OF_CONNECTION, `${ofConnection}?kind=verify&limit=5`, undefined, viewer))
    .body;
  expect(inspections.map(({ id }: { id: string }) => id)).toEqual([broken.id, whole.id]);
});

test('a repair brings a lost content back from the share, after its preview said so, and one that is damaged in the same size', async () => {
  await synchronise();
  const [one, other] = Object.values(await storedState(setup.connection)).flatMap((unit) => Object.values(unit));
  const blobs = join(setup.folder, 'home', 'blobs');
  const names = await readdir(blobs, { recursive: true });
  const pathOf = (sha256: string) => join(blobs, names.find((name) => name.endsWith(sha256))!);
  for (const name of names.filter((name) => name.endsWith(one!))) await rm(join(blobs, name));
  const preview = await inspected({ kind: 'repair' });
  expect(preview.lines).toContainEqual(
    expect.objectContaining({
      what: 'missing blob',
      sha256: one,
      message: 'Would be read from the share again, if the file there still has this content.',
    }),
  );
  // Damaged after the preview, and only to be seen by reading it.
  const whole = await readFile(pathOf(other!));
  await chmod(pathOf(other!), 0o600);
  await writeFile(pathOf(other!), Buffer.alloc(whole.length));
  const done = await inspected({ kind: 'repair', preview: preview.id });
  expect(done.lines).toContainEqual(expect.objectContaining({ what: 'copied blob', sha256: one }));
  expect((await inspected({ kind: 'verify' })).counts['missing blob']).toBeUndefined();

  const read = await inspected({ kind: 'repair', content: true });
  expect(read.lines).toEqual(
    expect.arrayContaining([expect.objectContaining({ what: 'different blob', sha256: other })]),
  );
  const mended = await inspected({ kind: 'repair', preview: read.id });
  expect([mended.content, mended.lines]).toEqual([
    true,
    expect.arrayContaining([expect.objectContaining({ what: 'copied blob', sha256: other })]),
  ]);
  expect((await readFile(pathOf(other!))).equals(whole)).toBe(true);
});

test('a repair does what its preview said and no more', async () => {
  const [unit] = Object.keys(await storedState(setup.connection));
  const search = await server.chartsync.search();
  const stray = (documentUuid: string) =>
    search.put({
      organizationId: setup.connection.organizationId,
      patientUuid: unit!,
      documentUuid,
      version: 'a'.repeat(64),
      pages: [{ number: 1, text: 'A stray page.' }],
    });
  const first = '00000000-0000-4000-8000-00000000000a';
  const second = '00000000-0000-4000-8000-00000000000b';
  await stray(first);
  const preview = await inspected({ kind: 'repair' });
  expect(preview.lines).toEqual([
    expect.objectContaining({
      what: 'surplus index',
      document_uuid: first,
      message: 'Would be taken out of the index.',
    }),
  ]);
  await stray(second);
  const done = await inspected({ kind: 'repair', preview: preview.id });
  expect(done.lines).toEqual([expect.objectContaining({ what: 'removed', document_uuid: first })]);
  expect((await inspected({ kind: 'repair' })).lines).toEqual([expect.objectContaining({ document_uuid: second })]);
  const again = await ask({ kind: 'repair', preview: done.id });
  expect([again.status, again.body.details.error_type]).toEqual([409, 'no_preview']);
});

test('one that takes long is cancelled, and only one of a kind runs', async () => {
  const client = new pg.Client({ connectionString: setup.sourceUrl });
  await client.connect();
  await client.query('BEGIN; LOCK TABLE ax_notes_attachments');
  try {
    const { body } = await ask({ kind: 'plan' });
    const second = await ask({ kind: 'plan' });
    expect([second.status, second.body.details.error_type]).toEqual([409, 'inspection_running']);
    expect((await call('DELETE', ONE, `/api/v1/inspections/${body.id}`, undefined, viewer)).status).toBe(403);
    expect((await call('DELETE', ONE, `/api/v1/inspections/${body.id}`)).status).toBe(200);
    await until(async () => (await look(body.id)).body.state === 'cancelled');
    expect((await call('DELETE', ONE, `/api/v1/inspections/${body.id}`)).status).toBe(409);
  } finally {
    await client.query('COMMIT');
    await client.end();
  }
});

test('a process that was killed leaves none that runs for ever', async () => {
  const records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
  await records.query(
    `INSERT INTO inspections (id, organization_id, connection_id, kind, options, asked_by, seen_at)
     VALUES ('inspection_silent', $1, $2, 'plan', '{"mode":null,"content":false,"preview":null}', 'key x', now() - interval '31 seconds')`,
    [setup.connection.organizationId, CONNECTION],
  );
  await records.end();
  expect((await look('inspection_silent')).body).toMatchObject({ state: 'failed', error: { code: 'handed_back' } });
  expect((await inspected({ kind: 'plan' })).state).toBe('done');
});

test('who may only look begins none, and options that make no sense are refused', async () => {
  expect((await ask({ kind: 'plan' }, viewer)).status).toBe(403);
  for (const body of [
    { kind: 'plan', mode: 'incremental' },
    { kind: 'test', content: true },
    { kind: 'repair', preview: 'x', content: true },
    { kind: 'plan', preview: 'x' },
  ]) {
    expect((await ask(body)).status).toBe(400);
  }
  expect((await look('inspection_nobody')).status).toBe(404);
});
