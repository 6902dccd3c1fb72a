/** The documents of patients over HTTP: brought, read, searched, removed, taken back. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { PROCESSOR_VERSION } from '../../src/documents/limits.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { askService } from '../support/ask-service.ts';
import { runCommand } from '../support/command.ts';
import { docxOf, docxWithMargins, encryptedPdf, pictureOf } from '../support/document-samples.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let patient: string;
let stranger: string;

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 3,
    attachments: 8,
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms', maxFileSize: '1MiB' } },
  });
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  [patient, stranger] = setup.practice.patientUuids as [string, string];
  expect((await ask('POST', '/api/sync/vsrx?wait=true')).status).toBe(200);
  await settled();
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

const ask = (method: string, path: string, body?: FormData | object, headers: Record<string, string> = {}) =>
  askService(server.url, server.adminKey, method, path, body, headers);

async function settled(): Promise<void> {
  await until(async () => (await server.chartsync.documentWork.open('org_test')) === 0, 60_000);
}

function formOf(fields: Record<string, string>, files: Record<string, string | Blob>): FormData {
  const form = new FormData();
  for (const [name, text] of Object.entries(fields)) form.append(name, text);
  for (const [name, content] of Object.entries(files)) form.append('file', new Blob([content]), name);
  return form;
}

const search = (query: string, of = patient) => ask('POST', `/api/patients/${of}/search`, { query });

test('one document is brought, found, read in all its parts, removed and taken back', async () => {
  const reference = '0b6e2a52-94f0-4f0c-a83e-7d5a5d0c1a20';
  const bring = () =>
    ask(
      'POST',
      '/api/process',
      formOf(
        { patientUuid: patient, metadata: JSON.stringify({ vsrxReference: reference, sourceSystem: 'VSRX_SYNC' }) },
        { 'C:\\scans\\a <b>.txt': 'The quokka & the <wombat> have a torn meniscus.\n' },
      ),
    );
  const first = await bring();
  expect(first).toMatchObject({ status: 200, json: { success: true, created: true } });
  const { documentUuid } = first.json;
  expect(await bring()).toMatchObject({ status: 200, json: { documentUuid, created: false, sameContent: true } });
  await settled();

  const found = await search('"torn meniscus" quokka');
  expect(found.json.passages).toHaveLength(1);
  expect(found.json.passages[0]).toMatchObject({ documentUuid, documentName: 'a <b>.txt', page: 1 });
  expect(found.json.passages[0].highlighted).toContain('<mark>quokka</mark> &amp; the &lt;wombat&gt;');
  expect((await ask('GET', `/api/patients/${patient}/search?q=quokka`)).json.passages).toHaveLength(1);
  expect((await search('quokka', stranger)).json.passages).toEqual([]);
  const full = await ask('POST', `/api/vector-search/${patient}/query-full`, { query: 'meniscus', actualPrompt: 'x' });
  const [citation] = full.json.citations;
  expect(citation).toMatchObject({ documentId: documentUuid, pageNumber: 1, citationIndex: 1 });
  expect(full.json.content.slice(citation.startIndex, citation.endIndex)).toContain('torn meniscus');
  expect(full.json).toMatchObject({ answeredBy: 'passages', reason: { code: 'language_model_missing' } });
  expect((await ask('POST', `/api/vector-search/${patient}/query`)).status).toBe(501);

  const list = await ask('GET', `/api/patients/${patient}/documents`);
  const own = list.json.documents.find(
    (d: { silknoteDocumentUuid: string }) => d.silknoteDocumentUuid === documentUuid,
  );
  expect(own).toMatchObject({ status: 'complete', stage: null, error: null, pageCount: 1, vsrxReference: reference });
  const text = await ask('GET', `/api/documents/${documentUuid}/text`);
  expect(text.json).toMatchObject({ pageCount: 1, pages: [{ number: 1, source: 'text' }], next: null });
  const { start, end } = found.json.passages[0];
  expect(text.json.pages[0].text.slice(start, end)).toBe(found.json.passages[0].text);
  expect((await ask('GET', `/api/documents/${documentUuid}/pdf`)).bytes.subarray(0, 5).toString()).toBe('%PDF-');
  expect((await ask('GET', `/api/documents/${documentUuid}/thumbnail`)).bytes.subarray(1, 4).toString()).toBe('PNG');
  const asStranger = { 'x-silknote-patient-uuid': stranger };
  expect((await ask('GET', `/api/documents/${documentUuid}/text`, undefined, asStranger)).status).toBe(404);

  const counts = await ask('GET', `/api/sync/status/${patient}`);
  expect(counts.json.counts.vectorStoreFiles).toBeGreaterThan(0);
  expect(counts.json.missing.filter((d: { store: string }) => d.store === 'index')).toEqual([]);

  const removal = { documentUuid, patientUuid: patient };
  expect((await ask('DELETE', `/api/documents/${documentUuid}`, undefined, asStranger)).status).toBe(404);
  const category = { category: null };
  expect((await ask('PATCH', `/api/documents/${documentUuid}`, category, asStranger)).status).toBe(404);
  expect((await ask('POST', `/api/documents/${documentUuid}/reprocess`, undefined, asStranger)).status).toBe(404);
  const asOwn = { 'x-silknote-patient-uuid': patient };
  expect((await ask('PATCH', `/api/documents/${documentUuid}`, category, asOwn)).status).toBe(200);
  expect((await ask('DELETE', '/api/documents/delete', removal, asStranger)).status).toBe(404);
  expect((await ask('DELETE', '/api/documents/delete', { ...removal, patientUuid: stranger })).status).toBe(404);
  expect(await ask('DELETE', '/api/documents/delete', removal)).toMatchObject({
    status: 200,
    json: { success: true, warnings: [], vectorStoreValid: true },
  });
  expect((await ask('DELETE', '/api/documents/delete', removal)).status).toBe(200);
  expect((await ask('DELETE', `/api/documents/${documentUuid}`)).status).toBe(204);
  expect((await search('quokka')).json.passages).toEqual([]);
  expect((await ask('GET', `/api/documents/${documentUuid}`)).status).toBe(404);
  await settled();

  expect((await ask('POST', `/api/documents/${documentUuid}/restore`, undefined, asStranger)).status).toBe(404);
  expect(await ask('POST', `/api/documents/${documentUuid}/restore`)).toMatchObject({
    status: 200,
    json: { restored: true },
  });
  expect(await ask('POST', `/api/documents/${documentUuid}/restore`)).toMatchObject({ json: { restored: false } });
  await settled();
  expect((await search('quokka')).json.passages).toHaveLength(1);

  const log = (await ask('GET', '/api/v1/audit?limit=200')).bytes.toString();
  for (const action of ['document.upload', 'document.search', 'document.read', 'document.remove', 'document.restore']) {
    expect(log).toContain(action);
  }
  expect(log).not.toMatch(/quokka|meniscus|a <b>/);
});

test('a Word document is found by what only its letterhead says, and its PDF shows it', async () => {
  const bytes = docxWithMargins('Dear colleague,', {
    header: 'Practice of Dr Numbatova',
    first: 'x',
    even: 'x',
    footer: 'Account 123',
    note: 'x',
    box: 'x',
    removed: 'Bilbyova',
  });
  const form = formOf({ clientFileId: 'letterhead' }, { 'letter.docx': new Blob([bytes]) });
  const brought = await ask('POST', `/api/patients/${patient}/process`, form);
  const { documentUuid } = brought.json.documents[0];
  await settled();
  expect((await search('Numbatova')).json.passages).toMatchObject([{ documentUuid, page: 1 }]);
  expect((await search('Bilbyova')).json.passages).toEqual([]);
  const { bytes: pdf } = await ask('GET', `/api/documents/${documentUuid}/pdf`);
  const again = formOf({ clientFileId: 'letterhead as PDF' }, { 'letter.pdf': new Blob([pdf]) });
  const asPdf = (await ask('POST', `/api/patients/${patient}/process`, again)).json.documents[0].documentUuid;
  await settled();
  const found = (await search('Numbatova "Account 123"')).json.passages;
  expect(found.map((passage: { documentUuid: string }) => passage.documentUuid).sort()).toEqual(
    [documentUuid, asPdf].sort(),
  );
});

test.each([
  ['Word documents that were read without their headers', '0031_document_service.sql', 'wordprocessingml'],
  ['long tables of which rows were left out', '0037_unread_documents.sql', 'csv'],
])('the update has %s read again, and no others', async (_, migration, type) => {
  const rows = Array.from({ length: 2100 }, (_, n) => `row ${n},${n}`);
  const files = {
    'letter.docx': docxOf(['Dear colleague,']),
    'short.csv': 'name,visits\nZoe Sample,3\n',
    'long.csv': `name,visits\n${rows.join('\n')}\n`,
  };
  for (const [name, content] of Object.entries(files)) {
    const form = formOf({ clientFileId: `${name} before ${migration}` }, { [name]: new Blob([content]) });
    expect((await ask('POST', `/api/patients/${patient}/process`, form)).status).toBe(202);
  }
  await settled();
  const migrations = new URL('../../src/stores/postgres/migrations/', import.meta.url);
  const statements = (await readFile(new URL(migration, migrations), 'utf8')).split(';');
  const records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
  try {
    await records.query('UPDATE document_renditions SET processor_version = 1');
    await records.query(statements.find((statement) => statement.includes('INSERT INTO document_outbox'))!);
    // Long tables wait for the workers of the version before to be gone.
    await records.query('UPDATE document_outbox SET next_try_at = now()');
    await settled();
    const { rows: read } = await records.query(
      `SELECT DISTINCT detected_type LIKE '%' || $1 AND (page_count > 40 OR $1 <> 'csv') AS wanted, processor_version AS version
       FROM document_renditions ORDER BY 1, 2`,
      [type === 'csv' ? type : `${type}.document`],
    );
    expect(read).toEqual([
      { wanted: false, version: 1 },
      { wanted: true, version: PROCESSOR_VERSION },
    ]);
  } finally {
    await records.end();
  }
});

test('what the index has lost of a patient is there again after the next work on one of its documents', async () => {
  const bring = async (name: string) => {
    const form = formOf({ clientFileId: name }, { [`${name}.txt`]: `The kowari ${name} rests.` });
    const { json } = await ask('POST', `/api/patients/${stranger}/process`, form);
    await settled();
    return json.documents[0].documentUuid as string;
  };
  const lost = await bring('first');
  expect((await search('kowari', stranger)).json.passages).toHaveLength(1);
  const index = await server.chartsync.search();
  await index.remove({ organizationId: 'org_test', patientUuid: stranger }, [lost]);
  expect((await search('kowari', stranger)).json.passages).toEqual([]);
  await bring('second');
  await until(async () => (await search('kowari', stranger)).json.passages.length === 2);
  expect((await ask('GET', `/api/sync/status/${stranger}`)).json.missing).not.toContainEqual(
    expect.objectContaining({ store: 'index' }),
  );
});

test('many documents are accepted one by one, and a run removes none of them', async () => {
  const form = formOf(
    {},
    { 'one.txt': 'A numbat.', 'two.txt': 'A bilby.', 'large.txt': 'x'.repeat(1_100_000), 'none.txt': '' },
  );
  for (const id of ['n-1', 'n-2', 'n-3', 'n-4']) form.append('clientFileId', id);
  const answer = await ask('POST', `/api/patients/${stranger}/process`, form);
  expect(answer).toMatchObject({ status: 202, json: { success: true, accepted: 2 } });
  expect(answer.json.documents.map((d: { error: string | null }) => d.error === null)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  const same = formOf({ clientFileId: 'n-2' }, { 'two.txt': 'A bilby.' });
  const again = await ask('POST', `/api/patients/${stranger}/process`, same);
  expect(again.json.documents[0]).toMatchObject({
    documentUuid: answer.json.documents[1].documentUuid,
    created: false,
  });
  const without = await ask('POST', `/api/patients/${stranger}/process`, formOf({}, { 'x.txt': 'x' }));
  expect(without).toMatchObject({
    status: 400,
    json: { success: false, error: expect.stringContaining('clientFileId') },
  });
  // Another content is not taken for the one that is there.
  const other = formOf({ clientFileId: 'n-2' }, { 'two.txt': 'Another bilby.' });
  const refused = await ask('POST', `/api/patients/${stranger}/process`, other);
  const { documentUuid } = answer.json.documents[1];
  expect(refused).toMatchObject({
    status: 400,
    json: { success: false, accepted: 0, documents: [{ clientFileId: 'n-2', documentUuid, created: false }] },
  });
  expect(refused.json.error).toContain('not replaced');
  const some = formOf({}, { 'two.txt': 'Another bilby.', 'five.txt': 'A potoroo.' });
  for (const id of ['n-2', 'n-5']) some.append('clientFileId', id);
  const partly = await ask('POST', `/api/patients/${stranger}/process`, some);
  expect(partly).toMatchObject({ status: 202, json: { accepted: 1, documents: [{ documentUuid }, { error: null }] } });
  expect(partly.json.documents[0].error).toContain('not replaced');
  expect((await ask('GET', `/api/documents/${documentUuid}`)).bytes.toString()).toBe('A bilby.');
  expect((await ask('POST', '/api/sync/vsrx?wait=true&mode=deep')).status).toBe(200);
  await settled();
  expect((await search('numbat', stranger)).json.passages).toHaveLength(1);
});

test('what is not a form, has no file or names nobody is refused', async () => {
  expect((await ask('POST', '/api/process', {})).status).toBe(415);
  expect((await ask('POST', '/api/process', formOf({ patientUuid: patient }, {}))).status).toBe(400);
  expect((await ask('POST', '/api/process', formOf({ patientUuid: 'x' }, { a: 'b' }))).status).toBe(400);
  const nobody = '00000000-0000-4000-8000-000000000001';
  expect((await ask('POST', '/api/process', formOf({ patientUuid: nobody }, { a: 'b' }))).status).toBe(404);
  expect((await ask('POST', `/api/patients/${nobody}/process`, formOf({}, { a: 'b' }))).status).toBe(404);
  expect((await ask('GET', `/api/patients/${nobody}/documents`)).status).toBe(404);
  expect((await ask('POST', `/api/patients/${patient}/search`, { query: '' })).status).toBe(400);
  const broken = await fetch(`${server.url}/api/process`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'multipart/form-data; boundary=x' },
    body: '--x\r\nnonsense',
  });
  expect(broken.status).toBe(400);
});

test('who accepts PDFs only is given the PDF of a document, as earlier servers had it', async () => {
  const docx = docxOf(['Dear colleague, a wallaroo was seen.']);
  const form = formOf({ patientUuid: patient }, { 'wallaroo.docx': new Blob([docx]) });
  const { documentUuid } = (await ask('POST', '/api/process', form)).json;
  await settled();
  const path = `/api/documents/${documentUuid}`;
  const get = async (accept: string, method = 'GET') => {
    const headers = { authorization: `Bearer ${server.adminKey}`, accept };
    const response = await fetch(`${server.url}${path}`, { method, headers });
    return { headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
  };
  const made = await ask('GET', `${path}/pdf`);
  for (const accept of [
    'application/pdf',
    'application/pdf;q=0.9, text/plain',
    'image/png, application/pdf, */*;q=0.1',
  ]) {
    const answer = await get(accept);
    expect(answer.headers.get('content-type'), accept).toBe('application/pdf');
    expect(answer.headers.get('content-disposition')).toContain('wallaroo.docx.pdf');
    expect(answer.bytes.equals(made.bytes)).toBe(true);
  }
  expect((await get('application/pdf', 'HEAD')).headers.get('content-length')).toBe(String(made.bytes.length));
  for (const accept of ['*/*', 'text/html, */*', 'application/pdf;q=0, */*']) {
    const answer = await get(accept);
    expect(answer.bytes.equals(Buffer.from(docx)), accept).toBe(true);
    expect(answer.headers.get('vary')).toMatch(/accept/i);
  }
  const { json } = await ask(
    'POST',
    '/api/process',
    formOf({ patientUuid: patient }, { 'no.bin': new Blob([new Uint8Array([1, 2, 3, 4])]) }),
  );
  await settled();
  const none = await ask('GET', `/api/documents/${json.documentUuid}`, undefined, { accept: 'application/pdf' });
  expect(none).toMatchObject({ status: 409, json: { details: { error_type: 'document_type_unsupported' } } });
  const either = await ask('GET', `/api/documents/${json.documentUuid}`, undefined, { accept: 'application/pdf, */*' });
  expect([...either.bytes]).toEqual([1, 2, 3, 4]);
});

