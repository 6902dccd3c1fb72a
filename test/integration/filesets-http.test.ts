/** Patients and their documents as people look for them: found by name, what was removed, where each copy is. */
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type DescribedCall, describedClient } from '../support/described-client.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let call: DescribedCall;

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 5,
    attachments: 20,
    settings: { mapping: { preset: 'vsrx', file: { deleted: 'deleted' }, patient: { name: 'last_name' } } },
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms' } },
  });
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  call = await describedClient(() => server);
  expect((await call('POST', '/api/sync/vsrx', '/api/sync/vsrx?wait=true')).status).toBe(200);
  await settled();
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

const settled = () => until(async () => (await server.chartsync.documentWork.open('org_test')) === 0, 60_000);

const SEARCH = '/api/v1/filesets/search';
const COPIES = '/api/documents/{documentId}/copies';
const copiesOf = async (id: string) => {
  const { body } = await call('GET', COPIES, `/api/documents/${id}/copies`);
  const verdicts = Object.fromEntries(
    body.copies.map((c: { store: string; verdict: string }) => [c.store, c.verdict] as const),
  );
  return { body, verdicts };
};
const find = async (body: object) => (await call('POST', SEARCH, SEARCH, body)).body;

test('patients are found by a part of their name and by id, page by page, and names stand in no page key', async () => {
  const all = await find({});
  expect(all).toMatchObject({ next: null });
  const uuids = all.filesets.map((f: { silknotePatientUuid: string }) => f.silknotePatientUuid);
  expect(uuids.length).toBeGreaterThan(2);
  expect(new Set(uuids).size).toBe(uuids.length);
  expect(setup.practice.patientUuids).toEqual(expect.arrayContaining(uuids));
  const names = all.filesets.map((f: { patientName: string }) => f.patientName.toLowerCase());
  expect(names).toEqual([...names].sort((a, b) => a.localeCompare(b, 'en')));

  const paged: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await find({ limit: 2, ...(after === undefined ? {} : { after }) });
    paged.push(...page.filesets.map((f: { silknotePatientUuid: string }) => f.silknotePatientUuid));
    if (page.next === null) break;
    after = page.next;
    expect(uuids).toContain(after);
  }
  expect(paged).toEqual(uuids);

  const [one] = all.filesets;
  const part = one.patientName.slice(1, 6).toUpperCase();
  expect((await find({ query: part })).filesets).toContainEqual(one);
  expect((await find({ query: one.silknotePatientUuid.toUpperCase() })).filesets).toEqual([one]);
  expect((await find({ query: '%' })).filesets).toEqual([]);
  expect(one).toMatchObject({ connections: ['practice'], activatedUse: true });
  const own = await call('GET', '/api/v1/filesets/{uuid}', `/api/v1/filesets/${one.silknotePatientUuid}`);
  expect(own.body).toEqual(one);
  const listed = await call(
    'GET',
    '/api/patients/{uuid}/documents',
    `/api/patients/${one.silknotePatientUuid}/documents`,
  );
  expect(listed.body.count).toBe(one.documents);

  const log = JSON.stringify((await call('GET', '/api/v1/audit', '/api/v1/audit?limit=200')).body);
  expect(log).toContain('fileset.search');
  expect(log.toLowerCase()).not.toContain(one.patientName.toLowerCase());
});

test('who may not read documents finds nobody', async () => {
  const { body } = await call('POST', '/api/v1/keys', '/api/v1/keys', { name: 'viewer', role: 'viewer' });
  for (const [method, template, path, sent] of [
    ['POST', SEARCH, SEARCH, {}],
    ['GET', '/api/v1/filesets/{uuid}', `/api/v1/filesets/${setup.practice.patientUuids[0]}`, undefined],
    ['GET', COPIES, `/api/documents/${setup.practice.patientUuids[0]}/copies`, undefined],
  ] as const) {
    expect((await call(method, template, path, sent, body.secret)).status).toBe(403);
  }
});

