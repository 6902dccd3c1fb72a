/** Two services: one beside the EHR, and the document service that it sends to. Asked for over HTTP, as people and programs do. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PDFDocument } from 'pdf-lib';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { consistencyPorts } from '../../src/main.ts';
import { checkConsistency } from '../../src/runs/check-consistency.ts';
import { isFileConnection } from '../../src/runs/connections.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { askService } from '../support/ask-service.ts';
import { runCli } from '../support/cli.ts';
import { createInspector } from '../support/inspections.ts';
import { testDatabase } from '../support/postgres.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice, wantedState } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let folder: string;
let database: Awaited<ReturnType<typeof testDatabase>>;
let elsewhere: RunningServer;
let server: RunningServer;
let records: pg.Client;
let env: PracticeSetup['environment'];
let former: string;
let present: string;

async function setUp(send: 'original' | 'pdf'): Promise<void> {
  setup = await setUpPractice({ patients: 3, attachments: 10 });
  [former, present] = setup.practice.patientUuids as [string, string];
  folder = await mkdtemp(join(tmpdir(), 'chartsync-service-'));
  database = await testDatabase();
  const path = join(folder, 'chartsync.yaml');
  const file = {
    organizations: [{ id: 'org_documents', name: 'Documents', connections: [] }],
    stores: { search: { kind: 'none' } },
    limits: { documentsAtOnce: 0 },
  };
  await writeFile(path, JSON.stringify(file));
  const own = {
    CHARTSYNC_HOME: join(folder, 'home'),
    CHARTSYNC_CONFIG: path,
    CHARTSYNC_ADMIN_KEY: 'document-service-key-0123456789',
    PORT: '0',
    SYNC_LOG_LEVEL: 'error',
  };
  elsewhere = await serve({
    config: await loadConfig({ env: own, cwd: folder }),
    database: { url: database.url, urlOf: () => null, close: async () => undefined },
  });
  env = await setup.environmentWith({
    connection: { documents: { kind: 'remote', endpoint: elsewhere.url, apiKey: elsewhere.adminKey, send } },
    sections: {
      deletionGuard: { maxCount: 100_000, maxPercent: 100 },
      limits: { retryDelay: '10ms', documentsAtOnce: 3 },
      stores: { search: { kind: 'lancedb' } },
      consistency: { at: 'never' },
    },
  });
  server = await serve({
    config: await loadConfig({ env, cwd: setup.folder }),
    database: { url: env.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  records = new pg.Client({ connectionString: env.DATABASE_URL });
  await records.connect();
}

afterEach(async () => {
  await server?.stop();
  await elsewhere?.stop();
  await records?.end();
  await setup?.close();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** The store here has it no more, whatever it is to. */
async function loseContent(sha256: string): Promise<void> {
  const root = join(setup.config.home, 'blobs');
  await rm(join(root, (await readdir(root, { recursive: true })).find((file) => file.endsWith(sha256))!));
}

const LETTER = 'A letter about the zaffre parrot.';

