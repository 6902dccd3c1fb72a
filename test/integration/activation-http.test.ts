/** Only those who were activated are copied, as is set by default: from an empty database, over HTTP alone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type DescribedCall, describedClient } from '../support/described-client.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let call: DescribedCall;
/** With the most files, and with fewer. */
let patient: string;
let other: string;

const MAPPING = {
  preset: 'vsrx',
  file: { deleted: 'deleted' },
  patient: { name: 'last_name', birthDate: 'dob', gender: 'gender' },
};
const SEARCH = '/api/v1/filesets/search';

beforeAll(async () => {
  setup = await setUpPractice({ patients: 6, attachments: 24, settings: { activate: 'recorded', mapping: MAPPING } });
  // Somebody who was booked anew: there is no file yet.
  await setup.source.execute(
    `INSERT INTO candidates (candidate_id, staff_id, first_name, last_name, "silknotePatientUuid")
     VALUES (900, 1, 'Robin', 'Sample', 'ABCDEF00-0000-4000-8000-000000000900'), (901, 1, 'No', 'Uuid', NULL)`,
  );
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  call = await describedClient(() => server);
  const files = await setup.source.execute<{ uuid: string }>(
    `SELECT LOWER(c."silknotePatientUuid") AS uuid, COUNT(*) AS n FROM candidates AS c
     JOIN assessments AS a ON a.candidate_id = c.candidate_id
     JOIN ax_notes_attachments AS f ON f.assessment_id = a.assessment_id
     WHERE c."silknotePatientUuid" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC`,
  );
  [patient, other] = files.map(({ uuid }) => uuid) as [string, string];
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

const NOBODY = 'abcdef00-0000-4000-8000-000000000900';
const find = async (body: object = {}) => (await call('POST', SEARCH, SEARCH, body)).body.filesets;
const fileset = async (uuid: string) => (await call('GET', '/api/v1/filesets/{uuid}', `/api/v1/filesets/${uuid}`)).body;
const activate = (uuid: string) =>
  call('POST', '/api/patients/{uuid}/activate', `/api/patients/${uuid}/activate`, { activatedUse: true });
const syncState = async (uuid: string) =>
  (await call('GET', '/api/patients/{uuid}/sync', `/api/patients/${uuid}/sync`)).body;

async function synchronise(): Promise<Record<string, number>> {
  const { status, body } = await call('POST', '/api/sync/vsrx', '/api/sync/vsrx?wait=true');
  expect(status).toBe(200);
  return body.summary;
}

/** @returns the run */
async function synchroniseOne(uuid: string) {
  const asked = await call('POST', '/api/patients/{uuid}/sync', `/api/patients/${uuid}/sync`);
  expect(asked.status).toBe(202);
  const [id] = asked.body.syncIds;
  const runOf = async () => (await call('GET', '/api/v1/sync/run/{syncId}', `/api/v1/sync/run/${id}`)).body.run;
  await until(async () => (await runOf()).completed_at !== null);
  return runOf();
}

test('the first run copies nothing, and makes everybody known whom the source has', async () => {
  const summary = await synchronise();
  expect(summary).toMatchObject({ totalFilesAdded: 0, totalFilesets: 0 });
  const filesets = await find();
  const uuids = filesets.map((f: { silknotePatientUuid: string }) => f.silknotePatientUuid);
  expect(new Set(uuids)).toEqual(new Set([...setup.practice.patientUuids, NOBODY]));
  for (const one of filesets) {
    expect(one).toMatchObject({
      documents: 0,
      activatedUse: false,
      activatedUseTime: null,
      connections: ['practice'],
    });
  }
  expect(await syncState(patient)).toMatchObject({
    synchronised: false,
    notActivated: true,
    lastSyncAttempt: null,
    problem: null,
  });
  expect(await find({ withDocuments: true })).toEqual([]);
  await synchronise();
  expect(await find()).toEqual(filesets);
});

test('who is activated is copied, and nobody else', async () => {
  const refused = await call('POST', '/api/patients/{uuid}/sync', `/api/patients/${patient}/sync`);
  expect([refused.status, refused.body.details.error_type]).toEqual([409, 'fileset_not_activated']);
  // Nor does a run for one who is not activated say anything about the connection, or about anybody else.
  const run = await call('POST', '/api/sync/vsrx/patient/{patientId}', `/api/sync/vsrx/patient/${other}?wait=true`);
  expect([run.status, run.body.details.error_type]).toEqual([409, 'fileset_not_activated']);
  expect(await syncState(patient)).toMatchObject({ problem: null });
  const { connections } = (await call('GET', '/api/v1/connections', '/api/v1/connections')).body;
  expect(connections[0]).toMatchObject({ state: 'active', consecutive_failures: 0 });
  expect((await activate(patient)).body).toMatchObject({ activatedBefore: false, removedBefore: false });
  await synchroniseOne(patient);
  const copied = await fileset(patient);
  expect(copied.documents).toBeGreaterThan(1);
  expect(copied).toMatchObject({ activatedUse: true, connections: ['practice'] });
  expect(await find({ withDocuments: true })).toEqual([copied]);

  expect((await activate(other)).status).toBe(200);
  expect(await synchronise()).toMatchObject({ totalFilesets: 2 });
  expect((await fileset(other)).documents).toBeGreaterThan(0);
  expect(await find({ withDocuments: true })).toHaveLength(2);
});

test('documents go to somebody whom the source has without files', async () => {
  const { documents } = await fileset(other);
  const path = `/api/patients/${other}/migrate`;
  const moved = await call('POST', '/api/patients/{uuid}/migrate', path, { targetPatientUuid: NOBODY });
  expect(moved.status).toBe(200);
  expect((await fileset(NOBODY)).documents).toBe(documents);
  await call(
    'POST',
    '/api/patients/{uuid}/migrations/{migrationId}/undo',
    `/api/patients/${other}/migrations/${moved.body.migrationId}/undo`,
  );
  expect((await fileset(NOBODY)).documents).toBe(0);
});

test('who is activated without any file is in step when the whole source was read since', async () => {
  await activate(NOBODY);
  expect((await syncState(NOBODY)).lastSuccessfulSync).toBeNull();
  await synchronise();
  const { lastSuccessfulSync, synchronised } = await syncState(NOBODY);
  expect(synchronised).toBe(true);
  expect(Date.parse(lastSuccessfulSync)).toBeGreaterThan(Date.now() - 60_000);
});

test('who was removed stays removed, until somebody activates the patient again', async () => {
  const { documents } = await fileset(patient);
  expect((await call('DELETE', '/api/patients/{uuid}', `/api/patients/${patient}`)).status).toBe(204);
  await synchronise();
  expect((await call('GET', '/api/patients/{uuid}', `/api/patients/${patient}`)).status).toBe(404);
  expect((await activate(patient)).body).toMatchObject({ activatedBefore: false, removedBefore: true });
  expect(await fileset(patient)).toMatchObject({ documents: 0, activatedUse: true });
  await synchroniseOne(patient);
  expect((await fileset(patient)).documents).toBe(documents);
});

test('date of birth and gender come from the source, and follow it', async () => {
  const say = (dob: string) =>
    setup.source.execute(`UPDATE candidates SET dob = '${dob}', gender = 'Other' WHERE candidate_id = 900`);
  expect(await fileset(NOBODY)).toMatchObject({ patientDob: null, gender: null });
  await say('1961-05-04');
  await synchronise();
  expect(await fileset(NOBODY)).toMatchObject({ patientDob: '04/05/1961', gender: 'Other', patientName: 'Sample' });
  await say('1961-05-05');
  await synchronise();
  expect(await fileset(NOBODY)).toMatchObject({ patientDob: '05/05/1961' });

  // What a document says of somebody else is noticed.
  await activate(patient);
  const { files } = (await call('GET', '/api/patients/{uuid}', `/api/patients/${patient}`)).body;
  const id = files[0].silknoteDocumentUuid;
  const said = await call(
    'PATCH',
    '/api/patients/{uuid}/documents/{documentId}/patient-info',
    `/api/patients/${patient}/documents/${id}/patient-info`,
    { patientName: null, dateOfBirth: '01/01/1901' },
  );
  expect(said.body.alerts).toMatchObject([{ type: 'INCORRECT_PATIENT' }]);
});
