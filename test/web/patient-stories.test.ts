/** What people do with patients and their documents, in a real browser: find, read, trace, remove, restore. */
import { PDFDocument } from 'pdf-lib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  openScene,
  picture,
  type Scene,
  scriptBytes,
  settled,
  sidewaysScroll,
  until,
  violations,
  visit,
} from './browser.ts';

/** One word in its text that the sample practice uses nowhere, and something that a page must never take for markup. */
const TEXT =
  'Wombat scan of the left knee.\n<img src=x onerror="document.title=1"> No fracture of the wombat was seen.\n';
const FILE = 'Wombat & <b>knee.txt';

let scene: Scene;
let patient: { uuid: string; name: string };

beforeAll(async () => {
  scene = await openScene({
    settings: { mapping: { preset: 'vsrx', file: { deleted: 'deleted' }, patient: { name: 'last_name' } } },
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms' } },
  });
  await scene.synchronise();
  const { filesets } = (await scene.ask('POST', '/api/v1/filesets/search', { withDocuments: true })).body;
  const [fileset] = filesets;
  patient = { uuid: fileset.silknotePatientUuid, name: fileset.patientName };
  await bring(FILE, 'wombat-1');
  await read();
});
afterAll(() => scene?.close());

async function bring(name: string, clientFileId: string, content: string | Buffer<ArrayBuffer> = TEXT): Promise<void> {
  const form = new FormData();
  form.append('clientFileId', clientFileId);
  form.append('file', new Blob([content]), name);
  const answer = await fetch(`${scene.server.url}/api/patients/${patient.uuid}/process`, {
    method: 'POST',
    headers: { authorization: `Bearer ${scene.server.adminKey}` },
    body: form,
  });
  expect(answer.status).toBe(202);
}

async function removePatient(uuid: string): Promise<void> {
  const headers = { authorization: `Bearer ${scene.server.adminKey}` };
  const answer = await fetch(`${scene.server.url}/api/patients/${uuid}`, { method: 'DELETE', headers });
  expect(answer.status).toBe(204);
}

/** What has the keyboard. */
const focused = (page: Page) =>
  page.evaluate<string>('document.activeElement === document.body ? "" : document.activeElement.textContent.trim()');
const read = () => until(async () => (await scene.server.chartsync.documentWork.open('org_test')) === 0, 120_000);

