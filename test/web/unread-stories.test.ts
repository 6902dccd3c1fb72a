/** Documents that no search finds, in a real browser: told on the overview and beside what was found, listed, and read again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encryptedPdf } from '../support/document-samples.ts';
import { openScene, type Scene, until, violations, visit } from './browser.ts';

const LOCKED = 'Invented numbat report.pdf';

let scene: Scene;
let patient: { readonly silknotePatientUuid: string; readonly patientName: string };

beforeAll(async () => {
  scene = await openScene({
    settings: { mapping: { preset: 'vsrx', file: { deleted: 'deleted' }, patient: { name: 'last_name' } } },
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms' } },
  });
  await scene.synchronise();
  [patient] = (await scene.ask('POST', '/api/v1/filesets/search', {})).body.filesets;
  await bring(LOCKED, await encryptedPdf());
  await bring('Invented numbat letter.txt', Buffer.from('A numbat with a strained tail.'));
  await read();
});
afterAll(() => scene?.close());

async function bring(name: string, content: Buffer): Promise<void> {
  const form = new FormData();
  form.append('clientFileId', name);
  form.append('file', new Blob([new Uint8Array(content)]), name);
  const answer = await fetch(`${scene.server.url}/api/patients/${patient.silknotePatientUuid}/process`, {
    method: 'POST',
    headers: { authorization: `Bearer ${scene.server.adminKey}`, 'x-organization-id': 'org_test' },
    body: form,
  });
  expect(answer.status).toBe(202);
}

const read = () => until(async () => (await scene.server.chartsync.documentWork.open('org_test')) === 0, 120_000);

test('from the overview to the documents that could not be read, to their patient and to a search that says so', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/');
  await page.getByRole('link', { name: /^Look: \d+ documents? could not be read$/ }).click();
  await page.getByRole('heading', { level: 1, name: 'Not searched' }).waitFor();
  const locked = page.getByRole('region', { name: /protected by a password/ });
  await locked.getByText('Store it without a password in the source system.').waitFor();
  await locked.getByText(LOCKED).waitFor();
  expect(await violations(page)).toEqual([]);
  await locked.getByRole('button', { name: /^Read them again/ }).click();
  await page.getByText(/documents? will be read again\.$/).waitFor();
  await read();
  await go('/patients/unread');
  await locked.getByRole('listitem').filter({ hasText: LOCKED }).getByRole('link').click();
  await page.waitForURL(`**/patients/${patient.silknotePatientUuid}`);
  await page.getByRole('searchbox', { name: 'Words' }).fill('numbat');
  await page.getByRole('search').getByRole('button').click();
  await page.getByText(/^Not searched: \d+ documents? of this patient – .*\d+ that could not be read/).waitFor();
  expect(await violations(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});
