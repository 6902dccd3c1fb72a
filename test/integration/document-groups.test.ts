/** Documents are put together by hand; their PDF keeps to what becomes of them; taken apart, all is as before. */
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PDFDocument } from 'pdf-lib';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { auditEntry } from '../../src/access/audit.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { askService } from '../support/ask-service.ts';
import { runCli } from '../support/cli.ts';
import { expectEqualStores } from '../support/equal-stores.ts';
import { ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let records: pg.Client;
/** Each test has two patients of its own. */
let patient: string;
let stranger: string;
let patients: string[];
/** Of a text of the patient that the source lists. */
let reference: string;
let followedPath: string;

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 16,
    attachments: 30,
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms' } },
  });
  patients = [...setup.practice.patientUuids];
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
  await startServer();
  await synchronise();
});
beforeEach(async () => {
  [patient, stranger] = patients.splice(0, 2) as [string, string];
  reference = randomUUID();
  followedPath = `notes/${reference}.txt`;
  await writeFile(join(setup.filesFolder, followedPath), 'One page.');
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, user_id, datestamp, file, description, file_uuid)
     SELECT a.assessment_id, NULL, '2026-01-05 10:00:00', '${followedPath}', 'Followed', '${reference}'
     FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
     WHERE lower(c."silknotePatientUuid") = ? ORDER BY a.assessment_id LIMIT 1`,
    [patient],
  );
  await synchronise();
});
afterAll(async () => {
  await server?.stop();
  await records?.end();
  await setup?.close();
});

async function startServer(): Promise<void> {
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
}

const ask = (method: string, path: string, body?: FormData | object) =>
  askService(server.url, server.adminKey, method, path, body);

async function synchronise(mode = 'quick'): Promise<void> {
  expect((await ask('POST', `/api/sync/vsrx?wait=true&mode=${mode}`)).status).toBe(200);
  await settled();
}

async function settled(): Promise<void> {
  // All documents of the practice are read at the beginning.
  await until(async () => (await server.chartsync.documentWork.open(ORGANIZATION)) === 0, 240_000);
}

async function bring(clientFileId: string, content: string, name = `${clientFileId}.txt`, of = patient) {
  const form = new FormData();
  form.append('clientFileId', clientFileId);
  form.append('file', new Blob([content]), name);
  return (await ask('POST', `/api/patients/${of}/process`, form)).json.documents[0].documentUuid as string;
}

async function followed(): Promise<string> {
  const { rows } = await records.query(
    'SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents WHERE "vsrxReference" = $1',
    [reference],
  );
  return rows[0].uuid;
}

const groupsOf = (of: string) => `/api/patients/${of}/groups`;

/** Until its PDF is that of the present documents. */
async function made(id: string, of = patient) {
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  let group: any = null;
  await until(async () => {
    group = (await ask('GET', `${groupsOf(of)}/${id}`)).json;
    return group.status !== 'waiting';
  });
  return group;
}

async function pagesOf(id: string, of = patient): Promise<number> {
  const pdf = await ask('GET', `${groupsOf(of)}/${id}/pdf`);
  expect(pdf.status).toBe(200);
  return (await PDFDocument.load(pdf.bytes)).getPageCount();
}

/** All that a group could have changed. */
async function everything(): Promise<unknown> {
  const of = async (text: string) => (await records.query(text)).rows;
  return {
    documents: await of('SELECT * FROM silknote_documents ORDER BY "silknoteDocumentUuid"'),
    renditions: await of('SELECT * FROM document_renditions ORDER BY organization_id, sha256'),
    contents: await of(`SELECT organization_id, sha256, size, "references", state FROM blobs WHERE "references" > 0
                        ORDER BY organization_id, sha256`),
    groups: await of('SELECT * FROM document_groups'),
    members: await of('SELECT * FROM document_group_members'),
  };
}

const LONG = Array.from({ length: 120 }, (_, i) => `Line ${i + 1} of a long letter.`).join('\n');

test('documents become one PDF in their order, and taken apart everything is exactly as before', async () => {
  const long = await bring('long', LONG);
  const broken = await bring('broken', '%PDF-1.4\nnothing follows\n', 'broken.pdf');
  const short = await followed();
  const foreign = await bring('foreign', 'A letter.', 'foreign.txt', stranger);
  await settled();
  const before = await everything();
  const documentIds = [long, broken, short];
  for (const wrong of [
    [long, foreign],
    [long, '00000000-0000-4000-8000-000000000001'],
  ]) {
    expect((await ask('POST', groupsOf(patient), { documentIds: wrong })).status).toBe(404);
  }
  expect((await ask('POST', groupsOf(patient), { documentIds: [long] })).status).toBe(400);
  expect((await ask('POST', groupsOf(patient), { documentIds: [long, long.toUpperCase()] })).status).toBe(400);
  expect(await everything()).toEqual(before);

  const created = await ask('POST', groupsOf(patient), { documentIds, title: 'Together' });
  expect(created).toMatchObject({ status: 201, json: { title: 'Together' } });
  const { id } = created.json;
  const group = await made(id);
  expect(group).toMatchObject({
    status: 'complete',
    pageCount: 4,
    documents: [
      { silknoteDocumentUuid: long, firstPage: 1, removed: false },
      { silknoteDocumentUuid: broken, firstPage: null },
      { silknoteDocumentUuid: short, firstPage: 4 },
    ],
  });
  expect(await pagesOf(id)).toBe(4);
  expect((await ask('GET', `/api/documents/${long}/details`)).json.groupingStatus).toBe('grouped');
  expect(await ask('POST', groupsOf(patient), { documentIds })).toMatchObject({ status: 200, json: { id } });
  const overlap = await ask('POST', groupsOf(patient), { documentIds: [short, long] });
  expect(overlap).toMatchObject({ status: 409, json: { details: { error_type: 'document_grouped' } } });
  expect((await ask('GET', groupsOf(patient))).json.groups).toEqual([group]);
  expect((await ask('GET', groupsOf(stranger))).json.groups).toEqual([]);
  for (const path of [`${groupsOf(stranger)}/${id}`, `${groupsOf(stranger)}/${id}/pdf`]) {
    expect((await ask('GET', path)).status).toBe(404);
  }
  expect((await ask('DELETE', `${groupsOf(stranger)}/${id}`)).status).toBe(404);
  await expectEqualStores(setup, records);

  expect((await ask('DELETE', `${groupsOf(patient)}/${id}`)).status).toBe(204);
  expect((await ask('DELETE', `${groupsOf(patient)}/${id}`)).status).toBe(404);
  expect(await everything()).toEqual(before);
  await expectEqualStores(setup, records);
});

test('what a run or a person does to a member is done to the PDF', async () => {
  const [letter, short] = [await bring('letter', 'A letter.'), await followed()];
  await settled();
  const { id } = (await ask('POST', groupsOf(patient), { documentIds: [short, letter] })).json;
  expect(await made(id)).toMatchObject({ pageCount: 2 });

  await writeFile(join(setup.filesFolder, followedPath), LONG);
  await synchronise('deep');
  expect(await made(id)).toMatchObject({ pageCount: 4, documents: [{ firstPage: 1 }, { firstPage: 4 }] });
  expect(await pagesOf(id)).toBe(4);
  await expectEqualStores(setup, records);

  await setup.source.execute(`UPDATE ax_notes_attachments SET deleted = true WHERE file_uuid = '${reference}'`);
  expect((await ask('POST', '/api/sync/vsrx?wait=true')).status).toBe(200);
  // At once the old PDF is not given out any more, or the new one is there already.
  const now = (await ask('GET', `${groupsOf(patient)}/${id}`)).json;
  expect([
    ['waiting', null],
    ['complete', 1],
  ]).toContainEqual([now.status, now.pageCount]);
  expect(await made(id)).toMatchObject({
    pageCount: 1,
    documents: [
      { silknoteDocumentUuid: short, removed: true, firstPage: null },
      { silknoteDocumentUuid: letter, removed: false, firstPage: 1 },
    ],
  });
  await settled();
  await expectEqualStores(setup, records);

  expect((await ask('DELETE', `/api/documents/${letter}`)).status).toBe(204);
  expect(await made(id)).toMatchObject({ status: 'error', error: { code: 'document_empty' }, pageCount: null });
  expect((await ask('GET', `${groupsOf(patient)}/${id}/pdf`)).status).toBe(409);
  await settled();
  await expectEqualStores(setup, records);
  expect((await ask('POST', `/api/documents/${letter}/restore`)).status).toBe(200);
  await until(async () => (await ask('GET', `${groupsOf(patient)}/${id}`)).json.pageCount === 1);
  await settled();
  await expectEqualStores(setup, records);
  // A removed patient takes the groups along.
  expect((await ask('DELETE', `/api/patients/${patient}`)).status).toBe(204);
  await settled();
  expect((await records.query('SELECT 1 FROM document_groups')).rows).toEqual([]);
  const { rows } = await records.query(
    `SELECT count(*)::int AS n FROM silknote_documents WHERE "groupingStatus" = 'grouped'`,
  );
  expect(rows[0].n).toBe(0);
  await synchronise();
  await expectEqualStores(setup, records);
});

test('a group moves to another fileset whole or not at all', async () => {
  const [letter, short] = [await bring('letter', 'A letter.'), await followed()];
  await settled();
  const { id } = (await ask('POST', groupsOf(patient), { documentIds: [short, letter] })).json;
  await made(id);
  const path = `/api/patients/${patient}/migrate`;
  const part = await ask('POST', path, { targetPatientUuid: stranger, documentIds: [letter] });
  expect(part.json).toMatchObject({ documents: 0, conflicts: [{ documentId: letter, reason: 'grouped' }] });
  const whole = await ask('POST', path, { targetPatientUuid: stranger, documentIds: [letter, short] });
  expect(whole.json).toMatchObject({ documents: 2, conflicts: [] });
  expect((await ask('GET', `${groupsOf(patient)}/${id}`)).status).toBe(404);
  expect(await made(id, stranger)).toMatchObject({ pageCount: 2 });
  expect(await pagesOf(id, stranger)).toBe(2);
  await settled();
  await expectEqualStores(setup, records);
  const undo = `/api/patients/${patient}/migrations/${whole.json.migrationId}/undo`;
  expect((await ask('POST', undo)).json).toMatchObject({ documents: 2 });
  expect(await made(id)).toMatchObject({ pageCount: 2 });
  await settled();
  await expectEqualStores(setup, records);
});

test('a removed document keeps its group with the patient: restored, it is in no group of somebody else', async () => {
  const [letter, short] = [await bring('letter', 'A letter.'), await followed()];
  await settled();
  const { id } = (await ask('POST', groupsOf(patient), { documentIds: [short, letter] })).json;
  expect((await ask('DELETE', `/api/documents/${letter}`)).status).toBe(204);
  await settled();
  const migrated = await ask('POST', `/api/patients/${patient}/migrate`, { targetPatientUuid: stranger });
  expect(migrated.json.documentIds).not.toContain(short);
  expect(migrated.json.conflicts).toEqual([{ documentId: short, reason: 'grouped' }]);
  expect((await ask('POST', `/api/documents/${letter}/restore`)).status).toBe(200);
  await settled();
  expect(await made(id)).toMatchObject({ pageCount: 2, documents: [{ removed: false }, { removed: false }] });
  expect((await ask('GET', groupsOf(stranger))).json.groups).toEqual([]);
  await expectEqualStores(setup, records);
});

test('another order is another PDF, and the former order given again undoes it', async () => {
  const [long, short] = [await bring('long', LONG), await followed()];
  const gone = await bring('gone', 'A letter that goes.');
  await settled();
  const { id } = (await ask('POST', groupsOf(patient), { documentIds: [long, gone, short] })).json;
  expect(await made(id)).toMatchObject({ pageCount: 5 });
  expect((await ask('DELETE', `/api/documents/${gone}`)).status).toBe(204);
  await settled();
  const before = await made(id);
  expect(before).toMatchObject({ pageCount: 4, documents: [{ firstPage: 1 }, { removed: true }, { firstPage: 4 }] });
  const order = `${groupsOf(patient)}/${id}/order`;

  // A removed document is still one of the group.
  const lacking = await ask('PUT', order, { documentIds: [short, long] });
  expect(lacking).toMatchObject({ status: 409, json: { details: { error_type: 'group_changed' } } });
  expect(lacking.json.documentIds).toEqual([long, gone, short]);
  const other = '00000000-0000-4000-8000-000000000001';
  expect((await ask('PUT', order, { documentIds: [short, long, other] })).status).toBe(409);
  expect((await ask('PUT', `${groupsOf(stranger)}/${id}/order`, { documentIds: [short, long, gone] })).status).toBe(
    404,
  );
  expect((await ask('GET', `${groupsOf(patient)}/${id}`)).json).toEqual(before);

  const turned = await ask('PUT', order, { documentIds: [short.toUpperCase(), gone, long] });
  expect(turned).toMatchObject({ status: 200, json: { id, formerDocumentIds: [long, gone, short] } });
  expect(await made(id)).toMatchObject({
    status: 'complete',
    pageCount: 4,
    documents: [
      { silknoteDocumentUuid: short, firstPage: 1 },
      { silknoteDocumentUuid: gone, removed: true, firstPage: null },
      { silknoteDocumentUuid: long, firstPage: 2 },
    ],
  });
  expect(await pagesOf(id)).toBe(4);
  await expectEqualStores(setup, records);
  const audited = await records.query(
    `SELECT details FROM audit_log WHERE action = 'group.reorder' AND subject_id = $1`,
    [id],
  );
  expect(audited.rows).toHaveLength(1);
  // Again changes nothing, and nothing is written down.
  expect((await ask('PUT', order, { documentIds: [short, gone, long] })).json.status).toBe('complete');

  expect((await ask('PUT', order, { documentIds: turned.json.formerDocumentIds })).status).toBe(200);
  expect(await made(id)).toEqual(before);
  expect((await ask('POST', `/api/documents/${gone}/restore`)).status).toBe(200);
  await until(async () => (await ask('GET', `${groupsOf(patient)}/${id}`)).json.pageCount === 5);
  await settled();
  await expectEqualStores(setup, records);
});

test('documents of one date and type are proposed, until they are grouped', async () => {
  const texts = ['first', 'second'].map((word) => `Date: 3 March 2025\n\nThe ${word} half of a report.`);
  const [one, two] = [await bring('half-1', texts[0]!), await bring('half-2', texts[1]!)];
  await settled();
  const proposals = async () => (await ask('GET', `/api/patients/${patient}/group-proposals`)).json.proposals;
  const own = (await proposals()).find(({ date }: { date: string }) => date === '2025-03-03');
  expect(own).toMatchObject({ type: 'text/plain' });
  expect(own.documents.map((d: { silknoteDocumentUuid: string }) => d.silknoteDocumentUuid).sort()).toEqual(
    [one, two].sort(),
  );
  // Without a date of their own by the day of their upload, at the practice: in Sydney.
  await records.query(`UPDATE document_renditions SET document_date = NULL WHERE document_date = '2025-03-03'`);
  await records.query(
    `UPDATE silknote_documents SET "uploadDate" = '2025-03-03T21:10:00Z' WHERE "silknoteDocumentUuid" = ANY ($1)`,
    [[one, two]],
  );
  expect((await proposals()).map(({ date }: { date: string }) => date)).toContain('2025-03-04');
  expect((await ask('GET', groupsOf(patient))).json.groups).toEqual([]);
  await ask('POST', groupsOf(patient), { documentIds: [one, two] });
  expect((await proposals()).map(({ date }: { date: string }) => date)).not.toContain('2025-03-04');
  // The next test takes the work itself.
  const groups = async () => (await ask('GET', groupsOf(patient))).json.groups as { status: string }[];
  await until(async () => (await groups()).every(({ status }) => status !== 'waiting'));
});

test('what a process that is gone had begun is done by another one, and the former can write no more', async () => {
  const [letter, short] = [await bring('letter', 'A letter.'), await followed()];
  await settled();
  await server.stop();
  const { chartsync } = await setup.reopen();
  const deed = { organizationId: ORGANIZATION, actor: { kind: 'system', id: 'test' }, action: 'group.create' } as const;
  const id = 'group_of_a_process_that_ends';
  const documentUuids = [short, letter];
  const group = { organizationId: ORGANIZATION, patientUuid: patient, id, title: null, documentUuids, by: 'test' };
  await chartsync.groups.create(group, () => auditEntry(deed));
  const task = (await chartsync.groupWork.claim())!;
  expect(task).toMatchObject({ id, parts: [{ documentUuid: short }, { documentUuid: letter }] });
  expect(await setup.chartsync.groupWork.claim()).toBeNull();
  await chartsync.close();
  await startServer();
  expect(await made(id)).toMatchObject({ status: 'complete', pageCount: 2 });
  const { groupWork } = setup.chartsync;
  await expect(groupWork.refuse(task, 'document_empty')).rejects.toMatchObject({ code: 'lease_lost' });
  await expectEqualStores(setup, records);
});

test('a PDF that the store has lost is made again by a repair, as it was', async () => {
  const documentIds = [await bring('one', 'One letter.'), await bring('two', LONG)];
  await settled();
  const { id } = (await ask('POST', groupsOf(patient), { documentIds })).json;
  const pages = (await made(id)) && (await pagesOf(id));
  const pdf = async () => (await setup.chartsync.groups.find(ORGANIZATION, patient, id))?.pdf ?? null;
  const { sha256 } = (await pdf())!;
  await rm(join(setup.config.home, 'blobs', ORGANIZATION, sha256.slice(0, 2), sha256));
  const repair = (...args: string[]) =>
    runCli(['repair', '--organization', ORGANIZATION, ...args, '--json'], {
      cwd: setup.folder,
      env: setup.environment,
    });
  const planned = await repair('--plan', '--patient', patient);
  expect(planned.code).toBe(3);
  expect(planned.lines.filter(({ store }) => store === 'blob')).toMatchObject([
    { sha256, unit: patient, deed: 'merge' },
  ]);
  const applied = await repair('--apply', '--patient', patient);
  expect(applied.code).toBe(0);
  expect(applied.lines.filter(({ store }) => store === 'blob')).toMatchObject([{ sha256, result: 'asked' }]);
  await until(async () => (await pdf()) !== null);
  expect(await pagesOf(id)).toBe(pages);

  // Of the same size: only whoever reads it finds out, and the one that is made again has the same name.
  const blob = join(setup.config.home, 'blobs', ORGANIZATION, sha256.slice(0, 2), sha256);
  const right = await readFile(blob);
  await writeFile(blob, Buffer.from(right).fill(0, 100, 200));
  expect((await repair('--apply', '--content')).lines.filter(({ store }) => store === 'blob')).toMatchObject([
    { sha256, result: 'asked' },
  ]);
  await until(async () => (await readFile(blob)).equals(right));
  await until(async () => (await pdf()) !== null);
  expect((await repair('--plan', '--content')).lines.filter(({ store }) => store === 'blob')).toEqual([]);
});
