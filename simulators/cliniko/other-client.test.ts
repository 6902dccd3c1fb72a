import { ClinikoClient } from 'cliniko-api-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClinikoSimulator, startCliniko } from './server.ts';

/** Written by others against the real service: whatever it can do here speaks for the simulator. */
let simulator: ClinikoSimulator;
let client: ClinikoClient;

beforeAll(async () => {
  simulator = await startCliniko({ accounts: [{ patients: 120, appointments: 150 }], rateLimit: null });
  client = new ClinikoClient(simulator.accounts[0]!.key, simulator.url, 'tests@example.invalid');
});

afterAll(() => simulator.stop());

test('a client from npm reads patients, appointments and staff, page by page', async () => {
  const { world } = simulator.accounts[0]!;
  const visible = world.tables.patients.rows.filter((one) => one.archivedAt === null && one.deletedAt === null);
  const seen: string[] = [];
  for (let page = 1; page <= Math.ceil(visible.length / 50); page++) {
    const answer = await client.getPatients([], page);
    expect(answer.total_entries).toBe(visible.length);
    seen.push(...answer.patients!.map((one: { id?: unknown }) => String(one.id)));
  }
  expect(seen).toEqual(visible.map(({ id }) => id));
  expect((await client.getBusinesses()).total_entries).toBe(2);
  expect((await client.getPractitioners()).total_entries).toBe(6);
  const some = await client.getAppointments([{ field: 'starts_at', operator: '>=', value: new Date(0).toISOString() }]);
  expect(some.total_entries).toBeGreaterThan(100);
});

test('it searches by name and changes a patient with its own verb', async () => {
  const { world } = simulator.accounts[0]!;
  const patient = world.addPatient({ firstName: 'Searched', lastName: 'Once-Sample' });
  const found = await client.searchPatients('earch', 'nce-');
  expect(found.patients!.map((one: { id?: unknown }) => one.id)).toEqual([patient.id]);
  const changed = await client.updatePatient(patient.id as unknown as number, { first_name: 'Changed' });
  expect(changed).toMatchObject({ id: patient.id, first_name: 'Changed' });
  await client.deletePatient(patient.id as unknown as number);
  expect(patient.archivedAt).not.toBeNull();
});
