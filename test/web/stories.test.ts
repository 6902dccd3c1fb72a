/** What people do with the pages, from the sign-in on, in a real browser. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONNECTION, openScene, type Scene, sidewaysScroll, until, violations, visit } from './browser.ts';

/** As long as some are. */
const SECOND = 'Hillside Clinic for Occupational Medicine and Rehabilitation';
let scene: Scene;
let firstRun: string;
beforeAll(async () => {
  scene = await openScene({ second: SECOND });
  firstRun = await scene.synchronise();
});
afterAll(() => scene?.close());

test('sign in, see what needs a person, sign out', async () => {
  const operator = await scene.key('operator');
  const { page, complaints, context, close } = await visit(scene, { key: null });
  await page.goto('/failures');
  await page.waitForURL(/\/sign-in\?next=%2Ffailures$/);
  await page.getByLabel('Key').fill('cs_wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('This key is not valid.').waitFor();
  await page.getByLabel('Key').fill(operator);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Failures' }).waitFor();
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('heading', { name: 'Needs a person' }).waitFor();
  await page.getByText(`of ${CONNECTION} failed`).waitFor();
  // What an operator may not do is not offered.
  await page.getByRole('link', { name: 'Integrity' }).click();
  await page.getByRole('heading', { name: 'Do all stores agree?' }).waitFor();
  expect(await page.getByRole('heading', { name: 'Who did what' }).count()).toBe(0);
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
  expect(await page.evaluate('document.cookie + JSON.stringify({ ...localStorage })')).not.toContain('cs_');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/sign-in$/);
  await page.goto('/');
  await page.waitForURL(/\/sign-in$/);
  expect(complaints).toEqual([]);
  await close();
});

