/** Copies of a sample Cliniko account, made through the connector and the real engine on PostgreSQL. */
import { afterEach, describe, expect, test } from 'vitest';
import { mutate } from '../../simulators/cliniko/life.ts';
import { createRandom } from '../../simulators/cliniko/random.ts';
import { type ClinikoSetup, setUpCliniko } from '../support/cliniko-setup.ts';

let setup: ClinikoSetup | null = null;
afterEach(async () => {
  await setup?.close();
  setup = null;
});

test('the first run copies everything, and a second one finds nothing to do', async () => {
  setup = await setUpCliniko();
  const first = await setup.run('comprehensive');
  expect(first).toMatchObject({ state: 'completed', outcome: 'success', error: null });
  await setup.expectCopy();
  const again = await setup.run('comprehensive');
  expect(again).toMatchObject({ outcome: 'success', counts: { added: 0, updated: 0, removed: 0 } });
  expect(again.counts.same).toBe(first.counts.added);
});

test('an incremental run follows everything that people do', async () => {
  setup = await setUpCliniko();
  await setup.run('comprehensive');
  const random = createRandom(11);
  for (let round = 0; round < 6; round++) {
    mutate(setup.world, random, 40);
    const result = await setup.run('incremental');
    expect(result).toMatchObject({ state: 'completed', outcome: 'success' });
    // Patients that were deleted leave no trace in a list of changes.
    if (round === 5) await setup.run('comprehensive');
    if (round === 5) await setup.expectCopy();
  }
});

describe('what vanishes silently', () => {
  test('is found by the nightly read of everything, asked for once more, and hidden', async () => {
    setup = await setUpCliniko();
    await setup.run('comprehensive');
    const victim = setup.world.tables.appointments.rows[100]!;
    setup.world.removeSilently(victim.id);
    await setup.run('incremental');
    expect(await setup.query('SELECT 1 FROM appointments WHERE removed_at IS NOT NULL')).toEqual([]);
    const result = await setup.run('comprehensive');
    // The appointment and its attendee.
    expect(result.counts.removed).toBe(2);
    expect(
      await setup.query(
        'SELECT cliniko_appointment_id AS id, removed_reason AS reason FROM appointments WHERE removed_at IS NOT NULL',
      ),
    ).toEqual([{ id: victim.id, reason: 'gone' }]);
    await setup.expectCopy();
  });

  test('is held for a person when it is much', async () => {
    setup = await setUpCliniko();
    await setup.run('comprehensive');
    for (const victim of setup.world.tables.appointments.rows.slice(0, 80)) setup.world.removeSilently(victim.id);
    const result = await setup.run('comprehensive');
    expect(result.counts).toMatchObject({ removed: 0, held: 160 });
    expect(await setup.query('SELECT 1 FROM appointments WHERE removed_at IS NOT NULL')).toEqual([]);
  });
});