test('every copy of a document is looked at now: whole, changed, lost, removed, taken back', async () => {
  const { documents, patientUuid } = await documentsOfSomebody();
  const whole = documents.find((d) => d.status === 'complete');
  const id = whole!.silknoteDocumentUuid;
  const first = await copiesOf(id);
  expect(first.verdicts).toEqual({ source: 'same', row: 'same', blob: 'same', index: 'same' });
  expect(first.body).toMatchObject({ agree: true, removedAt: null, patientUuid, connectionId: 'practice' });
  expect(new Set(first.body.copies.slice(0, 3).map((c: { sha256: string }) => c.sha256))).toEqual(
    new Set([whole!.hash]),
  );

  // The file on the share is another one, of the same size and time: nothing but its content tells.
  const path = await pathOf(id);
  const before = await readFile(path);
  const { atime, mtime } = await stat(path);
  const other = Buffer.from(before);
  other[other.length - 1] = other.at(-1)! ^ 1;
  await writeFile(path, other);
  await utimes(path, atime, mtime);
  const changed = await copiesOf(id);
  expect(changed.verdicts).toMatchObject({ source: 'different', row: 'same', blob: 'same' });
  expect(changed.body.agree).toBe(false);
  await rm(path);
  const lost = await copiesOf(id);
  expect(lost.body.copies[0]).toMatchObject({
    store: 'source',
    verdict: 'unknown',
    code: 'file_missing',
    sha256: null,
  });
  expect(lost.body.agree).toBeNull();
  await writeFile(path, before);
  await utimes(path, atime, mtime);

  const blob = join(setup.environment.CHARTSYNC_HOME, 'blobs');
  const place = await blobFile(blob, whole!.hash);
  const content = await readFile(place);
  await writeFile(place, Buffer.from(content).fill(0x20, 0, 8));
  expect((await copiesOf(id)).body.copies[2]).toMatchObject({ verdict: 'different', code: 'blob_corrupt' });
  await rm(place);
  expect((await copiesOf(id)).body.copies[2]).toMatchObject({ verdict: 'missing', code: 'blob_missing' });
  await writeFile(place, content);
  expect((await copiesOf(id)).body.agree).toBe(true);

  expect((await call('DELETE', '/api/documents/{documentId}', `/api/documents/${id}`)).status).toBe(204);
  await settled();
  const removed = await call(
    'GET',
    '/api/patients/{uuid}/removed-documents',
    `/api/patients/${patientUuid}/removed-documents`,
  );
  expect(removed.body.documents).toMatchObject([
    { silknoteDocumentUuid: id, reason: 'person', syncId: null, restorable: true },
  ]);
  expect(Date.parse(removed.body.documents[0].contentUntil)).toBeGreaterThan(Date.now() + 29 * 86_400_000);
  const gone = await copiesOf(id);
  expect(gone.verdicts).toEqual({ source: 'surplus', row: 'same', blob: 'same', index: 'none' });
  expect(gone.body.removedAt).not.toBeNull();

  await call('POST', '/api/documents/{documentId}/restore', `/api/documents/${id}/restore`);
  await settled();
  expect((await copiesOf(id)).verdicts).toEqual({ source: 'same', row: 'same', blob: 'same', index: 'same' });
});

test('of a document that a run removed the list says why, in the words of its description', async () => {
  const named = await documentOfSomebodyElse();
  const client = new pg.Client({ connectionString: setup.sourceUrl });
  await client.connect();
  const mark = async (deleted: number) => {
    const sql = 'UPDATE ax_notes_attachments SET deleted = $1 WHERE lower(file_uuid) = $2';
    expect((await client.query(sql, [deleted, named.vsrxReference])).rowCount).toBe(1);
    expect((await call('POST', '/api/sync/vsrx', '/api/sync/vsrx?wait=true')).status).toBe(200);
  };
  try {
    await mark(1);
    const template = '/api/patients/{uuid}/removed-documents';
    const path = `/api/patients/${named.silknotePatientUuid}/removed-documents`;
    const { body } = await call('GET', template, path);
    const removed = body.documents.find((d: Listed) => d.silknoteDocumentUuid === named.silknoteDocumentUuid);
    expect(removed).toMatchObject({ reason: 'deleted', syncId: expect.stringMatching(/\w/) });
  } finally {
    await mark(0);
    await client.end();
    await settled();
  }
});

test('removed documents come page by page, the last first', async () => {
  const { documents, patientUuid } = await documentsOfSomebody();
  const ids = documents.slice(0, 3).map((d) => d.silknoteDocumentUuid);
  for (const id of ids) await call('DELETE', '/api/documents/{documentId}', `/api/documents/${id}`);
  const path = `/api/patients/${patientUuid}/removed-documents?limit=1`;
  const seen: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const { body } = await call('GET', '/api/patients/{uuid}/removed-documents', `${path}&after=${next}`);
    seen.push(...body.documents.map((d: { silknoteDocumentUuid: string }) => d.silknoteDocumentUuid));
    next = body.next;
  }
  expect(seen.slice(0, ids.length)).toEqual(ids.reverse());
  const wrong = await call('GET', '/api/patients/{uuid}/removed-documents', `${path}&after=nonsense`);
  expect(wrong.status).toBe(400);
});

