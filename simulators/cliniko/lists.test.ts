import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClinikoSimulator, startCliniko } from './server.ts';
import { clientOf } from './test-client.ts';

const NOW = new Date('2026-05-01T00:00:00Z');
const ALL = 'q[]=archived_at:*&q[]=cancelled_at:*&q[]=deleted_at:*';

let simulator: ClinikoSimulator;
let client: ReturnType<typeof clientOf>;

beforeAll(async () => {
  simulator = await startCliniko({
    accounts: [{ patients: 300, appointments: 1200 }],
    now: () => NOW,
    rateLimit: null,
  });
  client = clientOf(simulator);
});

afterAll(() => simulator.stop());

const world = () => simulator.accounts[0]!.world;
const idsOf = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

test('pages of 50 unless asked otherwise, at most 100, with links only to pages that exist', async () => {
  const first = await client.ask('individual_appointments');
  expect(first.body.individual_appointments).toHaveLength(50);
  expect(first.body.links.previous).toBeUndefined();
  expect(first.body.links.next).toContain('page=2');
  expect((await client.ask('individual_appointments?per_page=5000')).body.individual_appointments).toHaveLength(100);
  expect((await client.ask('individual_appointments?per_page=0')).body.individual_appointments).toHaveLength(1);
  const beyond = await client.ask('individual_appointments?page=99999');
  expect(beyond.body.individual_appointments).toEqual([]);
  expect(beyond.body.links.next).toBeUndefined();
  expect(beyond.body.total_entries).toBe(first.body.total_entries);
  const lastPage = Math.ceil(first.body.total_entries / 50);
  const last = await client.ask(`individual_appointments?page=${lastPage}`);
  expect(last.body.links).toEqual({
    self: expect.any(String),
    previous: expect.stringContaining(`page=${lastPage - 1}`),
  });
});

test('the links of a filtered list keep its filters', async () => {
  const { body } = await client.ask('patients?per_page=10&q[]=archived_at:*&q[]=last_name:~sample');
  expect(new URL(body.links.next).searchParams.getAll('q[]')).toEqual(['archived_at:*', 'last_name:~sample']);
  expect(body.links.next).toContain('q%5B%5D=');
});

