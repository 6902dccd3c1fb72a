/** A page that stays open: the session ends, somebody else signs in, answers are slow or fail, nobody is there for long. */
import pg from 'pg';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONNECTION, openScene, type Scene, until, violations, visit } from './browser.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
  await scene.synchronise();
});
afterAll(() => scene?.close());

const signedOut = (page: Page) => page.getByRole('alert').getByRole('heading', { name: 'You are signed out' });
const connectionState = async () => {
  const { connections } = (await scene.ask('GET', '/api/v1/connections')).body;
  return connections.find(({ id }: { id: string }) => id === CONNECTION).state;
};

test('when the session is over, nothing is left on the screen, and signing in leads back to the same place', async () => {
  const { page, go, context, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  const place = `/failures?connection=${CONNECTION}`;
  await go(place);
  await page.getByText('Restore the file on the share').first().waitFor();
  await context.clearCookies();
  await page.getByRole('button', { name: `Retry all of ${CONNECTION} now` }).click();
  await signedOut(page).waitFor();
  expect(await page.getByText('Restore the file on the share').count()).toBe(0);
  expect(await page.getByRole('navigation').count()).toBe(0);
  expect(await violations(page)).toEqual([]);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByLabel('Key').fill(scene.server.adminKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Restore the file on the share').first().waitFor();
  expect(page.url()).toMatch(new RegExp(`/failures\\?connection=${CONNECTION}$`));

  // Whoever is signed out already has what they ask for.
  await context.clearCookies();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/sign-in$/);
  expect(complaints).toEqual([]);
  await close();
});

test('a tab left open goes on when the same person signed in again, and shows nothing to another one', async () => {
  const { page, go, context, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go(`/connections/${CONNECTION}`);
  const pause = async () => {
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
  };
  await context.request.post('/api/v1/session', { data: { key: scene.server.adminKey } });
  await pause();
  await page.getByText('The connection is paused.').waitFor();
  expect(await connectionState()).toBe('paused');

  await context.request.post('/api/v1/session', { data: { key: await scene.key('operator') } });
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await page.getByText('Somebody else has signed in in this browser').waitFor();
  expect(await page.getByRole('heading', { name: 'Settings' }).count()).toBe(0);
  expect(await connectionState()).toBe('paused');
  await page.getByRole('button', { name: 'Load the page anew' }).click();
  await page.getByText('Operator', { exact: true }).waitFor();
  await scene.ask('POST', `/api/v1/connections/${CONNECTION}/resume`);
  expect(complaints).toEqual([]);
  await close();
});

test('a slow answer is said to be on its way, and a double click does nothing twice', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/settings');
  let answer: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (answer = resolve));
  await page.route('**/api/v1/keys', async (route) => {
    if (route.request().method() === 'POST') await slow;
    await route.continue();
  });
  await page.getByLabel('What it is for').fill('double click');
  await page.getByRole('button', { name: 'Make a key' }).dblclick();
  await page.getByText('At work …').waitFor();
  answer();
  await page.getByText('The new key. It is not shown again:').waitFor();
  await page.getByText('At work …').waitFor({ state: 'hidden' });
  const { keys } = (await scene.ask('GET', '/api/v1/keys')).body;
  expect(keys.filter(({ name }: { name: string }) => name === 'double click')).toHaveLength(1);
  expect(complaints).toEqual([]);
  await close();
});

test('what fails in a dialog is said in the dialog, and can be tried again there', async () => {
  const { page, go, context, close } = await visit(scene, { key: scene.server.adminKey });
  await go(`/connections/${CONNECTION}`);
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await context.setOffline(true);
  await dialog.getByRole('button', { name: 'Pause', exact: true }).click();
  await dialog.getByRole('alert').getByText('Chartsync does not answer').waitFor();
  expect(await connectionState()).toBe('active');
  await context.setOffline(false);
  await dialog.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByText('The connection is paused.').waitFor();
  // What was done is seen at once, whatever answer was on its way before.
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  await close();
});

test('a page that nobody looks at for half an hour is covered, and shows what is when somebody comes back', async () => {
  const { page, context, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await page.clock.install();
  await page.goto('/');
  await page.getByText('Needs a person').waitFor();
  const covered = page.getByText('Nobody was here for half an hour.');
  await page.clock.fastForward('31:00');
  await covered.waitFor();
  expect(await violations(page)).toEqual([]);
  await page.mouse.move(200, 200);
  await covered.waitFor({ state: 'hidden' });
  await page.clock.fastForward('31:00');
  await covered.waitFor();
  await context.clearCookies();
  await page.keyboard.press('Tab');
  await signedOut(page).waitFor();
  expect(await page.getByText(CONNECTION).count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

test('the documents of a patient follow what happens elsewhere', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  const { filesets } = (await scene.ask('POST', '/api/v1/filesets/search', { withDocuments: true })).body;
  const patient = filesets.find((fileset: { documents: number }) => fileset.documents > 1).silknotePatientUuid;
  const [first] = (await scene.ask('GET', `/api/patients/${patient}/documents`)).body.documents;
  await go(`/patients/${patient}`);
  const listed = page.getByRole('button', { name: `Remove: ${first.originalName}` });
  await until(async () => (await listed.count()) > 0);
  const before = await listed.count();
  await fetch(`${scene.server.url}/api/documents/${first.silknoteDocumentUuid}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${scene.server.adminKey}` },
  });
  await until(async () => (await listed.count()) === before - 1);
  const removed = page.getByRole('region', { name: 'Removed documents' });
  await removed
    .getByRole('button', { name: /^Restore/ })
    .first()
    .waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test('a search after scrolling down shows what it found', async () => {
  const records = new pg.Client({ connectionString: scene.setup.environment.DATABASE_URL });
  await records.connect();
  await records.query(
    `INSERT INTO silknote_patient_filesets ("organizationId", "silknotePatientUuid", "silknoteUserUuid", "patientName")
     SELECT 'org_test', gen_random_uuid(), 'nobody', 'Invented ' || n FROM generate_series(1, 80) AS n`,
  );
  await records.end();
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/patients');
  const list = page.getByRole('group', { name: 'Patients: scroll for more' });
  await list.getByRole('link').first().waitFor();
  await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await until(async () => (await list.evaluate((element) => element.scrollTop)) > 1000);
  await page.getByLabel('Name or UUID').fill('Invented 77');
  await page.getByRole('button', { name: 'Search' }).click();
  await list.getByRole('link', { name: 'Invented 77' }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});
