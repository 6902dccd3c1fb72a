/** An administrator at the settings of a connection, and at the alerts of the organisation. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isSigned, receiveWebhooks, type WebhookReceiver } from '../support/alert-receivers.ts';
import { CONNECTION, openScene, picture, type Scene, until, violations, visit } from './browser.ts';

let scene: Scene;
let hooks: WebhookReceiver;
beforeAll(async () => {
  hooks = await receiveWebhooks();
  scene = await openScene({
    sections: { alerts: { allowedAddresses: ['127.0.0.1'] } },
    environment: { CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') },
  });
});
afterAll(async () => {
  await scene?.close();
  await hooks?.close();
});

test('settings: see who said what, be corrected, change one, take it back', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go(`/connections/${CONNECTION}`);
  const section = page.getByRole('region', { name: 'Settings', exact: true });
  await section.getByText('From chartsync.yaml.').first().waitFor();
  await section.getByRole('button', { name: 'Change the settings' }).click();
  // Which source it is stays where it is said.
  await section.getByText('It says which source this is').first().waitFor();
  expect(await section.getByLabel('Source database').count()).toBe(0);
  const wait = section.getByLabel('Wait for a query');
  await wait.fill('3 days');
  await section.getByText('1 setting changed.').waitFor();
  await section.getByRole('button', { name: 'Use these settings' }).click();
  await section.getByText('expected a time from 100ms to 60m, such as 60s').waitFor();
  expect(await wait.getAttribute('aria-invalid')).toBe('true');
  expect(await violations(page)).toEqual([]);
  await picture(page, 'settings-form-light', section);
  await wait.fill('45s');
  await section.getByLabel('Allowed folders').fill('notes/\nletters/');
  await section.getByRole('button', { name: 'Use these settings' }).click();
  await page.getByText('The settings count for the next run.').waitFor();
  await section.getByText('notes/, letters/').waitFor();
  await section.getByText('Changed here').first().waitFor();
  const known = async () => (await scene.ask('GET', `/api/v1/connections/${CONNECTION}/settings`)).body;
  expect((await known()).settings).toMatchObject({
    timeouts: { queryMs: 45_000 },
    pathPrefixes: ['notes/', 'letters/'],
  });
  expect(await violations(page)).toEqual([]);
  await section.getByRole('button', { name: 'Take “Wait for a query” of chartsync.yaml again' }).click();
  await page.getByText('“Wait for a query” is as chartsync.yaml says again.').waitFor();
  expect((await known()).settings).toMatchObject({
    timeouts: { queryMs: 60_000 },
    pathPrefixes: ['notes/', 'letters/'],
  });
  // The value that was refused is the one thing that a browser notes.
  expect(complaints.filter((text) => !/status of 400/.test(text))).toEqual([]);
  await close();
});

test('an alert is added, tried, tells of a problem, is changed and removed', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/settings');
  const section = page.getByRole('region', { name: 'Alerts' });
  await section.getByText('Nobody is told of anything yet.').waitFor();
  await section.getByRole('button', { name: 'Add an alert' }).click();
  await section.getByLabel('Name').fill('Front desk');
  await section.getByLabel('Tell when').selectOption('A connection is paused');
  await section.getByLabel('Address').fill('https://10.0.0.1/hook');
  expect(await violations(page)).toEqual([]);
  await picture(page, 'alert-form-light', section);
  await section.getByRole('button', { name: 'Store the alert' }).click();
  await section.getByText('its address is not public').waitFor();
  await section.getByLabel('Address').fill(hooks.url);
  await section.getByRole('button', { name: 'Store the alert' }).click();
  await section.getByText(/^whsec_/).waitFor();
  await section.getByRole('button', { name: 'Close' }).click();
  expect(await section.getByText(/^whsec_/).count()).toBe(0);

  await section.getByRole('button', { name: 'Test “Front desk”' }).click();
  await section.getByText(/^The other side took the test message/).waitFor();
  expect(hooks.got.at(-1)?.message.event).toBe('test');
  await section.getByRole('button', { name: 'Close' }).click();
  hooks.answer(503);
  await section.getByRole('button', { name: 'Test “Front desk”' }).click();
  await section.getByText('It answered with the status 503.').waitFor();
  hooks.answer(204);

  await section.getByRole('button', { name: 'Close' }).click();
  await section.getByRole('button', { name: 'New secret of “Front desk”' }).click();
  const asked = page.getByRole('dialog', { name: 'Make a new secret for “Front desk”?' });
  await asked.getByRole('button', { name: 'Make a new secret' }).click();
  const renewed = await section.getByText(/^whsec_/).textContent();
  await section.getByRole('button', { name: 'Test “Front desk”' }).click();
  await section.getByText(/^The other side took the test message/).waitFor();
  expect(isSigned(renewed!, hooks.got.at(-1)!)).toBe(true);

  await scene.ask('POST', `/api/v1/connections/${CONNECTION}/pause`, { reason: 'a test' });
  await until(() => hooks.got.some(({ message }) => message.event === 'problem'));
  await section.getByText('1 problem').waitFor({ timeout: 30_000 });
  expect(await violations(page)).toEqual([]);
  await section.getByRole('button', { name: 'Change “Front desk”' }).click();
  await section.getByLabel('It counts').uncheck();
  await section.getByRole('button', { name: 'Store the alert' }).click();
  await section.getByText('off', { exact: true }).waitFor();
  await section.getByRole('button', { name: 'Remove “Front desk”' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await section.getByText('Nobody is told of anything yet.').waitFor();
  expect(complaints.filter((text) => !/status of 400/.test(text))).toEqual([]);
  await close();
});

test('who is no administrator sees settings at most, and no alerts', async () => {
  const operator = await visit(scene, { key: await scene.key('operator') });
  await operator.go('/settings');
  await operator.page.getByRole('heading', { name: 'How long things are kept' }).waitFor();
  expect(await operator.page.getByRole('region', { name: 'Alerts' }).count()).toBe(0);
  await operator.close();
});

test('an export of days without entries is no empty file, and a key has a name', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/integrity');
  const section = page.getByRole('region', { name: 'Export' });
  await section.getByLabel('To').fill('2020-01-01');
  await section.getByRole('button', { name: 'Download' }).click();
  await page.getByRole('status').getByText('No entry is like that.').waitFor();
  await go('/settings');
  await page.getByLabel('What it is for').fill('   ');
  await page.getByRole('button', { name: 'Make a key' }).click();
  expect(await page.getByLabel('What it is for').evaluate((field) => field.matches(':invalid'))).toBe(true);
  expect(complaints).toEqual([]);
  await close();
});