test('another organisation is another place', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/');
  const chosen = page.getByRole('combobox', { name: 'Organisation' });
  await page.getByRole('link', { name: CONNECTION, exact: true }).waitFor();
  await chosen.selectOption(SECOND);
  await page.getByText('No connection is configured yet.').waitFor();
  expect(await page.getByRole('link', { name: CONNECTION, exact: true }).count()).toBe(0);
  // It is still the same one after the page was loaded anew.
  await go('/failures');
  await page.getByText('Nothing failed.').waitFor();
  await chosen.selectOption('Test Practice');
  await page.getByRole('link', { name: CONNECTION, exact: true }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test('on a usual screen the header is one row, and on a telephone nothing of it is beside the screen', async () => {
  const { page, go, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/');
  const parts = page.getByRole('banner').locator('a, select, button');
  const boxes = await Promise.all((await parts.all()).map((part) => part.boundingBox()));
  // The name, eight pages, the organisation, and the way out.
  expect(boxes).toHaveLength(11);
  const tops = boxes.map((box) => box!.y);
  const ends = boxes.map((box) => box!.y + box!.height);
  expect(Math.max(...tops)).toBeLessThan(Math.min(...ends));
  await page.setViewportSize({ width: 360, height: 800 });
  expect(await sidewaysScroll(page)).toBe(0);
  expect(await violations(page)).toEqual([]);
  await close();
});

test('find out why a run was partial, retry what failed, compare', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: await scene.key('operator') });
  await go('/');
  await page.getByRole('link', { name: CONNECTION, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: CONNECTION }).waitFor();
  await page.getByRole('region', { name: 'Runs' }).first().getByRole('link').first().click();
  await page.waitForURL(`**/runs/${firstRun}`);
  await page.getByRole('heading', { name: 'Why it is not complete' }).waitFor();
  await page.getByText('Restore the file on the share').first().waitFor();
  await page.getByRole('list', { name: 'Log of this run' }).getByText('Ended: done in part').waitFor();
  const { failures } = (await scene.ask('GET', `/api/v1/failures?sync_id=${firstRun}`)).body;
  const units = page.getByRole('table', { name: 'Units' });
  expect(await units.getByRole('link').first().getAttribute('href')).toMatch(/^\/patients\/[\da-f-]{36}$/);
  const release = await scene.holdSource();
  await page.getByRole('button', { name: 'Retry what failed' }).click();
  await page.waitForURL((url) => url.pathname.startsWith('/runs/') && !url.pathname.endsWith(firstRun));
  await page.getByText(`${failures.length} items of the run before put in front`).waitFor();
  await release();
  await page.getByText('The run has ended: done in part.').waitFor();
  await page.getByRole('link', { name: 'The one before' }).waitFor();
  expect(await page.getByRole('row', { name: /^added/ }).textContent()).toMatch(/added\s*0\s*\d+\s*−\d+/);
  await go('/failures');
  const ofPatient = failures.find((failure: { patient_uuid: string }) => /^[\da-f-]{36}$/.test(failure.patient_uuid));
  await page.locator(`a[href="/patients/${ofPatient.patient_uuid}"]`).first().waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test('when nothing that failed in a run waits any more, its page says so and starts nothing', async () => {
  const { failures } = (await scene.ask('GET', '/api/v1/failures')).body;
  const ids = failures.map(({ id }: { id: string }) => id);
  await scene.ask('POST', '/api/v1/failures/decide', { ids, decision: 'skip' });
  const runs = async () => (await scene.ask('GET', `/api/v1/connections/${CONNECTION}/runs`)).body.runs.length;
  const before = await runs();
  const { page, go, complaints, close } = await visit(scene, { key: await scene.key('operator') });
  await go(`/runs/${firstRun}`);
  await page.getByRole('button', { name: 'Retry what failed' }).click();
  await page.getByText('Nothing that failed in this run waits any more').waitFor();
  expect(new URL(page.url()).pathname).toBe(`/runs/${firstRun}`);
  expect(await runs()).toBe(before);
  await scene.ask('POST', '/api/v1/failures/decide', { ids, decision: 'retry' });
  expect(complaints).toEqual([]);
  await close();
});

test('decide about failures singly and many at once', async () => {
  const { page, go, close } = await visit(scene, { key: await scene.key('operator') });
  await go('/failures');
  const skip = page.getByRole('button', { name: 'Skip', exact: true });
  expect(await skip.isDisabled()).toBe(true);
  await page.getByRole('checkbox', { name: /^Select all of file_missing/ }).check();
  await skip.click();
  await page.getByText('will be left alone until the source changes.').waitFor();
  const { failures } = (await scene.ask('GET', '/api/v1/failures')).body;
  const missing = failures.filter(({ code }: { code: string }) => code === 'file_missing');
  expect(new Set(missing.map(({ state }: { state: string }) => state))).toEqual(new Set(['skipped']));
  await close();
});

test('watch a run and cancel it', async () => {
  const release = await scene.holdSource();
  const { page, go, complaints, close } = await visit(scene, { key: await scene.key('operator') });
  try {
    await go(`/connections/${CONNECTION}`);
    await page.getByLabel('How thorough').selectOption('deep');
    await page.getByRole('button', { name: 'Run now' }).click();
    await page.waitForURL('**/runs/*');
    await page.getByRole('progressbar').waitFor();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    const dialog = page.getByRole('dialog', { name: 'Cancel this run?' });
    await dialog.getByText('0 added, 0 updated, 0 moved, 0 removed').waitFor();
    // The end is looked at only after this word was read.
    const { promise: read, resolve } = Promise.withResolvers<void>();
    await page.route('**/api/v1/sync/run/**', async (route) => {
      await read;
      await route.continue();
    });
    await dialog.getByRole('button', { name: 'Cancel the run' }).click();
    await page.getByText('The run is asked to stop.').waitFor();
    resolve();
    await page.getByText('The run has ended: cancelled.').waitFor();
    const log = page.getByRole('list', { name: 'Log of this run' }).getByRole('listitem');
    await log.filter({ hasText: 'Ended: cancelled' }).waitFor();
    await log.filter({ hasText: 'Step: ' }).first().waitFor();
  } finally {
    await release();
  }
  expect(complaints).toEqual([]);
  await close();
});

test('pause a connection and let it go on', async () => {
  const { page, go, close } = await visit(scene, { key: scene.server.adminKey });
  await go(`/connections/${CONNECTION}`);
  await page.getByRole('button', { name: 'Pause' }).click();
  const dialog = page.getByRole('dialog', { name: 'Pause this connection?' });
  await dialog.getByLabel('Why').fill('The server moves.');
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('The server moves.').waitFor();
  expect(await page.getByRole('button', { name: 'Run now' }).isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  await close();
});

test('inspect held deletions, keep some of them at first, then reject the others', async () => {
  const set = await scene.emptySource();
  const { page, go, complaints, close } = await visit(scene, { key: await scene.key('operator') });
  await go('/');
  await page.getByRole('link', { name: /^Decide: \d+ deletions/ }).click();
  await page.getByRole('link', { name: /^Inspect and decide/ }).click();
  await page.waitForURL(`**/held/${set}`);
  await page.getByText('yes, the same').waitFor();
  await page
    .getByRole('button', { name: /^Details: / })
    .first()
    .click();
  const item = (await scene.ask('GET', `/api/v1/held/${set}`)).body.items[0];
  const { originalName } = (await scene.ask('GET', `/api/documents/${item.document_uuid}/details`)).body;
  await page.getByText(originalName, { exact: true }).waitFor();
  const patient = page.locator('dl').getByRole('link');
  expect(await patient.getAttribute('href')).toBe(`/patients/${item.patient_uuid}`);
  expect(await page.title()).not.toContain(originalName);
  expect(await violations(page)).toEqual([]);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the document' }).click(),
  ]);
  // Named by its id, never by what the source calls it.
  expect(download.suggestedFilename()).toMatch(/^[\da-f]{8}-/);
  const dialog = page.getByRole('dialog');
  const before = (await scene.ask('GET', `/api/v1/held/${set}`)).body.items.length;
  for (const i of [0, 1])
    await page
      .getByRole('checkbox', { name: /^Select [\da-f]{8}-/ })
      .nth(i)
      .check();
  await page.getByText(`Only the 2 selected of ${before} are decided`).waitFor();
  await page.getByRole('button', { name: 'Reject the 2 selected: keep them' }).first().click();
  await dialog.getByLabel('Note').fill('These two are scanned again.');
  await dialog.getByRole('button', { name: 'Reject the 2 selected: keep them' }).click();
  await page.getByText(`Decided. ${before - 2} documents of the set still wait.`).waitFor();
  expect((await scene.ask('GET', `/api/v1/held/${set}`)).body).toMatchObject({
    set: { state: 'pending', items: before - 2 },
  });
  await page.getByRole('button', { name: 'Reject: keep them' }).first().click();
  await dialog.getByLabel('Note').fill('The source was restored from an old copy.');
  await dialog.getByRole('button', { name: 'Reject: keep them' }).click();
  await page.getByText('rejected, kept').waitFor();
  const { held } = (await scene.ask('GET', '/api/v1/held?all=true')).body;
  expect(held.find(({ id }: { id: string }) => id === set)).toMatchObject({
    state: 'rejected',
    note: 'The source was restored from an old copy.',
  });
  expect(complaints).toEqual([]);
  await close();
});

test('a key is made, shown once and revoked, and the audit log is found whole', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/settings');
  await page.getByLabel('What it is for').fill('reception');
  await page.getByRole('button', { name: 'Make a key' }).click();
  await page.getByText(/^cs_[0-9a-z]{16}_/).waitFor();
  // Beside "At work …", which can be closed too.
  const secret = page.getByRole('status').filter({ hasText: /cs_[0-9a-z]{16}_/ });
  await secret.getByRole('button', { name: 'Close' }).click();
  expect(await page.getByText(/^cs_[0-9a-z]{16}_/).count()).toBe(0);
  await page.getByRole('button', { name: 'Revoke: reception' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('The key is revoked.').waitFor();
  await page.getByRole('link', { name: 'Integrity' }).click();
  const log = page.getByRole('region', { name: 'Is the audit log whole?' });
  await log.getByRole('button', { name: 'Verify now' }).click();
  await page.getByText(/^Whole: all [\d,]+ entries fit\.$/).waitFor();
  await page.getByLabel('Action').fill('key.revoke');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('cell', { name: 'key.revoke' }).waitFor();
  await until(async () => (await page.getByRole('cell', { name: /^(?!key\.)\w+\.\w+$/ }).count()) === 0);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('audit.ndjson');
  expect(complaints).toEqual([]);
  await close();
});

test('a service that goes away is said to be away, and what was there stays', async () => {
  const { page, go, context, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/');
  await page.getByRole('link', { name: CONNECTION, exact: true }).click();
  await page.getByRole('heading', { name: 'State' }).waitFor();
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('heading', { name: 'Connections' }).waitFor();
  await context.setOffline(true);
  await page.getByRole('link', { name: CONNECTION, exact: true }).click();
  await page.getByText('Chartsync does not answer').first().waitFor();
  await context.setOffline(false);
  await page.getByRole('heading', { name: 'State' }).waitFor();
  await page.getByText('Chartsync does not answer').first().waitFor({ state: 'hidden' });
  await close();
});
