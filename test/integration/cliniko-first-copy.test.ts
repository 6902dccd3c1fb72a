/** A first copy is written by two transactions at once. What ends it must not lose a record, count one twice, or forget how far it came. */
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { runOnce } from '../../src/runs/sync-service.ts';
import { type ClinikoSetup, CONNECTION, setUpCliniko } from '../support/cliniko-setup.ts';
import { until } from '../support/until.ts';

let setup: ClinikoSetup;
const begun: pg.Client[] = [];
afterEach(async () => {
  for (const client of begun.splice(0)) await client.end();
  await setup.close();
});

/** Patients cannot be written until the returned function is called. */
async function lockPatients(): Promise<() => Promise<unknown>> {
  const client = new pg.Client({ connectionString: setup.databaseUrl });
  await client.connect();
  begun.push(client);
  await client.query('BEGIN; LOCK TABLE patients IN SHARE MODE');
  return () => client.query('COMMIT');
}

const blockedWrites = async () => {
  const [row] = await setup.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM pg_locks WHERE relation = 'patients'::regclass AND NOT granted",
  );
  return row!.n;
};

const pagesOfPatients = () => setup.simulator.requests.filter((one) => one.path.endsWith('/patients')).length;

const storedPatients = async () => (await setup.query('SELECT 1 FROM patients')).length;

/** Of all runs together, as their transactions counted; records that nobody removed are there once. */
async function expectCountedOnce(): Promise<void> {
  const [counted] = await setup.query<{ n: number }>(
    "SELECT coalesce(sum((effects ->> 'added')::int), 0)::int AS n FROM sync_runs",
  );
  const [stored] = await setup.query<{ n: number }>(`
    SELECT (SELECT count(*) FROM patients) + (SELECT count(*) FROM appointments)
         + (SELECT count(*) FROM appointment_attendees) + (SELECT count(*) FROM practitioners)
         + (SELECT count(*) FROM businesses) + (SELECT count(*) FROM appointment_types)
         + (SELECT count(*) FROM unavailable_blocks) AS n`);
  expect(counted!.n).toBe(Number(stored!.n));
}

test('a page that fails while both are still writing: the next run goes on behind all that was stored', async () => {
  setup = await setUpCliniko({ account: { seed: 91, patients: 900, appointments: 40 } });
  setup.simulator.faults.answers = [{ kind: 'status500', resource: 'patients', page: 8, times: 3 }];
  const release = await lockPatients();
  const run = setup.run('comprehensive');
  await until(async () => (await blockedWrites()) === 2);
  await release();
  expect(await run).toMatchObject({ outcome: 'partial', counts: { failed: 1 } });
  expect(await storedPatients()).toBe(700);

  const [state] = await setup.query<{ unfinished: { createdFrom: string } }>(
    "SELECT unfinished FROM stream_states WHERE stream = 'patients'",
  );
  const [last] = await setup.query<{ at: Date }>('SELECT max(source_created_at) AS at FROM patients');
  expect(Date.parse(state!.unfinished.createdFrom)).toBe(last!.at.getTime());
  const before = pagesOfPatients();
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { removed: 0 } });
  // Two are left, and perhaps some that were created in the very second.
  expect(pagesOfPatients() - before).toBeLessThanOrEqual(3);
  await setup.expectCopy();
  await expectCountedOnce();
});

test('one of them fails: nothing behind it counts as stored, and the next run brings what is missing', async () => {
  setup = await setUpCliniko({ account: { seed: 92, patients: 900, appointments: 40 } });
  const rows = [...setup.world.tables.patients.rows].sort((a, b) => a.createdAt - b.createdAt);
  const { id } = rows[450]!;
  await setup.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.cliniko_patient_id = '${id}' THEN RAISE EXCEPTION 'refused'; END IF;
      RETURN NEW;
    END $$`);
  await setup.query('CREATE TRIGGER refuse BEFORE INSERT ON patients FOR EACH ROW EXECUTE FUNCTION refuse()');
  expect(await setup.run('comprehensive')).toMatchObject({ state: 'failed' });
  await setup.query('DROP TRIGGER refuse ON patients');
  expect(await setup.query('SELECT 1 FROM patients WHERE cliniko_patient_id = $1', [id])).toEqual([]);

  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { removed: 0, held: 0 } });
  await setup.expectCopy();
  await expectCountedOnce();
});

test('a run that another process takes over in the middle stores nothing any more', async () => {
  setup = await setUpCliniko({ account: { seed: 93, patients: 900, appointments: 40 } });
  const other = await setup.reopen();
  const release = await lockPatients();
  const first = setup.run('comprehensive');
  await until(async () => (await blockedWrites()) === 2);
  await setup.query("UPDATE connection_leases SET expires_at = now() - interval '1 hour' WHERE connection_id = $1", [
    CONNECTION,
  ]);
  const second = runOnce(other.connection, { mode: 'comprehensive', trigger: 'manual' });
  // The successor waits for what its predecessor has begun.
  await until(
    async () =>
      (
        await setup.query(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%connection_leases%'",
        )
      ).length > 0,
  );
  await release();
  expect(await second).toMatchObject({ outcome: 'success' });
  await first.then(
    (result) => expect(result.state).not.toBe('completed'),
    (error) => expect(error).toMatchObject({ code: 'lease_lost' }),
  );
  await setup.expectCopy();
  await expectCountedOnce();
});
