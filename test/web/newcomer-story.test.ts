/** A newcomer is told that yesterday's run was partial: why, what helps, the files mended on the share and in the source, all of it in step. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pdfOf } from '../../simulators/vsrx/content.ts';
import { expectedState } from '../../simulators/vsrx/oracle.ts';
import { inventPeople } from '../../simulators/vsrx/people.ts';
import { createRandom } from '../../simulators/vsrx/random.ts';
import { ERROR_CATALOGUE, type ErrorCode } from '../../src/domain/errors.ts';
import { expectConverged } from '../support/practice-setup.ts';
import { CONNECTION, ended, openScene, type Scene, settled, violations, visit } from './browser.ts';

interface Failure {
  readonly reference: string;
  readonly code: ErrorCode;
}

let scene: Scene;
let yesterday: string;
let letters = 0;

beforeAll(async () => {
  scene = await openScene();
  yesterday = await scene.synchronise();
  const records = new pg.Client({ connectionString: scene.setup.environment.DATABASE_URL });
  await records.connect();
  await records.query(
    `UPDATE sync_runs SET started_at = started_at - interval '1 day', finished_at = finished_at - interval '1 day',
                          queued_at = queued_at - interval '1 day' WHERE id = $1`,
    [yesterday],
  );
  await records.query(
    `UPDATE sync_failures SET first_at = first_at - interval '1 day', last_at = last_at - interval '1 day'`,
  );
  await records.end();
});
afterAll(() => scene?.close());

const open = async (): Promise<readonly Failure[]> => (await scene.ask('GET', '/api/v1/failures')).body.failures;

/** What a person does in the clinic who reads the reference on the page: looks the record up there and mends what it names. */
async function mend({ reference, code }: Failure): Promise<void> {
  if (code === 'unit_not_linkable') {
    await scene.setup.source.execute(
      'UPDATE candidates SET "silknotePatientUuid" = ? WHERE "silknotePatientUuid" IS NULL',
      ['5d1c3e7a-0b42-4f86-9a17-2e60c8d4b935'],
    );
    return;
  }
  const { patients } = await expectedState(scene.setup.source, scene.setup.filesFolder);
  const file = [...patients.values()].map((files) => files.get(reference)).find((found) => found !== undefined);
  const random = createRandom(++letters);
  const [person] = inventPeople(random, 1);
  const letter = pdfOf('referral', { person: person!, random, date: '2026-01-15', number: 1000 + letters });
  let path = file!.path;
  if (code === 'file_path_refused') {
    path = `notes/mended-${letters}.pdf`;
    await scene.setup.source.execute('UPDATE ax_notes_attachments SET file = ? WHERE id = ?', [path, file!.id]);
  }
  const full = join(scene.setup.filesFolder, path);
  await mkdir(dirname(full), { recursive: true });
  await rm(full, { recursive: true, force: true });
  await writeFile(full, letter);
}

const group = (page: Page, code: ErrorCode) => page.getByRole('region', { name: ERROR_CATALOGUE[code].summary });

test('why it was partial, what helps, mended, and the failures are gone', async () => {
  const before = await open();
  const codes = [...new Set(before.map(({ code }) => code))];
  expect(codes).toContain('file_missing');
  expect(codes.length).toBeGreaterThan(2);

  const { page, complaints, close } = await visit(scene, { key: null });
  await page.goto('/');
  await page.getByLabel('Key').fill(await scene.key('operator'));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Needs a person' }).waitFor();
  await page.getByText('in step, with failures').first().waitFor();

  // Yesterday's run says by itself why it is partial.
  await page.getByRole('link', { name: CONNECTION, exact: true }).click();
  await page.getByRole('region', { name: 'Runs' }).first().getByRole('link').first().click();
  await page.waitForURL(`**/runs/${yesterday}`);
  await page.getByRole('heading', { name: 'Why it is not complete' }).waitFor();
  for (const code of codes) {
    await page.getByText(ERROR_CATALOGUE[code].remedy).first().waitFor();
  }

  // All failures by cause, with what to do.
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('link', { name: `Look: ${before.length} items of ${CONNECTION} failed` }).click();
  await page.getByRole('heading', { level: 1, name: 'Failures' }).waitFor();
  await settled(page);
  for (const code of codes) {
    const own = before.filter((failure) => failure.code === code);
    await group(page, code).getByText(ERROR_CATALOGUE[code].remedy).waitFor();
    await group(page, code).getByText(code, { exact: true }).waitFor();
    for (const { reference } of own.filter((failure) => failure.reference !== ''))
      await group(page, code).getByText(reference, { exact: true }).waitFor();
  }
  expect(await violations(page)).toEqual([]);

  // The missing file is put back, and only what is mended vanishes from the list.
  for (const failure of before) if (failure.code === 'file_missing') await mend(failure);
  await page.getByRole('button', { name: `Retry all of ${CONNECTION} now` }).click();
  await page.waitForURL('**/runs/*');
  await ended(page, 'done in part');
  await page.getByText(ERROR_CATALOGUE.file_missing.remedy).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Failures', exact: true }).click();
  const others = codes.filter((code) => code !== 'file_missing');
  await group(page, others[0]!).waitFor();
  expect(await group(page, 'file_missing').count()).toBe(0);
  expect((await open()).map(({ code }) => code)).not.toContain('file_missing');

  // The rest is mended as its words say; what only a linked patient shows to be wrong as well, after that.
  for (let failures = await open(), round = 0; failures.length > 0; failures = await open(), round++) {
    expect(round, JSON.stringify(failures)).toBeLessThan(4);
    for (const failure of failures) await mend(failure);
    await page.getByRole('link', { name: 'Failures', exact: true }).click();
    await page.getByRole('button', { name: `Retry all of ${CONNECTION} now` }).click();
    await page.waitForURL('**/runs/*');
    await ended(page, /^(all done|done in part)$/);
  }
  await ended(page, 'all done');
  expect(await page.getByRole('heading', { name: 'Why it is not complete' }).count()).toBe(0);
  await page.getByRole('link', { name: 'Failures', exact: true }).click();
  await page.getByText('Nothing failed. Whether the connections are in step the overview tells.').waitFor();
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByText('Nothing needs a person.').waitFor();

  expect(await open()).toEqual([]);
  await expectConverged(scene.setup);
  expect(complaints).toEqual([]);
  await close();
});
