/** One patient that was copied from Cliniko, in a real browser: who it is, appointments, files, merged ids, the same as FHIR. */
import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type ClinikoSetup, setUpCliniko } from '../support/cliniko-setup.ts';
import { openBrowser, picture, scriptBytes, settled, sidewaysScroll, until, violations, visit } from './browser.ts';

const FILE = 'Invented wombat letter';

let setup: ClinikoSetup;
let server: RunningServer;
let browser: Browser;
let scene: { server: RunningServer; browser: Browser };
/** The first was merged into the second, that into the third; the last was merged into nobody that is known. */
let chain: { id: string; reference: string; name: string }[];
let alone: { id: string; reference: string };
let lost: string;

beforeAll(async () => {
  setup = await setUpCliniko({ settings: { attachments: true } });
  const { world } = setup;
  const [first, second, third, none, stranger, merged] = world.tables.patients.rows.filter(
    (row) => row.archivedAt === null && row.deletedAt === null && row.mergedInto === null,
  );
  world.editPatient(third!.id, { firstName: 'Avery', lastName: 'Invented-Sample' });
  world.book(first!.id, { startsAt: new Date(Date.now() + 40 * 86_400_000) });
  world.book(third!.id, { startsAt: new Date(Date.now() - 40 * 86_400_000) });
  const bytes = Buffer.from('An invented letter about a wombat.\n');
  world.attach(first!.id, { filename: 'wombat.txt', contentType: 'text/plain', bytes, description: FILE });
  world.mergePatients(first!.id, second!.id);
  world.mergePatients(second!.id, third!.id);
  world.mergePatients(merged!.id, stranger!.id);
  world.removeSilently(stranger!.id);
  for (const attachment of world.tables.attachments.rows) {
    if (attachment.patientId === none!.id) world.archiveAttachment(attachment.id);
  }
  await setup.run('comprehensive');
  const rows = await setup.query<{ id: string; reference: string; name: string }>(
    'SELECT id, cliniko_patient_id AS reference, name FROM patients',
  );
  const known = new Map(rows.map((row) => [row.reference, row]));
  chain = [first, second, third].map((row) => known.get(row!.id)!);
  alone = known.get(none!.id)!;
  lost = known.get(merged!.id)!.id;
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.environment.CHARTSYNC_HOME! }),
    database: { url: setup.databaseUrl, urlOf: () => null, close: async () => undefined },
  });
  browser = await openBrowser();
  scene = { server, browser };
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await setup?.close();
});

const pathOf = ({ id }: { id: string }) => `/appointments/patients/${id}`;

