/** Running a connection from the pages: plan first, try the connection, compare the stores, repair. */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storedState } from '../support/practice-setup.ts';
import { CONNECTION, ended, openScene, picture, type Scene, until, violations, visit } from './browser.ts';

let scene: Scene;
let operator: string;
beforeAll(async () => {
  scene = await openScene({ sections: { stores: { search: { kind: 'lancedb' } } } });
  operator = await scene.key('operator');
});
afterAll(() => scene?.close());

test('plan first: see what a run would do, then do it', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: operator });
  await go(`/connections/${CONNECTION}`);
  await page.getByRole('button', { name: 'Plan first' }).click();
  await page.getByText(/^A run would touch \d+ items\.$/).waitFor();
  const added = page.getByRole('group', { name: /^To add: \d+$/ });
  expect(await added.getByRole('row').count()).toBeGreaterThan(10);
  expect(await violations(page)).toEqual([]);
  await picture(page, 'plan-light');
  // Nothing was done yet.
  expect(await storedState(scene.setup.connection)).toEqual({});
  await page.getByRole('button', { name: 'Run it as planned' }).click();
  await ended(page, 'done in part');
  await page.getByRole('link', { name: CONNECTION }).click();
  await page.getByRole('button', { name: 'Plan first' }).click();
  await page.getByText(/^\d+ unchanged\.$/).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test('a run that would do more than its plan showed stops, and says what', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: operator });
  await go(`/connections/${CONNECTION}`);
  await page.getByRole('button', { name: 'Plan first' }).click();
  await page.getByText(/^\d+ unchanged\.$/).waitFor();
  const before = await storedState(scene.setup.connection);
  const references = Object.values(before).flatMap((unit) => Object.keys(unit));
  const known = references.find((reference) => !reference.startsWith('id:'));
  await scene.renameReference(known!, 'AAAAAAAA-0000-4000-8000-00000000000A');
  await page.getByRole('button', { name: 'Run it as planned' }).click();
  await ended(page, 'stopped, not as planned');
  await page.getByText('Not in the plan: 1 to add.').waitFor();
  await page.getByText('What to do: Make a new plan').waitFor();
  expect(await violations(page)).toEqual([]);
  await picture(page, 'not-as-planned-light');
  expect(await storedState(scene.setup.connection)).toEqual(before);
  await page.getByRole('link', { name: 'Make a new plan' }).click();
  await page.getByRole('button', { name: 'Plan first' }).click();
  await page.getByRole('cell', { name: 'aaaaaaaa-0000-4000-8000-00000000000a' }).waitFor();
  await page.getByRole('button', { name: 'Run it as planned' }).click();
  await ended(page, 'done in part');
  expect(JSON.stringify(await storedState(scene.setup.connection))).toContain('aaaaaaaa-0000-4000-8000-00000000000a');
  expect(complaints).toEqual([]);
  await close();
});

test('a plan that takes too long is stopped', async () => {
  const release = await scene.holdSource();
  const { page, go, close } = await visit(scene, { key: operator });
  try {
    await go(`/connections/${CONNECTION}`);
    await page.getByRole('button', { name: 'Plan first' }).click();
    await page.getByRole('button', { name: 'Stop looking' }).click();
    await page.getByText('It was stopped. Nothing was changed.').waitFor();
  } finally {
    await release();
  }
  await close();
});

test('a connection that does not work says which part, and what to do', async () => {
  const { filesFolder } = scene.setup;
  await rename(filesFolder, `${filesFolder}-away`);
  const { page, go, close } = await visit(scene, { key: operator });
  try {
    await go(`/connections/${CONNECTION}`);
    await page.getByRole('button', { name: 'Test the connection' }).click();
    const result = page.getByRole('list', { name: 'Result of the test' });
    await result.getByRole('listitem').filter({ hasText: 'Source' }).getByText('works').waitFor();
    const share = result.getByRole('listitem').filter({ hasText: 'File share' });
    await share.getByText('fails').waitFor();
    await share.getByText('What to do:').waitFor();
  } finally {
    await rename(`${filesFolder}-away`, filesFolder);
  }
  await close();
});