test('find a patient, search in the documents, read the hit, follow its copies, remove and restore it', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  const addresses: string[] = [];
  page.on('request', (request) => addresses.push(request.url()));
  await go('/');
  await page.getByRole('link', { name: 'Patients and documents' }).click();
  await page.getByRole('heading', { level: 1, name: 'Patients and documents' }).waitFor();
  await page.getByLabel('Name or UUID').fill(patient.name.slice(0, 4));
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('table', { name: 'Patients' }).getByRole('link', { name: patient.name }).click();
  await page.waitForURL(`**/patients/${patient.uuid}`);
  expect(await page.title()).not.toContain(patient.name);

  // The hit is marked by its place; what the document holds is text and nothing else.
  await page.getByLabel('Words,').fill('wombat frac*');
  await page.getByRole('button', { name: 'Search' }).click();
  const mark = page.locator('mark', { hasText: 'fracture' });
  await mark.waitFor();
  expect(await page.locator('mark', { hasText: /wombat/i }).count()).toBe(2);
  await page.getByText('<img src=x onerror="document.title=1">').first().waitFor();
  expect(await page.locator('li img').count()).toBe(0);
  await page
    .getByRole('button', { name: `${FILE}, page 1` })
    .first()
    .click();
  await page.locator('canvas[data-drawn="1"]').waitFor();
  await page.getByText('Page 1 of 1').waitFor();
  // Words found and the preview in one picture.
  await page.setViewportSize({ width: 1280, height: 1000 });
  await page.getByLabel('Words,').evaluate((field) => field.closest('section')?.scrollIntoView({ block: 'start' }));
  await picture(page, 'patient-light');
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByText('Text of this page').click();
  await page.getByText('No fracture of the wombat was seen.').last().waitFor();
  expect(await darkPixels(page)).toBeGreaterThan(100);
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Close the preview' }).click();

  await page.getByRole('button', { name: `Where is it? ${FILE}` }).click();
  await page.getByText('All copies agree.').waitFor();
  await page.getByRole('row', { name: /^Source nothing to compare It was uploaded/ }).waitFor();
  await page.getByRole('row', { name: /^Content as it should be The stored content is whole/ }).waitFor();
  await page.getByRole('row', { name: /^Search index as it should be/ }).waitFor();
  expect(await violations(page)).toEqual([]);
  await picture(page, 'copies-light');

  await page.getByRole('button', { name: `Remove: ${FILE}` }).click();
  const dialog = page.getByRole('dialog', { name: 'Remove this document?' });
  expect(await dialog.textContent()).toContain(FILE);
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('The document is removed.').waitFor();
  await page.getByRole('button', { name: `Restore: ${FILE}` }).waitFor();
  await read();
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByText('No passage has these words.').waitFor();
  await page.getByRole('button', { name: `Restore: ${FILE}` }).click();
  await page.getByText('The document is back.').waitFor();
  await read();
  await page.getByRole('button', { name: 'Search' }).click();
  await mark.waitFor();

  const personal = [patient.name, 'wombat'].map((word) => word.toLowerCase());
  expect(addresses.length).toBeGreaterThan(10);
  for (const address of addresses) {
    const told = decodeURIComponent(address).toLowerCase();
    expect(personal.filter((word) => told.includes(word))).toEqual([]);
  }
  expect(complaints).toEqual([]);
  await close();
});

test('every document that a run brought has a source, a record, a content and an entry that agree', async () => {
  const { page, go, close } = await visit(scene, { key: await scene.key('operator') });
  await go(`/patients/${patient.uuid}`);
  const traces = page.getByRole('button', { name: /^Where is it\?/ });
  await traces.filter({ hasNotText: FILE }).first().waitFor();
  for (let i = 0; i < (await traces.count()); i++) {
    if ((await traces.nth(i).getAttribute('aria-label'))?.endsWith(FILE)) continue;
    await traces.nth(i).click();
    break;
  }
  await page.getByText('All copies agree.').waitFor();
  await page.getByRole('row', { name: /^Source as it should be The file on the share has the same content/ }).waitFor();
  // Who may not remove is not offered it.
  expect(await page.getByRole('button', { name: /^Remove:/ }).count()).toBe(0);
  await close();
});

test('what was not read of a document is said, an alert about it is acknowledged, and it is read again', async () => {
  const blank = await PDFDocument.create();
  blank.addPage([200, 200]);
  await bring('Blank.pdf', 'blank', Buffer.from(await blank.save()));
  await read();
  const { documents } = (await scene.ask('GET', `/api/patients/${patient.uuid}/documents?limit=1000`)).body;
  const { silknoteDocumentUuid: id } = documents.find((d: { originalName: string }) => d.originalName === 'Blank.pdf');
  const info = { method: 'PATCH', body: JSON.stringify({ patientName: 'Quentin Quokka' }) };
  const headers = { authorization: `Bearer ${scene.server.adminKey}`, 'content-type': 'application/json' };
  const path = `/api/patients/${patient.uuid}/documents/${id}/patient-info`;
  expect((await fetch(`${scene.server.url}${path}`, { ...info, headers })).status).toBe(200);

  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go(`/patients/${patient.uuid}`);
  const item = page.getByRole('listitem').filter({ has: page.getByText('Blank.pdf', { exact: true }) });
  await item.getByText('read; no text to search').waitFor();
  await item.getByText('None of its pages has text, so no search finds it.').waitFor();
  await item.getByText(/^Perhaps of another patient: The name in the document differs/).waitFor();
  expect(await violations(page)).toEqual([]);
  await item.getByRole('button', { name: 'Acknowledge the alert about Blank.pdf: Perhaps of another patient' }).click();
  await page.getByText('The alert is acknowledged.').waitFor();
  await until(async () => (await focused(page)).startsWith('Blank.pdf'));
  await item.getByText(/^Perhaps of another patient/).waitFor({ state: 'hidden' });
  await item.getByRole('button', { name: 'Read again: Blank.pdf' }).click();
  await page.getByText('It waits to be read again.').waitFor();
  await read();
  await item.getByText('read; no text to search').waitFor();
  expect(complaints).toEqual([]);
  await close();
  await fetch(`${scene.server.url}/api/documents/${id}`, { method: 'DELETE', headers });
});