test('a removed patient is hidden with the name, and found again by whoever asks for removed ones', async () => {
  const { documents, patientUuid } = await documentsOfSomebody();
  const path = `/api/v1/filesets/${patientUuid}`;
  const { body: before } = await call('GET', '/api/v1/filesets/{uuid}', path);
  const ids = documents.map((d) => d.silknoteDocumentUuid);
  expect((await call('DELETE', '/api/patients/{uuid}', `/api/patients/${patientUuid}`)).status).toBe(204);
  await settled();
  const uuidsOf = ({ filesets }: { filesets: { silknotePatientUuid: string }[] }) =>
    filesets.map((f) => f.silknotePatientUuid);
  for (const body of [{}, { query: patientUuid }, { query: before.patientName }, { withDocuments: true }]) {
    expect(uuidsOf(await find(body))).not.toContain(patientUuid);
  }
  for (const body of [{ removed: true }, { removed: true, query: patientUuid }]) {
    expect(uuidsOf(await find(body))).toEqual([patientUuid]);
  }
  const { body: gone } = await call('GET', '/api/v1/filesets/{uuid}', path);
  expect(gone).toMatchObject({ documents: 0, activatedUse: false, patientName: before.patientName });
  expect(Date.parse(gone.removedAt)).toBeGreaterThan(Date.now() - 60_000);
  const removed = await call(
    'GET',
    '/api/patients/{uuid}/removed-documents',
    `/api/patients/${patientUuid}/removed-documents?limit=500`,
  );
  const together = removed.body.documents.filter((d: { removedAt: string }) => d.removedAt === gone.removedAt);
  expect(together.map((d: { silknoteDocumentUuid: string }) => d.silknoteDocumentUuid).sort()).toEqual(ids.sort());
  expect((await call('GET', '/api/patients/{uuid}', `/api/patients/${patientUuid}`)).status).toBe(404);

  await call('POST', '/api/documents/{documentId}/restore', `/api/documents/${ids[0]}/restore`);
  const { body: back } = await call('GET', '/api/v1/filesets/{uuid}', path);
  expect(back).toMatchObject({ documents: 1, removedAt: null });
  expect(uuidsOf(await find({ query: patientUuid }))).toEqual([patientUuid]);
  for (const id of ids) await call('POST', '/api/documents/{documentId}/restore', `/api/documents/${id}/restore`);
  await settled();
});

interface Listed {
  silknoteDocumentUuid: string;
  silknotePatientUuid: string;
  vsrxReference: string | null;
  status: string;
  hash: string;
}

async function documentsOfSomebody(): Promise<{ patientUuid: string; documents: Listed[] }> {
  for (const patientUuid of setup.practice.patientUuids) {
    const { body } = await call(
      'GET',
      '/api/patients/{uuid}/documents',
      `/api/patients/${patientUuid}/documents?limit=1000`,
    );
    if (body.documents.filter((d: Listed) => d.status === 'complete').length >= 3)
      return { patientUuid, documents: body.documents };
  }
  throw new Error('Nobody has three documents.');
}

/** Of which nothing was removed and restored before: what a person brought back no run removes. */
async function documentOfSomebodyElse(): Promise<Listed> {
  const { patientUuid } = await documentsOfSomebody();
  for (const other of setup.practice.patientUuids) {
    if (other === patientUuid) continue;
    const path = `/api/patients/${other}/documents`;
    const { status, body } = await call('GET', '/api/patients/{uuid}/documents', path);
    const named = status === 200 && body.documents.find((d: Listed) => /^[\da-f-]{36}$/.test(d.vsrxReference ?? ''));
    if (named) return named;
  }
  throw new Error('Nobody else has a document.');
}

async function pathOf(documentUuid: string): Promise<string> {
  const row = await server.chartsync.filesets.documentRow('org_test', documentUuid);
  return join(setup.filesFolder, row!.path!);
}

async function blobFile(folder: string, sha256: string): Promise<string> {
  const { glob } = await import('node:fs/promises');
  for await (const name of glob(`**/*${sha256.slice(4)}*`, { cwd: folder })) return join(folder, name);
  throw new Error('There is no such content.');
}
