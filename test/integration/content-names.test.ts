/** Who names a content, by PostgreSQL: of the own organisation only, and of what is live. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ContentNames } from '../../src/ports/content-names.ts';
import type { DocumentRecords, Fence } from '../../src/ports/document-records.ts';
import { createContentNames } from '../../src/stores/postgres/content-names.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresStores } from '../support/postgres-stores.ts';
import { OTHER_PATIENT, PATIENT, record, sampleWrite, sha256Of } from '../support/record-samples.ts';
import type { StoresUnderTest } from '../support/stores.ts';

let stores: StoresUnderTest & { readonly url: string };
let database: Database;
let names: ContentNames;
let records: DocumentRecords;
let worker: Awaited<ReturnType<StoresUnderTest['worker']>>;

beforeAll(async () => {
  stores = await postgresStores();
  database = openDatabase({ url: stores.url });
  names = createContentNames(database);
  worker = await stores.worker();
  records = worker.records;
});
afterAll(async () => {
  await database?.close();
  await stores?.close();
});

async function begin(): Promise<Fence> {
  const key = { organizationId: `org_${randomUUID().slice(0, 8)}`, connectionId: 'vsrx' };
  await stores.putConnection(key);
  return worker.runs.start({ ...key, mode: 'quick', trigger: 'manual' });
}

const rows = async (text: string, values: readonly unknown[]) => (await database.pool.query(text, [...values])).rows;

/** As if the document had been read. */
async function rendition(
  organizationId: string,
  content: string,
  parts: Record<'pages' | 'pdf', string>,
): Promise<void> {
  await rows(
    `INSERT INTO document_renditions (organization_id, sha256, processor_version, verdict, detected_type, page_count,
       pages_sha256, pages_size, pdf_sha256, pdf_size)
     VALUES ($1, $2, 1, 'processed', 'text/plain', 1, $3, 7, $4, 8)`,
    [organizationId, sha256Of(content), sha256Of(parts.pages), sha256Of(parts.pdf)],
  );
}

test('originals and parts are told with their documents, those of other organisations and removed ones are not', async () => {
  const [ours, theirs] = [await begin(), await begin()];
  const mine = sampleWrite('a', 'letter');
  await record(records, ours, mine, sampleWrite('b', 'letter', { unit: OTHER_PATIENT }), sampleWrite('c', 'removed'));
  await record(records, theirs, sampleWrite('a', 'letter'), sampleWrite('b', 'theirs'));
  for (const { organizationId } of [ours, theirs]) {
    await rendition(organizationId, 'letter', { pages: 'pages', pdf: 'letter' });
  }
  await rows(`UPDATE silknote_documents SET "deletedAt" = now() WHERE "organizationId" = $1 AND sha256 = $2`, [
    ours.organizationId,
    sha256Of('removed'),
  ]);
  const told = async (...by: Parameters<ContentNames['named']>) =>
    (await names.named(...by)).map(({ role, sha256, patientUuid, size }) => ({ role, sha256, patientUuid, size }));
  const letter = { sha256: sha256Of('letter'), size: 6 };
  const pages = { role: 'part', sha256: sha256Of('pages'), size: 7 };
  const whole = await told(ours.organizationId, {});
  expect(whole.filter(({ sha256 }) => sha256 === letter.sha256)).toMatchObject([
    { role: 'original', ...letter },
    { role: 'original', ...letter },
    { role: 'part', sha256: letter.sha256, size: 8 },
    { role: 'part', sha256: letter.sha256, size: 8 },
  ]);
  expect(whole.filter(({ sha256 }) => sha256 === pages.sha256)).toHaveLength(2);
  expect(whole).toHaveLength(6);
  expect(await told(ours.organizationId, { patientUuid: PATIENT, sha256: [pages.sha256] })).toEqual([
    { ...pages, patientUuid: PATIENT },
  ]);
  expect(await told(ours.organizationId, { sha256: [pages.sha256], madeOf: [sha256Of('other')] })).toEqual([]);
  const [original] = await names.named(ours.organizationId, { patientUuid: PATIENT, sha256: [letter.sha256] });
  expect(original).toMatchObject({
    role: 'original',
    document: {
      documentUuid: mine.documentUuid,
      connectionId: 'vsrx',
      path: mine.path,
      original: letter,
      isReadAgain: false,
    },
  });
});

test('a content that is back has the documents worked on that failed for the lack of it, and no others', async () => {
  const [ours, theirs] = [await begin(), await begin()];
  const write = (reference: string, content: string) => sampleWrite(reference, content);
  const [lacking, damaged, refused] = [write('a', 'letter'), write('b', 'letter'), write('c', 'letter')];
  const foreign = write('a', 'letter');
  await record(records, ours, lacking, damaged, refused, write('d', 'other'));
  await record(records, theirs, foreign);
  for (const [{ documentUuid }, code] of [
    [lacking, 'blob_missing'],
    [damaged, 'blob_corrupt'],
    [refused, 'document_encrypted'],
    [foreign, 'blob_missing'],
  ] as const) {
    await rows(`UPDATE silknote_documents SET status = 'error', "errorCode" = $2 WHERE "silknoteDocumentUuid" = $1`, [
      documentUuid,
      code,
    ]);
  }
  await rows('DELETE FROM document_outbox WHERE organization_id = ANY ($1)', [
    [ours.organizationId, theirs.organizationId],
  ]);
  expect(await names.contentIsBack(ours.organizationId, sha256Of('letter'))).toBe(2);
  const asked = await rows('SELECT document_uuid AS uuid FROM document_outbox WHERE organization_id = ANY ($1)', [
    [ours.organizationId, theirs.organizationId],
  ]);
  expect(asked.map(({ uuid }) => uuid).sort()).toEqual([lacking.documentUuid, damaged.documentUuid].sort());
  expect(await names.contentIsBack(ours.organizationId, sha256Of('letter'))).toBe(0);
});

test('only what nobody names is forgotten, and only here', async () => {
  const [ours, theirs] = [await begin(), await begin()];
  await record(records, ours, sampleWrite('a', 'letter'));
  for (const { organizationId } of [ours, theirs]) {
    await rows(`INSERT INTO blobs (organization_id, sha256, size, state) VALUES ($1, $2, 3, 'stored')`, [
      organizationId,
      sha256Of('released'),
    ]);
  }
  expect(await names.forget(ours.organizationId, sha256Of('letter'))).toBe(false);
  expect(await names.forget(ours.organizationId, sha256Of('released'))).toBe(true);
  expect(await names.forget(ours.organizationId, sha256Of('released'))).toBe(false);
  const states = async ({ organizationId }: Fence) =>
    Object.fromEntries((await Array.fromAsync(records.blobRows(organizationId))).map((row) => [row.sha256, row.state]));
  expect(await states(ours)).toEqual({ [sha256Of('letter')]: 'stored', [sha256Of('released')]: 'wanted' });
  expect(await states(theirs)).toEqual({ [sha256Of('released')]: 'stored' });
});