test('from the list to the patient: facts, appointments of merged ones too, files, merged ids, FHIR', async () => {
  const [first, second, third] = chain as [(typeof chain)[0], (typeof chain)[0], (typeof chain)[0]];
  const { page, go, complaints, close } = await visit(scene, { key: server.adminKey });
  const addresses: string[] = [];
  page.on('request', (request) => addresses.push(decodeURIComponent(request.url())));
  await go('/appointments/patients');
  await page.getByLabel('Name begins with').fill('Invented-Sample');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('link', { name: third.name }).click();
  await page.waitForURL(`**${pathOf(third)}`);
  await page.getByRole('heading', { level: 1, name: 'Patient' }).waitFor();
  await settled(page);
  await page.getByText(third.name).first().waitFor();
  expect(await page.title()).toBe('Patient – Chartsync');

  const count = async (region: string) => {
    const text = await page
      .getByRole('region', { name: region, exact: true })
      .getByText(/^[\d,]+ shown, that is all$/)
      .textContent();
    return Number(/^\d+/.exec(text!)![0]);
  };
  const ids = chain.map(({ reference }) => reference);
  const [expected] = await setup.query<{ upcoming: number; earlier: number }>(
    `SELECT count(*) FILTER (WHERE appointment_date >= now())::int AS upcoming,
            count(*) FILTER (WHERE appointment_date < now())::int AS earlier
     FROM appointments AS a WHERE deleted_at IS NULL AND (cliniko_patient_id = ANY ($1) OR EXISTS (
       SELECT 1 FROM appointment_attendees AS t WHERE t.cliniko_appointment_id = a.cliniko_appointment_id
         AND t.cliniko_patient_id = ANY ($1) AND t.deleted_at IS NULL))`,
    [ids],
  );
  expect(expected!.upcoming).toBeGreaterThan(0);
  expect([await count('Appointments to come'), await count('Earlier appointments')]).toEqual([
    expected!.upcoming,
    expected!.earlier,
  ]);
  await page.getByRole('region', { name: 'Files' }).getByText(FILE).waitFor();

  const merges = page.getByRole('region', { name: 'Merged ids' });
  await merges.getByText('3 patients ended as one.').waitFor();
  const rows = await merges.getByRole('row').allTextContents();
  expect(rows.slice(1).map((text) => ids.filter((reference) => text.includes(reference)))).toEqual(
    expect.arrayContaining([
      [first.reference, second.reference],
      [second.reference, third.reference],
    ]),
  );
  expect(await violations(page)).toEqual([]);
  await picture(page, 'clinic-patient-light');

  const fhir = page.getByRole('region', { name: 'As FHIR' });
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    fhir.getByRole('button', { name: 'Save as FHIR' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe(`Patient-${third.id}.json`);
  const resource = JSON.parse(await readFile((await download.path())!, 'utf8'));
  expect(resource).toMatchObject({ resourceType: 'Patient', id: third.id });
  const link = await fhir.getByRole('link').getAttribute('href');
  const linked = await page.context().request.get(link!);
  expect([linked.status(), (await linked.json()).id]).toEqual([200, third.id]);

  // An id that was merged away says so and leads to the one that is left.
  await merges.getByRole('link', { name: first.reference }).click();
  await page.waitForURL(`**${pathOf(first)}`);
  await page.getByText('This patient was merged into another one in Cliniko.').waitFor();
  await page.getByRole('link', { name: 'Open that patient' }).click();
  await page.waitForURL(`**${pathOf(third)}`);
  await page.getByRole('region', { name: 'Files' }).getByRole('link', { name: 'Preview, search, copies' }).click();
  await page.waitForURL(`**/patients/${third.id}`);
  await page.getByRole('region', { name: 'Documents' }).getByText('wombat.txt').first().waitFor();

  const personal = [third.name, 'Invented', 'wombat'].map((word) => word.toLowerCase());
  expect(addresses.length).toBeGreaterThan(10);
  expect(addresses.filter((a) => personal.some((word) => a.toLowerCase().includes(word)))).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

test('an appointment leads to its patient', async () => {
  const { page, go, close } = await visit(scene, { key: server.adminKey });
  await go('/appointments');
  const link = page.getByRole('table', { name: 'Appointments' }).getByRole('row').getByRole('link').first();
  const href = await link.getAttribute('href');
  await link.click();
  await page.waitForURL(`**${href}`);
  await page.getByRole('heading', { level: 2, name: 'Merged ids' }).waitFor();
  await close();
});

test('what is not there is said: no files, nobody merged, a survivor that is not known, no such patient', async () => {
  const { page, go, close, complaints } = await visit(scene, { key: server.adminKey });
  await go(pathOf(alone));
  await page.getByText('No files of this patient are kept here.').waitFor();
  await page.getByText('Nobody was merged into this patient.').waitFor();
  await go(`/appointments/patients/${lost}`);
  await page.getByText(/That one, \d+, is not known here/).waitFor();
  await go('/appointments/patients/00000000-0000-4000-8000-000000000000');
  await page.getByText('Not found').first().waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test('while answers are on their way it says so; without the network it says that and keeps what it had', async () => {
  const [, , third] = chain;
  const { page, go, context, close } = await visit(scene, { key: server.adminKey });
  await go('/appointments/patients');
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/api/v1/patients/*', async (route) => {
    await released;
    await route.continue();
  });
  await page.goto(pathOf(third!));
  await page.getByRole('heading', { level: 1, name: 'Patient' }).waitFor();
  await page.getByText('Loading …').first().waitFor();
  release();
  await page.getByText(third!.name).first().waitFor();
  await settled(page);
  await page.getByRole('region', { name: 'Merged ids' }).getByRole('link').first().waitFor();
  await context.setOffline(true);
  await page.getByRole('region', { name: 'Merged ids' }).getByRole('link').first().click();
  await page.getByText('Chartsync does not answer').first().waitFor();
  await context.setOffline(false);
  await until(async () => (await page.getByText('Chartsync does not answer').count()) === 0);
  await page.getByText('This patient was merged into another one in Cliniko.').waitFor();
  await close();
});

test.each([
  [360, false],
  [1280, true],
])('at %d pixels (dark: %s) no rule is broken and nothing moves sideways', async (width, dark) => {
  const { page, go, complaints, close } = await visit(scene, { key: server.adminKey, width, dark });
  for (const patient of [chain[2]!, alone, chain[0]!]) {
    await go(pathOf(patient));
    await page.getByRole('heading', { level: 2, name: 'As FHIR' }).waitFor();
    await settled(page);
    expect(await sidewaysScroll(page), patient.reference).toBe(0);
    expect(await violations(page), patient.reference).toEqual([]);
  }
  expect(complaints).toEqual([]);
  await close();
});

test('with the keyboard alone: to a patient and along its merged ids', async () => {
  const [first, , third] = chain;
  const { page, go, close, complaints } = await visit(scene, { key: server.adminKey });
  const tabTo = async (name: string) => {
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate<string>('document.activeElement?.textContent?.trim() ?? ""')) === name) return;
    }
    throw new Error(`The keyboard does not reach ${name}.`);
  };
  await go(pathOf(third!));
  await tabTo(first!.reference);
  await page.keyboard.press('Enter');
  await page.waitForURL(`**${pathOf(first!)}`);
  await settled(page);
  await tabTo('Open that patient');
  await page.keyboard.press('Enter');
  await page.waitForURL(`**${pathOf(third!)}`);
  expect(complaints).toEqual([]);
  await close();
});

test('who may not read records is told so and sees nobody; without documents there are no files; the page is small', async () => {
  const ask = async (body: object) => {
    const answer = await fetch(`${server.url}/api/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return ((await answer.json()) as { secret: string }).secret;
  };
  const [, , third] = chain;
  const viewer = await visit(scene, { key: await ask({ name: 'viewer', role: 'viewer' }) });
  await viewer.go(pathOf(third!));
  await viewer.page.getByText('This needs the scope "records:read".').first().waitFor();
  expect(await viewer.page.content()).not.toContain(third!.name);
  await viewer.close();
  const records = await visit(scene, { key: await ask({ name: 'records', scopes: ['records:read', 'sync:read'] }) });
  await records.go(pathOf(third!));
  await records.page.getByRole('heading', { level: 2, name: 'Merged ids' }).waitFor();
  expect(await records.page.getByRole('heading', { level: 2, name: 'Files' }).count()).toBe(0);
  await records.close();
  expect(await scriptBytes(scene, pathOf(third!))).toBeLessThan(120_000);
});