test('a schedule is tried, refused, chosen and taken back', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go(`/connections/${CONNECTION}`);
  const section = page.getByRole('region', { name: 'Schedule' });
  await section.getByText('As chartsync.yaml says.').waitFor();
  await section.getByRole('button', { name: 'Change the schedule' }).click();
  await section.getByLabel('When it runs').selectOption('More often at some times of day');
  const starts = section.getByRole('list', { name: 'The next five starts' }).getByRole('listitem');
  await until(async () => (await starts.count()) === 5);
  await section.getByLabel('Every (such as').fill('soon');
  await section.getByText(/^The time between two runs must be a time from 1m to 7d/).waitFor();
  expect(await section.getByRole('button', { name: 'Use this schedule' }).isDisabled()).toBe(true);
  await section.getByLabel('When it runs').selectOption('By a cron expression');
  await section.getByLabel('Minute, hour').fill('30 2 * * *');
  await until(async () => (await starts.count()) === 5);
  // The clinic's time, whatever the viewer's is.
  await until(async () => /02:30/.test((await starts.last().textContent()) ?? ''));
  expect(await starts.last().locator('time').getAttribute('title')).toMatch(/where you are/);
  expect(await violations(page)).toEqual([]);
  await picture(page, 'schedule-form-light', section);
  await section.getByRole('button', { name: 'Use this schedule' }).click();
  await section.getByText('Chosen in these pages').waitFor();
  await section.getByRole('button', { name: 'Take that of chartsync.yaml again' }).click();
  await section.getByText('As chartsync.yaml says.').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test('the settings are shown without secrets, and only to who may change credentials', async () => {
  const admin = await visit(scene, { key: scene.server.adminKey });
  await admin.go(`/connections/${CONNECTION}`);
  const section = admin.page.getByRole('region', { name: 'Settings', exact: true });
  await section.getByText('.chartsync-share').waitFor();
  const { username, password } = new URL(scene.setup.sourceUrl);
  const text = (await section.textContent()) ?? '';
  expect(text).toContain('fileBasePath');
  expect(text).not.toContain(`${username}:`);
  if (password !== '') expect(text).not.toContain(password);
  await admin.page.getByRole('link', { name: 'Settings' }).click();
  await admin.page.getByRole('heading', { name: 'How long things are kept' }).waitFor();
  await admin.page.getByText('90 days').waitFor();
  expect(admin.complaints).toEqual([]);
  await admin.close();
  const other = await visit(scene, { key: operator });
  await other.go(`/connections/${CONNECTION}`);
  await other.page.getByRole('heading', { name: 'Schedule' }).waitFor();
  expect(await other.page.getByRole('region', { name: 'Settings', exact: true }).count()).toBe(0);
  const asked = await other.context.request.get(`/api/v1/connections/${CONNECTION}/settings`);
  expect(asked.status()).toBe(403);
  await other.close();
});

test('what the comparison at night found stands beside the certificates, with how far it came', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: operator });
  await go('/integrity');
  const section = page.getByRole('region', { name: 'What the comparison at night found' });
  await section.getByText('No comparison was begun yet.').waitFor();
  const { chartsync } = scene.server;
  const check = await chartsync.consistency.begin(scene.setup.connection.organizationId, 'test', 60_000);
  const [unit] = Object.keys(await storedState(scene.setup.connection));
  await chartsync.consistency.step(check!, {
    afterPatient: unit!,
    counts: { patients: 3, documents: 12, sampled: 1, unknown: 1, unlisted: 0 },
    differences: [
      {
        store: 'blob',
        kind: 'missing',
        message: 'The content of a document is not there.',
        connectionId: null,
        unit: unit!,
        reference: null,
        documentUuid: null,
        sha256: 'a'.repeat(64),
        code: 'blob_missing',
      },
    ],
    leaseMs: 60_000,
  });
  await go('/');
  await go('/integrity');
  await section.getByText('It has not come to its end').waitFor();
  await section.getByText('1 comparison could not be made').waitFor();
  await section.getByText('3 patients, 12 documents, of which 1 were read and hashed.').waitFor();
  await section.getByRole('button', { name: 'Show each difference' }).click();
  await section.getByText('The content of a document is not there.').waitFor();
  expect(await section.getByRole('link', { name: unit! }).getAttribute('href')).toBe(`/patients/${unit}`);
  await chartsync.consistency.finish(check!);
  await go('/');
  await go('/integrity');
  await section.getByText('1 difference', { exact: true }).waitFor();
  expect(await violations(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

test('all stores are compared, a lost content is found, and both it and the search index are repaired after a preview', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: operator });
  await go('/integrity');
  await page.getByText('It was never verified here.').waitFor();
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.getByText('The sums are the same').waitFor();

  const [unit, documents] = Object.entries(await storedState(scene.setup.connection))[0]!;
  const blobs = join(scene.setup.folder, 'home', 'blobs');
  const [lost] = (await readdir(blobs, { recursive: true })).filter((name) =>
    name.endsWith(Object.values(documents)[0]!),
  );
  await rm(join(blobs, lost!));
  const search = await scene.server.chartsync.search();
  await search.put({
    organizationId: scene.setup.connection.organizationId,
    patientUuid: unit,
    documentUuid: '00000000-0000-4000-8000-00000000000a',
    version: 'a'.repeat(64),
    pages: [{ number: 1, text: 'A stray page.' }],
  });
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.getByText('The sums differ').waitFor();
  await page.getByRole('heading', { name: /^A document without its content: \d/ }).waitFor();
  await page.getByRole('heading', { name: 'The last verifications' }).waitFor();
  expect(await violations(page)).toEqual([]);

  await page.getByRole('button', { name: 'See what would be repaired' }).click();
  await page.getByText('Would be taken out of the index.').waitFor();
  await page.getByText('Would be read from the share again').waitFor();
  await page.getByRole('button', { name: 'Repair 2 items', exact: true }).click();
  await page.getByRole('heading', { name: 'Taken out of the index: 1' }).waitFor();
  await page.getByRole('heading', { name: 'Copied from the share again: 1' }).waitFor();
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.getByText('The sums are the same').waitFor();
  expect(complaints).toEqual([]);
  await close();
});
