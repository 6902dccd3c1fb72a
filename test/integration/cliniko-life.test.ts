/**
 * A Cliniko account in use: people work while it is read, requests are refused and fail at random, processes end. The stand-in
 * was built from the public description alone, by somebody who had not seen the connector; its oracle is the judge.
 */
import { afterEach, expect, test } from 'vitest';
import { defaultFaults } from '../../simulators/cliniko/faults.ts';
import { mutate } from '../../simulators/cliniko/life.ts';
import { createRandom } from '../../simulators/cliniko/random.ts';
import { runOnce } from '../../src/runs/sync-service.ts';
import { type ClinikoSetup, setUpCliniko } from '../support/cliniko-setup.ts';
import { until } from '../support/until.ts';

let setup: ClinikoSetup | null = null;
afterEach(async () => {
  await setup?.close();
  setup = null;
});

test('the copy holds every record, cancellation and archive in the end, whatever happens while it is read', async () => {
  setup = await setUpCliniko({
    account: { seed: 77, patients: 320, appointments: 900 },
    sections: { limits: { retryDelay: '1ms', retryAttempts: 8 }, deletionGuard: { maxCount: 500, maxPercent: 60 } },
  });
  const { faults } = setup.simulator;
  Object.assign(faults, { random429: 0.05, random500: 0.05, errorBody: 'mixed', rateLimitHeader: 'past' });
  faults.mutateWhilePaging = { every: 3, steps: 4 };
  const modes = ['comprehensive', 'incremental', 'incremental', 'comprehensive', 'active', 'incremental'] as const;
  for (const mode of modes) {
    const result = await setup.run(mode);
    // A list that people never leave alone may fail; it says so, and the next run reads it.
    expect(result.state).toBe('completed');
    mutate(setup.world, createRandom(`${mode} ${result.runId}`), 25);
  }
  Object.assign(faults, defaultFaults());
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success' });
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { held: 0 } });
  await setup.expectCopy();
  expect(await setup.query('SELECT 1 FROM sync_failures')).toEqual([]);
});

test('a first copy that is interrupted goes on where it stopped, and removes nothing on the word of it', async () => {
  setup = await setUpCliniko({ account: { seed: 78, patients: 450, appointments: 60 } });
  setup.simulator.faults.answers = [{ kind: 'status500', resource: 'patients', page: 4, times: 3 }];
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'partial', counts: { failed: 1 } });
  const stored = await setup.query<{ count: number }>('SELECT count(*)::int AS count FROM patients');
  expect(stored[0]!.count).toBe(300);
  const [state] = await setup.query<{ cursor_at: Date | null; unfinished: unknown }>(
    "SELECT cursor_at, unfinished FROM stream_states WHERE stream = 'patients'",
  );
  expect(state).toMatchObject({ cursor_at: null, unfinished: { createdFrom: expect.any(String) } });
  // Somebody changes what was read already, and deletes one of them: neither may be lost.
  const [first, second] = setup.world.tables.patients.rows;
  setup.world.editPatient(first!.id, { firstName: 'Changed' });
  setup.world.removeSilently(second!.id);
  setup.requests();
  const result = await setup.run('incremental');
  expect(result).toMatchObject({ outcome: 'success', counts: { removed: 0, held: 0 } });
  const pages = setup.simulator.requests.filter((request) => request.path.endsWith('/patients'));
  expect(pages.some((request) => decodeURIComponent(request.query).includes('created_at:>='))).toBe(true);
  await setup.run('incremental');
  expect(await setup.query('SELECT first_name FROM patients WHERE cliniko_patient_id = $1', [first!.id])).toEqual([
    { first_name: 'Changed' },
  ]);
  await setup.run('comprehensive');
  await setup.expectCopy();
});