test('documents are put together and apart, duplicates told, and all moved to another fileset and back', async () => {
  const { filesets } = (await scene.ask('POST', '/api/v1/filesets/search', { withDocuments: true })).body;
  const target = filesets.find((f: { silknotePatientUuid: string }) => f.silknotePatientUuid !== patient.uuid);
  const countOf = async (uuid: string) => (await scene.ask('GET', `/api/v1/filesets/${uuid}`)).body.documents as number;
  await bring('Copy of wombat.txt', 'wombat-2');
  await read();
  const [here, there] = [await countOf(patient.uuid), await countOf(target.silknotePatientUuid)];

  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go(`/patients/${patient.uuid}`);
  await page.getByRole('region', { name: 'Duplicates' }).getByText('Copy of wombat.txt').waitFor();
  await page.getByRole('checkbox', { name: `Select ${FILE}` }).check();
  await page.getByRole('checkbox', { name: 'Select Copy of wombat.txt' }).check();
  await page.getByLabel('Name of a new group').fill('Invented scans');
  await page.getByRole('button', { name: 'Group 2 documents', exact: true }).click();
  const groups = page.getByRole('region', { name: 'Groups' });
  await groups.getByText('Invented scans').waitFor();
  // What is in a group is offered to no other.
  await until(() => page.getByRole('checkbox', { name: `Select ${FILE}` }).isDisabled());
  await groups.getByText('one PDF', { exact: true }).waitFor({ timeout: 60_000 });
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the PDF: Invented scans' }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^group_[\da-f-]+\.pdf$/);
  expect(await violations(page)).toEqual([]);
  const order = () => groups.locator('ol').first().locator('li').allInnerTexts();
  const [first] = await order();
  await groups
    .getByRole('button', { name: / down in Invented scans$/ })
    .first()
    .click();
  await until(async () => (await order())[1] === first);
  await groups.getByText('one PDF', { exact: true }).waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Ungroup: Invented scans' }).click();
  await groups.getByText('Invented scans').waitFor({ state: 'hidden' });

  const sought = page.getByLabel('Name or UUID of the other patient');
  await sought.fill('Nobody of this name');
  await page.getByRole('button', { name: 'Find the patient' }).click();
  await page.getByText('No other patient is called that here.').waitFor();
  await sought.fill(target.patientName);
  await page.getByRole('button', { name: 'Find the patient' }).click();
  await page.getByRole('status').getByText('1 patient found.').waitFor();
  await page.getByRole('button', { name: `See what would move to ${target.patientName}` }).click();
  const dialog = page.getByRole('dialog', { name: 'Move to another fileset' });
  await dialog.getByText(`${here} documents would move.`).waitFor();
  // Both stand side by side, and that they are not one person is said before anything moves.
  await dialog.getByText(patient.name, { exact: true }).waitFor();
  await dialog.getByText(target.patientName, { exact: true }).waitFor();
  await dialog.getByText(target.silknotePatientUuid).waitFor();
  await dialog.getByText(/The names differ\..*They may be two people\./).waitFor();
  expect(await countOf(patient.uuid)).toBe(here);
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Move them' }).click();
  await page.getByText(`${here} documents moved.`).waitFor();
  await page.getByText('This patient has no documents.').waitFor();
  expect([await countOf(patient.uuid), await countOf(target.silknotePatientUuid)]).toEqual([0, here + there]);
  // A plan that comes late does not stand in front of what somebody looks at by then.
  const answered = Promise.withResolvers<void>();
  await page.route('**/migrate', async (route) => {
    await answered.promise;
    await route.continue();
  });
  await sought.fill(target.patientName);
  await page.getByRole('button', { name: 'Find the patient' }).click();
  await page.getByRole('button', { name: `See what would move to ${target.patientName}` }).click();
  await page.getByRole('button', { name: 'Take it back' }).click();
  const late = page.waitForResponse('**/migrate');
  answered.resolve();
  expect((await late).status()).toBe(200);
  const back = page.getByRole('dialog', { name: 'Take the move back?' });
  await back.getByText(`${here} documents that moved go back to where they were.`).waitFor();
  await back.getByRole('button', { name: 'Take it back' }).click();
  await page.getByText(`${here} documents went back.`).waitFor();
  expect(await dialog.count()).toBe(0);
  expect([await countOf(patient.uuid), await countOf(target.silknotePatientUuid)]).toEqual([here, there]);
  const moves = page.getByRole('region', { name: 'Move to another fileset of the same person' });
  await moves.getByText('taken back').waitFor();
  await until(async () => (await focused(page)) === 'Move to another fileset of the same person');
  expect(complaints).toEqual([]);
  await close();
  await read();
});