/** The former patient gets one more file. @returns its reference */
async function addLetter(): Promise<string> {
  const reference = '5a3bb0f1-7a63-4c0e-9d3e-0f1f5f3c9a31';
  await writeFile(join(setup.filesFolder, 'notes/letter.txt'), LETTER);
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, user_id, datestamp, file, description, file_uuid)
     SELECT a.assessment_id, NULL, '2026-01-05 10:00:00', 'notes/letter.txt', 'Letter', '${reference}'
     FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
     WHERE c."silknotePatientUuid" = ? ORDER BY a.assessment_id LIMIT 1`,
    [former],
  );
  return reference;
}

async function ask(of: RunningServer, method: string, path: string, body?: object) {
  const response = await fetch(`${of.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${of.adminKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  return { status: response.status, bytes, json: (isJson ? JSON.parse(bytes.toString()) : null) as any };
}

async function synchronise(mode = 'quick') {
  const { status, json } = await ask(server, 'POST', `/api/sync/vsrx?wait=true&mode=${mode}`);
  expect(status).toBe(200);
  return json;
}

interface Listed {
  readonly silknoteDocumentUuid: string;
  readonly vsrxReference: string;
  readonly hash: string;
  readonly originalName: string;
}

async function listed(of: RunningServer, patient: string): Promise<Listed[]> {
  const { status, json } = await ask(of, 'GET', `/api/patients/${patient}/documents?limit=1000`);
  return status === 404 ? [] : json.documents;
}

async function referencesOf(of: RunningServer, patient: string): Promise<string[]> {
  return (await listed(of, patient)).map(({ vsrxReference }) => vsrxReference).sort();
}

/** Nothing is left to be done here. */
async function settled(): Promise<void> {
  await until(async () => (await server.chartsync.documentWork.open(ORGANIZATION)) === 0);
}

/** What the comparison at night finds of the other machine, and of the index that has nothing of it. */
async function differences() {
  const { chartsync } = server;
  const ended = await checkConsistency(consistencyPorts(chartsync, await chartsync.search()), {
    organizationId: ORGANIZATION,
    connections: chartsync.connections.filter(isFileConnection),
    until: Number.POSITIVE_INFINITY,
    samplePercent: 0,
    signal: new AbortController().signal,
  });
  expect(ended).toBe('done');
  const { reports } = (await ask(server, 'GET', '/api/v1/consistency')).json;
  expect(reports[0].unknown).toBe(0);
  const found = await ask(server, 'GET', `/api/v1/consistency/${reports[0].id}/differences?limit=1000`);
  type Found = { store: string; kind: string; patient_uuid: string; reference: string };
  return (found.json.differences as Found[])
    .filter(({ store }) => store === 'remote' || store === 'index')
    .map(({ store, kind, patient_uuid: patient, reference }) => ({ store, kind, patient, reference }));
}

const migrate = (body: object = {}) =>
  ask(server, 'POST', `/api/patients/${former}/migrate`, { targetPatientUuid: present, ...body });

describe('documents that are kept on another machine', () => {
  beforeEach(() => setUp('original'));

  test('follow to the fileset that they are migrated to, without a run, and back', async () => {
    await synchronise();
    const [before, beforeThere] = [await referencesOf(elsewhere, former), await referencesOf(elsewhere, present)];
    expect(before.length).toBeGreaterThan(1);
    expect(await differences()).toEqual([]);

    const applied = await migrate();
    expect(applied.json).toMatchObject({ documents: before.length, conflicts: [] });
    const together = [...before, ...beforeThere].sort();
    await until(async () => (await referencesOf(elsewhere, former)).length === 0);
    await settled();
    expect(await referencesOf(elsewhere, present)).toEqual(together);
    expect(await differences()).toEqual([]);

    // A run finds them where their source lists them, and sends nothing again.
    const names = async () => (await listed(elsewhere, present)).map((d) => d.silknoteDocumentUuid).sort();
    const there = await names();
    await synchronise('deep');
    await settled();
    expect(await names()).toEqual(there);
    expect(await differences()).toEqual([]);
    const verified = await runCli(['verify', CONNECTION, '--json'], { cwd: setup.folder, env });
    expect(verified.lines.filter(({ store }) => store === 'remote')).toEqual([]);

    const undo = `/api/patients/${former}/migrations/${applied.json.migrationId}/undo`;
    expect((await ask(server, 'POST', undo)).json).toMatchObject({ documents: before.length });
    await until(async () => (await referencesOf(elsewhere, former)).length === before.length);
    await settled();
    expect(await referencesOf(elsewhere, present)).toEqual(beforeThere);
    expect(await differences()).toEqual([]);
  });

  test('follow with the next run when the other machine was away while they were migrated', async () => {
    await synchronise();
    const before = await referencesOf(elsewhere, former);
    const { PORT: _, ...rest } = env;
    await elsewhere.stop();
    expect((await migrate()).json).toMatchObject({ documents: before.length });
    await until(async () => {
      const { rows } = await records.query(`SELECT 1 FROM document_outbox WHERE code = 'remote_unavailable'`);
      return rows.length > 0;
    });
    const port = new URL(elsewhere.url).port;
    elsewhere = await serve({
      config: await loadConfig({
        env: {
          ...rest,
          CHARTSYNC_HOME: join(folder, 'home'),
          CHARTSYNC_CONFIG: join(folder, 'chartsync.yaml'),
          CHARTSYNC_ADMIN_KEY: elsewhere.adminKey,
          PORT: port,
        },
        cwd: folder,
      }),
      database: { url: database.url, urlOf: () => null, close: async () => undefined },
    });
    await records.query('UPDATE document_outbox SET next_try_at = now()');
    await synchronise();
    await settled();
    expect(await referencesOf(elsewhere, former)).toEqual([]);
    expect(await referencesOf(elsewhere, present)).toEqual(expect.arrayContaining(before));
    expect(await differences()).toEqual([]);
  });

  test('are removed there, or proved not to be there, when their sending was never answered and their content is gone', async () => {
    await synchronise();
    const there = await listed(elsewhere, former);
    const came = there[0];
    const lost = there.find((document) => document.hash !== came!.hash);
    for (const document of [came!, lost!]) {
      await records.query(
        `UPDATE document_deliveries SET remote_uuid = NULL, sent_at = NULL WHERE patient_uuid = $1 AND reference = $2`,
        [former, document.vsrxReference],
      );
      await loseContent(document.hash);
    }
    expect((await ask(elsewhere, 'DELETE', `/api/documents/${lost!.silknoteDocumentUuid}`)).status).toBe(204);
    for (const document of await listed(server, former)) {
      if (![came!, lost!].some(({ vsrxReference }) => vsrxReference === document.vsrxReference)) continue;
      expect((await ask(server, 'DELETE', `/api/documents/${document.silknoteDocumentUuid}`)).status).toBe(204);
    }
    await settled();
    const left = await referencesOf(elsewhere, former);
    expect(left).not.toContain(came!.vsrxReference);
    expect(left).toEqual(await referencesOf(server, former));
    const { rows } = await records.query(
      `SELECT "goneAt" IS NOT NULL AS gone FROM silknote_documents WHERE "deletedAt" IS NOT NULL`,
    );
    expect(rows).toEqual([{ gone: true }, { gone: true }]);
    expect(await differences()).toEqual([]);
  });

  test('are sent, and not found here any more, when somebody had brought them here before', async () => {
    const reference = await addLetter();
    const form = new FormData();
    form.append('patientUuid', former);
    const metadata = { vsrxReference: reference, sourceSystem: 'VSRX_SYNC', createPatient: true };
    form.append('metadata', JSON.stringify(metadata));
    form.append('file', new Blob([LETTER]), 'letter.txt');
    const brought = await askService(server.url, server.adminKey, 'POST', '/api/process', form);
    expect(brought.status).toBe(200);
    await settled();
    const found = async () => (await ask(server, 'POST', `/api/patients/${former}/search`, { query: 'zaffre' })).json;
    expect((await found()).passages).toHaveLength(1);

    await synchronise();
    await settled();
    const own = (await listed(server, former)).filter((d) => d.vsrxReference === reference);
    expect(own).toMatchObject([{ silknoteDocumentUuid: brought.json.documentUuid }]);
    expect(await referencesOf(elsewhere, former)).toContain(reference);
    expect((await found()).passages).toEqual([]);
    expect(await differences()).toEqual([]);
  });

  test('say on which machine they are kept: in the list, where they cannot be shown, and where they are traced', async () => {
    await synchronise();
    await settled();
    const { host } = new URL(elsewhere.url);
    const [one] = await listed(server, former);
    expect(one).toMatchObject({ status: 'complete', keptOn: host, pageCount: null });
    expect((await listed(elsewhere, former))[0]).toMatchObject({ keptOn: null });
    const path = `/api/documents/${one!.silknoteDocumentUuid}`;
    const shown = await ask(server, 'GET', `${path}/pdf`);
    expect(shown.status).toBe(409);
    expect(shown.json.details).toMatchObject({
      error_type: 'document_elsewhere',
      message: `The document is kept on ${host}, and was not read here.`,
    });
    const traced = (await ask(server, 'GET', `${path}/copies`)).json;
    expect(traced.agree).toBe(true);
    const copies = Object.fromEntries(traced.copies.map((copy: { store: string }) => [copy.store, copy]));
    expect(copies.remote).toMatchObject({ verdict: 'same', message: `${host} took it.`, sha256: one!.hash });
    expect(copies.index).toMatchObject({ verdict: 'none', message: `It is found on ${host}, not here.` });
    // A verification in the pages compares with that machine as the command does, and its repair sends again what is lost.
    const inspector = await createInspector(server, ORGANIZATION, CONNECTION);
    const there = (await listed(elsewhere, former)).find((d) => d.vsrxReference === one!.vsrxReference);
    expect((await ask(elsewhere, 'DELETE', `/api/documents/${there!.silknoteDocumentUuid}`)).status).toBe(204);
    const verified = await inspector.inspected({ kind: 'verify' });
    expect(verified.counts).toMatchObject({ 'missing remote': 1, remote: expect.any(Number) });
    const preview = await inspector.inspected({ kind: 'repair' });
    expect(preview.lines).toEqual([
      expect.objectContaining({ what: 'missing remote', unit: former, message: 'Would be sent again.' }),
    ]);
    const repaired = await inspector.inspected({ kind: 'repair', preview: preview.id });
    expect(repaired.lines).toEqual([expect.objectContaining({ what: 'asked remote', unit: former })]);
    await settled();
    expect((await inspector.inspected({ kind: 'verify' })).counts['missing remote']).toBeUndefined();
  });

  test('are named by the comparison at night when they are lost or changed there, and sent again by repair', async () => {
    await synchronise();
    const [lost] = await listed(elsewhere, former);
    expect((await ask(elsewhere, 'DELETE', `/api/documents/${lost!.silknoteDocumentUuid}`)).status).toBe(204);
    const form = new FormData();
    form.append('patientUuid', present);
    form.append('metadata', JSON.stringify({ vsrxReference: 'nobody-sent-this' }));
    form.append('file', new Blob(['A letter of somebody else.']), 'other.txt');
    const brought = await fetch(`${elsewhere.url}/api/vsrx-sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${elsewhere.adminKey}` },
      body: form,
    });
    expect(brought.status).toBe(200);
    const wrong = [
      { store: 'remote', kind: 'missing', patient: former, reference: lost!.vsrxReference },
      { store: 'remote', kind: 'surplus', patient: present, reference: 'nobody-sent-this' },
    ];
    const found = await differences();
    expect(found).toHaveLength(2);
    expect(found).toEqual(expect.arrayContaining(wrong));
    const repaired = await runCli(['repair', CONNECTION, '--apply', '--json'], { cwd: setup.folder, env });
    expect(
      repaired.lines
        .filter(({ type }) => type === 'repaired')
        .map(({ result }) => result)
        .sort(),
    ).toEqual(['asked', 'left']);
    await settled();
    expect(await differences()).toEqual([wrong[1]]);
    expect((await listed(elsewhere, former)).map((d) => d.hash)).toContain(lost!.hash);
  });
});

