/** The component in a page of another origin, which uses jQuery and knows nothing of Chartsync but a token for one patient. */
import { gzipSync } from 'node:zlib';
import { PDFDocument } from 'pdf-lib';
import pg from 'pg';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ComponentHost, startComponentHost } from '../support/component-host.ts';
import { openScene, picture, type Scene, sidewaysScroll, until, type Visit, violations, visit } from './browser.ts';

const TEXT = 'The wombat has a torn meniscus. <img src=x onerror="document.title=1">\n';

let scene: Scene;
let host: ComponentHost;
let patients: [string, string];
let names: string[];

beforeAll(async () => {
  host = await startComponentHost();
  scene = await openScene({
    sections: {
      stores: { search: { kind: 'lancedb' } },
      limits: { retryDelay: '10ms' },
      components: { origins: [host.origin] },
    },
  });
  await scene.synchronise();
  await until(async () => (await scene.server.chartsync.documentWork.open('org_test')) === 0, 120_000);
  const { filesets } = (await scene.ask('POST', '/api/v1/filesets/search', { withDocuments: true })).body;
  const withDocuments = filesets.filter((f: { documents: number }) => f.documents > 1);
  patients = withDocuments.slice(0, 2).map((f: { silknotePatientUuid: string }) => f.silknotePatientUuid);
  const other = (await scene.ask('GET', `/api/patients/${patients[1]}/documents`)).body.documents;
  names = other.map((document: { originalName: string }) => document.originalName);
  host.settings.chartsync = scene.server.url;
  host.settings.patients = patients;
  host.settings.key = await newKey();
});
afterAll(async () => {
  await scene?.close();
  await host?.close();
});

async function newKey(): Promise<string> {
  const scopes = ['documents:read', 'documents:write', 'sync:run'];
  return (await scene.ask('POST', '/api/v1/keys', { name: 'clinic system', scopes })).body.secret;
}

async function open(width = 1280): Promise<Visit> {
  const visited = await visit(scene, { key: null, width });
  await visited.page.goto(host.origin);
  await visited.page.getByRole('heading', { name: /^\d+ documents$/ }).waitFor();
  return visited;
}

/** What others do reaches this page only after it has saved something, as where the network is slow. */
async function isSlow(page: Page): Promise<void> {
  const saving = page.waitForRequest((request) => request.method() === 'PUT');
  await page.route('**/api/patients/*', async (route) => {
    await saving;
    await route.continue();
  });
}

/** Waits for a window with a document in it. A Chromium that has no reader of PDFs hands the document over as a download. */
async function whatOpens(context: BrowserContext, deed: () => Promise<void>, saved: string[] = []): Promise<Page> {
  const listen = (shown: Page) => shown.on('download', (download) => saved.push(download.url()));
  context.on('page', listen);
  const [shown] = await Promise.all([context.waitForEvent('page'), deed()]);
  await until(async () => [shown.url(), ...saved].some((url) => url.startsWith('blob:')));
  context.off('page', listen);
  saved.push(shown.url());
  return shown;
}