test('identifiers are texts beyond 2^53, ascending with creation, and no kind shares one', async () => {
  const ids = await client.ids(`bookings?per_page=100&${ALL}`);
  expect(ids.every((id) => BigInt(id) > 2n ** 53n && BigInt(id) < 2n ** 63n)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  const { patients, attendees } = world().tables;
  for (const { rows } of [patients, attendees]) expect(idsOf(rows)).toEqual(idsOf(rows).toSorted());
});

test('hides archived, cancelled and deleted records unless asked, each on its own', async () => {
  const { appointments, patients, groups } = world().tables;
  const shown = (test: (one: (typeof appointments.rows)[number]) => boolean) => idsOf(appointments.rows.filter(test));
  const open = (one: { archivedAt: unknown; deletedAt: unknown }) => one.archivedAt === null && one.deletedAt === null;
  const path = 'individual_appointments?per_page=100';
  expect(await client.ids(path)).toEqual(shown((one) => open(one) && one.cancelledAt === null));
  expect(await client.ids(`${path}&q[]=cancelled_at:*`)).toEqual(shown(open));
  expect(await client.ids(`${path}&q[]=cancelled_at:?`)).toEqual(shown((one) => open(one) && one.cancelledAt !== null));
  expect(await client.ids(`${path}&${ALL}`)).toEqual(idsOf(appointments.rows));
  expect(await client.ids('group_appointments?q[]=archived_at:*&q[]=deleted_at:*')).toEqual(idsOf(groups.rows));
  const undeleted = patients.rows.filter((one) => one.deletedAt === null);
  expect(undeleted.length).toBeLessThan(patients.rows.length);
  expect(await client.ids('patients?per_page=100&q[]=archived_at:*')).toEqual(idsOf(undeleted));
  expect(await client.ids('patients?per_page=100')).toEqual(idsOf(undeleted.filter(open)));
});

test('a hidden record is not found by its address unless the request allows for it', async () => {
  const cancelled = world().tables.appointments.rows.find(
    (one) => one.cancelledAt !== null && one.archivedAt === null,
  )!;
  const path = `individual_appointments/${cancelled.id}`;
  expect((await client.ask(path)).status).toBe(404);
  expect((await client.ask(`${path}?q[]=cancelled_at:*`)).body.id).toBe(cancelled.id);
  expect((await client.ask(`bookings/${cancelled.id}?q[]=cancelled_at:*`)).body.links.self).toContain('/bookings/');
  expect((await client.ask(`${path}?q[]=practitioner_id:=1`)).status).toBe(400);
  const deleted = world().tables.patients.rows.find((one) => one.deletedAt !== null)!;
  expect((await client.ask(`patients/${deleted.id}?q[]=archived_at:*`)).status).toBe(404);
  simulator.faults.deletedPatientsReadable = true;
  expect((await client.ask(`patients/${deleted.id}`)).body.deleted_at).toBeTruthy();
  simulator.faults.deletedPatientsReadable = false;
});

test('the mixed list holds appointments, groups and blocks, told apart by their keys', async () => {
  const rows = await client.list(`bookings?per_page=100&${ALL}`);
  const { appointments, groups, blocks } = world().tables;
  expect(rows.filter((one) => 'patient_name' in one)).toHaveLength(appointments.rows.length);
  expect(rows.filter((one) => 'max_attendees' in one)).toHaveLength(groups.rows.length);
  expect(rows.filter((one) => 'unavailable_block_type' in one)).toHaveLength(blocks.rows.length);
  const times = rows.map((one) => one.created_at);
  expect(times).toEqual(times.toSorted());
});

test('sorts as asked and refuses what cannot be sorted by', async () => {
  const starts = (await client.list('individual_appointments?per_page=100&sort=starts_at:desc')).map(
    (one) => one.starts_at,
  );
  expect(starts).toEqual(starts.toSorted().toReversed());
  const two = (await client.list('patients?per_page=100&sort=last_name,first_name:desc')).map((one) => [
    one.last_name,
    one.first_name,
  ]);
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  expect(two).toEqual(two.toSorted((a, b) => compare(a[0]!, b[0]!) || compare(b[1]!, a[1]!)));
  const created = (await client.list('patients?per_page=100&order=desc')).map((one) => one.created_at);
  expect(created).toEqual(created.toSorted().toReversed());
  for (const sort of ['-created_at', 'shoe_size', 'created_at:up']) {
    expect((await client.ask(`patients?sort=${sort}`)).status).toBe(400);
  }
  simulator.faults.sortById = false;
  expect((await client.ask('patients?sort=id')).status).toBe(400);
  simulator.faults.sortById = true;
});

test('lists below a record and lists with a word of their own', async () => {
  const { businesses, practitioners, groups, attachments, appointmentTypes } = world().tables;
  const business = businesses.rows[0]!.id;
  const active = idsOf(practitioners.rows.filter((one) => one.active));
  const inactive = idsOf(practitioners.rows.filter((one) => !one.active));
  expect(await client.ids('practitioners')).toEqual(active);
  expect(await client.ids('practitioners/inactive')).toEqual(inactive);
  expect(await client.ids('practitioners?q[]=active:=false')).toEqual(inactive);
  expect(await client.ids(`businesses/${business}/practitioners`)).toEqual(active);
  expect(await client.ids(`appointment_types/${appointmentTypes.rows[0]!.id}/practitioners/inactive`)).toEqual(
    inactive,
  );
  expect(await client.ids(`practitioners/${active[0]}/appointment_types`)).toEqual(idsOf(appointmentTypes.rows));
  const group = groups.rows.find((one) => world().attendeesOfGroup(one.id).length > 0)!;
  const invited = await client.ids(`group_appointments/${group.id}/attendees?q[]=cancelled_at:*`);
  expect(invited).toEqual(idsOf(world().attendeesOfGroup(group.id)));
  const { patientId } = attachments.rows.find((one) => one.archivedAt === null)!;
  const own = attachments.rows.filter((one) => one.patientId === patientId && one.archivedAt === null);
  expect(await client.ids(`patients/${patientId}/patient_attachments`)).toEqual(idsOf(own));
  expect((await client.ask(`patients/${patientId}/individual_appointments`)).status).toBe(404);
  expect((await client.ask('patients/deleted')).status).toBe(404);
});

test('every list of the catalogue answers, with the three fields that all have', async () => {
  for (const name of [
    'patients',
    'individual_appointments',
    'group_appointments',
    'attendees',
    'bookings',
    'practitioners',
    'businesses',
    'appointment_types',
    'unavailable_blocks',
    'unavailable_block_types',
    'patient_attachments',
    'patient_cases',
    'patient_cases/active',
    'users',
    'daily_availabilities',
    'availability_blocks',
  ]) {
    const { body } = await client.ask(`${name}?per_page=1`);
    const [row] = body[name.split('/')[0]!];
    expect(row, name).toMatchObject({ id: expect.stringMatching(/^\d{19}$/), created_at: expect.stringMatching(/Z$/) });
    expect((await client.ask(row.links.self)).body, name).toEqual(row);
  }
});