test('the time of an upload without a zone is one of the organisation, and what is no time is refused', async () => {
  const bring = (uploadDate: unknown) => {
    const metadata = JSON.stringify({ vsrxReference: randomUUID(), uploadDate });
    return ask('POST', '/api/process', formOf({ patientUuid: patient, metadata }, { 'dated.txt': 'A dated letter.' }));
  };
  const uploaded = async (uploadDate: unknown) => {
    const { json } = await bring(uploadDate);
    return (await ask('GET', `/api/documents/${json.documentUuid}/details`)).json.uploadDate;
  };
  // The practice is in Sydney.
  expect(await uploaded('2026-03-05T08:10:00')).toBe('2026-03-04T21:10:00.000Z');
  expect(await uploaded('2026-07-05 08:10')).toBe('2026-07-04T22:10:00.000Z');
  expect(await uploaded('2026-03-05')).toBe('2026-03-04T13:00:00.000Z');
  expect(await uploaded('5 Mar 2026 08:10')).toBe('2026-03-04T21:10:00.000Z');
  expect(await uploaded('2026-03-05T08:10:00+01:00')).toBe('2026-03-05T07:10:00.000Z');
  expect(await uploaded('Thu, 05 Mar 2026 08:10:00 GMT')).toBe('2026-03-05T08:10:00.000Z');
  expect(await uploaded('Thu, 5 Mar 2026 08:10:00 +0100 (CET)')).toBe('2026-03-05T07:10:00.000Z');
  expect(await uploaded('Thu Mar 05 2026 08:10:00 GMT+1100')).toBe('2026-03-04T21:10:00.000Z');
  expect(await uploaded('5-Mar-2026')).toBe('2026-03-04T13:00:00.000Z');
  expect(await uploaded('2026/03/05 08:10')).toBe('2026-03-04T21:10:00.000Z');
  expect(await uploaded(Date.parse('2026-03-05T08:10:00Z'))).toBe('2026-03-05T08:10:00.000Z');
  // Nobody has brought it then.
  for (const impossible of [null, '', '9998-01-01', '+200000-01-01T00:00:00Z', '1900-01-01', 1e300]) {
    expect(Date.now() - Date.parse(await uploaded(impossible)), String(impossible)).toBeLessThan(60_000);
  }
  for (const nonsense of [
    'yesterday',
    '2026-02-31T10:00',
    '0000-00-00',
    '05-03-2026',
    '5/3/2026 08:10',
    '03.05.2026',
    '17',
    {},
  ]) {
    expect(await bring(nonsense), String(nonsense)).toMatchObject({
      status: 400,
      json: { error: expect.stringContaining('uploadDate') },
    });
  }
});

