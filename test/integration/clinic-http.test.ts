/** The connection to Cliniko and what was copied from it, over HTTP: by our words and as FHIR. */
import fhir from 'fhir/fhir.js';
import pg from 'pg';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedAppointments, expectedPatients } from '../../simulators/cliniko/oracle.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type ClinikoSetup, CONNECTION, ORGANIZATION, setUpCliniko } from '../support/cliniko-setup.ts';
import { type DescribedPaths, describedPaths } from '../support/description.ts';
import { until } from '../support/until.ts';

const OTHER = 'org_other';
let setup: ClinikoSetup;
let server: RunningServer;
let documented: DescribedPaths;
/** Merged into one that is known, and into one that is not. */
let merged: readonly string[];

beforeAll(async () => {
  setup = await setUpCliniko({
    account: { patients: 130, appointments: 400 },
    others: [{ id: OTHER, name: 'Other', connections: [] }],
  });
  const [one, two, three, lost] = setup.world.tables.patients.rows.filter(
    (row) => row.archivedAt === null && row.deletedAt === null && row.mergedInto === null,
  );
  setup.world.mergePatients(one!.id, two!.id);
  // Merged into a patient that the copy never sees.
  setup.world.mergePatients(three!.id, lost!.id);
  three!.archivedAt = null;
  setup.world.removeSilently(lost!.id);
  merged = [one!.id, three!.id];
  setup.world.editPatient(two!.id, { extra: { old_reference_id: 'Former-17' } });
  await setup.run('comprehensive');
  const config = await loadConfig({ env: setup.environment, cwd: setup.environment.CHARTSYNC_HOME! });
  server = await serve({
    config,
    database: { url: setup.databaseUrl, urlOf: () => null, close: async () => undefined },
  });
  documented = describedPaths((await call('GET', '/openapi.json')).body);
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

interface Call {
  readonly organization?: string;
  readonly body?: unknown;
  readonly form?: Record<string, string> | [string, string][];
  readonly key?: string;
  readonly prefer?: string;
}

async function call(method: string, path: string, { organization = ORGANIZATION, body, form, key, prefer }: Call = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key ?? server.adminKey}`,
      'x-organization-id': organization,
      ...(prefer === undefined ? {} : { prefer }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(form === undefined ? {} : { body: new URLSearchParams(form).toString() }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    // biome-ignore lint/suspicious/noExplicitAny: answers of every route
    body: (text === '' ? null : JSON.parse(text)) as any,
  };
}

/** Holds a JSON answer to what the description says of it. */
async function documentedCall(method: string, path: string, route: string, options: Call = {}) {
  const answer = await call(method, path, options);
  const schema =
    documented[route]?.[method.toLowerCase()]?.responses[answer.status]?.content?.['application/json']?.schema;
  expect(schema, `${method} ${route} ${answer.status}`).toBeDefined();
  const [, errors] = Schema.Errors(schema as object, answer.body);
  expect(errors).toEqual([]);
  return answer;
}

const allPages = async (path: string, name: string) => {
  const items: { id: string; [field: string]: unknown }[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const { body, status } = await call('GET', `${path}${next === '' ? '' : `&after=${next}`}`);
    expect(status).toBe(200);
    items.push(...body[name]);
    next = body.next;
  }
  return items;
};

describe('the connection', () => {
  test.each([
    ['', 'comprehensive', 'Comprehensive Cliniko sync started successfully'],
    ['?mode=basic', 'basic', 'Basic Cliniko sync started successfully'],
    ['?mode=patients-only', 'patients-only', 'Patients-only Cliniko sync started successfully'],
    ['?mode=incremental', 'incremental', 'Incremental Cliniko sync started successfully'],
    ['?mode=incremental&force_full=true', 'comprehensive', 'Comprehensive Cliniko sync started successfully'],
    ['?mode=active', 'active', 'Active Cliniko sync started successfully'],
  ])('is synchronised by POST …/sync%s', async (query, mode, message) => {
    const { body } = await documentedCall(
      'POST',
      `/api/v1/cliniko/sync/${ORGANIZATION}${query}`,
      '/api/v1/cliniko/sync/{organizationId}',
    );
    expect(body).toMatchObject({ success: true, message, organization_id: ORGANIZATION, sync_mode: mode });
    const progress = async () => (await call('GET', `/api/v1/sync/progress/${body.sync_id}`)).body;
    await until(async () => (await progress()).status === 'completed');
    expect(await progress()).toMatchObject({ progress_percentage: 100, errors: [] });
    await setup.expectCopy();
  });

  test('an unknown mode is refused, and an unknown organisation is not there', async () => {
    expect((await call('POST', `/api/v1/cliniko/sync/${ORGANIZATION}?mode=everything`)).status).toBe(400);
    expect((await call('POST', '/api/v1/cliniko/sync/org_none')).status).toBe(403);
    expect((await call('POST', `/api/v1/cliniko/sync/${OTHER}`, { organization: OTHER })).status).toBe(404);
    expect((await call('POST', `/api/v1/cliniko/sync/${OTHER}`)).status).toBe(403);
  });

  test('patients are imported under an id that can be followed', async () => {
    const { body } = await documentedCall(
      'POST',
      `/api/v1/cliniko/import-patients/${ORGANIZATION}`,
      '/api/v1/cliniko/import-patients/{organizationId}',
    );
    expect(body).toMatchObject({ success: true, message: 'Patient import started successfully' });
    await until(async () => (await call('GET', `/api/v1/sync/progress/${body.import_id}`)).body.status === 'completed');
  });

  test('the history tells how many patients and appointments each run looked at', async () => {
    const route = '/api/v1/sync/history/{organizationId}';
    const { body } = await documentedCall('GET', `/api/v1/sync/history/${ORGANIZATION}?limit=100`, route);
    const of = (mode: string) =>
      body.recent_syncs.find((run: { metadata: { sync_type: string } }) => run.metadata.sync_type === mode).metadata;
    const everything = of('comprehensive');
    // Deleted ones are shown by the source for a while: they are looked at as well.
    expect(everything.patients_processed).toBeGreaterThanOrEqual(
      expectedPatients(setup.world).filter((patient) => !patient.deleted).length,
    );
    expect(everything.appointments_processed).toBeGreaterThanOrEqual(
      expectedAppointments(setup.world).filter((appointment) => appointment.state !== 'deleted').length,
    );
    expect(of('patients-only')).toMatchObject({
      patients_processed: everything.patients_processed,
      appointments_processed: 0,
    });
    // The same by the words of a run's progress, and how many patients are active.
    const whole = body.recent_syncs.find(
      (run: { metadata: { sync_type: string } }) => run.metadata.sync_type === 'comprehensive',
    );
    const progress = (
      await documentedCall('GET', `/api/v1/sync/progress/${whole.sync_id}`, '/api/v1/sync/progress/{syncId}')
    ).body;
    const status = (await call('GET', `/api/v1/cliniko/status/${ORGANIZATION}`)).body;
    expect(status.active_patients).toBeGreaterThan(0);
    expect(progress).toMatchObject({
      patients_found: everything.patients_processed,
      appointments_found: everything.appointments_processed,
      active_patients_identified: status.active_patients,
      active_patients_stored: status.active_patients,
      last_updated: progress.completed_at,
    });
  });

  test('its state, its figures, and a test that really asks', async () => {
    const route = '/api/v1/cliniko/status/{organizationId}';
    const { body } = await documentedCall(
      'GET',
      `/api/v1/cliniko/status/${ORGANIZATION}?include_logs=true&include_health_check=true`,
      route,
    );
    const live = expectedPatients(setup.world).filter((patient) => !patient.deleted);
    expect(body).toMatchObject({
      cliniko_connected: true,
      api_region: 'au1',
      total_patients: live.length,
      credentials_valid: true,
      sync_enabled: false,
      sync_status: 'healthy',
      synced_patients: live.length,
      sync_percentage: 100,
      last_sync_time: body.last_sync,
      status: 'connected',
      health_check: {
        has_credentials: true,
        credentials_active: true,
        has_patients: true,
        has_synced_data: true,
        high_sync_rate: true,
        service_last_sync: body.last_sync,
      },
    });
    expect(body.sync_logs.length).toBe(body.sync_logs_count);
    expect(body.sync_logs[0]).toMatchObject({ status: 'completed', error_message: null });
    const stats = await documentedCall(
      'GET',
      `/api/v1/cliniko/patients/${ORGANIZATION}/stats`,
      '/api/v1/cliniko/patients/{organizationId}/stats',
    );
    expect(stats.body.total_active_patients).toBe(body.active_patients);
    expect(stats.body.filters).toEqual({ with_appointments_only: false, include_details: false });
    expect(stats.body.patient_details).toBeUndefined();
    const detailed = await documentedCall(
      'GET',
      `/api/v1/cliniko/patients/${ORGANIZATION}/stats?include_details=true&with_appointments_only=true&limit=3`,
      '/api/v1/cliniko/patients/{organizationId}/stats',
    );
    expect(detailed.body.patient_details).toHaveLength(3);
    expect(detailed.body.patient_details_count).toBe(3);
    for (const patient of detailed.body.patient_details) expect(patient).toMatchObject({ is_active: true });
    const tested = () =>
      documentedCall(
        'GET',
        `/api/v1/cliniko/test-connection/${ORGANIZATION}`,
        '/api/v1/cliniko/test-connection/{organizationId}',
      );
    setup.requests();
    expect((await tested()).body).toMatchObject({ success: true, connection_status: 'healthy', api_region: 'au1' });
    expect(setup.requests()).toEqual(['GET /v1/user']);
    setup.simulator.faults.keyRevoked = true;
    expect((await tested()).body).toMatchObject({
      success: false,
      connection_status: 'unauthorised',
      details: { error_type: 'source_credentials', error_code: 'SOURCE_CREDENTIALS', retry_after: null },
    });
    setup.simulator.faults.keyRevoked = false;
  });
});

describe('copied records', () => {
  test('who was merged is told the same for each of a chain, by ids alone', async () => {
    const route = '/api/v1/patients/{id}/merges';
    const rows = await setup.query<{ id: string; reference: string; into: string | null }>(
      'SELECT id, cliniko_patient_id AS reference, merged_into AS into FROM patients',
    );
    const by = new Map(rows.map((row) => [row.reference, row]));
    const [one, three] = merged.map((reference) => by.get(reference)!);
    const two = by.get(one!.into!)!;
    const of = async (id: string) => (await documentedCall('GET', `/api/v1/patients/${id}/merges`, route)).body;
    const found = await of(two.id);
    expect(found).toMatchObject({ survivor: { id: two.id, cliniko_patient_id: two.reference } });
    expect(found.merged).toContainEqual({
      id: one!.id,
      cliniko_patient_id: one!.reference,
      merged_at: expect.any(String),
      merged_into: { id: two.id, cliniko_patient_id: two.reference },
    });
    expect(await of(one!.id)).toEqual(found);
    expect(await of(three!.id)).toMatchObject({
      survivor: { id: null, cliniko_patient_id: three!.into },
      merged: [{ id: three!.id, merged_into: { id: null, cliniko_patient_id: three!.into } }],
    });
    const single = rows.find((row) => row.into === null && !rows.some((other) => other.into === row.reference))!;
    expect(await of(single.id)).toEqual({
      survivor: { id: single.id, cliniko_patient_id: single.reference },
      merged: [],
    });
    for (const [path, options] of [
      [`/api/v1/patients/${two.id}/merges`, { organization: OTHER }],
      ['/api/v1/patients/nobody/merges', {}],
    ] as const) {
      expect((await documentedCall('GET', path, route, options)).status).toBe(404);
    }
  });

  test('are listed page by page, each once', async () => {
    const patients = await allPages('/api/v1/patients?limit=40', 'patients');
    const live = expectedPatients(setup.world).filter((patient) => !patient.deleted);
    expect(patients.map((patient) => patient.cliniko_patient_id).sort()).toEqual(live.map(({ id }) => id).sort());
    const appointments = await allPages('/api/v1/appointments?limit=77', 'appointments');
    const expected = expectedAppointments(setup.world).filter((one) => one.state !== 'deleted');
    expect(appointments.map((one) => one.cliniko_appointment_id).sort()).toEqual(expected.map(({ id }) => id).sort());
    const starts = appointments.map((one) => String(one.starts_at));
    expect(starts).toEqual([...starts].sort());
  });

  test('filters', async () => {
    const [first] = (await call('GET', '/api/v1/patients?active=true&limit=1')).body.patients;
    expect(first.is_active).toBe(true);
    expect((await documentedCall('GET', `/api/v1/patients/${first.id}`, '/api/v1/patients/{id}')).body).toEqual(first);
    const found = await documentedCall('POST', '/api/v1/patients/search', '/api/v1/patients/search', {
      body: { name: first.last_name.slice(0, 4).toUpperCase() },
    });
    expect(found.body.patients.map((patient: { id: string }) => patient.id)).toContain(first.id);
    const own = await documentedCall('GET', `/api/v1/appointments?patient=${first.id}`, '/api/v1/appointments');
    expect(own.body.appointments.length).toBeGreaterThan(0);
    for (const one of own.body.appointments) {
      expect(one.patients.map((p: { patient_id: string }) => p.patient_id)).toContain(first.id);
    }
    const cancelled = await allPages('/api/v1/appointments?status=cancelled,noshow', 'appointments');
    expect(new Set(cancelled.map((one) => one.status))).toEqual(new Set(['cancelled', 'noshow']));
    const now = new Date().toISOString();
    for (const one of await allPages(`/api/v1/appointments?from=${now}`, 'appointments')) {
      expect(String(one.starts_at) >= now).toBe(true);
    }
    expect((await call('GET', '/api/v1/appointments?status=maybe')).status).toBe(400);
    expect((await call('GET', '/api/v1/patients?after=nonsense')).status).toBe(400);
    expect((await call('GET', '/api/v1/patients?name=Sample')).status).toBe(400);
  });

  test("are another organisation's secret", async () => {
    const [patient] = (await call('GET', '/api/v1/patients?limit=1')).body.patients;
    expect((await call('GET', '/api/v1/patients', { organization: OTHER })).body).toEqual({ patients: [], next: null });
    for (const path of [`/api/v1/patients/${patient.id}`, `/fhir/Patient/${patient.id}`]) {
      const answer = await call('GET', path, { organization: OTHER });
      expect(answer.status).toBe(404);
      expect(answer.text).not.toContain(patient.last_name);
    }
  });

  test('want the scope for it, and reading is written down', async () => {
    const made = await call('POST', '/api/v1/keys', { body: { name: 'viewer', role: 'viewer' } });
    const key = made.body.secret;
    expect((await call('GET', '/api/v1/patients', { key })).status).toBe(403);
    const fhirAnswer = await call('GET', '/fhir/Patient', { key });
    expect(fhirAnswer.status).toBe(403);
    expect(fhirAnswer.body).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ code: 'forbidden' }] });
    const pool = new pg.Client({ connectionString: setup.databaseUrl });
    await pool.connect();
    const { rows } = await pool.query("SELECT DISTINCT action FROM audit_log WHERE action LIKE 'patient%'");
    await pool.end();
    expect(rows.map((row) => row.action)).toEqual(
      expect.arrayContaining(['patients.list', 'patient.read', 'patients.search']),
    );
  });
});

describe('FHIR', () => {
  const validator = new fhir.Fhir();
  const check = (resource: unknown) => {
    const { messages } = validator.validate(resource as object);
    // The validator does not know the list of time zones, which is an extension anyway.
    return messages.filter((message) => message.severity === 'error' || message.message === 'Unexpected property');
  };

  test.each(['Patient', 'Appointment', 'Practitioner', 'Location'])(
    'every %s is a valid resource of R4',
    async (type) => {
      let url = `${type}?_count=50`;
      let seen = 0;
      for (;;) {
        const { status, body, headers } = await call('GET', `/fhir/${url}`);
        expect(status).toBe(200);
        expect(headers.get('content-type')).toContain('application/fhir+json');
        expect(check({ ...body, entry: body.entry.length === 0 ? undefined : body.entry })).toEqual([]);
        for (const { resource } of body.entry) {
          expect(check(resource)).toEqual([]);
          seen++;
        }
        const next = body.link.find((link: { relation: string }) => link.relation === 'next');
        if (next === undefined) break;
        url = next.url;
      }
      expect(seen).toBeGreaterThan(0);
      const one = (await call('GET', `/fhir/${type}?_count=1`)).body.entry[0].resource;
      const read = await call('GET', `/fhir/${type}/${one.id}`);
      expect(read.body).toEqual(one);
      expect(read.headers.get('etag')).toMatch(/^W\/"\d+"$/);
    },
  );

  test('appointments are searched by date, status and patient', async () => {
    const day = new Date(Date.now() + 24 * 3600_000).toISOString().slice(0, 10);
    const from = await call('GET', `/fhir/Appointment?date=ge${day}&_count=200`);
    for (const { resource } of from.body.entry) expect(resource.start >= day).toBe(true);
    const cancelled = await call('GET', '/fhir/Appointment?status=cancelled');
    for (const { resource } of cancelled.body.entry) {
      expect(resource.status).toBe('cancelled');
      expect(resource.cancelationReason.coding[0].code).toMatch(/^(pat|other)$/);
    }
    const [{ resource }] = from.body.entry;
    const patient = resource.participant.find((p: { actor?: { reference: string } }) =>
      p.actor?.reference.startsWith('Patient/'),
    );
    const own = await call('GET', `/fhir/Appointment?patient=${patient.actor.reference}`);
    expect(own.body.entry.map((entry: { resource: { id: string } }) => entry.resource.id)).toContain(resource.id);
  });

  test('personal data is searched for in a body, not in a URL', async () => {
    const [{ resource }] = (await call('GET', '/fhir/Patient?_count=1')).body.entry;
    const { family } = resource.name[0];
    const refused = await call('GET', `/fhir/Patient?family=${family}`);
    expect(refused.status).toBe(400);
    expect(refused.body.resourceType).toBe('OperationOutcome');
    const found = await call('POST', '/fhir/Patient/_search', { form: { family } });
    expect(found.status).toBe(200);
    expect(found.body.entry.map((entry: { resource: { id: string } }) => entry.resource.id)).toContain(resource.id);
    expect(JSON.stringify(found.body.link)).not.toContain(family);
    // The next page of it would be of everybody.
    const short = await call('POST', '/fhir/Patient/_search', { form: { family: family.slice(0, 1), _count: '1' } });
    expect(short.body.link.map((link: { relation: string }) => link.relation)).toEqual(['self']);
  });

  interface Found {
    readonly id: string;
    readonly start: string;
    readonly active: boolean;
    readonly birthDate?: string;
    readonly status: string;
    readonly identifier: { system: string; value: string }[];
    readonly link?: { type: string; other: { reference?: string; identifier?: { value: string } } }[];
  }

  /** All pages, followed by their links. */
  async function search(first: string): Promise<Found[]> {
    const found: Found[] = [];
    for (let url: string | undefined = first; url !== undefined; ) {
      const { status, body } = await call('GET', `/fhir/${url}`);
      expect(status, url).toBe(200);
      found.push(...body.entry.map((entry: { resource: Found }) => entry.resource));
      url = body.link.find((link: { relation: string }) => link.relation === 'next')?.url;
    }
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    return found;
  }

  /** By the parameters in a body, on one page. */
  async function find(form: [string, string][]): Promise<Found[]> {
    const { status, body } = await call('POST', '/fhir/Patient/_search', { form: [...form, ['_count', '200']] });
    expect(status).toBe(200);
    return body.entry.map((entry: { resource: Found }) => entry.resource);
  }

  test('dates may be years, months, days and instants, with every prefix, in lists, and given twice', async () => {
    const everything = await search('Appointment?_count=200');
    const days = everything.map(({ start }) => start.slice(0, 10)).sort();
    const day = days[Math.floor(days.length / 2)]!;
    const [month, year] = [day.slice(0, 7), day.slice(0, 4)];
    const other = days.find((one) => !one.startsWith(month))!.slice(0, 7);
    const at = everything.map(({ start }) => start).sort()[10]!;
    const cases: [string, (start: string) => boolean][] = [
      [`date=${year}`, (start) => start.startsWith(year)],
      [`date=${month}`, (start) => start.startsWith(month)],
      [`date=${day}`, (start) => start.startsWith(day)],
      [`date=eq${at}`, (start) => start === at],
      [`date=${at.slice(0, 19)}Z`, (start) => start.slice(0, 19) === at.slice(0, 19)],
      [`date=ne${month}`, (start) => !start.startsWith(month)],
      [`date=ge${month}`, (start) => start >= month],
      [`date=gt${month}`, (start) => start.slice(0, 7) > month],
      [`date=sa${day}`, (start) => start.slice(0, 10) > day],
      [`date=lt${day}`, (start) => start < day],
      [`date=le${day}`, (start) => start.slice(0, 10) <= day],
      [`date=eb${year}`, (start) => start < year],
      [`date=ge${other}&date=lt${day}`, (start) => start >= other && start < day],
      [`date=${month},${other}`, (start) => start.startsWith(month) || start.startsWith(other)],
      [`date=ge${encodeURIComponent('1999-12-31T23:30:00+10:00')}`, () => true],
    ];
    for (const [query, fits] of cases) {
      const wanted = everything.filter(({ start }) => fits(start)).map(({ id }) => id);
      expect((await search(`Appointment?${query}&_count=40`)).map(({ id }) => id).sort(), query).toEqual(wanted.sort());
    }
    const soon = await search(`Appointment?date=ap${new Date().toISOString().slice(0, 10)}&_count=200`);
    expect(soon.length).toBeLessThan(everything.length);
    for (const wrong of ['2026-13', '2026-02-30', '0000', '2026-1', '20261', 'ge', '2026-11-30T10:00', '2026,x', ',']) {
      expect((await call('GET', `/fhir/Appointment?date=${wrong}`)).status, wrong).toBe(400);
    }
    expect(await search('Appointment?_lastUpdated=lt2020')).toEqual([]);
    expect(await search(`Appointment?_lastUpdated=ge2020&_count=200`)).toHaveLength(everything.length);
  });

  test('dates of birth are searched for in the same forms, in a body', async () => {
    const everybody = await find([]);
    const born = everybody.flatMap(({ birthDate }) => birthDate ?? []).sort();
    const middle = born[Math.floor(born.length / 2)]!;
    const year = middle.slice(0, 4);
    const cases: [string[], (date: string) => boolean][] = [
      [[`ge${middle}`], (date) => date >= middle],
      [[`lt${year}`], (date) => date < year],
      [[year], (date) => date.startsWith(year)],
      [[middle.slice(0, 7)], (date) => date.startsWith(middle.slice(0, 7))],
      [[`ne${middle}`], (date) => date !== middle],
      [[`ge${year}-01-01`, `le${middle}`], (date) => date >= `${year}-01-01` && date <= middle],
      [[`${middle},${born[0]}`], (date) => date === middle || date === born[0]],
    ];
    for (const [values, fits] of cases) {
      const wanted = everybody.filter(({ birthDate }) => birthDate !== undefined && fits(birthDate));
      const found = await find(values.map((value) => ['birthdate', value]));
      expect(found.map(({ id }) => id).sort(), String(values)).toEqual(wanted.map(({ id }) => id).sort());
      expect(found.length).toBeGreaterThan(0);
    }
    const instant = { form: { birthdate: '1980-01-01T00:00:00Z' } };
    expect((await call('POST', '/fhir/Patient/_search', instant)).status).toBe(400);
  });

  test.each(['_count=0', '_summary=count'])('%s tells only how many there are', async (wish) => {
    for (const query of [
      'Patient?',
      'Patient?active=false&',
      'Appointment?status=booked&',
      'Practitioner?',
      'Location?',
    ]) {
      const { status, body } = await call('GET', `/fhir/${query}${wish}`);
      expect(status).toBe(200);
      expect(check(body)).toEqual([]);
      expect(body.entry).toBeUndefined();
      expect(body.link.map((link: { relation: string }) => link.relation)).toEqual(['self']);
      expect(body.total).toBe((await search(`${query}_count=200`)).length);
    }
    expect((await call('GET', '/fhir/Patient?_summary=text')).status).toBe(400);
    expect((await call('GET', '/fhir/Patient?_count=-1')).status).toBe(400);
  });

  test('several of _id, identifier, status and patient are a list; an _id that is given again narrows', async () => {
    const [a, b, c] = await search('Patient?_count=3');
    const ids = (found: Found[]) => found.map(({ id }) => id).sort();
    expect(ids(await search(`Patient?_id=${a!.id},${b!.id},nobody`))).toEqual([a!.id, b!.id].sort());
    expect(ids(await search(`Patient?_id=${a!.id},${b!.id}&_id=${b!.id},${c!.id}`))).toEqual([b!.id]);
    expect(await search(`Patient?_id=${a!.id}&_id=${b!.id}`)).toEqual([]);
    expect(await search('Patient?_id=,')).toEqual([]);
    const named = [a!, b!].map(({ identifier }) => `${identifier[0]!.system}|${identifier[0]!.value}`);
    expect(ids(await search(`Patient?identifier=${encodeURIComponent(named.join(','))}`))).toEqual(
      [a!.id, b!.id].sort(),
    );
    expect(ids(await search(`Patient?identifier=${a!.identifier[0]!.value}`))).toEqual([a!.id]);
    const old = encodeURIComponent('urn:chartsync:connection:cliniko:old-reference|Former-17');
    const former = await search(`Patient?identifier=${old}`);
    expect(former.map(({ identifier }) => identifier[1]!.value)).toEqual(['Former-17']);
    expect(ids(await search('Patient?identifier=Former-17'))).toEqual(ids(former));
    // Another list, an older system, none at all: the same number is somebody else there.
    for (const system of [
      'urn:chartsync:connection:cliniko:appointments',
      'urn:chartsync:connection:cliniko:old-reference',
      'urn:other',
      '',
    ]) {
      const wanted = `Patient?identifier=${encodeURIComponent(`${system}|${a!.identifier[0]!.value}`)}`;
      expect(await search(wanted), system).toEqual([]);
    }
    const both = await search(`Appointment?patient=Patient/${a!.id},${b!.id}&_count=200`);
    const each = [...(await search(`Appointment?patient=${a!.id}`)), ...(await search(`Appointment?patient=${b!.id}`))];
    expect(ids(both)).toEqual([...new Set(ids(each))]);
  });

  test('who arrived is found as arrived until it is over, and as fulfilled afterwards', async () => {
    const everything = await search('Appointment?_count=200');
    for (const status of [
      'arrived',
      'fulfilled',
      'booked',
      'noshow',
      'booked,fulfilled',
      'arrived,fulfilled',
      'waitlist',
    ]) {
      const wanted = everything.filter((one) => status.split(',').includes(one.status)).map(({ id }) => id);
      expect((await search(`Appointment?status=${status}`)).map(({ id }) => id).sort(), status).toEqual(wanted.sort());
    }
    expect(everything.some((one) => one.status === 'fulfilled')).toBe(true);
    expect((await call('GET', '/fhir/Appointment?status=lost')).status).toBe(400);
  });

  test('active patients are neither archived nor merged, also when nobody knows into whom', async () => {
    const [active, inactive] = [await search('Patient?active=true'), await search('Patient?active=false')];
    expect(active.every((patient) => patient.active)).toBe(true);
    expect(inactive.some((patient) => patient.active)).toBe(false);
    expect(active.length + inactive.length).toBe((await search('Patient?_count=200')).length);
    const known = new Map(inactive.map((patient) => [patient.identifier[0]!.value, patient]));
    const [one, lost] = merged.map((reference) => known.get(reference)!);
    expect(one!.link).toEqual([
      { type: 'replaced-by', other: { reference: expect.stringMatching(/^Patient\/[0-9a-f-]{36}$/) } },
    ]);
    expect(lost!.link).toEqual([
      {
        type: 'replaced-by',
        other: { type: 'Patient', identifier: { system: expect.any(String), value: expect.any(String) } },
      },
    ]);
    const { body } = await call('GET', `/api/v1/patients/${lost!.id}`);
    expect(body).toMatchObject({
      is_active: false,
      merged_into: null,
      merged_at: expect.any(String),
      archived_at: null,
    });
  });

  test('a parameter that is not known is refused, or passed over and told when the client asks for it', async () => {
    for (const prefer of [undefined, 'handling=strict', 'return=minimal']) {
      const answer = await call('GET', '/fhir/Patient?colour=Qzblue', prefer === undefined ? {} : { prefer });
      expect([answer.status, answer.body.resourceType]).toEqual([400, 'OperationOutcome']);
    }
    const prefer = 'respond-async; handling=lenient';
    const { status, body } = await call('GET', '/fhir/Patient?colour=Qzblue&active=true&_count=2', { prefer });
    expect(status).toBe(200);
    expect(check(body)).toEqual([]);
    expect(body.entry.map((entry: { search: { mode: string } }) => entry.search.mode)).toEqual([
      'match',
      'match',
      'outcome',
    ]);
    expect(body.entry[2].resource).toMatchObject({
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'warning' }],
    });
    for (const { url } of body.link)
      expect([url.includes('active=true'), url.includes('colour')]).toEqual([true, false]);
    // Personal data in a URL, and a modifier that would change the question, are never passed over.
    for (const query of ['family=Qz', 'family:exact=Qz', '_id:not=1', 'active:missing=true']) {
      expect((await call('GET', `/fhir/Patient?${query}`, { prefer })).status, query).toBe(400);
    }
  });

  test('every page keeps the parameters of the search', async () => {
    const { body } = await call('GET', '/fhir/Appointment?status=booked,cancelled&date=ge2000&date=lt2100&_count=5');
    for (const { url } of body.link) {
      const query = new URLSearchParams(url.split('?')[1]);
      expect([query.get('status'), query.getAll('date'), query.get('_count')]).toEqual([
        'booked,cancelled',
        ['ge2000', 'lt2100'],
        '5',
      ]);
    }
    expect(body.link.map((link: { relation: string }) => link.relation)).toEqual(['self', 'next']);
  });

  test('says what it can do, and refuses what it cannot', async () => {
    const { body } = await call('GET', '/fhir/metadata');
    expect(check(body)).toEqual([]);
    expect((await call('GET', '/fhir/Patient?colour=blue')).status).toBe(400);
    expect((await call('GET', '/fhir/Patient?_count=many')).status).toBe(400);
    expect((await call('GET', '/fhir/Appointment?date=yesterday')).status).toBe(400);
    // A parameter that is passed over would answer with everything.
    for (const actor of ['foo', 'Device/1', 'Patient/', 'Patient/a/b']) {
      expect((await call('GET', `/fhir/Appointment?actor=${actor}`)).status, actor).toBe(400);
    }
    expect((await call('GET', '/fhir/Appointment?actor=Patient/a&patient=b')).status).toBe(400);
    expect((await call('GET', '/api/v1/patients?updated_since=0000-01-01T00:00:00Z')).status).toBe(400);
    expect((await call('GET', '/fhir/Patient/nobody')).status).toBe(404);
    expect(CONNECTION).toBe('cliniko');
  });
});

// At the end: the account is not the same afterwards.
test('a run that left something out is told until another one has read it: nobody is told that all is well', async () => {
  const stateOf = async () =>
    (await call('GET', `/api/v1/cliniko/status/${ORGANIZATION}?logs_limit=1&include_logs=true`)).body;
  expect(await stateOf()).toMatchObject({ sync_status: 'healthy' });
  const { faults } = setup.simulator;
  // Somebody leaves and somebody comes whenever the first page was read.
  Object.defineProperty(faults, 'betweenPages', {
    configurable: true,
    enumerable: true,
    get: () => ({ after: 1, remove: true, add: true }),
    set: () => undefined,
  });
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'partial', counts: { failed: 0, waiting: 1 } });
  Object.defineProperty(faults, 'betweenPages', { configurable: true, enumerable: true, writable: true, value: null });
  expect(await stateOf()).toMatchObject({ sync_status: 'degraded', cliniko_connected: true });
  await setup.run('patients-only');
  expect(await stateOf()).toMatchObject({ sync_status: 'degraded', sync_logs_count: 1 });
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success' });
  expect(await stateOf()).toMatchObject({ sync_status: 'healthy' });
});
