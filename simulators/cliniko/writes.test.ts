import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClinikoSimulator, startCliniko } from './server.ts';
import { clientOf } from './test-client.ts';

let simulator: ClinikoSimulator;
let client: ReturnType<typeof clientOf>;

beforeAll(async () => {
  // A Wednesday.
  const now = () => new Date('2026-05-06T00:00:00Z');
  simulator = await startCliniko({ accounts: [{ patients: 30, appointments: 30 }], now, rateLimit: null });
  client = clientOf(simulator);
});

afterAll(() => simulator.stop());

const tables = () => simulator.accounts[0]!.world.tables;

const place = () => ({
  practitioner_id: tables().practitioners.rows[0]!.id,
  business_id: tables().businesses.rows[0]!.id,
});

const booking = (startsAt: string) => ({
  ...place(),
  appointment_type_id: tables().appointmentTypes.rows[1]!.id,
  patient_id: tables().patients.rows[0]!.id,
  starts_at: startsAt,
});

test('a patient is created, changed with either verb, archived and brought back', async () => {
  const created = await client.ask('patients', 'POST', {
    first_name: 'Written',
    last_name: 'There-Sample',
    patient_phone_numbers: [{ number: '(02) 5550 4321', phone_type: 'Home' }],
    city: 'Elsewhere',
    id: '5',
  });
  expect(created.status).toBe(201);
  expect(created.headers.get('location')).toBe(created.body.links.self);
  expect(created.body).toMatchObject({
    city: 'Elsewhere',
    patient_phone_numbers: [{ normalized_number: '61255504321', phone_type: 'Home' }],
  });
  const path = `patients/${created.body.id}`;
  expect((await client.ask(path, 'PATCH', { notes: 'Invented' })).body.notes).toBe('Invented');
  expect((await client.ask(path, 'PUT', { email: 'w@example.invalid' })).body.email).toBe('w@example.invalid');
  expect((await client.ask(`${path}/archive`, 'POST')).status).toBe(204);
  expect((await client.ask(path)).status).toBe(404);
  expect((await client.ask(`${path}/unarchive`, 'POST')).body.archived_at).toBeNull();
  expect((await client.ask(path, 'DELETE')).status).toBe(204);
  expect((await client.ask(`${path}?q[]=archived_at:*`)).body.archived_at).not.toBeNull();
});

test('what cannot be written is refused by field', async () => {
  const nameless = await client.ask('patients', 'POST', { first_name: ' ' });
  expect([nameless.status, nameless.body]).toEqual([
    422,
    { message: 'Validation Failed', errors: { first_name: "can't be blank", last_name: "can't be blank" } },
  ]);
  const wrong = await client.ask('individual_appointments', 'POST', { ...booking('soon'), patient_id: '5' });
  expect(wrong.body.errors).toEqual({ patient: 'must exist', starts_at: 'is invalid' });
  expect((await client.ask('patients/5', 'PATCH', {})).status).toBe(404);
  expect((await client.ask('practitioners', 'POST', {})).status).toBe(404);
});

test('an appointment is booked, moved and cancelled, once', async () => {
  const created = await client.ask('individual_appointments', 'POST', booking('2026-05-07T00:00:00Z'));
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({ starts_at: '2026-05-07T00:00:00Z', ends_at: '2026-05-07T00:30:00Z' });
  const path = `individual_appointments/${created.body.id}`;
  const moved = await client.ask(path, 'PATCH', { starts_at: '2026-05-08T00:00:00Z', did_not_arrive: true });
  expect(moved.body).toMatchObject({
    id: created.body.id,
    starts_at: '2026-05-08T00:00:00Z',
    ends_at: '2026-05-08T00:30:00Z',
    did_not_arrive: false,
  });
  const cancel = (body: object) => client.ask(`${path}/cancel`, 'PATCH', body);
  expect((await cancel({})).body.errors).toEqual({ cancellation_reason: "can't be blank" });
  expect((await cancel({ cancellation_reason: 31 })).status).toBe(422);
  expect((await cancel({ cancellation_reason: 10, cancellation_note: 'Better' })).status).toBe(204);
  expect((await cancel({ cancellation_reason: 10 })).status).toBe(422);
  expect((await client.ask(`${path}?q[]=cancelled_at:*`)).body).toMatchObject({
    cancelled_at: '2026-05-06T00:00:00Z',
    cancellation_reason_description: 'Feeling Better',
    cancellation_note: 'Better',
  });
});