test('a document whose content cannot be read says why, and is there as before', async () => {
  const bytes = '%PDF-1.4\nnothing follows\n';
  const { json } = await ask('POST', '/api/process', formOf({ patientUuid: patient }, { 'broken.pdf': bytes }));
  await settled();
  const list = await ask('GET', `/api/patients/${patient}/documents?limit=1000`);
  const own = list.json.documents.find(
    (d: { silknoteDocumentUuid: string }) => d.silknoteDocumentUuid === json.documentUuid,
  );
  expect(own).toMatchObject({ status: 'error', error: { code: 'document_corrupt' } });
  expect((await ask('GET', `/api/documents/${json.documentUuid}/text`)).status).toBe(409);
  expect((await ask('GET', `/api/documents/${json.documentUuid}`)).bytes.toString()).toBe(bytes);
});

test('the documents of a patient, the newest first, page by page', async () => {
  interface Listed {
    readonly silknoteDocumentUuid: string;
    readonly uploadDate: string | null;
  }
  const path = `/api/patients/${patient}/documents`;
  const all: Listed[] = (await ask('GET', `${path}?limit=1000`)).json.documents;
  expect(all.length).toBeGreaterThan(4);
  // As rows of other applications may be: without a time, and with one that no other has in its milliseconds.
  const client = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await client.connect();
  const uploaded = async (at: string | null, { silknoteDocumentUuid }: Listed) =>
    client.query('UPDATE silknote_documents SET "uploadDate" = $1 WHERE "silknoteDocumentUuid" = $2', [
      at,
      silknoteDocumentUuid,
    ]);
  await uploaded(null, all[0]!);
  await uploaded(null, all[1]!);
  await uploaded('2031-01-01T00:00:00.000001Z', all[2]!);
  await uploaded('2031-01-01T00:00:00.000002Z', all[3]!);
  await client.end();
  const pages: Listed[] = [];
  let after = '';
  do {
    const { json } = await ask('GET', `${path}?order=newest&limit=2${after === '' ? '' : `&after=${after}`}`);
    expect(json.count).toBe(all.length);
    pages.push(...json.documents);
    after = json.next ?? '';
  } while (after !== '');
  const ids = (documents: readonly Listed[]) => documents.map((document) => document.silknoteDocumentUuid);
  expect(ids(pages).toSorted()).toEqual(ids(all).toSorted());
  expect(ids(pages.slice(0, 2))).toEqual([all[3]!.silknoteDocumentUuid, all[2]!.silknoteDocumentUuid]);
  expect(ids(pages.slice(-2)).toSorted()).toEqual(ids(all.slice(0, 2)).toSorted());
  const times = pages.slice(0, -2).map(({ uploadDate }) => Date.parse(uploadDate!));
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  const forged = [`["99999999999999999999","${patient}"]`, '["x","y"]', 'nonsense'];
  for (const key of forged.map((one) => Buffer.from(one).toString('base64url'))) {
    expect((await ask('GET', `${path}?order=newest&after=${key}`)).status).toBe(400);
  }
});