test('a first copy that ends between two lists of one kind reads the second one from its beginning', async () => {
  setup = await setUpCliniko({ account: { seed: 81, patients: 5, appointments: 5 } });
  // Who works there now came last.
  for (const one of setup.world.tables.practitioners.rows)
    if (one.active) Object.assign(one, { createdAt: one.createdAt + 1 });
  setup.simulator.faults.answers = [{ kind: 'status500', resource: 'practitioners/inactive', times: 3 }];
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'partial', counts: { failed: 1 } });
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success' });
  const stored = await setup.query<{ id: string }>(
    'SELECT cliniko_practitioner_id AS id FROM practitioners ORDER BY 1',
  );
  const rows = setup.world.tables.practitioners.rows.map(({ id }) => ({ id }));
  expect(stored).toEqual(rows.sort((a, b) => (a.id < b.id ? -1 : 1)));
});

test('a run that is cancelled stops at once and leaves what it stored', async () => {
  setup = await setUpCliniko({
    account: { seed: 79, patients: 400, appointments: 100 },
    settings: { timeout: '60m' },
  });
  setup.simulator.faults.latencyMs = 50;
  const stop = new AbortController();
  const run = setup.run('comprehensive', stop.signal);
  const { query, simulator } = setup;
  await until(async () => (await query('SELECT 1 FROM patients LIMIT 1')).length > 0);
  // A request that is at the source has no answer for an hour: whoever waited for it would not stop.
  simulator.faults.latencyMs = 3_600_000;
  const before = simulator.requests.length;
  await until(() => simulator.requests.length > before);
  stop.abort();
  expect(await run).toMatchObject({ state: 'cancelled' });
  expect(simulator.requests.length).toBe(before + 1);
  simulator.faults.latencyMs = 0;
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success' });
  await setup.expectCopy();
});

test('only one of two processes synchronises the account at one time', async () => {
  setup = await setUpCliniko({ account: { patients: 120, appointments: 100 } });
  setup.simulator.faults.latencyMs = 20;
  const other = await setup.reopen();
  const both = await Promise.allSettled([
    setup.run('comprehensive'),
    runOnce(other.connection, { mode: 'comprehensive', trigger: 'manual' }),
  ]);
  expect(both.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(both.find((one) => one.status === 'rejected')).toMatchObject({ reason: { code: 'connection_busy' } });
  setup.simulator.faults.latencyMs = 0;
  await setup.run('incremental');
  await setup.expectCopy();
});

test('what a person keeps is not removed again, until the source shows it', async () => {
  setup = await setUpCliniko({
    account: { patients: 60, appointments: 200 },
    sections: { deletionGuard: { maxCount: 2, maxPercent: 0, minCount: 0 } },
  });
  await setup.run('comprehensive');
  const victims = setup.world.tables.appointments.rows.slice(0, 6).map((row) => row.id);
  for (const id of victims) setup.world.removeSilently(id);
  expect(await setup.run('comprehensive')).toMatchObject({ counts: { removed: 0 } });
  const { runs } = setup.chartsync;
  const sets = await runs.heldSets('org_test');
  const own = sets.find((set) => set.unit === 'individual_appointments')!;
  expect(own.itemCount).toBe(6);
  await runs.decideHeldSet('org_test', own.id, { approve: false, by: 'test', note: null }, Date.now());
  expect(await setup.run('comprehensive')).toMatchObject({ counts: { removed: 0 } });
  expect((await runs.heldSets('org_test')).filter((set) => set.state === 'pending' && set.unit === own.unit)).toEqual(
    [],
  );
  const attendees = sets.find((set) => set.unit === 'attendees')!;
  const { applyHeld } = await import('../../src/runs/sync-service.ts');
  const pending =
    (await runs.heldSets('org_test')).find((set) => set.unit === 'attendees' && set.state === 'pending') ?? attendees;
  await runs.decideHeldSet('org_test', pending.id, { approve: true, by: 'test', note: null }, Date.now());
  expect(await applyHeld(setup.connection, { setId: pending.id })).toMatchObject({
    outcome: 'success',
    counts: { removed: 6 },
  });
  expect(await setup.query('SELECT count(*)::int AS n FROM appointments WHERE removed_at IS NOT NULL')).toEqual([
    { n: 0 },
  ]);
});