test('a document service that takes PDF only gets the PDF of each document, once, and of a change the new one', async () => {
  await setUp('pdf');
  const reference = await addLetter();
  await synchronise();
  await settled();
  const refused = await records.query(
    `SELECT "vsrxReference" AS reference FROM silknote_documents WHERE status = 'error' AND "deletedAt" IS NULL`,
  );
  const cannot = new Set(refused.rows.map((row) => row.reference as string));
  const wanted = await wantedState(setup);
  let pdfs = 0;
  for (const patient of setup.practice.patientUuids) {
    // What no PDF can be made of stays here, and is told.
    const references = Object.keys(wanted[patient] ?? {}).filter((each) => !cannot.has(each));
    expect(await referencesOf(elsewhere, patient)).toEqual(references.sort());
    for (const { silknoteDocumentUuid } of await listed(elsewhere, patient)) {
      const content = await ask(elsewhere, 'GET', `/api/documents/${silknoteDocumentUuid}`);
      expect(content.bytes.subarray(0, 5).toString()).toBe('%PDF-');
      pdfs++;
    }
  }
  expect(pdfs).toBeGreaterThan(3);
  const letter = async () => (await listed(elsewhere, former)).find((d) => d.vsrxReference === reference)!;
  const first = await letter();
  expect(first.originalName).toBe('letter.txt.pdf');
  const missing = (await differences()).map((found) => found.reference).sort();
  expect(missing).toEqual([...cannot].sort());

  await writeFile(join(setup.filesFolder, 'notes/letter.txt'), Array(200).fill('A much longer letter.').join('\n'));
  await synchronise('deep');
  await settled();
  const second = await letter();
  expect(second.hash).not.toBe(first.hash);
  const { bytes } = await ask(elsewhere, 'GET', `/api/documents/${second.silknoteDocumentUuid}`);
  expect((await PDFDocument.load(bytes)).getPageCount()).toBeGreaterThan(1);
  expect((await listed(elsewhere, former)).filter((d) => d.vsrxReference === reference)).toHaveLength(1);

  expect((await migrate()).status).toBe(200);
  await until(async () => (await referencesOf(elsewhere, former)).length === 0);
  await settled();
  expect(await referencesOf(elsewhere, present)).toContain(reference);
  expect((await differences()).map((found) => found.reference).sort()).toEqual([...cannot].sort());

  // What is kept here of it is mended here; the other machine has what it had.
  const { rows } = await records.query(
    `SELECT d.sha256 AS original, r.pdf_sha256 AS pdf FROM silknote_documents AS d JOIN document_renditions AS r USING (sha256)
     WHERE d."vsrxReference" = $1 AND d."deletedAt" IS NULL`,
    [reference],
  );
  const { original, pdf } = rows[0];
  await loseContent(original);
  await loseContent(pdf);
  const repair = async () => {
    const { lines } = await runCli(['repair', CONNECTION, '--apply', '--json'], { cwd: setup.folder, env });
    return lines.filter(({ store }) => store === 'blob').map(({ sha256, result }) => [sha256, result]);
  };
  expect(await repair()).toEqual([
    [original, 'copied'],
    [pdf, 'asked'],
  ]);
  await settled();
  // Whether the program writes the same PDF again is its own affair; the document has a whole one.
  const again = await records.query(
    'SELECT pdf_sha256 AS pdf, pdf_size AS size FROM document_renditions WHERE sha256 = $1',
    [original],
  );
  const { blobs } = server.chartsync;
  expect(await blobs.stat(`${ORGANIZATION}/${original}`)).not.toBeNull();
  expect(await blobs.stat(`${ORGANIZATION}/${again.rows[0].pdf}`)).toMatchObject({ size: Number(again.rows[0].size) });
  await repair();
  expect(await repair()).toEqual([]);
  expect(await referencesOf(elsewhere, present)).toContain(reference);
});
