/** A clinic's book by the words of the second service that came before, how all clinics are, and consultations in quarantine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noFaults } from '../../simulators/idexx/faults.ts';
import { addDays } from '../../simulators/idexx/wall.ts';
import type { CalendarEvent } from '../../simulators/idexx/world.ts';
import { type IdexxService, serveIdexx } from '../support/idexx-http.ts';
import { appointmentOfToday, CLINIC_ID, type IdexxSetup, ORGANIZATION } from '../support/idexx-setup.ts';

let service: IdexxService;
let setup: IdexxSetup;
let appointment: CalendarEvent;
let { call, documentedCall } = {} as IdexxService;
beforeAll(async () => {
  service = await serveIdexx({ settings: { daysAhead: 3 } });
  ({ setup, call, documentedCall } = service);
  appointment = appointmentOfToday(setup);
});
afterAll(() => service?.close());

const SYNC = '/api/idexx/schedule-sync';
const CLINIC = '/api/v1/clinics/{clinicId}';
const clinic = `/api/v1/clinics/${CLINIC_ID}`;

test('a clinic that was never read is an error', async () => {
  const { body } = await documentedCall('GET', '/api/idexx/status', '/api/idexx/status');
  expect(body).toMatchObject({ last_scrape: null, system_status: 'error' });
  await setup.run();
});

test('all clinics at once: how they are, by both names', async () => {
  for (const path of ['/api/idexx/status', '/api/idexx/sync-status']) {
    const { status, body } = await documentedCall('GET', path, path);
    expect(status).toBe(200);
    expect(body).toMatchObject({ last_scrape: { type: 'schedule', status: 'completed' }, system_status: 'healthy' });
  }
  const nobody = await fetch(`${service.server.url}/api/idexx/status`);
  expect(nobody.status).toBe(401);
});

test('/health tells of the browsers', async () => {
  const { body } = await documentedCall('GET', '/health', '/health');
  const checks = body.checks as { name: string; status: string }[];
  expect(checks.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'process pass',
    'memory pass',
    'database pass',
    'sync_queue pass',
    'environment pass',
    'browser_pool pass',
  ]);
});

test('the connection has the modes of a book, and no others', async () => {
  setup.clinic.consultations = [];
  const { body } = await documentedCall('GET', '/api/v1/connections', '/api/v1/connections');
  expect(body.connections[0].modes).toEqual(['calendar', 'consultations']);
  const path = '/api/v1/connections/{connectionId}/runs';
  const start = (mode: string) =>
    documentedCall('POST', '/api/v1/connections/front-desk/runs', path, { body: { mode } });
  expect((await start('comprehensive')).status).toBe(422);
  const started = await start('consultations');
  expect(started.status).toBe(202);
  // It is over before the others look.
  await call('GET', `/api/idexx/schedule-sync/stream/${started.body.sync_id}`);
});

describe('the words of the second service', () => {
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    documentedCall('POST', path, path, { body: { clinicId: CLINIC_ID, ...body }, headers });

  test('inbound: slots and appointments are stored before it says so', async () => {
    const now = async () => (await setup.query<{ at: string }>('SELECT now()::text AS at'))[0]!.at;
    const earliest = await now();
    const slots = await post('/api/sync/inbound/schedule', {
      daysAhead: 3,
      slotDurationMinutes: 15,
      defaultCapacity: 2,
    });
    const latest = await now();
    const stillToCome = await setup.query<{ n: number }>(
      `SELECT count(s.id)::int AS n FROM unnest($3::timestamptz[]) AS moment LEFT JOIN schedule_slots AS s
         ON s.date BETWEEN $1 AND $2 AND s.starts_at > moment AND s.retired_at IS NULL
       GROUP BY moment ORDER BY moment`,
      [setup.window.from, addDays(setup.window.from, 2), [earliest, latest]],
    );
    // One more at the first moment where a slot began meanwhile.
    expect(stillToCome.map(({ n }) => n)).toContain(slots.body.stats.totalGenerated);
    expect(slots.body.stats).toEqual({
      totalGenerated: expect.any(Number),
      slotDurationMinutes: setup.clinic.slotMinutes,
      defaultCapacity: setup.clinic.rooms.length,
    });
    const appointments = await post('/api/sync/inbound/appointments', { daysAhead: 2 });
    expect(appointments.body).toMatchObject({ success: true, partialSuccess: false, clinic: { id: CLINIC_ID } });
    expect(appointments.body.stats.appointmentsFound).toBeGreaterThan(0);
    await setup.expectBook();
  });

  test('outbound/cases and reconcile: what nobody can place is counted, listed and told', async () => {
    const today = setup.window.from;
    setup.clinic.consultations = [appointment.id, null].map((appointmentId, i) => ({
      id: `77000${i}`,
      appointmentId,
      patientId: setup.clinic.patients[0]!.id,
      providerId: null,
      consultedAt: `${today} 09:0${i}:00`,
      status: 'Completed',
      reason: 'Sample',
      clinicalNotes: 'Sample note.',
      dischargeSummary: '',
      vitals: null,
      diagnoses: [],
      lines: [],
    }));
    const cases = await post('/api/sync/outbound/cases', {});
    expect(cases.body).toMatchObject({
      success: true,
      partialSuccess: true,
      stats: { total: 2, created: 2, failed: 1, deleted: 0 },
      errors: [{ context: 'quarantine' }],
    });
    const path = `${clinic}/consultations`;
    const listed = await documentedCall('GET', `${path}?state=quarantined`, `${CLINIC}/consultations`);
    expect(listed.body).toMatchObject({
      counts: { linked: 1, quarantined: 1, noAppointmentId: 1, appointmentUnknown: 0 },
      consultations: [{ neoConsultationId: '770001', quarantineReason: 'no_appointment_id', caseId: null }],
      next: null,
    });
    const first = await documentedCall('GET', `${path}?limit=1`, `${CLINIC}/consultations`);
    const second = await documentedCall('GET', `${path}?limit=1&after=${first.body.next}`, `${CLINIC}/consultations`);
    const seen = [first, second].map((page) => page.body.consultations[0].neoConsultationId);
    expect(seen.sort()).toEqual(['770000', '770001']);
    expect(second.body.next).toBeNull();
    expect(listed.text + cases.text).not.toContain('Sample');

    setup.clinic.consultations.splice(0, 1);
    const reconciled = await post('/api/sync/reconcile', { lookbackDays: 100 });
    expect(reconciled.body).toMatchObject({ stats: { deleted: 1, reconciled: 1 }, deletedCases: [] });
    const scraped = await documentedCall('POST', '/api/idexx/scrape', '/api/idexx/scrape', {
      body: { type: 'consultation', clinicId: CLINIC_ID, date: today },
    });
    expect(scraped.body).toMatchObject({ scrapeType: 'consultation', recordsScraped: 1 });
    // Consultations are not the book.
    const { body } = await documentedCall('GET', `${SYNC}/status?clinicId=${CLINIC_ID}`, `${SYNC}/status`);
    expect(body.lastSync.stats.appointmentsAdded).toBe(0);
    const status = await documentedCall('GET', '/api/idexx/status', '/api/idexx/status');
    expect(status.body).toMatchObject({
      last_scrape: { type: 'consultation', status: 'partial' },
      system_status: 'degraded',
    });
  });

  test('full: 200 when all of it succeeds, 207 when a part does not', async () => {
    const without = await post('/api/sync/full', { skipOutbound: true, scheduleDaysAhead: 3, appointmentDaysAhead: 3 });
    expect(without.status).toBe(200);
    expect(without.body).toMatchObject({
      success: true,
      results: { outbound: null, inbound: { schedule: { success: true } } },
    });
    setup.portal.faults.paths = ['/consultations'];
    setup.portal.faults.html = true;
    const part = await post('/api/sync/full', { skipOutbound: false, scheduleDaysAhead: 3, appointmentDaysAhead: 3 });
    Object.assign(setup.portal.faults, noFaults());
    expect(part.status).toBe(207);
    expect(part.body).toMatchObject({
      success: false,
      results: { outbound: { success: false, code: 'source_failed' }, inbound: { appointments: { success: true } } },
    });
  });

  test.each([
    ['/api/sync/inbound/schedule', { daysAhead: 61 }, 'daysAhead'],
    ['/api/sync/inbound/schedule', { slotDurationMinutes: 4 }, 'slotDurationMinutes'],
    ['/api/sync/inbound/appointments', { daysAhead: 31 }, 'daysAhead'],
    ['/api/sync/inbound/appointments', { clinicId: undefined }, 'clinicId'],
    ['/api/sync/outbound/cases', { startDate: '2026-02-31' }, 'startDate'],
    ['/api/sync/outbound/cases', { startDate: '2026-02-10', endDate: '2026-02-01' }, 'endDate'],
    [
      '/api/sync/outbound/cases',
      { startDate: '2026-02-01', dateRange: { start: '2026-02-01', end: '2026-02-02' } },
      'dateRange',
    ],
    ['/api/sync/outbound/cases', { dateRange: { start: '2026-02-01' } }, 'dateRange.end'],
    ['/api/sync/full', { unheardOf: 1 }, 'unheardOf'],
    ['/api/sync/reconcile', { lookbackDays: 181 }, 'lookbackDays'],
  ])('%s %j is refused, and the field is named', async (path, body, field) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ success: false, error: 'Validation failed', durationMs: expect.any(Number) });
    expect(answer.body.validationErrors.map((e: { field: string }) => e.field)).toContain(field);
  });

  test.each(['/api/sync/outbound/enrich', '/api/sync/outbound/full'])(
    '%s says that it needs a language model',
    async (path) => {
      const answer = await post(path, { parallelBatchSize: 5 });
      expect(answer.status).toBe(501);
      expect(answer.body).toMatchObject({ success: false, details: { error_type: 'language_model_missing' } });
    },
  );

  test('a key as X-API-Key is enough, none is 401, and one without the scope 403', async () => {
    const { body: made } = await call('POST', '/api/v1/keys', {
      body: { name: 'looks on', scopes: ['sync:read'] },
    });
    expect(made.secret).toBeDefined();
    const send = (headers: Record<string, string>) =>
      fetch(`${service.server.url}/api/sync/inbound/appointments`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-organization-id': ORGANIZATION, ...headers },
        body: JSON.stringify({ clinicId: CLINIC_ID, daysAhead: 1 }),
      });
    expect((await send({})).status).toBe(401);
    expect((await send({ 'x-api-key': made.secret })).status).toBe(403);
    expect((await send({ 'x-api-key': service.server.adminKey })).status).toBe(200);
  });
});
