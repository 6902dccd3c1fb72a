/** Documents that somebody brought over HTTP, and that a connection then finds in its source: the same documents. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { askService } from '../support/ask-service.ts';
import { runCli } from '../support/cli.ts';
import { expectEqualStores } from '../support/equal-stores.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let records: pg.Client;
let patient: string;

beforeEach(async () => {
  setup = await setUpPractice({
    patients: 2,
    attachments: 6,
    sections: {
      stores: { search: { kind: 'lancedb' } },
      limits: { retryDelay: '10ms' },
      deletionGuard: { maxCount: 1000, maxPercent: 100 },
      consistency: { at: 'never' },
    },
  });
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
  [patient] = setup.practice.patientUuids as [string];
});
afterEach(async () => {
  await server?.stop();
  await records?.end();
  await setup?.close();
});

const REFERENCE = '5a3bb0f1-7a63-4c0e-9d3e-0f1f5f3c9a41';
const TEXT = 'The zaffre numbat has a torn meniscus.\n';

const ask = (method: string, path: string, body?: FormData | object) =>
  askService(server.url, server.adminKey, method, path, body);

async function bring(text: string, sourceSystem?: string): Promise<string> {
  const form = new FormData();
  form.append('patientUuid', patient);
  form.append('metadata', JSON.stringify({ vsrxReference: REFERENCE, createPatient: true, sourceSystem }));
  form.append('file', new Blob([text]), 'brought.txt');
  const { status, json } = await ask('POST', '/api/process', form);
  expect(status).toBe(200);
  return json.documentUuid;
}

/** The source lists a file under the reference. */
async function list(text: string): Promise<void> {
  await writeFile(join(setup.filesFolder, 'notes/listed.txt'), text);
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, user_id, datestamp, file, description, file_uuid)
     SELECT a.assessment_id, NULL, '2026-01-05 10:00:00', 'notes/listed.txt', 'Listed', '${REFERENCE}'
     FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
     WHERE c."silknotePatientUuid" = ? ORDER BY a.assessment_id LIMIT 1`,
    [patient],
  );
}

const unlist = () =>
  setup.source.execute(`UPDATE ax_notes_attachments SET deleted = true WHERE file_uuid = '${REFERENCE}'`);

async function settled(): Promise<void> {
  await until(async () => (await server.chartsync.documentWork.open(ORGANIZATION)) === 0, 60_000);
}

/** One run, and what it counted. */
async function sync(mode = 'quick') {
  const { status, json } = await ask('POST', `/api/sync/vsrx?wait=true&mode=${mode}`);
  expect(status).toBe(200);
  await settled();
  await expectEqualStores(setup, records);
  return json.summary;
}

interface Listed {
  readonly silknoteDocumentUuid: string;
  readonly vsrxReference: string | null;
  readonly originalName: string;
}

async function documents(): Promise<readonly Listed[]> {
  return (await ask('GET', `/api/patients/${patient}/documents?limit=1000`)).json.documents;
}

const withReference = async () => (await documents()).filter((d) => d.vsrxReference === REFERENCE);

async function found(query: string): Promise<string[]> {
  const { json } = await ask('POST', `/api/patients/${patient}/search`, { query });
  return json.passages.map((passage: { documentUuid: string }) => passage.documentUuid).sort();
}

test.each([
  ['a program that brings what a connection would', 'VSRX_SYNC', 0],
  ['a person', undefined, 1],
  ['another application', 'PORTAL', 1],
])(
  'a document of %s is the one that the connection finds, and goes with its source only if nobody else brought it',
  async (_, sourceSystem, left) => {
    const uploads = new FormData();
    const documentUuid = await bring(TEXT, sourceSystem);
    uploads.append('clientFileId', 'own');
    uploads.append('file', new Blob([TEXT]), 'own.txt');
    const own = (await ask('POST', `/api/patients/${patient}/process`, uploads)).json.documents[0].documentUuid;
    await settled();
    expect(await found('zaffre')).toEqual([documentUuid, own].sort());
    await list(TEXT);

    await sync();
    const taken = await withReference();
    expect(taken).toMatchObject([{ silknoteDocumentUuid: documentUuid, originalName: 'listed.txt' }]);
    expect(await found('zaffre')).toEqual([documentUuid, own].sort());
    const { total } = (await ask('GET', `/api/patients/${patient}/documents`)).json;
    expect(await sync()).toMatchObject({ totalFilesAdded: 0, totalFilesDeleted: 0 });
    expect(await bring(TEXT, sourceSystem)).toBe(documentUuid);
    const status = (await ask('GET', `/api/sync/status/${patient}`)).json;
    // What the sample's odd files are known for has a code.
    expect([...status.missing, ...status.surplus].filter(({ code }) => code === null)).toEqual([]);
    expect((await ask('GET', `/api/patients/${patient}/documents`)).json.total).toBe(total);

    await unlist();
    const plan = await runCli(['plan', CONNECTION, '--json'], { cwd: setup.folder, env: setup.environment });
    expect(plan.lines.filter(({ change }) => String(change).startsWith('gone'))).toHaveLength(1 - left);
    expect(await sync()).toMatchObject({ totalFilesDeleted: 1 - left });
    expect(await sync()).toMatchObject({ totalFilesDeleted: 0 });
    expect(await withReference()).toHaveLength(left);
    expect(await found('zaffre')).toEqual(left === 1 ? [documentUuid, own].sort() : [own]);
    const verified = await runCli(['verify', CONNECTION, '--json'], { cwd: setup.folder, env: setup.environment });
    expect(verified.lines.filter((line) => line.documentUuid === documentUuid)).toEqual([]);
  },
);

test('a document that a person brought with another content than the source has stays beside that one, and says so', async () => {
  const documentUuid = await bring(TEXT);
  await settled();
  await list('The vermilion bilby has healed.\n');
  await sync();
  const [listed, ...more] = await withReference();
  expect(more).toEqual([]);
  expect(listed!.silknoteDocumentUuid).not.toBe(documentUuid);
  expect(await found('vermilion')).toEqual([listed!.silknoteDocumentUuid]);
  expect(await found('zaffre')).toEqual([documentUuid]);
  const brought = (await ask('GET', `/api/documents/${documentUuid}/details`)).json;
  expect(brought.alerts).toMatchObject([
    { type: 'ALERT', description: expect.stringContaining('another content'), acknowledged: false },
  ]);

  await unlist();
  expect(await sync()).toMatchObject({ totalFilesDeleted: 1 });
  expect(await withReference()).toEqual([]);
  expect(await found('zaffre')).toEqual([documentUuid]);
});

test('a document that a person brought and a connection took over is kept when the source changes its content', async () => {
  const documentUuid = await bring(TEXT);
  await list(TEXT);
  await sync();
  expect(await withReference()).toMatchObject([{ silknoteDocumentUuid: documentUuid }]);
  await writeFile(join(setup.filesFolder, 'notes/listed.txt'), 'The vermilion bilby has healed, and it is well.\n');
  await sync('deep');
  const [changed, ...more] = await withReference();
  expect(more).toEqual([]);
  expect(await found('vermilion')).toEqual([changed!.silknoteDocumentUuid]);
  expect(await found('zaffre')).toEqual([documentUuid]);
  expect(changed!.silknoteDocumentUuid).not.toBe(documentUuid);
});

test('a document that a program brought takes the content that the source has now, and stays the same document', async () => {
  const documentUuid = await bring(TEXT, 'VSRX_SYNC');
  await settled();
  await list('The vermilion bilby has healed.\n');
  await sync();
  expect(await withReference()).toMatchObject([{ silknoteDocumentUuid: documentUuid }]);
  expect(await found('vermilion')).toEqual([documentUuid]);
  expect(await found('zaffre')).toEqual([]);
});

test('nothing is brought to either of two patients who are named at once', async () => {
  const other = setup.practice.patientUuids[1]!;
  await sync();
  const send = async (path: string, header: string | null, fields: readonly (readonly [string, string])[]) => {
    const form = new FormData();
    for (const [name, value] of fields) form.append(name, value);
    form.append('file', new Blob([TEXT]), 'brought.txt');
    const headers = {
      authorization: `Bearer ${server.adminKey}`,
      ...(header === null ? {} : { 'x-silknote-patient-uuid': header }),
    };
    const answer = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: form });
    return { status: answer.status, text: await answer.text() };
  };
  const named = (uuid: string) => ['patientUuid', uuid] as const;
  const ofPatient = `/api/patients/${patient}/process`;
  const client = ['clientFileId', 'c-1'] as const;
  for (const [path, header, fields] of [
    ['/api/process', other, [named(patient)]],
    ['/api/vsrx-sync', 'nobody', [named(patient)]],
    ['/api/process', null, [named(patient), named(other)]],
    [ofPatient, other, [client]],
    [ofPatient, 'nobody', [client]],
  ] as const) {
    const refused = await send(path, header, fields);
    expect(refused.status, path).toBe(400);
    expect(refused.text).toContain('name different patients');
  }
  const { rows } = await records.query(`SELECT 1 FROM silknote_documents WHERE "originalName" = 'brought.txt'`);
  expect(rows).toEqual([]);
  for (const [path, header, fields, status] of [
    ['/api/process', patient.toUpperCase(), [named(patient)], 200],
    ['/api/process', patient, [], 200],
    [ofPatient, patient.toUpperCase(), [client], 202],
    [ofPatient, '', [client], 202],
  ] as const) {
    expect((await send(path, header, fields)).status, path).toBe(status);
  }
  expect((await send('/api/process', null, [])).text).toContain('is missing, or no UUID');
});