test('documents are shown, brought, found and followed in a jQuery page that has no key', async () => {
  const { page, close, complaints, context } = await open();
  const addresses: string[] = [];
  const bodies: string[] = [];
  page.on('request', (request) => {
    addresses.push(request.url());
    bodies.push(JSON.stringify(request.headers()));
  });
  const before = await page.getByRole('heading', { name: /^\d+ documents$/ }).textContent();
  await page.getByLabel('Add documents').setInputFiles({
    name: 'Wombat.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from(TEXT),
  });
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByText('1 document uploaded.').waitFor();
  // It becomes ready without anybody asking again.
  await page.getByRole('button', { name: 'Open Wombat.txt in a new window' }).waitFor();
  expect(await page.getByRole('heading', { name: /^\d+ documents$/ }).textContent()).not.toBe(before);
  await page
    .getByRole('listitem')
    .filter({ hasText: /^chartsync-uploaded \{.*"documentUuids":\["/ })
    .waitFor();
  await page
    .getByRole('listitem')
    .filter({ hasText: /^chartsync-file-status .*"status":"complete"/ })
    .first()
    .waitFor();

  await page.getByLabel('Search in these documents').fill('meniscus');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.locator('mark', { hasText: 'meniscus' }).waitFor();
  await page.getByText('<img src=x onerror="document.title=1">').waitFor();
  expect(await page.title()).toBe('A page of the clinic system');
  const shown = await whatOpens(context, () => page.getByRole('button', { name: 'Wombat.txt, page 1' }).click());
  await shown.close();

  const synced = (success: boolean) =>
    page.getByRole('listitem').filter({ hasText: new RegExp(`^chartsync-synced .*"success":${success}`) });
  await page.getByRole('button', { name: 'Sync this patient' }).click();
  const { failures } = (await scene.ask('GET', '/api/v1/failures')).body;
  await synced(!failures.some((one: { patient_uuid: string }) => one.patient_uuid === patients[0])).waitFor();
  await page.getByText(/^(In step since|Looked at) .*202\d/).waitFor();
  await picture(page, 'component-light');

  const everything = addresses.join('\n');
  expect(everything).not.toMatch(/ct_|cs_|meniscus|wombat/i);
  expect(bodies.join('\n')).not.toContain('cs_');
  expect(await page.evaluate('document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })')).toBe('{}');
  expect(complaints).toEqual([]);
  await close();
});

test('how it stands with the runs is asked again when it could not be had, a run is asked for once, and what to do is said', async () => {
  const { page, close } = await visit(scene, { key: null });
  const state = '**/api/patients/*/sync';
  await page.route(state, (route) => route.abort());
  await page.goto(host.origin);
  await page.getByRole('alert').getByText('The document service does not answer.').waitFor();
  await page.getByRole('heading', { name: /^\d+ documents$/ }).waitFor();
  const start = page.getByRole('button', { name: 'Sync this patient' });
  expect(await start.count()).toBe(0);
  await page.unroute(state);
  await page.getByRole('button', { name: 'Try again' }).click();
  await start.waitFor();
  await page.getByRole('alert').waitFor({ state: 'hidden' });

  const answered = Promise.withResolvers<void>();
  let asked = 0;
  await page.route(state, async (route) => {
    if (route.request().method() === 'POST') {
      asked++;
      await answered.promise;
    }
    await route.continue();
  });
  const source = new pg.Client({ connectionString: scene.setup.sourceUrl });
  await source.connect();
  await source.query('ALTER TABLE ax_notes_attachments RENAME TO away');
  await start.dblclick();
  expect(await start.isDisabled()).toBe(true);
  answered.resolve();
  const why = page.getByText('The last try failed as a whole; what has changed since is not known.');
  await why.waitFor();
  expect(await why.textContent()).toMatch(/ What to do: \S/);
  expect(asked).toBe(1);
  await source.query('ALTER TABLE away RENAME TO ax_notes_attachments');
  await source.end();
  await start.click();
  await why.waitFor({ state: 'hidden' });
  await page.getByText(/^(In step since|Looked at) .*202\d/).waitFor();
  await close();
});

test('a patient is activated after the price was confirmed, alerts are acknowledged, documents grouped and duplicates told', async () => {
  const database = new pg.Client({ connectionString: scene.setup.environment.DATABASE_URL });
  await database.connect();
  await database.query(
    `UPDATE silknote_patient_filesets SET "activatedUse" = false, "activatedUseTime" = NULL WHERE "silknotePatientUuid" = $1`,
    [patients[1]],
  );
  const { documents } = (await scene.ask('GET', `/api/patients/${patients[1]}/documents`)).body;
  const alert = {
    type: 'INCORRECT_PATIENT',
    description: 'The name in it is another one.',
    source: 'SERVER_WS',
    timestamp: '2026-03-03T09:00:00.000Z',
    acknowledged: false,
  };
  const late = { ...alert, type: 'DELAYED', description: 'It came late.' };
  await database.query(`UPDATE silknote_documents SET "alertsJson" = $1 WHERE "silknoteDocumentUuid" = $2`, [
    JSON.stringify([alert, late]),
    documents[0].silknoteDocumentUuid,
  ]);
  await database.end();
  const { page, close, complaints, context } = await open();
  await page.getByLabel('Patient', { exact: true }).selectOption(patients[1]);

  await page.getByRole('button', { name: 'Activate for $25' }).click();
  const dialog = page.getByRole('dialog', { name: 'Activate this patient?' });
  await dialog.getByText('VitalSignRx charges $25 once.').waitFor();
  await dialog.getByRole('button', { name: 'Not now' }).click();
  expect(await page.getByText('Not activated').count()).toBe(1);
  await page.getByRole('button', { name: 'Activate for $25' }).click();
  await dialog.getByRole('button', { name: 'Yes, activate for $25' }).click();
  await page.getByText(/^Activated .*202\d/).waitFor();
  await page
    .getByRole('listitem')
    .filter({ hasText: /^chartsync-activated / })
    .waitFor();
  const { body } = await scene.ask('GET', `/api/v1/filesets/${patients[1]}`);
  expect(body.activatedUse).toBe(true);

  await page.getByText('Perhaps of another patient: The name in it is another one.').waitFor();
  expect(await violations(page)).toEqual([]);
  // The keyboard goes on where the button was: with the other alert, and after the last one in the component.
  const focused = () =>
    page.evaluate<string>(`(() => {
      const inner = document.querySelector('chartsync-patient').shadowRoot.activeElement;
      return inner === null ? '' : (inner.getAttribute('aria-label') ?? inner.textContent);
    })()`);
  await page.getByRole('button', { name: /^Acknowledge the alert about .*: Perhaps of another patient$/ }).click();
  await page.getByText('Perhaps of another patient').waitFor({ state: 'hidden' });
  await until(async () => (await focused()) === '1 alert');
  await page.getByRole('button', { name: /^Acknowledge the alert about .*: Delayed$/ }).click();
  await page.getByText('It came late.').waitFor({ state: 'hidden' });
  await until(async () => (await focused()) === 'Documents of this patient, VitalSignRx');

  const boxes = page.getByRole('checkbox', { name: /^Select / });
  await boxes.nth(0).check();
  await boxes.nth(1).check();
  await page.getByLabel('Name of the group').fill('Invented set');
  await page.getByRole('button', { name: 'Group 2 documents' }).click();
  await page.getByRole('button', { name: 'Ungroup Invented set' }).waitFor();
  expect(await boxes.nth(0).isDisabled()).toBe(true);
  const merged = page.getByRole('button', { name: 'Open Invented set in a new window' });
  await (await whatOpens(context, () => merged.click())).close();
  await page.getByRole('button', { name: 'Ungroup Invented set' }).click();
  await page.getByRole('button', { name: 'Ungroup Invented set' }).waitFor({ state: 'hidden' });

  for (const name of ['First.txt', 'Second.txt']) {
    await page
      .getByLabel('Add documents')
      .setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from('The same.\n') });
    await page.getByRole('button', { name: 'Upload', exact: true }).click();
    await page.getByRole('button', { name: `Open ${name} in a new window` }).waitFor();
  }
  await page.getByText(/here more than once/).waitFor();

  // What may belong together is proposed, and taken.
  const halves = ['Half one.txt', 'Half two.txt'].map((name) => ({
    name,
    mimeType: 'text/plain',
    buffer: Buffer.from(`Date: 3 March 2025\n\n${name} of a report.`),
  }));
  await page.getByLabel('Add documents').setInputFiles(halves);
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByRole('button', { name: /^Group 2 documents: .*Half/ }).click();
  await page.getByRole('button', { name: /^Ungroup .*Half/ }).waitFor();
  expect(await violations(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

test('many files are sent in portions; one that is lost is sent again, and nothing is there twice', async () => {
  const { page, close } = await open();
  let requests = 0;
  await page.route('**/process', async (route) => {
    requests++;
    if (requests !== 2) return route.continue();
    // It arrives, and its answer does not.
    await route.fetch();
    return route.abort();
  });
  const files = Array.from({ length: 45 }, (_, i) => ({
    name: `Portion ${i}.txt`,
    mimeType: 'text/plain',
    buffer: Buffer.from(`Portion number ${i}.\n`),
  }));
  await page.getByLabel('Add documents').setInputFiles(files);
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByText('25 documents uploaded.').waitFor();
  await page.getByText('20 documents could not be sent and wait here: upload again.').waitFor();
  await page.getByRole('alert').filter({ hasText: 'The document service does not answer.' }).waitFor();
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByText('20 documents uploaded.').waitFor();
  expect(requests).toBe(4);
  const { documents } = (await scene.ask('GET', `/api/patients/${patients[0]}/documents?limit=1000`)).body;
  const brought = documents.filter(({ originalName }: { originalName: string }) => originalName.startsWith('Portion '));
  expect(brought).toHaveLength(45);
  await page.getByLabel('Search in these documents').fill('portion number');
  // As soon as enough of them are read.
  await until(async () => (await scene.server.chartsync.documentWork.open('org_test')) === 0, 120_000);
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByText('The best 20 passages').waitFor();
  await page.getByRole('button', { name: 'More passages' }).click();
  await page.getByText('The best 40 passages').waitFor();
  await close();
  await Promise.all(
    brought.map(({ silknoteDocumentUuid: id }: { silknoteDocumentUuid: string }) =>
      fetch(`${scene.server.url}/api/documents/${id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${scene.server.adminKey}` },
      }),
    ),
  );
});

test('a document says what of it was not read, is read again, and opens at the page that was found', async () => {
  const { page, context, close } = await open();
  const blank = await PDFDocument.create();
  blank.addPage([200, 200]);
  const two = await PDFDocument.create();
  two.addPage([300, 200]).drawText('The first page of it.', { size: 12, x: 20, y: 100 });
  two.addPage([300, 200]).drawText('Quokka on the second.', { size: 12, x: 20, y: 100 });
  const mail = [
    'From: someone@example.com',
    'To: practice@example.com',
    'Date: Mon, 2 Mar 2026 09:00:00 +0000',
    'MIME-Version: 1.0',
    'Subject: With an attachment',
    'Content-Type: multipart/mixed; boundary="b"',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'See the file.',
    '--b',
    'Content-Type: text/plain; name="inner.txt"',
    'Content-Disposition: attachment; filename="inner.txt"',
    '',
    'Not read.',
    '--b--',
    '',
  ].join('\r\n');
  await page.getByLabel('Add documents').setInputFiles([
    { name: 'Blank.pdf', mimeType: 'application/pdf', buffer: Buffer.from(await blank.save()) },
    { name: 'Two.pdf', mimeType: 'application/pdf', buffer: Buffer.from(await two.save()) },
    { name: 'Letter.eml', mimeType: 'message/rfc822', buffer: Buffer.from(mail) },
  ]);
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByText('3 documents uploaded.').waitFor();
  const of = (name: string) => page.getByRole('listitem').filter({ has: page.getByText(name, { exact: true }) });
  await of('Blank.pdf').getByText('ready; no text to search').waitFor();
  await of('Blank.pdf').getByText('None of its pages has text, so no search finds it.').waitFor();
  await of('Letter.eml').getByText('ready, but not all of it was read').waitFor();
  await of('Letter.eml').getByText('The mail has attachments; only their names are in the document.').waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Read again: Letter.eml' }).click();
  await page
    .getByRole('listitem')
    .filter({ hasText: /^chartsync-file-status .*"status":"queued"/ })
    .first()
    .waitFor();
  await of('Two.pdf').getByText('ready', { exact: true }).waitFor();

  await page.getByLabel('Search in these documents').fill('quokka');
  await page.getByRole('button', { name: 'Search' }).click();
  const addresses: string[] = [];
  await (
    await whatOpens(context, () => page.getByRole('button', { name: 'Two.pdf, page 2' }).click(), addresses)
  ).close();
  expect(addresses.some((url) => url.startsWith('blob:') && url.endsWith('#page=2'))).toBe(true);
  await close();
});

test('the case summary is shown as it was saved, written, changed and removed, and nobody overwrites what they have not seen', async () => {
  const path = `/api/patients/${patients[0]}/case-summary`;
  const saved = async () => (await scene.ask('GET', path)).body.caseSummary;
  const { page, close, complaints } = await open();
  await page.getByRole('heading', { name: 'Case summary' }).waitFor();
  await page.getByText('Nobody has written one.').waitFor();
  await page.getByRole('button', { name: 'Write a summary' }).click();
  const field = page.getByLabel('Summary of this case');
  await field.fill('Torn meniscus.\n<b>Rest</b> for six weeks.');
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save the summary' }).click();
  await page.getByText('<b>Rest</b> for six weeks.').waitFor();
  expect(await saved()).toEqual({ text: 'Torn meniscus.\n<b>Rest</b> for six weeks.' });
  const told = page.getByRole('listitem').filter({ hasText: /^chartsync-summary-/ });
  expect((await told.allTextContents()).join()).toMatch(/^chartsync-summary-saved (?!.*meniscus)/);

  // Another program is faster, and its summary has parts.
  await isSlow(page);
  await page.getByRole('button', { name: 'Change the summary' }).click();
  await field.fill('Healed.');
  const parts = { chiefComplaint: 'Knee pain', findings: ['swelling', { range_of_motion: 'reduced' }], urgent: false };
  expect((await put(path, { caseSummary: parts })).status).toBe(204);
  await page.getByRole('button', { name: 'Save the summary' }).click();
  await page.getByRole('alert').getByText('Somebody else has changed the summary meanwhile.').waitFor();
  await page.unroute('**/api/patients/*');
  expect(await saved()).toEqual(parts);
  // Theirs is shown beside what was written.
  await page.getByText('Knee pain').waitFor();
  expect(await field.inputValue()).toBe('Healed.');
  await page.getByRole('button', { name: 'Leave theirs' }).click();
  await page.getByText('Chief complaint', { exact: true }).waitFor();
  await page.getByText('Range of motion', { exact: true }).waitFor();
  expect(await page.getByRole('button', { name: 'Change the summary' }).count()).toBe(0);
  expect(await violations(page)).toEqual([]);

  await page.getByRole('button', { name: 'Remove the summary' }).click();
  await page.getByRole('dialog', { name: 'Remove the case summary?' }).getByRole('button', { name: 'Yes' }).click();
  await page.getByText('Nobody has written one.').waitFor();
  expect((await scene.ask('GET', path)).status).toBe(404);
  expect(complaints).toEqual([]);
  await close();
});

test('two people write one case summary: each sees what the other has written, and nothing that was typed is lost', async () => {
  const path = `/api/patients/${patients[0]}/case-summary`;
  const saved = async () => (await scene.ask('GET', path)).body.caseSummary?.text;
  const button = ({ page }: Visit, name: string) => page.getByRole('button', { name, exact: true });
  const field = ({ page }: Visit) => page.getByLabel('Summary of this case');
  const [one, other] = [await open(), await open()];
  await button(one, 'Write a summary').click();
  await field(one).fill('Torn meniscus.');
  await button(one, 'Save the summary').click();
  // The other one need not ask for it.
  await other.page.getByText('Torn meniscus.').waitFor();

  await button(one, 'Change the summary').click();
  await field(one).fill('Healed in March.');
  await button(other, 'Change the summary').click();
  await field(other).fill('Operated on.');
  await button(other, 'Save the summary').click();
  const theirs = one.page.getByRole('status').filter({ hasText: 'Operated on.' });
  await theirs.getByText('Somebody else has changed the summary while you wrote.').waitFor();
  expect(await field(one).inputValue()).toBe('Healed in March.');
  const focused = "document.querySelector('chartsync-patient').shadowRoot.activeElement.tagName";
  expect(await one.page.evaluate(focused)).toBe('TEXTAREA');
  expect(await button(one, 'Save the summary').isDisabled()).toBe(true);
  // A text is shown as it will look, not as a part of something.
  expect(await one.page.getByText('Text', { exact: true }).count()).toBe(0);
  expect(await violations(one.page)).toEqual([]);
  await button(one, 'Save mine instead').click();
  await button(one, 'Change the summary').waitFor();
  expect(await saved()).toBe('Healed in March.');
  await other.page.getByText('Healed in March.').waitFor();

  // Of one who does not hear of it, the service refuses what would overwrite the other's.
  await isSlow(one.page);
  await button(one, 'Change the summary').click();
  await field(one).fill('Well again.');
  await button(other, 'Change the summary').click();
  await field(other).fill('Operated on twice.');
  await button(other, 'Save the summary').click();
  await button(other, 'Change the summary').waitFor();
  await button(one, 'Save the summary').click();
  await one.page.getByRole('alert').getByText('Yours was not saved.').waitFor();
  await one.page.unroute('**/api/patients/*');
  expect(await saved()).toBe('Operated on twice.');
  expect(await field(one).inputValue()).toBe('Well again.');
  await button(one, 'Leave theirs').click();
  await one.page.getByText('Operated on twice.', { exact: true }).waitFor();
  await one.page.getByRole('alert').waitFor({ state: 'hidden' });

  // Nor is anything removed that was not seen.
  const dialog = one.page.getByRole('dialog', { name: 'Remove the case summary?' });
  await button(one, 'Remove the summary').click();
  await button(other, 'Change the summary').click();
  await field(other).fill('Operated on three times.');
  await button(other, 'Save the summary').click();
  await one.page.getByText('Operated on three times.').waitFor();
  await dialog.getByRole('button', { name: 'Yes, remove it' }).click();
  await one.page.getByRole('alert').getByText('It was not removed.').waitFor();
  expect(await saved()).toBe('Operated on three times.');
  await button(one, 'Remove the summary').click();
  await dialog.getByRole('button', { name: 'Yes, remove it' }).click();
  await other.page.getByText('Nobody has written one.').waitFor();
  expect(await saved()).toBeUndefined();
  expect(other.complaints).toEqual([]);
  await Promise.all([one.close(), other.close()]);
});

test('what was refused stays until it was read, and nobody is charged twice', async () => {
  const database = new pg.Client({ connectionString: scene.setup.environment.DATABASE_URL });
  await database.connect();
  await database.query(
    `UPDATE silknote_patient_filesets SET "activatedUse" = false, "activatedUseTime" = NULL WHERE "silknotePatientUuid" = $1`,
    [patients[0]],
  );
  await database.end();
  const { page, close } = await open();
  await page.getByRole('button', { name: 'Activate for $25' }).click();
  // Somebody else is faster.
  await scene.ask('POST', `/api/patients/${patients[0]}/activate`, { activatedUse: true });
  await page.getByRole('button', { name: 'Yes, activate for $25' }).click();
  await page.getByText(/^Activated .*202\d.* GMT/).waitFor();
  const told = (event: string) => page.getByRole('listitem').filter({ hasText: new RegExp(`^chartsync-${event} `) });
  expect(await told('activated').count()).toBe(0);

  await page.route('**/process', (route) => route.abort());
  const picked = { name: 'Lost.txt', mimeType: 'text/plain', buffer: Buffer.from('Lost on the way.\n') };
  await page.getByLabel('Add documents').setInputFiles(picked);
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  const refusal = page.getByRole('alert').filter({ hasText: 'The document service does not answer.' });
  await refusal.waitFor();
  // Something else works meanwhile.
  const { documents } = (await scene.ask('GET', `/api/patients/${patients[0]}/documents`)).body;
  // The others are looked for below.
  const one = documents.find(({ originalName }: { originalName: string }) => originalName !== 'Wombat.txt');
  await fetch(`${scene.server.url}/api/documents/${one.silknoteDocumentUuid}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${scene.server.adminKey}` },
  });
  await told('file-deleted').waitFor();
  await page.getByRole('heading', { name: `${documents.length - 1} document` }).waitFor();
  expect(await refusal.count()).toBe(1);
  await page.unroute('**/process');
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByText('1 document uploaded.').waitFor();
  expect(await refusal.count()).toBe(0);
  await close();
});

test('another patient is another view, and nothing of the former one stays', async () => {
  const { page, close, complaints } = await open();
  await page.getByLabel('Patient', { exact: true }).selectOption(patients[1]);
  for (const name of names) await page.getByText(name, { exact: true }).first().waitFor();
  await page.getByLabel('Patient', { exact: true }).selectOption(patients[0]);
  await until(async () => (await page.getByText('Wombat.txt', { exact: true }).count()) > 0);
  const own = (await scene.ask('GET', `/api/patients/${patients[0]}/documents`)).body.documents;
  const ownNames = new Set(own.map((document: { originalName: string }) => document.originalName));
  for (const name of names.filter((n) => !ownNames.has(n))) {
    expect(await page.getByText(name, { exact: true }).count(), name).toBe(0);
  }
  expect(complaints).toEqual([]);
  await close();
});

test('what was begun for a patient is told of that patient, also when the page shows another one by then', async () => {
  const database = new pg.Client({ connectionString: scene.setup.environment.DATABASE_URL });
  await database.connect();
  await database.query(
    `UPDATE silknote_patient_filesets SET "activatedUse" = false, "activatedUseTime" = NULL WHERE "silknotePatientUuid" = $1`,
    [patients[0]],
  );
  await database.end();
  const { page, close, complaints } = await open();
  const asked = Promise.withResolvers<void>();
  const shown = Promise.withResolvers<void>();
  await page.route('**/activate', async (route) => {
    asked.resolve();
    await shown.promise;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Activate for $25' }).click();
  await page.getByRole('button', { name: 'Yes, activate for $25' }).click();
  await asked.promise;
  await page.getByLabel('Patient', { exact: true }).selectOption(patients[1]);
  for (const name of names) await page.getByText(name, { exact: true }).first().waitFor();
  shown.resolve();
  const told = page.getByRole('listitem').filter({ hasText: /^chartsync-activated / });
  await told.waitFor();
  expect(await told.textContent()).toContain(`"silknotePatientUuid":"${patients[0]}"`);
  expect(
    await page
      .getByRole('listitem')
      .filter({ hasText: /^chartsync-error / })
      .count(),
  ).toBe(0);
  expect(await page.getByText('Not activated').count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

test('the token of a page opens one patient and nothing else', async () => {
  const { page, close } = await open();
  const token = await tokenOf(patients[0]);
  const ask = (path: string, method = 'GET') =>
    page.evaluate<string>(`fetch(${JSON.stringify(scene.server.url + path)}, {
      method: '${method}', headers: { authorization: 'Bearer ${token}' }
    }).then((answer) => String(answer.status), (error) => error.name)`);
  expect(await ask(`/api/patients/${patients[0]}/documents`)).toBe('200');
  expect(await ask(`/api/patients/${patients[1]}/documents`)).toBe('404');
  expect(await ask(`/api/patients/${patients[1]}/sync`, 'POST')).toBe('404');
  const [foreign] = (await scene.ask('GET', `/api/patients/${patients[1]}/documents`)).body.documents;
  expect(await ask(`/api/documents/${foreign.silknoteDocumentUuid}/pdf`)).toBe('404');
  // Whatever is not for the component the browser does not even let the page see.
  for (const path of [
    '/api/v1/filesets/search',
    '/api/v1/keys',
    `/api/documents/${foreign.silknoteDocumentUuid}/copies`,
  ]) {
    expect(await ask(path), path).toBe('TypeError');
    const direct = await fetch(`${scene.server.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect([403, 404], path).toContain(direct.status);
  }
  await close();
});

test('a page of an origin that is not named can use nothing, not even with a token', async () => {
  const url = `${scene.server.url}/api/patients/${patients[0]}/documents`;
  const preflight = (origin: string, method = 'GET', path = url) =>
    fetch(path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization',
      },
    });
  const named = await preflight(host.origin);
  expect(named.status).toBe(204);
  expect(named.headers.get('access-control-allow-origin')).toBe(host.origin);
  expect(named.headers.get('access-control-allow-credentials')).toBeNull();
  for (const origin of ['https://elsewhere.example', 'null', `${host.origin}.elsewhere.example`, `${host.origin}/`]) {
    const answer = await preflight(origin);
    expect([origin, answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([origin, 401, null]);
  }
  for (const path of ['/api/v1/keys', '/api/v1/session', `/api/patients/${patients[0]}/component-token`]) {
    const answer = await preflight(host.origin, 'POST', `${scene.server.url}${path}`);
    expect([path, answer.headers.get('access-control-allow-origin')]).toEqual([path, null]);
  }
  const headers = { authorization: `Bearer ${await tokenOf(patients[0])}`, origin: 'https://elsewhere.example' };
  expect((await fetch(url, { headers })).headers.get('access-control-allow-origin')).toBeNull();
});

test('when the key is revoked, the page is told, and a new key mends it', async () => {
  const { page, close } = await open();
  const { keys } = (await scene.ask('GET', '/api/v1/keys')).body;
  const own = keys.find(
    ({ name, state }: { name: string; state: string }) => name === 'clinic system' && state === 'active',
  );
  await scene.ask('DELETE', `/api/v1/keys/${own.key_id ?? own.id}`);
  await page.getByLabel('Search in these documents').fill('meniscus');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByText('This page could not get a token for this patient.', { exact: true }).waitFor();
  host.settings.key = await newKey();
  await page.getByRole('button', { name: 'Search' }).click();
  await page.locator('mark', { hasText: 'meniscus' }).waitFor();
  await close();
});

test('without a patient or a token it says so', async () => {
  const { page, close } = await open();
  await page.evaluate("$('#documents').chartsyncPatient('option', { silknotePatientUuid: '' })");
  await page.getByText('This page does not say which patient it is about.').waitFor();
  host.settings.patients = [patients[0]];
  await page.evaluate(`$('#documents').chartsyncPatient('option', { silknotePatientUuid: '${patients[1]}' })`);
  await page.getByText('This page could not get a token for this patient.', { exact: true }).waitFor();
  host.settings.patients = patients;
  await page.evaluate("$('#documents').chartsyncPatient('destroy')");
  expect(await page.locator('chartsync-patient').count()).toBe(0);
  await close();
});

test.each([1280, 360])(
  'at %d pixels no rule is broken, nothing moves sideways, and the page decides the looks',
  async (width) => {
    const { page, close, complaints } = await open(width);
    expect(await violations(page)).toEqual([]);
    expect(await sidewaysScroll(page)).toBe(0);
    const looks = (selector: string) =>
      page.evaluate<string[]>(`(() => {
        const { borderRadius, borderTopWidth, borderTopColor, backgroundColor } = getComputedStyle(
          document.querySelector('chartsync-patient').shadowRoot.querySelector('${selector}'),
        );
        return [borderRadius, borderTopWidth, borderTopColor, backgroundColor];
      })()`);
    // The page sets the corners and the accent; the rest is as it comes.
    expect(await looks('.component')).toEqual(['3px', '1px', 'rgb(211, 217, 224)', 'rgb(255, 255, 255)']);
    expect(await looks('.part button')).toEqual(['3px', '1px', 'rgb(123, 135, 148)', 'rgb(255, 255, 255)']);
    expect(await looks('button.primary')).toEqual(['3px', '1px', 'rgb(107, 44, 143)', 'rgb(107, 44, 143)']);
    if (width === 360) await picture(page, 'component-telephone');
    expect(complaints).toEqual([]);
    await close();
  },
);

test('with the keyboard alone: search, and open what was found', async () => {
  const { page, close, context } = await open();
  const focused = () =>
    page.evaluate<string>(`(() => {
      const inner = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
      return (inner?.getAttribute('aria-label') ?? inner?.labels?.[0]?.textContent ?? inner?.textContent ?? '').trim();
    })()`);
  const tabTo = async (name: RegExp) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      if (name.test(await focused())) return;
    }
    throw new Error(`The keyboard does not reach ${name}.`);
  };
  await tabTo(/^Search in these documents$/);
  await page.keyboard.type('meniscus');
  await page.keyboard.press('Enter');
  await page.locator('mark', { hasText: 'meniscus' }).waitFor();
  await tabTo(/^Wombat.txt, page 1$/);
  await whatOpens(context, () => page.keyboard.press('Enter'));
  await close();
});

test('it is one file, small, and may be loaded from anywhere', async () => {
  const answer = await fetch(`${scene.server.url}/component/chartsync-patient.js`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  expect(answer.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
  const script = await answer.text();
  expect(gzipSync(script).length).toBeLessThan(45_000);
  expect(script).not.toMatch(/\bimport\s*\(|\bimport\s+[\w{*]|innerHTML\s*=\s*[a-z.]+\.(text|originalName)/);
  expect((await fetch(`${scene.server.url}/component/..%2findex.html`)).status).toBe(404);
  expect((await fetch(`${scene.server.url}/component/nothing.js`, { headers: { accept: 'text/html' } })).status).toBe(
    404,
  );
});

function put(path: string, body: object): Promise<Response> {
  const headers = { authorization: `Bearer ${scene.server.adminKey}`, 'content-type': 'application/json' };
  return fetch(`${scene.server.url}${path}`, { method: 'PUT', headers, body: JSON.stringify(body) });
}

async function tokenOf(patient: string): Promise<string> {
  const answer = await fetch(`${host.origin}/chartsync-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-requested-with': 'chartsync-patient' },
    body: JSON.stringify({ silknotePatientUuid: patient }),
  });
  return ((await answer.json()) as { token: string }).token;
}
