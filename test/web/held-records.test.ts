/** Held deletions of records and of a clinic's book: called what they are, and each to be looked at. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedAppointments } from '../../simulators/idexx/oracle.ts';
import { daysBetween } from '../../simulators/idexx/wall.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type ClinikoSetup, ORGANIZATION, setUpCliniko } from '../support/cliniko-setup.ts';
import { type IdexxSetup, setUpIdexx } from '../support/idexx-setup.ts';
import { openBrowser, sidewaysScroll, violations, visit } from './browser.ts';

const sections = { deletionGuard: { maxCount: 2, maxPercent: 0, minCount: 0 } };

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

describe('of Cliniko', () => {
  let setup: ClinikoSetup;
  let server: RunningServer;
  let patients: string[];
  const setOf = async (unit: string) => {
    const sets = await setup.chartsync.runs.heldSets(ORGANIZATION);
    return sets.find((set) => set.unit === unit && set.state === 'pending')!.id;
  };

  beforeAll(async () => {
    setup = await setUpCliniko({ account: { patients: 60, appointments: 200 }, sections });
    await setup.run('comprehensive');
    const { patients: people, appointments } = setup.world.tables;
    const known = people.rows.filter(
      (row) => row.archivedAt === null && row.deletedAt === null && row.mergedInto === null,
    );
    patients = known.slice(0, 4).map(({ id }) => id);
    const visits = appointments.rows.filter((row) => row.deletedAt === null).slice(0, 6);
    for (const id of [...patients, ...visits.map((row) => row.id)]) setup.world.removeSilently(id);
    await setup.run('comprehensive');
    server = await serve({
      config: await loadConfig({ env: setup.environment, cwd: setup.environment.CHARTSYNC_HOME! }),
      database: { url: setup.databaseUrl, urlOf: () => null, close: async () => undefined },
    });
  });
  afterAll(async () => {
    await server?.stop();
    await setup?.close();
  });

  test('they are records, a patient among them leads to the patient, an appointment says when it is', async () => {
    const { page, go, complaints, close } = await visit({ browser, server }, { key: server.adminKey });
    await go('/held');
    await page.getByRole('link', { name: 'Inspect and decide: 4 records to remove, cliniko' }).click();
    await page.waitForURL(`**/held/${await setOf('patients')}`);
    await page.getByRole('heading', { name: 'Records', exact: true }).waitFor();
    await page.getByText('not in the source, also when asked for by its id').first().waitFor();
    expect(
      await page
        .getByRole('main')
        .getByText(/document/i)
        .count(),
    ).toBe(0);
    expect(await violations(page)).toEqual([]);
    await page.getByRole('link', { name: `Open the patient: ${patients[0]}` }).click();
    await page.waitForURL('**/appointments/patients/*');
    await page.getByRole('heading', { level: 2, name: 'Merged ids' }).waitFor();

    await go(`/held/${await setOf('individual_appointments')}`);
    const details = page.getByRole('button', { name: /^Details: / });
    await details.first().click();
    await page
      .getByRole('definition')
      .filter({ hasText: /\d\d:\d\d/ })
      .last()
      .waitFor();
    await page.getByRole('link', { name: 'Open the patient' }).first().waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Reject: keep them' }).click();
    const dialog = page.getByRole('dialog', { name: /^Keep \d records\?$/ });
    await dialog.getByRole('button', { name: 'Reject: keep them' }).click();
    await page.getByText('rejected, kept').waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  test('who may not read records is offered no more than to decide', async () => {
    const answer = await fetch(`${server.url}/api/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'decides', scopes: ['sync:read', 'held:decide'] }),
    });
    const { secret } = (await answer.json()) as { secret: string };
    const { page, go, close } = await visit({ browser, server }, { key: secret });
    await go(`/held/${await setOf('patients')}`);
    await page.getByRole('cell', { name: patients[0]!, exact: true }).waitFor();
    expect(await page.getByRole('link', { name: /^Open the patient/ }).count()).toBe(0);
    expect(await page.getByRole('button', { name: /^Details: / }).count()).toBe(0);
    await close();
  });
});

describe('of IDEXX Neo', () => {
  let setup: IdexxSetup;
  let server: RunningServer;

  beforeAll(async () => {
    setup = await setUpIdexx({ settings: { daysAhead: 10 }, sections });
    await setup.run();
    const { from, to } = setup.window;
    const shown = expectedAppointments(setup.clinic, daysBetween(from, to), setup.portal.variant);
    const gone = shown.filter(({ externalId }) =>
      setup.clinic.events.some((event) => event.kind === 'appointment' && event.id === externalId),
    );
    for (const { externalId } of gone.slice(0, 5)) {
      setup.clinic.events.splice(
        setup.clinic.events.findIndex((event) => event.id === externalId),
        1,
      );
    }
    await setup.run();
    server = await serve({
      config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
      database: { url: setup.databaseUrl, urlOf: () => null, close: async () => undefined },
    });
  });
  afterAll(async () => {
    await server?.stop();
    await setup?.close();
  });

  test.each([1280, 360])('at %d pixels they are entries of the book, and each says what it is', async (width) => {
    const { page, go, complaints, close } = await visit({ browser, server }, { key: server.adminKey, width });
    await go('/held');
    await page.getByRole('link', { name: /^Inspect and decide: 5 entries to remove/ }).click();
    await page.getByRole('heading', { name: 'Entries', exact: true }).waitFor();
    await page
      .getByRole('button', { name: /^Details: / })
      .first()
      .click();
    await page
      .getByRole('definition')
      .filter({ hasText: /\d\d:\d\d/ })
      .first()
      .waitFor();
    await page.getByRole('term').filter({ hasText: 'Client' }).waitFor();
    expect(await sidewaysScroll(page)).toBe(0);
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  });
});
