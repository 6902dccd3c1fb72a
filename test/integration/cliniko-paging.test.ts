/** Records that leave and come while a list is read page by page: nobody is passed over, and nothing is asked for without need. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { defaultFaults } from '../../simulators/cliniko/faults.ts';
import { type ClinikoSetup, setUpCliniko } from '../support/cliniko-setup.ts';

let setup: ClinikoSetup;
/** Of the account's clock, ms. */
let ahead = 0;
beforeAll(async () => {
  setup = await setUpCliniko({
    account: { seed: 21, patients: 350, appointments: 20 },
    now: () => new Date(Date.now() + ahead),
  });
  await setup.run('comprehensive');
});
afterAll(() => setup?.close());
beforeEach(() => {
  Object.assign(setup.simulator.faults, defaultFaults());
  setup.requests();
});

/** As the list shows them: deleted ones never. */
const patients = () => setup.world.tables.patients.rows.filter((one) => one.deletedAt === null);
/** What people did is not of this very second. */
const later = () => {
  ahead += 60_000;
};
const nameOf = async (id: string) => {
  const [row] = await setup.query<{ name: string }>(
    'SELECT first_name AS name FROM patients WHERE cliniko_patient_id = $1 AND removed_at IS NULL',
    [id],
  );
  return row?.name;
};
const latecomers = () => setup.query("SELECT 1 FROM patients WHERE first_name = 'Latecomer'");
/** Questions for patients since `from`. */
const asked = (from: number) =>
  setup.simulator.requests
    .slice(from)
    .filter(({ path }) => path.endsWith('/patients'))
    .map(({ query }) => query);

test('one leaves and one comes, so that the count stays: whom the pages passed over is found in the same run', async () => {
  const passed = patients()[100]!;
  setup.world.editPatient(passed.id, { firstName: 'Changed' });
  later();
  setup.simulator.faults.betweenPages = { after: 1, remove: true, add: true };
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { removed: 1, waiting: 0 } });
  expect(await nameOf(passed.id)).toBe('Changed');
  expect(await latecomers()).toHaveLength(1);
});

test('also in a read of changes', async () => {
  for (const { id } of patients().slice(0, 250)) setup.world.editPatient(id, { firstName: 'Edited' });
  const passed = patients()[100]!;
  later();
  setup.simulator.faults.betweenPages = { after: 1, remove: true, add: true };
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { waiting: 0 } });
  expect(await nameOf(passed.id)).toBe('Edited');
  expect(await latecomers()).toHaveLength(2);
});

test.each(['incremental', 'comprehensive'] as const)(
  '%s: when nobody leaves, no page is asked for twice',
  async (mode) => {
    later();
    const from = setup.simulator.requests.length;
    expect(await setup.run(mode)).toMatchObject({ outcome: 'success' });
    const questions = asked(from);
    expect(questions.length).toBeGreaterThan(2);
    expect(new Set(questions).size).toBe(questions.length);
  },
);

test('nor when somebody comes meanwhile, and what is absent is proven all the same', async () => {
  later();
  const gone = patients()[300]!;
  setup.world.removeSilently(gone.id);
  const from = setup.simulator.requests.length;
  setup.simulator.faults.betweenPages = { after: 2, remove: false, add: true };
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { added: 1, waiting: 0 } });
  const questions = asked(from).filter((question) => !question.includes('id%3A%3D'));
  expect(new Set(questions).size).toBe(questions.length);
  expect(await nameOf(gone.id)).toBeUndefined();
  expect(await latecomers()).toHaveLength(3);
});

test.each([-7200, 7200])('a server whose clock is %i s off costs a second look at most', async (clockSkewSeconds) => {
  setup.simulator.faults.clockSkewSeconds = clockSkewSeconds;
  setup.world.addPatient();
  const from = setup.simulator.requests.length;
  setup.simulator.faults.betweenPages = { after: 1, remove: false, add: true };
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { added: 2, waiting: 0 } });
  const questions = asked(from);
  expect(questions.length).toBeLessThanOrEqual(2 * new Set(questions).size);
});