test('a series is cancelled in one go', async () => {
  const repeat_rule = { repeat_type: 'Daily', number_of_repeats: 2, repeating_interval: 1 };
  const { body } = await client.ask('individual_appointments', 'POST', {
    ...booking('2026-05-11T00:00:00Z'),
    repeat_rule,
  });
  expect(body.repeat_rule).toEqual(repeat_rule);
  const repeats = await client.list(body.repeats.links.self);
  expect(repeats.map((one) => one.repeated_from.links.self)).toEqual([body.links.self, body.links.self]);
  const cancellation = { cancellation_reason: 40, apply_to_repeats: true };
  expect((await client.ask(`individual_appointments/${body.id}/cancel`, 'PATCH', cancellation)).status).toBe(204);
  expect(await client.list(body.repeats.links.self)).toEqual([]);
});

test('attendees join a group appointment, arrive, and cancel for themselves', async () => {
  const type = tables().appointmentTypes.rows.find((one) => one.maxAttendees > 1)!;
  const { body: group } = await client.ask('group_appointments', 'POST', {
    ...place(),
    appointment_type_id: type.id,
    starts_at: '2026-05-07T04:00:00Z',
  });
  expect(group).toMatchObject({ max_attendees: 8, patient_ids: [], ends_at: '2026-05-07T05:00:00Z' });
  const patient_id = tables().patients.rows[3]!.id;
  const { body: attendee } = await client.ask('attendees', 'POST', { booking_id: group.id, patient_id });
  expect((await client.ask(`group_appointments/${group.id}`)).body.patient_ids).toEqual([patient_id]);
  expect(await client.ids(`group_appointments?q[]=patient_ids:~${patient_id}`)).toContain(group.id);
  expect((await client.ask(`attendees/${attendee.id}`, 'PATCH', { arrived: true })).body.arrived).toBe(true);
  const cancel = (id: string) => client.ask(`attendees/${id}/cancel`, 'PATCH', { cancellation_reason: 20 });
  expect((await cancel(attendee.id)).status).toBe(204);
  expect((await client.ask(`attendees/${attendee.id}`)).status).toBe(404);
  expect((await client.ask(`group_appointments/${group.id}/cancel`, 'PATCH', { cancellation_reason: 20 })).status).toBe(
    404,
  );
  const alone = tables().appointments.rows.find((one) => !one.cancelledAt && !one.deletedAt)!;
  expect((await cancel(alone.attendeeId)).status).toBe(422);
});

test('a conflict is two bookings of one practitioner at a time', async () => {
  const { body: first } = await client.ask('individual_appointments', 'POST', booking('2026-09-01T00:00:00Z'));
  const conflict = async () => (await client.ask(first.conflicts.links.self)).body;
  expect(await conflict()).toEqual({ conflicts: { exist: false } });
  const { body: block } = await client.ask('unavailable_blocks', 'POST', {
    ...place(),
    unavailable_block_type_id: tables().blockTypes.rows[0]!.id,
    starts_at: '2026-09-01T00:15:00Z',
    ends_at: '2026-09-01T01:00:00Z',
  });
  expect(await conflict()).toEqual({ conflicts: { exist: true } });
  expect((await client.ask(`unavailable_blocks/${block.id}/archive`, 'POST')).status).toBe(204);
  expect(await conflict()).toEqual({ conflicts: { exist: false } });
});

test('free times are within opening hours, after now, and not where something is booked', async () => {
  const { practitioner_id, business_id } = place();
  const type = tables().appointmentTypes.rows[1]!.id;
  const path = `businesses/${business_id}/practitioners/${practitioner_id}/appointment_types/${type}`;
  const range = 'from=2026-12-07&to=2026-12-07';
  const times = async () => (await client.ask(`${path}/available_times?${range}`)).body;
  const before = await times();
  expect(before.total_entries).toBe(16);
  // Nine o'clock in Sydney in summer.
  expect(before.available_times[0]).toEqual({ appointment_start: '2026-12-06T22:00:00Z' });
  await client.ask('individual_appointments', 'POST', booking('2026-12-06T22:00:00Z'));
  expect((await times()).total_entries).toBe(15);
  const next = await client.ask(`${path}/next_available_time?${range}`);
  expect(next.body).toMatchObject({ appointment_start: '2026-12-06T22:30:00Z', total_entries: 1 });
  for (const bad of ['', 'from=2026-12-07', 'from=2026-12-01&to=2026-12-30', 'from=2020-01-01&to=2020-01-02']) {
    expect((await client.ask(`${path}/available_times?${bad}`)).status).toBe(400);
  }
});

test('says who asks and how the account is set up', async () => {
  const account = simulator.accounts[0]!;
  expect((await client.ask('user')).body.role).toBe('administrator');
  expect((await client.ask('settings')).body.account).toMatchObject({ id: account.id, email_from: expect.any(String) });
  expect((await client.ask('settings/public')).body.account).not.toHaveProperty('email_from');
  const receptionist = account.addKey(account.world.tables.users.rows.at(-1)!.id);
  const as = { key: receptionist } as typeof account;
  expect((await clientOf(simulator, as).ask('settings')).status).toBe(403);
  expect((await clientOf(simulator, as).ask('settings/public')).status).toBe(200);
});
