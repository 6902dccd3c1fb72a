/** Archived, cancelled and deleted records: found whatever their filters mean, and told of when a server refuses those. */
import { afterEach, describe, expect, test } from 'vitest';
import { mutate } from '../../simulators/cliniko/life.ts';
import { createRandom } from '../../simulators/cliniko/random.ts';
import { runOnce } from '../../src/runs/sync-service.ts';
import { type ClinikoSetup, ORGANIZATION, setUpCliniko } from '../support/cliniko-setup.ts';

let setup: ClinikoSetup;
afterEach(() => setup?.close());

/** Appointments that nothing has happened to yet. */
const visits = () =>
  setup.world.tables.appointments.rows.filter(
    ({ cancelledAt, archivedAt, deletedAt, didNotArrive, arrived }) =>
      cancelledAt === null && archivedAt === null && deletedAt === null && !didNotArrive && !arrived,
  );
const stored = async (id: string) => {
  const [row] = await setup.query<{ status: string; cancelled: boolean; archived: boolean; reason: string | null }>(
    `SELECT status, cancelled_at IS NOT NULL AS cancelled, archived_at IS NOT NULL AS archived, removed_reason AS reason
     FROM appointments WHERE cliniko_appointment_id = $1`,
    [id],
  );
  return row;
};
const failures = () =>
  setup.query<{ id: string; unit: string; reference: string; code: string }>(
    'SELECT id, unit, reference, code FROM sync_failures ORDER BY unit, reference',
  );

describe.each(['include', 'only'] as const)('filters of any value that mean "%s"', (anyValue) => {
  test.each(['the process that copied everything', 'another process'])(
    'a record that is hidden in two or three ways is found among the changes by %s',
    async (by) => {
      setup = await setUpCliniko({ account: { patients: 60, appointments: 120 } });
      setup.simulator.faults.anyValue = anyValue;
      await setup.run('comprehensive');
      const [both, all, deleted] = visits();
      for (const { id } of [both!, all!]) {
        setup.world.cancel(id);
        setup.world.archiveAppointment(id);
      }
      setup.world.deleteAppointment(all!.id);
      setup.world.cancel(deleted!.id);
      setup.world.deleteAppointment(deleted!.id);
      const { connection } = by === 'another process' ? await setup.reopen() : setup;
      const result = await runOnce(connection, { mode: 'incremental', trigger: 'manual' });
      expect(result).toMatchObject({ outcome: 'success', error: null });
      expect(await stored(both!.id)).toMatchObject({ status: 'archived', cancelled: true, archived: true });
      expect(await stored(all!.id)).toMatchObject({ status: 'deleted', cancelled: true, archived: true });
      expect(await stored(deleted!.id)).toMatchObject({ status: 'deleted', cancelled: true, archived: false });
    },
  );
});

test('fifty changes, hidden records among them, take ten requests at most, of a new process as well', async () => {
  setup = await setUpCliniko();
  await setup.run('comprehensive');
  mutate(setup.world, createRandom('fifty'), 50);
  const [both] = visits();
  setup.world.cancel(both!.id);
  setup.world.archiveAppointment(both!.id);
  for (const { connection } of [setup, await setup.reopen()]) {
    setup.requests();
    expect(await runOnce(connection, { mode: 'incremental', trigger: 'manual' })).toMatchObject({ outcome: 'success' });
    expect(setup.requests().length).toBeLessThanOrEqual(10);
  }
  expect(await stored(both!.id)).toMatchObject({ status: 'archived', cancelled: true });
});

