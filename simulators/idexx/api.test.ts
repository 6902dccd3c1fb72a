import { afterEach, expect, test } from 'vitest';
import { createClinic } from './clinic.ts';
import { expectedConsultations } from './consultation-oracle.ts';
import { startIdexx } from './server.ts';
import type { IdexxSimulator } from './simulator.ts';
import { createVisitor, type Visitor } from './visitor.ts';
import type { Clinic } from './world.ts';

const NOW = Date.parse('2026-01-20T18:00:00Z');

const open: IdexxSimulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((simulator) => simulator.stop()));
});

async function startInside(): Promise<{ simulator: IdexxSimulator; visitor: Visitor; clinic: Clinic }> {
  const clinic = createClinic({ now: NOW, daysBack: 4, daysAhead: 2 });
  const simulator = await startIdexx({ now: () => NOW, clinics: [clinic] });
  open.push(simulator);
  const visitor = createVisitor(simulator.url);
  await visitor.login({ companyId: '10001', username: 'desk1@example.com', password: 'Sample-1-login' });
  return { simulator, visitor, clinic };
}

/** Whatever it is: each test says what it expects. */
async function json(response: Promise<Response>): Promise<ReturnType<typeof JSON.parse>> {
  return JSON.parse(await (await response).text());
}

async function tokenOf(visitor: Visitor): Promise<string> {
  return /csrf-token" content="([^"]+)"/.exec(await (await visitor.get('/schedule')).text())![1]!;
}

test('describes the clinic in both generations', async () => {
  const { visitor } = await startInside();
  const old = await json(visitor.get('/schedule/getScheduleConfigs'));
  expect(old).toMatchObject({
    businessHours: { start: '08:00', end: '18:00', daysOfWeek: [1, 2, 3, 4, 5, 6] },
    slotDuration: 15,
    rooms: [{ id: '7' }, {}, {}, {}],
  });
  expect(await json(visitor.get('/schedule/getCalendarConfigs'))).toEqual(old);
  expect(await json(visitor.get('/appointments/getAppointmentView'))).toMatchObject({
    slotInterval: 15,
    businessHours: [{ startTime: '08:00' }, { daysOfWeek: [6], endTime: '13:00' }],
    appointmentRooms: [{ id: 7, position: 1 }, {}, {}, {}],
    deputyEnabled: false,
  });
});

test('answers the other calls, and 404 to what it does not know', async () => {
  const { visitor, clinic } = await startInside();
  const { name } = clinic.patients[0]!;
  const found = await json(visitor.get(`/search/patients?q=${encodeURIComponent(name)}&limit=2`));
  expect(found.data[0].name).toBe(name);
  const client = clinic.clients[0]!;
  expect((await json(visitor.get(`/clients/search?term=${client.firstName}`))).data.length).toBeGreaterThan(0);
  const same = await json(visitor.get(`/clients/duplicateCheck?lastName=${encodeURIComponent(client.lastName)}`));
  expect(same.duplicates.length).toBeGreaterThan(0);
  const dashboard = await json(visitor.get('/dashboard/getAppointments'));
  expect(Object.keys(dashboard)).toEqual(['upcoming', 'late', 'noShow', 'waitingToPay']);
  expect(dashboard.upcoming.length).toBeGreaterThan(0);
  clinic.providers[0]!.active = false;
  expect(await json(visitor.get('/users/providers'))).toHaveLength(3);
  expect(await json(visitor.get('/users/providers?includeInactive=true'))).toHaveLength(4);
  for (const path of ['/genders/getGenders', '/dashboard/getArrivals', '/api/tasks']) {
    expect((await visitor.get(path)).status).toBe(200);
  }
  const event = clinic.events.find(({ kind, patientId }) => kind === 'appointment' && patientId !== null)!;
  expect(await json(visitor.get(`/appointments/getAppointment?id=${event.id}`))).toMatchObject({
    appointment: {
      id: event.id,
      startAtLocal: event.start.replace(' ', 'T'),
      block: false,
      patient: { client: { lastName: expect.stringMatching(/-Sample$/) } },
    },
  });
  for (const path of ['/appointments/getAppointment?id=1', '/nothing', '/consultations/view/1', '/toString']) {
    expect((await visitor.get(path)).status).toBe(404);
  }
  expect((await visitor.calendar('yesterday', 'today')).status).toBe(422);
});

test('gives all consultations, page by page', async () => {
  const { simulator, visitor, clinic } = await startInside();
  simulator.variant.consultationsPerPage = 10;
  const ids: string[] = [];
  let total = 1;
  for (let page = 1; ids.length < total; page++) {
    const query = new URLSearchParams({
      page: String(page),
      date_start: '16.01.2026 00:00:00',
      date_end: '20.01.2026 23:59:59',
      'order[]': 'consultedAt:desc',
    });
    const answer = await json(visitor.get(`/consultations/search?${query}`));
    expect(answer).toMatchObject({ page, perPage: 10 });
    total = answer.total;
    expect(answer.data[0].consultedAt).toMatch(/^\d\d\.01\.2026 \d\d:\d\d:\d\d$/);
    ids.push(...answer.data.map(({ id }: { id: string }) => id));
  }
  expect(total).toBeGreaterThan(20);
  const expected = expectedConsultations(clinic, '2026-01-16 00:00:00', '2026-01-20 23:59:59');
  expect(ids.toReversed()).toEqual(expected.map(({ externalId }) => externalId));
  expect(new Set(expected.map(({ status }) => status))).toEqual(new Set(['completed', 'in_progress']));
  expect(expected.some(({ appointmentExternalId }) => appointmentExternalId === null)).toBe(true);
  expect(new Set(expected.map(({ temperature }) => temperature?.unit))).toEqual(new Set(['F', 'C', undefined]));
  expect((await json(visitor.get('/consultations/search?date_start=01.01.2030 00:00:00'))).data).toEqual([]);

  const id = ids[0]!;
  expect(await json(visitor.get(`/consultations/view/${id}`))).toMatchObject({ id });
  expect(await json(visitor.get(`/consultations/${id}/page-data`))).toMatchObject({
    consultation: { id },
    consultationLines: [{ quantity: 1 }, { quantity: 2 }],
  });
});

test('creates, cancels and deletes with the token of a page, and tells no id', async () => {
  const { simulator, visitor, clinic } = await startInside();
  const form = (): FormData => {
    const data = new FormData();
    const fields = { patient_id: clinic.patients[0]!.id, type_id: '3', user_id: '12', room: '7' };
    const times = { appointment_date: '2026-01-22', time: '19:00', time_end: '19:20', useRealEndTime: 'true' };
    for (const [name, value] of Object.entries({ ...fields, ...times })) data.append(name, value);
    return data;
  };
  const before = clinic.events.length;
  expect((await visitor.post('/appointments/create', form(), { 'x-csrf-token': 'guess' })).status).toBe(419);
  const headers = { 'x-csrf-token': await tokenOf(visitor) };
  expect((await visitor.post('/appointments/create', form())).status).toBe(419);
  expect(await json(visitor.post('/appointments/create', form(), headers))).toEqual({ success: true });
  expect(clinic.events).toHaveLength(before + 1);
  const event = clinic.events.at(-1)!;
  expect(event).toMatchObject({ start: '2026-01-22 19:00:00', end: '2026-01-22 19:20:00', roomId: '7' });

  const jsonHeaders = { ...headers, 'content-type': 'application/json' };
  const remove = (action: string) =>
    visitor.post(`/appointments/delete/${event.id}`, JSON.stringify({ action, reason: 'x' }), jsonHeaders);
  expect((await remove('forget')).status).toBe(422);
  expect((await remove('cancel')).status).toBe(200);
  expect(event).toMatchObject({ stage: 'cancelled', cancelledReason: 'x' });
  expect((await remove('delete')).status).toBe(200);
  expect((await remove('delete')).status).toBe(404);

  // Done, although the caller cannot know.
  simulator.faults.loseWriteAnswers = true;
  await expect(visitor.post('/appointments/create', form(), headers)).rejects.toThrow('fetch failed');
  expect(clinic.events).toHaveLength(before + 1);
  simulator.faults.loseWriteAnswers = false;
  simulator.variant.refuseDoubleBooking = true;
  expect(await json(visitor.post('/appointments/create', form(), headers))).toMatchObject({ success: false });
});

test('takes new clients and animals', async () => {
  const { visitor, clinic } = await startInside();
  const headers = { 'x-csrf-token': await tokenOf(visitor) };
  const client = new URLSearchParams({ first_name: 'Demo', last_name: 'Teak-Sample', phone: '503 555 0111' });
  expect(await json(visitor.post('/clients/create', client, headers))).toEqual({ success: true });
  const { id } = clinic.clients.at(-1)!;
  const patient = new URLSearchParams({ client_id: id, name: 'Tofu-Sample' });
  expect(await json(visitor.post('/patients/create', patient, headers))).toEqual({ success: true });
  expect(clinic.patients.at(-1)).toMatchObject({ clientId: id, name: 'Tofu-Sample' });
  expect((await visitor.post('/patients/create', new URLSearchParams({ name: 'x' }), headers)).status).toBe(422);
});
