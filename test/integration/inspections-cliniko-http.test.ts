/** Inspections of a connection to Cliniko over HTTP: a plan that writes nothing, a test, a comparison; there is nothing to repair. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { defaultFaults } from '../../simulators/cliniko/faults.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type ClinikoSetup, CONNECTION, ORGANIZATION, setUpCliniko } from '../support/cliniko-setup.ts';
import { createInspector, type Inspector, type Line } from '../support/inspections.ts';
import { until } from '../support/until.ts';

let setup: ClinikoSetup;
let server: RunningServer;
let inspector: Inspector;
let foreign: string;

beforeAll(async () => {
  setup = await setUpCliniko({
    account: { patients: 120, appointments: 260 },
    others: [{ id: 'org_other', name: 'Other', connections: [] }],
  });
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.environment.CHARTSYNC_HOME! }),
    database: { url: setup.databaseUrl, urlOf: () => null, close: async () => undefined },
  });
  inspector = await createInspector(server, ORGANIZATION, CONNECTION);
  const made = await fetch(`${server.url}/api/v1/keys`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'x-organization-id': 'org_other',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: 'other', role: 'administrator' }),
  });
  foreign = ((await made.json()) as { secret: string }).secret;
});
afterEach(() => {
  Object.assign(setup.simulator.faults, defaultFaults());
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

/** Every row of the copy and every cursor; what an inspection leaves as it was. */
const copy = () =>
  setup.query<object>(
    `SELECT (SELECT json_agg(p ORDER BY id) FROM patients AS p) AS patients,
            (SELECT json_agg(a ORDER BY id) FROM appointments AS a) AS appointments,
            (SELECT json_agg(s ORDER BY stream) FROM stream_states AS s) AS states`,
  );
const ofUnit = (lines: readonly Line[], unit: string) => lines.filter((line) => line.unit === unit);

test('a plan says what the first run would bring, and brings nothing', async () => {
  const plan = await inspector.inspected({ kind: 'plan', mode: 'comprehensive' });
  expect(plan).toMatchObject({ kind: 'plan', mode: 'comprehensive', state: 'done', complete: true, error: null });
  const patients = setup.world.tables.patients.rows.filter((row) => row.deletedAt === null);
  expect(plan.counts.add).toBeGreaterThan(patients.length);
  expect(plan.counts).toMatchObject({ same: 0 });
  expect(plan.counts.update).toBeUndefined();
  expect(plan.counts.remove).toBeUndefined();
  expect(await copy()).toEqual([{ patients: null, appointments: null, states: null }]);
  // What it said is what the run does.
  const run = await setup.run('comprehensive');
  expect(run.counts.added).toBe(plan.counts.add);
  const after = await inspector.inspected({ kind: 'plan', mode: 'comprehensive' });
  expect(after.counts.same).toBe(plan.counts.add);
  expect(after.lines).toEqual([]);
});

test('a plan and a comparison name what differs by its id, tell no names, and leave the copy as it is', async () => {
  await setup.run('comprehensive');
  const before = await copy();
  const [edited, gone] = setup.world.tables.patients.rows.filter(
    (row) => row.archivedAt === null && row.deletedAt === null && row.mergedInto === null,
  );
  setup.world.editPatient(edited!.id, { lastName: 'Inventedname' });
  setup.world.removeSilently(gone!.id);
  const added = setup.world.addPatient({ firstName: 'Wombat', lastName: 'Inventedname' });

  // Only what changed is read: nothing is said about what is gone.
  const usual = await inspector.inspected({ kind: 'plan' });
  expect(usual).toMatchObject({ mode: null, complete: false });
  const lines = ofUnit(usual.lines, 'patients').map(({ what, reference }) => [what, reference]);
  expect(lines).toContainEqual(['update', edited!.id]);
  expect(lines).toContainEqual(['add', added.id]);
  expect(usual.counts.remove).toBeUndefined();

  const found = await inspector.inspected({ kind: 'verify' });
  expect(found).toMatchObject({ kind: 'verify', state: 'done', complete: true, content: false, checksums: {} });
  expect(ofUnit(found.lines, 'patients')).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ what: 'update', reference: edited!.id }),
      expect.objectContaining({ what: 'add', reference: added.id }),
      expect.objectContaining({ what: 'remove', reference: gone!.id }),
    ]),
  );
  expect(found.counts.remove).toBeGreaterThanOrEqual(1);
  for (const text of [usual, found].map((answer) => JSON.stringify(answer))) {
    expect(text).not.toMatch(/Inventedname|Wombat/);
  }
  expect(await copy()).toEqual(before);

  await setup.run('comprehensive');
  const settled = await inspector.inspected({ kind: 'verify' });
  expect(settled).toMatchObject({ complete: true, lines: [] });
  expect((await inspector.list('verify')).map(({ id }) => id)).toEqual([settled.id, found.id]);
});