describe.each([400, 422] as const)('a server that refuses cancelled_at:* with %i', (status) => {
  test('is told of; a cancellation is found in the night, and nothing that was cancelled before is lost', async () => {
    setup = await setUpCliniko();
    await setup.run('comprehensive');
    const [cancelled] = await setup.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM appointments WHERE status = 'cancelled'",
    );
    // More than the guard would let go at once.
    expect(cancelled!.n).toBeGreaterThan(64);
    Object.assign(setup.simulator.faults, { refuseAny: ['cancelled_at'], refuseAnyWith: status });
    const [victim, archived] = visits();
    setup.world.cancel(victim!.id);
    setup.world.archiveAppointment(archived!.id);

    const day = await setup.run('incremental');
    expect(day).toMatchObject({ state: 'completed', outcome: 'partial', counts: { failed: 2, removed: 0 } });
    // The other filters are still asked for.
    expect(await stored(archived!.id)).toMatchObject({ status: 'archived' });
    expect(await stored(victim!.id)).toMatchObject({ status: 'booked' });
    const told = ['attendees', 'individual_appointments'].map((unit) => ({
      unit,
      reference: 'cancelled',
      code: 'source_filter_refused',
    }));
    expect(await failures()).toMatchObject(told);

    const night = await setup.run('comprehensive');
    // The appointment and its attendee.
    expect(night).toMatchObject({ outcome: 'partial', counts: { removed: 2, held: 0 } });
    expect(await stored(victim!.id)).toMatchObject({ status: 'deleted', reason: 'gone' });
    expect(await setup.query("SELECT 1 FROM appointments WHERE status = 'cancelled'")).toHaveLength(cancelled!.n);

    // It is known by then, and asking again would cost.
    setup.requests();
    expect(await setup.run('incremental')).toMatchObject({ outcome: 'partial' });
    expect(setup.requests().length).toBeLessThanOrEqual(10);

    for (const { id } of await failures()) await setup.chartsync.runs.decideFailure(ORGANIZATION, id, 'skip');
    expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { failed: 0, skipped: 2 } });

    setup.simulator.faults.refuseAny = [];
    expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { failed: 0, skipped: 0 } });
    expect(await failures()).toEqual([]);
    expect(await stored(victim!.id)).toMatchObject({ status: 'cancelled', reason: null });
    await setup.expectCopy();
  });
});

test('a server that refuses archived_at:* is told of, and a patient that may only be archived is not removed', async () => {
  setup = await setUpCliniko({ account: { patients: 60, appointments: 60 } });
  await setup.run('comprehensive');
  setup.simulator.faults.refuseAny = ['archived_at'];
  const patient = setup.world.tables.patients.rows.find((one) => one.archivedAt === null && one.deletedAt === null)!;
  setup.world.archivePatient(patient.id);
  const [visit] = visits();
  setup.world.archiveAppointment(visit!.id);
  const night = await setup.run('comprehensive');
  expect(night).toMatchObject({ state: 'completed', outcome: 'partial', counts: { removed: 2, held: 0 } });
  expect(await setup.query('SELECT 1 FROM patients WHERE removed_at IS NOT NULL')).toEqual([]);
  expect(await stored(visit!.id)).toMatchObject({ status: 'deleted', reason: 'gone' });
  const units = (await failures()).map(({ unit, reference }) => `${unit} ${reference}`);
  expect(units).toContain('patients archived');
  expect(units).toContain('individual_appointments archived');
  setup.simulator.faults.refuseAny = [];
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success' });
  await setup.expectCopy();
});

test('a server that refuses deleted_at:* is told of, and the run is good: deleted ones are missed in the night', async () => {
  setup = await setUpCliniko({ account: { patients: 60, appointments: 60 } });
  await setup.run('comprehensive');
  setup.simulator.faults.refuseAnyDeleted = true;
  const [visit] = visits();
  setup.world.deleteAppointment(visit!.id);
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { failed: 0 } });
  expect(await stored(visit!.id)).toMatchObject({ status: 'booked' });
  expect((await failures()).every(({ reference }) => reference === 'deleted')).toBe(true);
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { removed: 2 } });
  expect(await stored(visit!.id)).toMatchObject({ status: 'deleted', reason: 'gone' });
});