test('what no search finds is counted, listed by its cause, told with each finding, and read again together', async () => {
  const before = (await ask('GET', '/api/v1/documents/summary')).json;
  const one = stranger;
  const seen = (await search('numbat', one)).json;
  const files = {
    'locked one.pdf': await encryptedPdf(),
    'locked two.pdf': Buffer.concat([await encryptedPdf(), Buffer.from('\n%')]),
    'scan.png': await pictureOf('numbat'),
    'letter.txt': 'A numbat with a strained tail.',
  };
  const uuids: Record<string, string> = {};
  for (const [name, content] of Object.entries(files)) {
    const form = formOf({ clientFileId: `unread ${name}` }, { [name]: new Blob([content]) });
    uuids[name] = (await ask('POST', `/api/patients/${one}/process`, form)).json.documents[0].documentUuid;
  }
  await settled();
  const notSearched = {
    waiting: 0,
    failed: seen.notSearched.failed + 2,
    withoutText: seen.notSearched.withoutText + 1,
    partly: 0,
    elsewhere: 0,
  };
  const state = (await ask('GET', `/api/patients/${one}/documents?limit=1000`)).json.documents.find(
    (d: { silknoteDocumentUuid: string }) => d.silknoteDocumentUuid === uuids['scan.png'],
  );
  expect(state).toMatchObject({ status: 'complete', textPages: 0, warnings: ['no_text', 'ocr_missing'] });
  const found = await search('numbat', one);
  expect(found.json.passages).toHaveLength(seen.passages.length + 1);
  expect(found.json.notSearched).toEqual(notSearched);
  const full = await ask('POST', `/api/vector-search/${one}/query-full`, { query: 'numbat' });
  expect(full.json.notSearched).toEqual(notSearched);

  const { json: summary } = await ask('GET', '/api/v1/documents/summary');
  expect(summary).toMatchObject({ waiting: 0, processing: 0 });
  expect(summary.failed - before.failed).toBe(2);
  expect(summary.without_text - before.without_text).toBe(1);
  const items = (code: string) => summary.causes.find((cause: { code: string }) => cause.code === code)?.items;
  const listed = async (code: string) => {
    const documents = [];
    for (let after = ''; ; ) {
      const { json } = await ask('GET', `/api/v1/documents/unread?code=${code}&limit=1${after && `&after=${after}`}`);
      documents.push(...json.documents);
      if (json.next === null) return documents;
      after = json.next;
    }
  };
  const locked = await listed('document_encrypted');
  expect(locked).toHaveLength(items('document_encrypted'));
  const mine = locked.filter((d) => Object.values(uuids).includes(d.document_uuid));
  expect(mine.map((d) => d.document_uuid)).toEqual([uuids['locked one.pdf'], uuids['locked two.pdf']].sort());
  expect(mine[0]).toMatchObject({ patient_uuid: one, kind: 'failed', error: expect.stringContaining('password') });
  const scans = await listed('ocr_missing');
  expect(scans).toHaveLength(items('ocr_missing'));
  expect(scans.find((d) => d.document_uuid === uuids['scan.png'])).toMatchObject({
    original_name: 'scan.png',
    kind: 'without_text',
    warnings: ['no_text', 'ocr_missing'],
    remedy: expect.stringContaining('tesseract-ocr'),
  });
  const all = await ask('GET', '/api/v1/documents/unread?limit=500');
  expect(all.json.documents).toHaveLength(summary.failed + summary.without_text);
  expect((await ask('GET', '/api/v1/documents/unread?after=nonsense')).status).toBe(400);

  const { stdout, lines } = await runCommand(['status', '--json'], { cwd: setup.folder, env: setup.environment });
  expect(lines.find(({ type }) => type === 'documents')).toMatchObject({ organizationId: 'org_test', waiting: 0 });
  expect(stdout).not.toContain('locked');
  const status = await runCommand(['status'], { cwd: setup.folder, env: setup.environment });
  expect(status.stdout).toMatch(/Documents of org_test that no search finds: .*\d document_encrypted/);

  const again = await ask('POST', '/api/v1/documents/reprocess', { code: 'document_encrypted' });
  expect(again).toMatchObject({ status: 202, json: { success: true, queued: locked.length } });
  await settled();
  expect((await ask('GET', '/api/v1/documents/summary')).json).toEqual(summary);
  expect((await ask('POST', '/api/v1/documents/reprocess', { code: 'nothing_of_this' })).json.queued).toBe(0);
});