test('a run that is started with a plan brings nothing that the plan did not show', async () => {
  await setup.run('comprehensive');
  const shown = setup.world.addPatient({ firstName: 'Shown', lastName: 'Inventedname' });
  const plan = await inspector.inspected({ kind: 'plan', mode: 'incremental' });
  const late = setup.world.addPatient({ firstName: 'Late', lastName: 'Inventedname' });
  const stopped = await inspector.runAsPlanned(plan.id);
  expect(stopped).toMatchObject({ status: 'cancelled', error: { code: 'plan_differs' }, metadata: { removed: 0 } });
  expect(stopped.error.message).toContain('Not in the plan: 1 to add.');
  const stored = async () =>
    (
      await setup.query<{ id: string }>(
        `SELECT cliniko_patient_id AS id FROM patients WHERE cliniko_patient_id IN ('${shown.id}', '${late.id}')`,
      )
    ).map(({ id }) => id);
  expect(await stored()).not.toContain(late.id);
  // The cursor has not moved past what was left out.
  const next = await inspector.inspected({ kind: 'plan', mode: 'incremental' });
  const done = await inspector.runAsPlanned(next.id);
  expect(done).toMatchObject({ status: 'completed', error: null });
  expect((await stored()).sort()).toEqual([shown.id, late.id].sort());
  expect(await setup.query('SELECT state, consecutive_failures FROM connections')).toEqual([
    { state: 'active', consecutive_failures: 0 },
  ]);
});

test('records that vanished since the plan are not removed by its run', async () => {
  await setup.run('comprehensive');
  const plan = await inspector.inspected({ kind: 'plan', mode: 'comprehensive' });
  const gone = setup.world.tables.patients.rows.find(
    (row) => row.archivedAt === null && row.deletedAt === null && row.mergedInto === null,
  );
  setup.world.removeSilently(gone!.id);
  const stopped = await inspector.runAsPlanned(plan.id);
  expect(stopped).toMatchObject({ status: 'cancelled', error: { code: 'plan_differs' }, metadata: { removed: 0 } });
  expect(stopped.error.message).toContain('Not in the plan: 1 to delete.');
  const next = await inspector.inspected({ kind: 'plan', mode: 'comprehensive' });
  expect(next.counts.remove).toBe(1);
  expect(await inspector.runAsPlanned(next.id)).toMatchObject({ status: 'completed', metadata: { removed: 1 } });
});

test('a list that cannot be read to its end ends the comparison with its code: nothing is called gone', async () => {
  setup.simulator.faults.answers = [{ kind: 'short', resource: 'patients', page: 1 }];
  const found = await inspector.inspected({ kind: 'verify' });
  expect([found.state === 'failed' || found.complete === false, found.counts.remove]).toEqual([true, undefined]);
  setup.simulator.faults.answers = [{ kind: 'status500', resource: 'patients' }];
  const failed = await inspector.inspected({ kind: 'verify' });
  expect(failed).toMatchObject({ state: 'failed', lines: [], error: { code: 'source_failed' } });
  expect(failed.error.remedy).toMatch(/\w/);
});

test('a test of the connection tells where it leads, or why the key is refused', async () => {
  const fine = await inspector.inspected({ kind: 'test' });
  expect(fine.lines).toEqual([
    expect.objectContaining({ what: 'source', code: null, message: expect.stringContaining('au1') }),
  ]);
  setup.simulator.faults.keyRevoked = true;
  const refused = await inspector.inspected({ kind: 'test' });
  expect(refused).toMatchObject({ state: 'done' });
  expect(refused.lines).toEqual([expect.objectContaining({ what: 'source', code: 'source_credentials' })]);
  expect(refused.lines[0].remedy).toMatch(/\w/);
  const key = setup.simulator.accounts[0]!.key;
  expect(JSON.stringify([fine, refused])).not.toContain(key);
  // To look does not pause: only a run does.
  expect(await setup.query('SELECT state FROM connections')).toEqual([{ state: 'active' }]);
});

test('there is nothing of it to repair here and no content to read', async () => {
  expect(await inspector.inspected({ kind: 'repair' })).toMatchObject({
    state: 'failed',
    error: { code: 'settings_invalid' },
  });
  expect((await inspector.ask({ kind: 'verify', content: true })).status).toBe(400);
  expect((await inspector.ask({ kind: 'plan', mode: 'checksum' })).status).toBe(400);
});

test('one that takes long is cancelled, and only one of a kind runs', async () => {
  setup.simulator.faults.latencyMs = 400;
  const { body } = await inspector.ask({ kind: 'verify' });
  await until(async () => (await inspector.look(body.id)).body.state === 'running');
  const second = await inspector.ask({ kind: 'verify' });
  expect([second.status, second.body.details.error_type]).toEqual([409, 'inspection_running']);
  expect((await inspector.cancel(body.id)).status).toBe(200);
  await until(async () => (await inspector.look(body.id)).body.state === 'cancelled');
  expect((await inspector.look(body.id)).body).toMatchObject({ lines: [], error: { code: 'cancelled' } });
});

test('another organisation neither begins nor sees one', async () => {
  const { id } = await inspector.inspected({ kind: 'test' });
  expect((await inspector.ask({ kind: 'test' }, foreign)).status).toBe(404);
  expect((await inspector.look(id, foreign)).status).toBe(404);
});