test('with the keyboard alone: find somebody and open a document', async () => {
  const { page, go, close, complaints } = await visit(scene, { key: scene.server.adminKey });
  const tabTo = async (name: RegExp) => {
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate<string>(
        "(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.labels?.[0]?.textContent ?? document.activeElement?.textContent ?? '').trim()",
      );
      if (name.test(focused)) return;
    }
    throw new Error(`The keyboard does not reach ${name}.`);
  };
  await go('/patients');
  await tabTo(/^Name or UUID$/);
  await page.keyboard.type(patient.uuid);
  await page.keyboard.press('Enter');
  await until(async () => (await page.getByRole('table').getByRole('link').count()) === 1);
  await tabTo(new RegExp(`^${patient.name}$`));
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/patients/${patient.uuid}`);
  await settled(page);
  await tabTo(/^Preview: /);
  await page.keyboard.press('Enter');
  await page.locator('canvas[data-drawn="1"]').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test.each([
  [1280, true],
  [360, false],
])('at %d pixels (dark: %s) no rule is broken and nothing moves sideways', async (width, dark) => {
  const { page, go, close, complaints } = await visit(scene, { key: scene.server.adminKey, width, dark });
  for (const path of ['/patients', `/patients/${patient.uuid}`]) {
    await go(path);
    expect(await sidewaysScroll(page), path).toBe(0);
    expect(await violations(page), path).toEqual([]);
    if (!dark) await picture(page, path === '/patients' ? 'patients-telephone' : 'patient-telephone');
  }
  expect(complaints).toEqual([]);
  await close();
});

test('who may not read documents is not offered them, and is told so at their address', async () => {
  const { page, go, close } = await visit(scene, { key: await scene.key('viewer') });
  await go('/patients');
  expect(await page.getByRole('link', { name: 'Patients and documents' }).count()).toBe(0);
  await page.getByText('This needs the scope "documents:read".').waitFor();
  const text = await page.content();
  expect([patient.uuid, patient.name].filter((word) => text.includes(word))).toEqual([]);
  await close();
});

test('each page is small: at most 120 kB of scripts, compressed, and the reader of PDFs only when it is wanted', async () => {
  for (const path of ['/patients', `/patients/${patient.uuid}`]) {
    expect(await scriptBytes(scene, path), path).toBeLessThan(120_000);
  }
});

/** Of the picture of the page: a blank one has none. */
function darkPixels(page: Awaited<ReturnType<typeof visit>>['page']): Promise<number> {
  return page.evaluate<number>(`(() => {
    const canvas = document.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i] < 100 && data[i + 3] > 0) dark++;
    return dark;
  })()`);
}

test('a removed patient is found, and brought back with all documents; one who is only known is activated', async () => {
  const { filesets } = (await scene.ask('POST', '/api/v1/filesets/search', { withDocuments: true })).body;
  const removed = filesets.find(
    (f: { silknotePatientUuid: string; documents: number }) =>
      f.silknotePatientUuid !== patient.uuid && f.documents > 1,
  );
  const uuid: string = removed.silknotePatientUuid;
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/patients');
  await page.getByLabel('Who is shown').selectOption('Removed patients');
  await page.getByText('Nobody was removed.').waitFor();
  await removePatient(uuid);
  await page.getByLabel('Who is shown').selectOption('Everybody');
  const table = page.getByRole('table', { name: 'Patients' });
  await page.getByLabel('Name or UUID').fill(uuid);
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByText('Nobody is called that here.').waitFor();
  await page.getByLabel('Who is shown').selectOption('Removed patients');
  await table.getByRole('link', { name: removed.patientName }).click();
  await page.getByText('This patient was removed with all documents.').waitFor();
  expect(await page.getByRole('region', { name: 'Search in these documents' }).count()).toBe(0);
  expect(await violations(page)).toEqual([]);
  const everything = page.getByRole('button', { name: / removed with the patient$/ });
  expect(await everything.textContent()).toContain(`Restore ${removed.documents} documents`);
  // What is not answered is no document that is lost: the others are still offered together.
  const restoring = '**/api/documents/*/restore';
  let asked = 0;
  await page.route(restoring, (route) => (asked++ === 0 ? route.continue() : route.abort()));
  await everything.click();
  await page.getByText(/^Chartsync does not answer/).waitFor();
  await page.getByText('This patient was removed with all documents.').waitFor({ state: 'hidden' });
  await page.unroute(restoring);
  expect(asked).toBe(2);
  expect(await everything.textContent()).toMatch(new RegExp(`Restore ${removed.documents - 1} documents? `));
  await everything.click();
  await page.getByText(/documents? (is|are) back, and so is the patient\.$/).waitFor();
  await page.getByText('This patient was removed with all documents.').waitFor({ state: 'hidden' });
  await page.getByRole('region', { name: 'Documents', exact: true }).getByRole('checkbox').first().waitFor();
  await until(async () => (await focused(page)) === 'Removed documents');
  const { body } = await scene.ask('GET', `/api/v1/filesets/${uuid}`);
  expect(body).toMatchObject({ documents: removed.documents, removedAt: null, activatedUse: false });

  // The removal took the activation back.
  await page.getByText('not activated', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Activate' }).click();
  const dialog = page.getByRole('dialog', { name: 'Activate this patient?' });
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Activate' }).click();
  await page.getByText('The patient is activated.').waitFor();
  await page.getByText('not activated', { exact: true }).waitFor({ state: 'hidden' });
  await until(async () => (await focused(page)).startsWith('Activated'));
  expect((await scene.ask('GET', `/api/v1/filesets/${uuid}`)).body.activatedUse).toBe(true);
  expect(complaints.filter((text) => !text.includes('ERR_FAILED'))).toEqual([]);
  await close();
  const watching = await visit(scene, { key: await scene.key('operator') });
  await removePatient(uuid);
  await watching.go(`/patients/${uuid}`);
  await watching.page.getByText('This patient was removed with all documents.').waitFor();
  expect(await watching.page.getByRole('button', { name: /Activate|^Restore/ }).count()).toBe(0);
  await watching.close();
});
