/** What happens to documents when two do something about them at once, or when one of them is gone. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { syncFiles } from '../../src/engine/files/sync-files.ts';
import type { DocumentTask } from '../../src/ports/document-work.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { createDocumentWork } from '../../src/stores/postgres/document-work.ts';
import { askService } from '../support/ask-service.ts';
import { expectEqualStores } from '../support/equal-stores.ts';
import { ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let records: pg.Client;
let locker: pg.Client;
/** Of a process whose sign of life is gone. */
let lostDatabase: Database;
let lostTasks: readonly DocumentTask[];
let patient: string;
let stranger: string;

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 3,
    attachments: 12,
    sections: {
      stores: { search: { kind: 'lancedb' } },
      limits: { retryDelay: '10ms' },
      deletionGuard: { maxCount: 100_000, maxPercent: 100 },
    },
  });
  [patient, stranger] = setup.practice.patientUuids as [string, string];
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  locker = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await Promise.all([records.connect(), locker.connect()]);
  await syncFiles(setup.connection.ports, setup.connection.settings, { mode: 'quick', trigger: 'manual' });
  lostDatabase = openDatabase({ url: setup.environment.DATABASE_URL });
  lostTasks = await lost().claim(ORGANIZATION, 3, 3);
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  await settled();
});
afterAll(async () => {
  await server?.stop();
  await Promise.all([records?.end(), locker?.end(), lostDatabase?.close()]);
  await setup?.close();
});

/** Nobody holds the lock of this number. */
const lost = () => createDocumentWork({ database: lostDatabase, workerId: '1' });

const ask = (method: string, path: string, body?: FormData | object, headers: Record<string, string> = {}) =>
  askService(server.url, server.adminKey, method, path, body, headers);

async function settled(): Promise<void> {
  await until(async () => (await server.chartsync.documentWork.open(ORGANIZATION)) === 0, 120_000);
}

async function synchronise(): Promise<void> {
  expect((await ask('POST', '/api/sync/vsrx?wait=true')).status).toBe(200);
  await settled();
}

async function bring(clientFileId: string, content: string, of = patient): Promise<string> {
  const form = new FormData();
  form.append('clientFileId', clientFileId);
  form.append('file', new Blob([content]), `${clientFileId}.txt`);
  return (await ask('POST', `/api/patients/${of}/process`, form)).json.documents[0].documentUuid;
}

interface Listed {
  readonly silknoteDocumentUuid: string;
  readonly vsrxReference: string | null;
  readonly status: string;
  readonly error: { readonly code: string } | null;
  readonly hash: string;
}

async function listed(of = patient): Promise<Listed[]> {
  return (await ask('GET', `/api/patients/${of}/documents?limit=1000`)).json.documents;
}

async function stateOf(documentUuid: string, of = patient) {
  return (await listed(of)).find((document) => document.silknoteDocumentUuid === documentUuid);
}

const found = async (query: string, of = patient): Promise<number> =>
  (await ask('POST', `/api/patients/${of}/search`, { query })).json.passages.length;

