/** The same content under several documents of an organisation, in a real browser: at one patient, and at several. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openScene, picture, type Scene, scriptBytes, sidewaysScroll, until, violations, visit } from './browser.ts';

const PAGE = '/patients/duplicates';
/** Each is there with its own words, which nothing else in the practice has. */
const TWICE = 'Invented wombat letter.txt';
const ELSEWHERE = 'Invented wombat letter, filed again.txt';

interface Patient {
  readonly uuid: string;
  readonly name: string;
}

let scene: Scene;
let one: Patient;
let other: Patient;

beforeAll(async () => {
  scene = await openScene({
    second: 'Hillside Clinic',
    settings: { mapping: { preset: 'vsrx', file: { deleted: 'deleted' }, patient: { name: 'last_name' } } },
  });
  await scene.synchronise();
  const { filesets } = (await scene.ask('POST', '/api/v1/filesets/search', { withDocuments: true })).body;
  const patients = filesets.map((f: { silknotePatientUuid: string; patientName: string }) => ({
    uuid: f.silknotePatientUuid,
    name: f.patientName,
  }));
  one = patients[0];
  other = patients.find(({ name }: Patient) => name !== one.name);
  await bring(one, TWICE, 'wombat-1');
  await bring(one, TWICE, 'wombat-2');
  await bring(other, ELSEWHERE, 'wombat-3');
});
afterAll(() => scene?.close());

async function bring(patient: Patient, name: string, clientFileId: string): Promise<void> {
  const form = new FormData();
  form.append('clientFileId', clientFileId);
  form.append('file', new Blob(['The same invented words about a wombat.']), name);
  const answer = await fetch(`${scene.server.url}/api/patients/${patient.uuid}/process`, {
    method: 'POST',
    headers: { authorization: `Bearer ${scene.server.adminKey}`, 'x-organization-id': 'org_test' },
    body: form,
  });
  expect(answer.status).toBe(202);
}

test('duplicates are found from the patients, told with whose they are, and lead to where one can be removed', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: scene.server.adminKey });
  const addresses: string[] = [];
  page.on('request', (request) => addresses.push(decodeURIComponent(request.url())));
  await go('/patients');
  await page.getByRole('link', { name: 'Duplicates' }).click();
  await page.getByRole('heading', { level: 1, name: 'Duplicates' }).waitFor();
  const same = page.getByRole('region', { name: 'Several times at the same patient' });
  const own = same.getByRole('listitem').filter({ hasText: '2 times' }).filter({ hasText: TWICE });
  await own.first().waitFor();
  expect(await own.first().getByRole('link', { name: one.name }).count()).toBe(2);
  expect(await same.getByText(ELSEWHERE).count()).toBe(0);
  expect(await violations(page)).toEqual([]);
  await picture(page, 'duplicates-light');

  await page.getByRole('radio', { name: 'At several patients' }).check();
  const across = page.getByRole('region', { name: 'At several patients' });
  const both = across.getByRole('listitem').filter({ hasText: ELSEWHERE }).filter({ hasText: 'at 2 patients' });
  await both.first().waitFor();
  await across.getByText('One of the patients may be the wrong one').waitFor();
  expect(await violations(page)).toEqual([]);
  await both.first().getByRole('link', { name: other.name }).click();
  await page.waitForURL(`**/patients/${other.uuid}`);
  await page.getByRole('button', { name: `Remove: ${ELSEWHERE}` }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('The document is removed.').waitFor();
  await go(PAGE);
  await page.getByRole('radio', { name: 'At several patients' }).check();
  await until(async () => (await page.getByText('Loading …').count()) === 0);
  expect(await page.getByText(ELSEWHERE).count()).toBe(0);
  await bring(other, ELSEWHERE, 'wombat-4');

  expect(await page.title()).toBe('Duplicates – Chartsync');
  const personal = [one.name, other.name, 'wombat'].map((word) => word.toLowerCase());
  expect(addresses.length).toBeGreaterThan(10);
  expect(addresses.filter((a) => personal.some((word) => a.toLowerCase().includes(word)))).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

test('without any it says so, and another organisation shows nothing of this one', async () => {
  const { page, go, close } = await visit(scene, { key: scene.server.adminKey });
  await go('/');
  await page.getByRole('combobox', { name: 'Organisation' }).selectOption('Hillside Clinic');
  await go(PAGE);
  await page.getByText('No content is here more than once.').waitFor();
  await page.getByRole('radio', { name: 'At several patients' }).check();
  await page.getByText('No content is at more than one patient.').waitFor();
  expect(await page.content()).not.toContain(one.uuid);
  await close();
});

test('while the answer is on its way it says so; without the network it says that, and asks again by itself', async () => {
  const { page, go, context, close } = await visit(scene, { key: scene.server.adminKey });
  await go(PAGE);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/api/v1/duplicates*', async (route) => {
    await released;
    await route.continue();
  });
  await page.getByRole('radio', { name: 'At several patients' }).check();
  await page.getByText('Loading …').waitFor();
  release();
  await page.getByText(ELSEWHERE).waitFor();
  await context.setOffline(true);
  await page.getByRole('radio', { name: 'Several times at the same patient' }).check();
  await page.getByText('Chartsync does not answer').waitFor();
  await context.setOffline(false);
  await page.getByText(TWICE).first().waitFor();
  expect(await page.getByText('Chartsync does not answer').count()).toBe(0);
  await close();
});

test('with the keyboard alone: choose, and open a patient', async () => {
  const { page, go, close, complaints } = await visit(scene, { key: scene.server.adminKey });
  await go(PAGE);
  const focused = () =>
    page.evaluate<string>(
      'document.activeElement?.labels?.[0]?.textContent?.trim() ?? document.activeElement?.textContent?.trim() ?? ""',
    );
  const tabTo = async (name: string) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      if ((await focused()) === name) return;
    }
    throw new Error(`The keyboard does not reach ${name}.`);
  };
  await tabTo('Several times at the same patient');
  await page.keyboard.press('ArrowDown');
  await page.getByText(ELSEWHERE).waitFor();
  expect(await focused()).toBe('At several patients');
  await tabTo(other.name);
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/patients/${other.uuid}`);
  expect(complaints).toEqual([]);
  await close();
});

test.each([
  [1280, true],
  [360, false],
])('at %d pixels (dark: %s) no rule is broken and nothing moves sideways', async (width, dark) => {
  const { page, go, close, complaints } = await visit(scene, { key: scene.server.adminKey, width, dark });
  await go(PAGE);
  await page.getByText(TWICE).first().waitFor();
  expect(await sidewaysScroll(page)).toBe(0);
  expect(await violations(page)).toEqual([]);
  if (!dark) await picture(page, 'duplicates-telephone');
  expect(complaints).toEqual([]);
  await close();
});

test('who may not read documents is told so, and the page is small', async () => {
  const { page, go, close } = await visit(scene, { key: await scene.key('viewer') });
  await go(PAGE);
  await page.getByText('This needs the scope "documents:read".').waitFor();
  expect(await page.content()).not.toContain(one.uuid);
  await close();
  expect(await scriptBytes(scene, PAGE)).toBeLessThan(120_000);
});
