/** Personal data and secrets in every field of a Cliniko account: none of them in what is printed, logged, counted or audited. */
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';
import { type ClinikoSetup, CONNECTION, ORGANIZATION, setUpCliniko } from '../support/cliniko-setup.ts';
import { until } from '../support/until.ts';

/** Whatever begins so is personal or secret. */
const PERSONAL = 'Qzcanary';
const PHONE = '0491570999';
/** However it is written. */
const DIGITS = '491570999';
const KEY_BASE = 'MS0QzcanarySecretKey';

let setup: ClinikoSetup;
const said: string[] = [];
beforeAll(async () => {
  setup = await setUpCliniko({
    account: { patients: 40, appointments: 120, keyBase: KEY_BASE },
    settings: { notes: true, attachments: true },
    sections: { limits: { retryDelay: '5ms', documentsAtOnce: 2 } },
  });
  const { tables } = setup.world;
  for (const patient of tables.patients.rows) {
    const extra = {
      notes: `${PERSONAL} note`,
      occupation: PERSONAL,
      medicare: PERSONAL,
      address_1: `${PERSONAL} Street`,
    };
    const names = { firstName: `${PERSONAL}first`, lastName: `${PERSONAL}last`, email: `${PERSONAL}@example.invalid` };
    setup.world.editPatient(patient.id, { ...names, phone: PHONE, extra });
  }
  for (const attachment of tables.attachments.rows) {
    attachment.filename = `${PERSONAL} scan.txt`;
    attachment.description = `${PERSONAL} letter`;
  }
  setup.world.attach(tables.patients.rows[0]!.id, {
    filename: `${PERSONAL}.txt`,
    contentType: 'text/plain',
    description: `${PERSONAL} note`,
    bytes: Buffer.from(`${PERSONAL} was here`),
  });
  for (const appointment of tables.appointments.rows) appointment.notes = `${PERSONAL} came late`;
});
afterAll(() => setup?.close());

const cli = async (...args: string[]) => {
  const result = await runCli(args, { cwd: tmpdir(), env: setup.environment });
  said.push(result.stdout, result.stderr);
  return result;
};

function expectNothingPersonal(): void {
  for (const text of said) {
    for (const word of [PERSONAL.toLowerCase(), DIGITS, 'x-amz']) expect(text.toLowerCase()).not.toContain(word);
  }
}

test('commands, the service with a failing source, and what is kept about runs', { timeout: 600_000 }, async () => {
  expect((await cli('plan', CONNECTION, '--mode', 'comprehensive', '--json')).code).toBe(0);
  expect((await cli('sync', CONNECTION, '--json')).code).toBe(0);
  expect((await cli('verify', CONNECTION, '--json')).code).toBe(0);
  setup.simulator.faults.answers = [{ kind: 'html200', resource: 'patients' }];
  expect((await cli('sync', CONNECTION)).code).toBe(3);
  await cli('failures', CONNECTION);
  setup.simulator.faults.answers = [];
  const files = setup.world.tables.attachments.rows;
  setup.simulator.faults.attachments.download = 'truncated';
  setup.world.replaceAttachment(files.at(-1)!.id, Buffer.from(`${PERSONAL} is here no more`));
  expect((await cli('sync', CONNECTION)).code).toBe(3);
  expect((await cli('failures', CONNECTION)).stdout).toContain('attachment_mismatch');
  setup.simulator.faults.attachments.download = 'ok';

  const env = { ...setup.environment, SYNC_LOG_LEVEL: 'debug' };
  const server = startCli(['serve', '--json'], { cwd: tmpdir(), env });
  let out = '';
  server.child.stdout!.on('data', (text: string) => {
    out += text;
  });
  await until(() => out.includes('"url"'));
  const { url } = JSON.parse(out.split('\n').find((line) => line.includes('"url"'))!) as { url: string };
  const call = async (method: string, path: string, tell = true) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}`,
        'x-organization-id': ORGANIZATION,
        'content-type': 'application/x-www-form-urlencoded',
      },
      ...(method === 'POST' && path.startsWith('/fhir') ? { body: `family=${PERSONAL}` } : {}),
    });
    const text = await answer.text();
    if (tell) said.push(`${JSON.stringify([...answer.headers])} ${text}`);
    return { status: answer.status, text };
  };
  const organization = ORGANIZATION;
  const started = await fetch(`${url}/api/v1/cliniko/sync/${organization}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}`, 'x-organization-id': organization },
  });
  const { sync_id } = (await started.json()) as { sync_id: string };
  await until(async () => (await call('GET', `/api/v1/sync/progress/${sync_id}`)).text.includes('"completed"'));
  // These answer with personal data on purpose; what they leave behind must not hold any.
  for (const path of ['/api/v1/patients', '/api/v1/appointments', '/fhir/Patient', '/fhir/Appointment']) {
    expect((await call('GET', path, false)).text.includes(path.includes('ppointment') ? '2' : PERSONAL)).toBe(true);
  }
  expect((await call('POST', '/fhir/Patient/_search', false)).text).toContain(PERSONAL);
  // The files are worked on as well.
  await until(async () => (await setup.query('SELECT 1 FROM document_outbox')).length === 0);
  expect(await setup.query("SELECT 1 FROM silknote_documents WHERE status = 'complete'")).not.toEqual([]);
  setup.simulator.faults.listKey = 'records';
  const failing = await call('GET', `/api/v1/cliniko/test-connection/${organization}`);
  expect(failing.status).toBe(200);
  for (const path of [
    '/metrics',
    '/health',
    '/api/v1/connections',
    '/api/v1/failures',
    '/api/v1/audit',
    '/api/v1/held',
    `/api/v1/cliniko/status/${organization}?include_logs=true`,
    `/api/v1/cliniko/patients/${organization}/stats`,
    `/api/v1/sync/history/${organization}`,
    `/api/v1/sync/dashboard/${organization}`,
    `/api/v1/sync/stream/${sync_id}`,
    '/fhir/metadata',
    '/fhir/Patient/nobody',
  ]) {
    expect((await call('GET', path)).status).toBeLessThan(500);
  }
  server.child.kill('SIGINT');
  const ended = await server.result;
  said.push(ended.stdout, ended.stderr);
  expectNothingPersonal();

  const columns = await setup.query<{ table: string; column: string }>(`
    SELECT c.table_schema || '.' || c.table_name AS "table", c.column_name AS "column"
    FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
    WHERE c.table_schema IN ('public', 'chartsync_jobs') AND t.table_type = 'BASE TABLE' AND data_type <> 'bytea'`);
  const holding = new Set<string>();
  for (const { table, column } of columns) {
    const found = await setup.query(`SELECT 1 FROM ${table} WHERE "${column}"::text ~* $1 LIMIT 1`, [
      [PERSONAL, DIGITS].join('|'),
    ]);
    if (found.length > 0) holding.add(`${table}.${column}`.replace('public.', ''));
  }
  // What is copied, and nothing else; clinical notes of patients and numbers of insurances are not.
  expect([...holding].sort()).toEqual([
    'appointments.notes',
    'patient_attachments.description',
    'patient_attachments.file_name',
    'patients.address',
    'patients.email',
    'patients.first_name',
    'patients.last_name',
    'patients.name',
    'patients.phone',
    'patients.phones',
    'silknote_documents.originalName',
    'silknote_documents.title',
    'silknote_patient_filesets.patientName',
  ]);
});