/** Holds a document until all that is begun meanwhile waits for it. */
async function whileLocked<T>(documentUuid: string, ...requests: (() => Promise<T>)[]): Promise<T[]> {
  await locker.query('BEGIN');
  await locker.query('SELECT 1 FROM silknote_documents WHERE "silknoteDocumentUuid" = $1 FOR UPDATE', [documentUuid]);
  const answers: Promise<T>[] = [];
  try {
    for (const request of requests) {
      answers.push(request());
      await until(async () => {
        const { rows } = await records.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
             AND query LIKE '%silknote_documents%FOR UPDATE OF d%'`,
        );
        return rows.length === answers.length;
      });
    }
  } finally {
    await locker.query('ROLLBACK');
  }
  return Promise.all(answers);
}

const blobFolder = () => join(setup.config.home, 'blobs');

async function loseContent(sha256: string): Promise<void> {
  const file = (await readdir(blobFolder(), { recursive: true })).find((name) => name.endsWith(sha256));
  expect(file).toBeDefined();
  await rm(join(blobFolder(), file!));
  lostContents.push(sha256);
}

const lostContents: string[] = [];

/** That a content which nothing needs any more was lost before its time is told until then; here it is the test's doing. */
async function forgetLost(): Promise<void> {
  // A PDF that was made twice within a second is the same, and is there again.
  const files = await readdir(blobFolder(), { recursive: true });
  const lost = lostContents.filter((sha256) => !files.some((name) => name.endsWith(sha256)));
  await records.query('DELETE FROM blobs WHERE sha256 = ANY ($1) AND "references" = 0', [lost]);
}

test('a process that has lost its documents to another one neither gives them back nor asks for another try', async () => {
  expect(lostTasks).toHaveLength(3);
  const [first, second] = lostTasks as [DocumentTask, DocumentTask];
  const again = { afterMs: 0, code: 'database_unavailable', counts: false };
  await expect(lost().tryAgain(first, again)).rejects.toMatchObject({ code: 'lease_lost' });
  await expect(lost().giveBack(second)).rejects.toMatchObject({ code: 'lease_lost' });
  for (const of of setup.practice.patientUuids) {
    for (const { status } of await listed(of)) expect(['complete', 'error']).toContain(status);
  }
  await expectEqualStores(setup, records);
});

test('a group that is made twice at the same moment is one group', async () => {
  const documentIds = [await bring('twice-1', 'The first half.'), await bring('twice-2', 'The second half.')];
  await settled();
  const create = () => ask('POST', `/api/patients/${patient}/groups`, { documentIds });
  const answers = await whileLocked([...documentIds].sort()[0]!, create, create);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 201]);
  expect(answers[0]!.json.id).toBe(answers[1]!.json.id);
});

test('a document does not go to another patient out of a group that is made at the same moment', async () => {
  const documentIds = [await bring('torn-1', 'The first part.'), await bring('torn-2', 'The second part.')];
  await settled();
  const [moving] = [...documentIds].sort() as [string];
  const [created, migrated] = await whileLocked(
    moving,
    () => ask('POST', `/api/patients/${patient}/groups`, { documentIds }),
    () => ask('POST', `/api/patients/${patient}/migrate`, { targetPatientUuid: stranger, documentIds: [moving] }),
  );
  expect(created!.status).toBe(201);
  expect(migrated!.json).toMatchObject({ documents: 0, conflicts: [{ documentId: moving, reason: 'grouped' }] });
  const { rows } = await records.query(
    `SELECT g.patient_uuid = d."patientUuid" AS same FROM document_groups AS g
     JOIN document_group_members AS m ON m.group_id = g.id
     JOIN silknote_documents AS d ON d."silknoteDocumentUuid" = m.document_uuid`,
  );
  for (const { same } of rows) expect(same).toBe(true);
});

test('a migrated document that was removed is not taken back beside the one that its source has brought since', async () => {
  // Of those whose row in the source has a UUID.
  const own = (await listed()).find(
    ({ vsrxReference, status }) => vsrxReference?.startsWith('id:') === false && status === 'complete',
  )!;
  const { silknoteDocumentUuid: documentUuid, vsrxReference: reference } = own;
  const migrated = await ask('POST', `/api/patients/${patient}/migrate`, {
    targetPatientUuid: stranger,
    documentIds: [documentUuid],
  });
  expect(migrated.json.documents).toBe(1);
  await settled();

  // Its copies are compared with the place where the source lists it.
  const sourceOf = async () => {
    const { json } = await ask('GET', `/api/documents/${documentUuid}/copies`);
    return json.copies.find((copy: { store: string }) => copy.store === 'source').verdict;
  };
  expect(await sourceOf()).toBe('same');
  const unlist = (deleted: boolean) =>
    setup.source.execute('UPDATE ax_notes_attachments SET deleted = ? WHERE lower(file_uuid) = ?', [
      deleted,
      reference!,
    ]);
  await unlist(true);
  expect(await sourceOf()).toBe('missing');
  await unlist(false);

  expect((await ask('DELETE', `/api/documents/${documentUuid}`)).status).toBe(204);
  await settled();
  await synchronise();
  const brought = (await listed()).find((document) => document.vsrxReference === reference);
  expect(brought).toBeDefined();
  expect(await ask('POST', `/api/documents/${documentUuid}/restore`)).toMatchObject({
    status: 409,
    json: { details: { error_type: 'document_replaced' } },
  });
  expect((await ask('DELETE', `/api/documents/${brought!.silknoteDocumentUuid}`)).status).toBe(204);
  await settled();
  expect((await ask('POST', `/api/documents/${documentUuid}/restore`)).status).toBe(200);
  await settled();
  expect((await stateOf(documentUuid, stranger))?.vsrxReference).toBe(reference);
  await expectEqualStores(setup, records);
});

test('a document that is read again brings along the others of the same content', async () => {
  const text = 'The same letter about a potoroo, for two people.';
  const [one, other] = [await bring('same-1', text), await bring('same-2', text, stranger)];
  await settled();
  const { hash } = (await stateOf(one))!;
  // As an older version of the service has left them.
  await records.query('BEGIN');
  await records.query(
    `UPDATE blobs AS b SET "references" = b."references" - 1 FROM document_renditions AS r, LATERAL
       (VALUES (r.pdf_sha256), (r.pages_sha256), (r.thumbnail_sha256)) AS p (sha)
     WHERE r.sha256 = $1 AND b.organization_id = r.organization_id AND b.sha256 = p.sha`,
    [hash],
  );
  await records.query(
    `UPDATE document_renditions SET verdict = 'refused', code = 'document_corrupt', reason = 'Damaged.', retry = 'never',
       pdf_sha256 = NULL, pdf_size = NULL, pages_sha256 = NULL, pages_size = NULL, thumbnail_sha256 = NULL, thumbnail_size = NULL
     WHERE sha256 = $1`,
    [hash],
  );
  await records.query(
    `UPDATE silknote_documents SET status = 'error', "errorCode" = 'document_corrupt' WHERE sha256 = $1`,
    [hash],
  );
  await records.query('COMMIT');
  const index = await server.chartsync.search();
  await index.remove({ organizationId: ORGANIZATION, patientUuid: patient }, [one]);
  await index.remove({ organizationId: ORGANIZATION, patientUuid: stranger }, [other]);

  expect((await ask('POST', `/api/documents/${one}/reprocess`)).status).toBe(202);
  await settled();
  expect(await stateOf(one)).toMatchObject({ status: 'complete', error: null });
  expect(await stateOf(other, stranger)).toMatchObject({ status: 'complete', error: null });
  expect([await found('potoroo'), await found('potoroo', stranger)]).toEqual([1, 1]);
  await expectEqualStores(setup, records);
});

test('what the store has lost comes back when it is brought or read again, and is not only said to be stored', async () => {
  const text = 'A letter about a quoll that the store has lost.';
  const first = await bring('lost-1', text);
  await settled();
  const { hash } = (await stateOf(first))!;
  await loseContent(hash);
  expect((await ask('GET', `/api/documents/${first}`)).status).toBe(404);
  const second = await bring('lost-2', text);
  for (const documentUuid of [first, second]) {
    const content = await ask('GET', `/api/documents/${documentUuid}`);
    expect([content.status, content.bytes.toString()]).toEqual([200, text]);
  }
  await settled();

  const partsOf = async () => {
    const { rows } = await records.query(
      'SELECT pages_sha256 AS pages, pdf_sha256 AS pdf FROM document_renditions WHERE sha256 = $1',
      [hash],
    );
    return rows[0] as { pages: string; pdf: string };
  };
  await loseContent((await partsOf()).pages);
  await loseContent((await partsOf()).pdf);
  expect((await ask('GET', `/api/documents/${first}/pdf`)).status).toBe(404);
  expect((await ask('POST', `/api/documents/${first}/reprocess`)).status).toBe(202);
  await settled();
  expect((await ask('GET', `/api/documents/${first}/pdf`)).status).toBe(200);
  expect((await ask('GET', `/api/documents/${first}/text`)).json.pages[0].text).toContain('quoll');

  // Also when only the index asks for the text.
  const index = await server.chartsync.search();
  await index.remove({ organizationId: ORGANIZATION, patientUuid: patient }, [second]);
  await loseContent((await partsOf()).pages);
  expect(await server.chartsync.desk.askAgain(ORGANIZATION, second)).toBe(true);
  await settled();
  expect(await stateOf(second)).toMatchObject({ status: 'complete' });
  expect(await found('quoll')).toBe(2);
  await forgetLost();
  await expectEqualStores(setup, records);
});

test('the status of a patient tells of a lost content also where no connection compares it', async () => {
  const documentUuid = await bring('former', 'A letter of a connection that is not configured any more.');
  await settled();
  const { hash } = (await stateOf(documentUuid))!;
  await records.query(`UPDATE silknote_documents SET "connectionId" = 'former' WHERE "silknoteDocumentUuid" = $1`, [
    documentUuid,
  ]);
  const lostBlobs = async () => {
    const { json } = await ask('GET', `/api/sync/status/${patient}`);
    return json.missing.filter(({ store }: { store: string }) => store === 'blob').length;
  };
  expect(await lostBlobs()).toBe(0);
  await loseContent(hash);
  expect(await lostBlobs()).toBe(1);
  expect((await ask('DELETE', `/api/documents/${documentUuid}`)).status).toBe(204);
  await settled();
  await forgetLost();
});

test('a page with a token for one patient may repeat a removal too, and removes nothing of anybody else', async () => {
  const scopes = ['documents:read', 'documents:write'];
  const { json: key } = await ask('POST', '/api/v1/keys', { name: 'page', scopes });
  const ofKey = { authorization: `Bearer ${key.secret}` };
  const made = await ask('POST', `/api/patients/${patient}/component-token`, { scopes }, ofKey);
  const ofPage = { authorization: `Bearer ${made.json.token}` };
  const [own, foreign] = [await bring('page-1', 'A letter.'), await bring('page-2', 'A letter.', stranger)];
  const remove = async (documentUuid: string) =>
    (await ask('DELETE', `/api/documents/${documentUuid}`, undefined, ofPage)).status;
  expect([await remove(own), await remove(own), await remove(foreign)]).toEqual([204, 204, 404]);
  const body = { documentUuid: foreign, patientUuid: patient };
  expect((await ask('DELETE', '/api/documents/delete', body, ofPage)).status).toBe(404);
  expect(await stateOf(foreign, stranger)).toBeDefined();
  await settled();
});

test('the same document brought many times at once is one document, also of a patient whom nobody knew', async () => {
  const newcomer = '5a3bb0f1-7a63-4c0e-9d3e-0f1f5f3c9a99';
  const push = (text: string) => {
    const form = new FormData();
    form.append('patientUuid', newcomer);
    form.append('metadata', JSON.stringify({ vsrxReference: 'pushed-at-once', createPatient: true }));
    form.append('file', new Blob([text]), 'pushed.txt');
    return ask('POST', '/api/process', form);
  };
  const answers = await Promise.all(['A letter.', 'A letter.', 'A letter.', 'Another letter.', 'A letter.'].map(push));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(answers.filter(({ json }) => json.created)).toHaveLength(1);
  expect(new Set(answers.map(({ json }) => json.documentUuid)).size).toBe(1);
  const [one] = await listed(newcomer);
  // Whoever brought something else is told so.
  const differing = answers.filter(({ json }) => !json.sameContent).length;
  expect([1, 4]).toContain(differing);
  expect(one!.silknoteDocumentUuid).toBe(answers[0]!.json.documentUuid);

  const ids = await Promise.all(Array.from({ length: 5 }, () => bring('at-once', 'A scan.', newcomer)));
  expect(new Set(ids).size).toBe(1);
  await settled();
  expect(await listed(newcomer)).toHaveLength(2);
  await expectEqualStores(setup, records);
});

test('whatever is done to the same documents at once, nothing fails, and in the end all stores agree', async () => {
  const texts = ['A bandicoot.', 'A bandicoot.', 'A bilby.', 'A numbat.', 'A quokka.'];
  const ids = await Promise.all(texts.map((text, n) => bring(`storm-${n}`, text)));
  await settled();
  const random = randomNumbers(7);
  const pick = <T>(from: readonly T[]) => from[random() % from.length]!;
  const migrations: string[] = [];
  const groups: string[] = [];
  const deeds = [
    () => ask('DELETE', `/api/documents/${pick(ids)}`),
    () => ask('POST', `/api/documents/${pick(ids)}/restore`),
    () => ask('POST', `/api/documents/${pick(ids)}/restore`),
    () => ask('POST', `/api/documents/${pick(ids)}/reprocess`),
    async () => {
      const n = random() % texts.length;
      await bring(`storm-${n}`, texts[n]!, pick([patient, stranger]));
      return { status: 200, json: null };
    },
    async () => {
      const [from, to] = pick([
        [patient, stranger],
        [stranger, patient],
      ]) as [string, string];
      const body = { targetPatientUuid: to, documentIds: [pick(ids)] };
      const answer = await ask('POST', `/api/patients/${from}/migrate`, body);
      if (answer.json?.migrationId) migrations.push(answer.json.migrationId);
      return answer;
    },
    () => ask('POST', `/api/patients/${patient}/migrations/${pick(['none', ...migrations])}/undo`),
    async () => {
      const documentIds = [...new Set([pick(ids), pick(ids)])];
      if (documentIds.length < 2) return { status: 200, json: null };
      const answer = await ask('POST', `/api/patients/${patient}/groups`, { documentIds });
      if (answer.status === 201) groups.push(answer.json.id);
      return answer;
    },
    () => ask('DELETE', `/api/patients/${pick([patient, stranger])}/groups/${pick(['none', ...groups])}`),
    () => ask('POST', '/api/sync/vsrx?wait=true'),
  ];
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => pick(deeds)()));
    for (const { status, json } of answers) expect(status, JSON.stringify(json)).toBeLessThan(500);
  }
  await settled();
  const { rows } = await records.query(
    `SELECT count(*)::int AS n FROM document_group_members AS m
     JOIN document_groups AS g ON g.organization_id = m.organization_id AND g.id = m.group_id
     JOIN silknote_documents AS d ON d."silknoteDocumentUuid" = m.document_uuid
     WHERE d."deletedAt" IS NULL AND d."patientUuid" <> g.patient_uuid`,
  );
  expect(rows[0].n).toBe(0);
  for (const owner of [patient, stranger]) {
    for (const { status } of await listed(owner)) expect(['complete', 'error']).toContain(status);
  }
  await until(async () => {
    const open = await records.query('SELECT 1 FROM document_groups WHERE merged_change IS DISTINCT FROM change');
    return open.rows.length === 0;
  }, 120_000);
  await expectEqualStores(setup, records);
});
