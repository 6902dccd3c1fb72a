/** A clinic's book over HTTP: copied by the words that came before, and places held, confirmed and given back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addDays } from '../../simulators/idexx/wall.ts';
import { type IdexxService, serveIdexx } from '../support/idexx-http.ts';
import { CLINIC_ID, CONNECTION, type IdexxSetup, ORGANIZATION } from '../support/idexx-setup.ts';

let service: IdexxService;
let setup: IdexxSetup;
let { call, documentedCall } = {} as IdexxService;
beforeAll(async () => {
  service = await serveIdexx({ settings: { daysAhead: 10 } });
  ({ setup, call, documentedCall } = service);
});
afterAll(() => service?.close());

const SYNC = '/api/idexx/schedule-sync';
const CLINIC = '/api/v1/clinics/{clinicId}';
const clinic = `/api/v1/clinics/${CLINIC_ID}`;
const phone = '+15555550100';

test('without data the status says what to do', async () => {
  const { body } = await documentedCall('GET', `${SYNC}/status?clinicId=${CLINIC_ID}`, `${SYNC}/status`);
  expect(body).toMatchObject({ hasData: false, isStale: true, recommendedAction: `POST ${SYNC}` });
  expect(body.calendar).toEqual({ state: 'unknown', since: null, reason: null });
  const metrics = await call('GET', '/metrics');
  expect(metrics.text).toContain(`schedule_days_in_alarm{organization="${ORGANIZATION}",connection="front-desk"} 10`);
});

test('a run is waited for, or asked for and followed; the book is fresh after it', async () => {
  const waited = await documentedCall('POST', SYNC, SYNC, { body: { clinicId: CLINIC_ID } });
  expect(waited.status).toBe(200);
  expect(waited.body).toMatchObject({ success: true, partialSuccess: false, failedDates: [], errors: [] });
  expect(waited.body.stats.appointmentsAdded).toBeGreaterThan(0);
  expect(waited.body.dateRange.start).toBe(setup.window.from);
  await setup.expectBook();

  const asked = await documentedCall('POST', SYNC, SYNC, {
    body: { clinicId: CLINIC_ID, daysAhead: 3 },
    headers: { prefer: 'respond-async' },
  });
  expect(asked.status).toBe(202);
  const stream = await call('GET', asked.body.streamUrl);
  const events = [...stream.text.matchAll(/^data: (.*)$/gm)].map(([, text]) => JSON.parse(text!));
  expect(events[0]).toEqual({ type: 'connected', syncId: asked.body.syncId });
  expect(events.at(-1)).toMatchObject({ type: 'completed', success: true, stats: { appointmentsRemoved: 0 } });
  expect(events.filter((e) => e.type === 'phase').map((e) => e.phase)).toEqual([
    'config_loaded',
    'slots_generated',
    'reconciling',
    'resolving_conflicts',
  ]);
  const read = events.filter((e) => e.type === 'date_completed');
  expect(read.map((e) => e.date)).toEqual([0, 1, 2].map((days) => addDays(setup.window.from, days)));
  // Known also after the end: what the run before found on the same dates it finds again, and changes nothing.
  expect(read.every((e) => e.errors.length === 0 && e.added + e.updated + e.removed === 0)).toBe(true);
  const [stored] = await setup.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM schedule_appointments WHERE deleted_at IS NULL AND date BETWEEN $1 AND $2',
    [setup.window.from, addDays(setup.window.from, 2)],
  );
  // Of an entry that is cancelled nothing is shown, but it was found.
  expect(read.reduce((sum, e) => sum + e.appointmentsFound, 0)).toBeGreaterThanOrEqual(stored!.n);
  expect(stored!.n).toBeGreaterThan(0);

  const status = await documentedCall('GET', asked.body.statusUrl, `${SYNC}/status`);
  expect(status.body).toMatchObject({
    hasData: true,
    isStale: false,
    activeSync: null,
    lastSync: { syncId: asked.body.syncId, dateRange: { end: addDays(setup.window.from, 2) } },
  });
  const metrics = await call('GET', '/metrics');
  expect(metrics.text).toMatch(/schedule_day_age_seconds\{[^}]*days_ahead="9"\} \d/);
  expect(metrics.text).toContain('browser_pool_available 2');
});

test('the company, name and password of the portal are stored, and never shown', async () => {
  const path = '/api/v1/connections/{connectionId}/credentials';
  const at = path.replace('{connectionId}', CONNECTION);
  const half = await documentedCall('PUT', at, path, { body: { username: 'desk', password: 'invented-password' } });
  expect(half.status).toBe(400);
  expect(half.body.error).toContain('companyId and username and password');
  const body = { companyId: 'invented-company', username: 'desk', password: 'invented-password' };
  const stored = await documentedCall('PUT', at, path, { body });
  expect(stored).toMatchObject({ status: 200, body: { stored: true, readable: true } });
  expect(stored.text).not.toContain('invented');
  expect((await documentedCall('DELETE', at, path)).status).toBe(200);
});

test('one date can be copied by itself', async () => {
  const body = { type: 'schedule', clinicId: CLINIC_ID, date: addDays(setup.window.from, 1) };
  const { status, body: answer } = await documentedCall('POST', '/api/idexx/scrape', '/api/idexx/scrape', { body });
  expect(status).toBe(200);
  expect(answer).toMatchObject({ success: true, scrapeType: 'schedule', errors: [] });
});

test.each([
  [{}, 400],
  [{ clinicId: CLINIC_ID, daysAhead: 61 }, 400],
  [{ clinicId: CLINIC_ID, startDate: '2026-02-31' }, 400],
  [{ clinicId: CLINIC_ID, startDate: '2026-02-10', endDate: '2026-02-01' }, 400],
  [{ clinicId: '00000000-0000-4000-8000-000000000000' }, 404],
])('%j is refused with %i, in the words of both interfaces', async (body, status) => {
  const answer = await documentedCall('POST', SYNC, SYNC, { body });
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({ success: false, errors: [answer.body.error] });
});

test('without a key nothing is told', async () => {
  expect((await call('POST', SYNC, { body: { clinicId: CLINIC_ID }, key: 'wrong' })).status).toBe(401);
  expect((await call('GET', `${clinic}/freshness?from=2026-01-01&to=2026-01-02`, { key: 'wrong' })).status).toBe(401);
});

test('a free time is held once, confirmed and given back; the last place goes to one caller', async () => {
  const query = `?from=${setup.window.from}&to=${setup.window.to}&limit=1000`;
  const found = await documentedCall('GET', `${clinic}/availability${query}`, `${CLINIC}/availability`);
  const slot = found.body.slots.at(-1);
  expect(slot.places).toBeGreaterThan(0);
  const holds = `${CLINIC}/holds`;
  const body = { slotId: slot.slotId, caller: { clientName: 'Avery Sample', clientPhone: phone } };
  const headers = { 'idempotency-key': 'call-1' };
  const first = await documentedCall('POST', `${clinic}/holds`, holds, { body, headers });
  expect(first.status).toBe(201);
  expect(first.text).not.toContain('Avery');
  const again = await documentedCall('POST', `${clinic}/holds`, holds, { body, headers });
  expect(again.body.booking.bookingId).toBe(first.body.booking.bookingId);
  const rest = await Promise.all(
    Array.from({ length: slot.places }, () => documentedCall('POST', `${clinic}/holds`, holds, { body })),
  );
  const refused = rest.filter(({ status }) => status === 409);
  expect(refused).toHaveLength(1);
  expect(refused[0]?.body).toMatchObject({ reason: 'full' });

  const booking = `/api/v1/bookings/${first.body.booking.bookingId}`;
  const path = '/api/v1/bookings/{bookingId}';
  const confirmed = await documentedCall('POST', `${booking}/confirm`, `${path}/confirm`);
  expect(confirmed.body.booking).toMatchObject({
    status: 'confirmed',
    confirmationNumber: expect.stringMatching(/^ODIS-/),
  });
  const cancelled = await documentedCall('POST', `${booking}/cancel`, `${path}/cancel`, { body: { reason: 'caller' } });
  expect(cancelled.body.booking.status).toBe('cancelled');
  expect((await documentedCall('GET', booking, path)).body.booking.status).toBe('cancelled');
  const audit = JSON.stringify((await call('GET', '/api/v1/audit')).body);
  expect(audit).toContain('booking.confirm');
  expect(audit).not.toContain(phone);
  const days = await documentedCall(
    'GET',
    `${clinic}/freshness?from=${setup.window.from}&to=${setup.window.to}`,
    `${CLINIC}/freshness`,
  );
  expect(days.body.days.every((d: { freshness: string }) => d.freshness === 'fresh')).toBe(true);
});

test('a date that cannot be read is named by the run and by the status', async () => {
  const date = addDays(setup.window.from, 4);
  setup.portal.faults.failDates = { [date]: 9 };
  const partial = await documentedCall('POST', SYNC, SYNC, { body: { clinicId: CLINIC_ID } });
  expect(partial.body).toMatchObject({ success: true, partialSuccess: true, failedDates: [date] });
  const status = () => documentedCall('GET', `${SYNC}/status?clinicId=${CLINIC_ID}`, `${SYNC}/status`);
  expect((await status()).body).toMatchObject({
    calendar: { state: 'known' },
    message: `The book of every date is fresh. The last read of 1 of 10 dates failed: ${date}.`,
  });
  setup.portal.faults.failDates = {};
  await documentedCall('POST', SYNC, SYNC, { body: { clinicId: CLINIC_ID } });
  expect((await status()).body.message).toBe('The book of every date is fresh.');
});

test('a refused login is 401 with the reason, and pauses the connection', async () => {
  setup.portal.sessions.endAll();
  setup.clinic.accounts[0]!.password = 'changed-at-the-portal';
  const answer = await documentedCall('POST', SYNC, SYNC, { body: { clinicId: CLINIC_ID } });
  expect(answer.status).toBe(401);
  expect(answer.body.details.error_type).toBe('source_credentials');
  const status = await documentedCall('GET', `${SYNC}/status?clinicId=${CLINIC_ID}`, `${SYNC}/status`);
  expect(status.body.lastFailure.error).toContain('refused');
  expect(status.body).toMatchObject({
    calendar: { state: 'unknown', since: expect.any(String), reason: status.body.lastFailure.error },
    message: expect.stringContaining('The calendar is unknown since'),
  });
});

test('people see the book of some dates: slots, rooms, appointments, and what callers were promised', async () => {
  const range = (from: string, to = from) => `/api/v1/clinics/${CLINIC_ID}/schedule?from=${from}&to=${to}`;
  const route = '/api/v1/clinics/{clinicId}/schedule';
  const { clinics } = (await documentedCall('GET', '/api/v1/clinics', '/api/v1/clinics')).body;
  expect(clinics).toEqual([{ clinicId: CLINIC_ID, connectionId: 'front-desk', timeZone: setup.clinic.timeZone }]);
  await setup.run();
  const { from, to } = setup.window;
  const week = (await documentedCall('GET', range(from, to), route)).body;
  expect(week.days).toHaveLength(10);
  expect(week.days.every((day: { freshness: string }) => day.freshness === 'fresh')).toBe(true);
  expect(week.rooms.map((room: { name: string }) => room.name)).toEqual(setup.clinic.rooms.map(({ name }) => name));
  const [{ n }] = (await setup.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM schedule_appointments WHERE deleted_at IS NULL AND date BETWEEN $1 AND $2',
    [from, to],
  )) as [{ n: number }];
  expect(week.appointments).toHaveLength(n);
  const rooms = new Set(week.rooms.map((room: { id: string }) => room.id));
  const inRooms = week.appointments.filter((a: { roomId: string | null }) => a.roomId !== null);
  expect(inRooms.length).toBeGreaterThan(0);
  expect(inRooms.every((a: { roomId: string }) => rooms.has(a.roomId))).toBe(true);

  const free = week.slots.find(
    (s: { places: number; startsAt: string }) => s.places > 0 && Date.parse(s.startsAt) > Date.now() + 60_000,
  );
  const body = { slotId: free.slotId, caller: { clientName: 'Avery Sample', clientPhone: '+15555550100' } };
  expect((await call('POST', `/api/v1/clinics/${CLINIC_ID}/holds`, { body })).status).toBe(201);
  const day = (await documentedCall('GET', range(free.date), route)).body;
  const held = day.slots.find((s: { slotId: string }) => s.slotId === free.slotId);
  expect(held).toMatchObject({ bookings: free.bookings + 1, places: free.places - 1, capacity: free.capacity });
  expect(day.bookings).toMatchObject([{ status: 'pending', date: free.date, startTime: free.startTime }]);

  expect((await documentedCall('GET', range('2026-02-30'), route)).status).toBe(400);
  expect((await documentedCall('GET', range('2026-01-01', '2026-03-01'), route)).status).toBe(400);
  const viewer = (await call('POST', '/api/v1/keys', { body: { name: 'viewer', role: 'viewer' } })).body.secret;
  expect((await documentedCall('GET', range(from), route, { key: viewer })).status).toBe(403);
  const audit = (await call('GET', '/api/v1/audit?action=schedule.read')).text;
  expect(audit).toContain(CLINIC_ID);
});
