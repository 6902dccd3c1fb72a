/** The other routes about patients and their documents: shapes of earlier servers, activation, alerts, duplicates, removal. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askService } from '../support/ask-service.ts';
import { setUpTwoPractices, type Tenant, type TwoPractices } from '../support/two-practices.ts';
import { until } from '../support/until.ts';

let practices: TwoPractices;
let one: Tenant;
let other: Tenant;
let records: pg.Client;

beforeAll(async () => {
  practices = await setUpTwoPractices({ retryDelay: '10ms' });
  ({ one, other } = practices);
  records = new pg.Client({ connectionString: practices.databaseUrl });
  await records.connect();
  await settled();
});
afterAll(async () => {
  await records?.end();
  await practices?.close();
});

const ask = (method: string, path: string, body?: FormData | object, secret = one.secret) =>
  askService(practices.server.url, secret, method, path, body);

async function settled(): Promise<void> {
  const { documentWork } = practices.server.chartsync;
  await until(async () => {
    const open = await Promise.all([one, other].map(({ ids }) => documentWork.open(ids.organization)));
    return open.every((n) => n === 0);
  });
}

async function bring(clientFileId: string, content: string, patient = one.ids.patient): Promise<string> {
  const form = new FormData();
  form.append('clientFileId', clientFileId);
  form.append('file', new Blob([content]), `${clientFileId}.txt`);
  const { json } = await ask('POST', `/api/patients/${patient}/process`, form);
  return json.documents[0].documentUuid;
}

test('a patient is shown with files, each of which can be looked up by either id', async () => {
  const { patient, organization } = one.ids;
  const documentUuid = await bring('routes-1', 'A letter about a numbat.');
  await settled();
  await records.query(
    `UPDATE silknote_patient_filesets SET "patientName" = 'Avery Example', "patientDob" = '04/05/1961', gender = 'Other',
       "vectorStoreJson" = 'no JSON' WHERE "organizationId" = $1 AND "silknotePatientUuid" = $2`,
    [organization, patient],
  );
  const { json } = await ask('GET', `/api/patients/${patient}`);
  expect(json.patient).toMatchObject({
    id: patient,
    name: 'Avery Example',
    dateOfBirth: '04/05/1961',
    gender: 'Other',
    caseSummary: null,
    vectorStore: null,
  });
  expect(json.count).toBe(json.files.length);
  expect(json.patient.fileSet).toContain(documentUuid);
  const byUuid = await ask('GET', `/api/patients/${patient}/files/${documentUuid}`);
  expect(byUuid.json).toMatchObject({
    clientFileId: 'routes-1',
    silknoteDocumentUuid: documentUuid,
    status: 'complete',
    format: { mimeType: 'text/plain', extension: 'txt' },
    pageCount: 1,
    groupingStatus: 'ungrouped',
    alerts: [],
    isIncorrectPatient: false,
  });
  expect(await ask('GET', `/api/patients/${patient}/files/routes-1`)).toEqual(byUuid);
  for (const part of ['details', 'metadata']) {
    expect(await ask('GET', `/api/documents/${documentUuid}/${part}`)).toEqual(byUuid);
  }
  const page = await ask('GET', `/api/patients/${patient}/files?limit=1`);
  const rest = await ask('GET', `/api/patients/${patient}/files?after=${page.json.next}`);
  expect([...page.json.files, ...rest.json.files]).toEqual(json.files);
  for (const foreign of [one.neighbour.document, other.ids.document]) {
    expect((await ask('GET', `/api/patients/${patient}/files/${foreign}`)).status).toBe(404);
  }
});

test('an activation is recorded with who and when, once, whatever key of earlier servers comes along', async () => {
  const { patient, organization, key } = one.ids;
  await records.query(
    `UPDATE silknote_patient_filesets SET "activatedUse" = false, "activatedUseTime" = NULL
     WHERE "organizationId" = $1 AND "silknotePatientUuid" = $2`,
    [organization, patient],
  );
  const path = `/api/patients/${patient}/activate`;
  expect((await ask('POST', path, { activatedUse: false })).status).toBe(400);
  expect((await ask('GET', `/api/patients/${patient}`)).json.patient.activatedUse).toBe(false);
  const first = await ask('POST', path, { activatedUse: true, 'patient-key': 'f'.repeat(64) });
  expect(first.json).toMatchObject({ success: true, silknotePatientUuid: patient, activatedBy: `key ${key}` });
  expect(Date.parse(first.json.activatedUseTime)).toBeGreaterThan(Date.now() - 60_000);
  const second = await ask('POST', path, { activatedUse: true });
  expect(second.json.activatedUseTime).toBe(first.json.activatedUseTime);
  expect([first.json.activatedBefore, second.json.activatedBefore]).toEqual([false, true]);
  expect((await ask('POST', path, { activatedUse: true }, other.secret)).status).toBe(404);
  const made = await ask('POST', '/api/v1/keys', { name: 'reader', scopes: ['documents:read'] });
  expect((await ask('POST', path, { activatedUse: true }, made.json.secret)).status).toBe(403);
});

test('a document about somebody else has an alert, which stays acknowledged', async () => {
  const { patient, organization } = one.ids;
  const documentUuid = await bring('routes-2', 'A letter about somebody.');
  await records.query(
    `UPDATE silknote_patient_filesets SET "patientName" = 'Avery Example', "patientDob" = '04/05/1961'
     WHERE "organizationId" = $1 AND "silknotePatientUuid" = $2`,
    [organization, patient],
  );
  const path = `/api/patients/${patient}/documents/${documentUuid}/patient-info`;
  const say = async (patientName: string | null, dateOfBirth: string | null) =>
    (await ask('PATCH', path, { patientName, dateOfBirth })).json;
  expect(await say('EXAMPLE, Ávery', '1961-05-04')).toMatchObject({ isIncorrectPatient: false, alerts: [] });
  expect(await say(null, null)).toMatchObject({ isIncorrectPatient: false });
  const wrong = await say('Robin Sample', '04/05/1961');
  expect(wrong).toMatchObject({ isIncorrectPatient: true, detectedPatientInfo: { name: 'Robin Sample' } });
  expect(wrong.alerts).toMatchObject([{ type: 'INCORRECT_PATIENT', acknowledged: false }]);
  expect(wrong.alerts[0].description).not.toContain('Robin');
  const alert = { patientId: patient, documentId: documentUuid, alertType: 'INCORRECT_PATIENT' };
  expect((await ask('POST', '/api/alerts/acknowledge', { ...alert, alertType: 'DELAYED' })).status).toBe(404);
  for (const foreign of [{ patientId: one.neighbour.patient }, { documentId: one.neighbour.document }]) {
    expect((await ask('POST', '/api/alerts/acknowledge', { ...alert, ...foreign })).status).toBe(404);
  }
  expect((await ask('POST', '/api/alerts/acknowledge', alert, other.secret)).status).toBe(404);
  expect((await ask('POST', '/api/alerts/acknowledge', alert)).status).toBe(200);
  expect((await say('Robin Sample', '04/05/1961')).alerts).toMatchObject([{ acknowledged: true }]);
  expect((await say('Robin Sample', '05/05/1961')).alerts).toMatchObject([{ acknowledged: false }]);
  expect((await say('Avery Example', '4.5.1961')).alerts).toEqual([]);
  const neighbours = path.replace(documentUuid, one.neighbour.document);
  expect((await ask('PATCH', neighbours, { patientName: 'x' })).status).toBe(404);
});

test('what a document is about is said by a person, written down, and taken back', async () => {
  const documentUuid = await bring('routes-category', 'An X-ray of a wrist.');
  await settled();
  const path = `/api/documents/${documentUuid}`;
  const say = (category: unknown, secret?: string) => ask('PATCH', path, { category }, secret);
  const listed = async () =>
    (await ask('GET', `/api/patients/${one.ids.patient}/documents?limit=1000`)).json.documents.find(
      (d: { silknoteDocumentUuid: string }) => d.silknoteDocumentUuid === documentUuid,
    ).category;
  expect((await ask('GET', `${path}/details`)).json.category).toBe('UNPROCESSED');
  expect(await say('IMAGING_REPORT')).toMatchObject({ status: 200, json: { category: 'IMAGING_REPORT' } });
  expect(await listed()).toBe('IMAGING_REPORT');
  const { rows } = await records.query(
    `SELECT details FROM audit_log WHERE action = 'document.categorise' AND subject_id = $1`,
    [documentUuid],
  );
  expect(rows).toMatchObject([{ details: { category: 'IMAGING_REPORT' } }]);
  for (const wrong of ['imaging', 17, undefined]) expect((await say(wrong)).status).toBe(400);
  expect((await say('UNKNOWN', other.secret)).status).toBe(404);
  const made = await ask('POST', '/api/v1/keys', { name: 'only reads', scopes: ['documents:read'] });
  expect((await say('UNKNOWN', made.json.secret)).status).toBe(403);
  expect(await listed()).toBe('IMAGING_REPORT');
  expect((await say(null)).json.category).toBe('UNPROCESSED');
  expect(await listed()).toBeNull();
});

test('a document is read again when somebody asks for it', async () => {
  const documentUuid = await bring('routes-3', 'A letter about a bilby.');
  await settled();
  const before = (await ask('GET', `/api/documents/${documentUuid}/details`)).json;
  expect(await ask('POST', `/api/documents/${documentUuid}/reprocess`)).toMatchObject({
    status: 202,
    json: { status: 'queued' },
  });
  await settled();
  const after = (await ask('GET', `/api/documents/${documentUuid}/details`)).json;
  expect(after).toEqual({ ...before, processedAt: expect.any(String) });
  expect(after.processedAt > before.processedAt).toBe(true);
  const { rows } = await records.query(
    `SELECT count(*)::int AS n FROM document_renditions WHERE processor_version = 0`,
  );
  expect(rows[0].n).toBe(0);
  expect((await ask('POST', `/api/documents/${documentUuid}/reprocess`, undefined, other.secret)).status).toBe(404);
});

test('a case summary is kept as a client saves it; to write one is not done without a language model', async () => {
  const path = `/api/patients/${one.ids.patient}/case-summary`;
  expect((await ask('GET', path)).status).toBe(404);
  expect((await ask('PUT', path, { caseSummary: { text: 'Healed.' } })).status).toBe(204);
  expect((await ask('GET', path)).json).toMatchObject({ caseSummary: { text: 'Healed.' } });
  expect((await ask('GET', path, undefined, other.secret)).status).toBe(404);
  expect((await ask('DELETE', path, undefined, other.secret)).status).toBe(404);
  expect(await ask('POST', path)).toMatchObject({
    status: 501,
    json: { details: { error_type: 'language_model_missing' } },
  });
  expect((await ask('DELETE', path)).status).toBe(204);
  expect((await ask('GET', path)).status).toBe(404);
  expect((await ask('POST', `/api/vector-search/${one.ids.patient}/clear`)).json).toMatchObject({ cleared: 0 });
});

test('a case summary is only replaced or removed by whoever has seen it, if they say what they have seen', async () => {
  const path = `/api/patients/${one.ids.patient}/case-summary`;
  const change = async (method: 'PUT' | 'DELETE', seen: Record<string, string>, text = '') => {
    const answer = await fetch(`${practices.server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${one.secret}`, 'content-type': 'application/json', ...seen },
      ...(method === 'PUT' ? { body: JSON.stringify({ caseSummary: { text } }) } : {}),
    });
    const body = await answer.text();
    const type = body === '' ? null : JSON.parse(body).details.error_type;
    return { status: answer.status, type, etag: answer.headers.get('etag') };
  };
  const refused = { status: 412, type: 'changed_meanwhile', etag: null };
  const text = async () => (await ask('GET', path)).json.caseSummary?.text;
  const shown = async () => (await ask('GET', `/api/patients/${one.ids.patient}`)).json.patient.caseSummaryETag;
  const none = { 'if-none-match': '*' };

  expect(await shown()).toBeNull();
  expect(await change('PUT', { 'if-match': '"another"' }, 'Mine.')).toEqual(refused);
  expect(await change('PUT', { 'if-match': '*' }, 'Mine.')).toEqual(refused);
  const first = await change('PUT', none, 'First.');
  expect(first).toEqual({ status: 204, type: null, etag: expect.stringMatching(/^"[\da-f]{64}"$/) });
  expect([await shown(), await text()]).toEqual([first.etag, 'First.']);
  expect(await change('PUT', none, 'Mine.')).toEqual(refused);

  // Two have seen the same one, and both write: at the same moment, too.
  const seen = { 'if-match': first.etag! };
  const both = await Promise.all(['One.', 'Other.'].map((mine) => change('PUT', seen, mine)));
  expect(both.map(({ status }) => status).sort()).toEqual([204, 412]);
  const [second] = both.filter(({ status }) => status === 204);
  const theirs = await text();
  expect(theirs).toBe(both[0]!.status === 204 ? 'One.' : 'Other.');
  expect(await change('DELETE', seen)).toEqual(refused);
  expect(await text()).toBe(theirs);
  // Whose answer was lost, and who asks again, has not lost.
  expect(await change('PUT', seen, theirs)).toEqual(second);
  // As a proxy may write it, and among others.
  expect((await change('PUT', { 'if-match': `"another", W/${second!.etag}` }, 'Third.')).status).toBe(204);
  // Whoever does not say what they have seen replaces whatever is there, as ever.
  const last = await change('PUT', {}, 'Last.');
  expect(last.status).toBe(204);
  expect((await change('DELETE', { 'if-match': last.etag! })).status).toBe(204);
  expect((await change('DELETE', { 'if-match': last.etag! })).status).toBe(204);
  expect(await shown()).toBeNull();
});

test('the same content twice is told, per patient, per organisation and across patients, and stays', async () => {
  const same = 'The same letter, scanned twice.';
  const [first, second] = [await bring('twice-1', same), await bring('twice-2', same)];
  const elsewhere = await bring('twice-3', same, one.neighbour.patient);
  const uuids = (group: { documents: { silknoteDocumentUuid: string }[] }) =>
    group.documents.map((document) => document.silknoteDocumentUuid).sort();
  const groupOf = (json: {
    duplicates: { hash: string; documents: { silknoteDocumentUuid: string; patientName: string | null }[] }[];
  }) => json.duplicates.filter((group) => uuids(group).includes(first));
  const ofPatient = await ask('GET', `/api/patients/${one.ids.patient}/duplicates`);
  expect(groupOf(ofPatient.json).map(uuids)).toEqual([[first, second].sort()]);
  const ofAll = await ask('GET', '/api/v1/duplicates');
  expect(groupOf(ofAll.json).map(uuids)).toEqual([[first, second].sort()]);
  const across = await ask('GET', '/api/v1/duplicates?acrossPatients=true');
  expect(groupOf(across.json).map(uuids)).toEqual([[first, second, elsewhere].sort()]);
  const names = groupOf(across.json).flatMap(({ documents }) => documents.map(({ patientName }) => patientName));
  const nameOf = async (uuid: string) => (await ask('GET', `/api/v1/filesets/${uuid}`)).json.patientName;
  expect(new Set(names)).toEqual(new Set([await nameOf(one.ids.patient), await nameOf(one.neighbour.patient)]));
  const paged = [];
  for (let after = ''; ; ) {
    const query = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
    const { json } = await ask('GET', `/api/v1/duplicates?limit=1${query}`);
    paged.push(...json.duplicates);
    if (json.next === null) break;
    after = json.next;
  }
  expect(paged).toEqual(ofAll.json.duplicates);
  const foreign = await ask('GET', '/api/v1/duplicates', undefined, other.secret);
  expect(groupOf(foreign.json)).toEqual([]);
  expect((await ask('GET', `/api/patients/${one.ids.patient}/duplicates`, undefined, other.secret)).status).toBe(404);
  await ask('DELETE', `/api/documents/${second}`);
  expect(groupOf((await ask('GET', '/api/v1/duplicates')).json)).toEqual([]);
});

test('a removed patient is gone with all documents, and comes back with one that is restored', async () => {
  const { patient } = one.neighbour;
  const documentUuid = await bring('gone-1', 'A letter about a quokka.', patient);
  await settled();
  const found = () => ask('POST', `/api/patients/${patient}/search`, { query: 'quokka' });
  expect((await found()).json.passages).toHaveLength(1);
  expect((await ask('DELETE', `/api/patients/${patient}`, undefined, other.secret)).status).toBe(404);
  expect((await ask('DELETE', `/api/patients/${patient}`)).status).toBe(204);
  expect((await ask('DELETE', `/api/patients/${patient}`)).status).toBe(204);
  for (const path of ['', '/files', '/documents', '/duplicates', '/case-summary', '/migrations']) {
    expect((await ask('GET', `/api/patients/${patient}${path}`)).status, path).toBe(404);
  }
  expect((await found()).status).toBe(404);
  expect((await ask('GET', `/api/documents/${documentUuid}`)).status).toBe(404);
  await settled();
  const { organization } = one.ids;
  const search = await practices.server.chartsync.search();
  expect((await search.count(organization, patient)).documents).toBe(0);
  const { rows } = await records.query(
    `SELECT count(*)::int AS n FROM silknote_documents WHERE "organizationId" = $1 AND "patientUuid" = $2
       AND ("deletedAt" IS NULL OR "goneAt" IS NULL)`,
    [organization, patient],
  );
  expect(rows[0].n).toBe(0);
  expect((await ask('POST', `/api/documents/${documentUuid}/restore`)).status).toBe(200);
  await settled();
  expect((await ask('GET', `/api/patients/${patient}/files`)).json.files).toMatchObject([
    { silknoteDocumentUuid: documentUuid },
  ]);
  expect((await found()).json.passages).toHaveLength(1);
});
