/** Copied patients and appointments in a real browser: lists of any length, filters, nothing personal in addresses. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type ClinikoSetup, setUpCliniko } from '../support/cliniko-setup.ts';
import { openBrowser, picture, scriptBytes, sidewaysScroll, until, violations, visit } from './browser.ts';

const MANY = 100_000;
const FRAMES = 120;

let setup: ClinikoSetup;
let server: RunningServer;
let browser: Browser;
let scene: { server: RunningServer; browser: Browser };

beforeAll(async () => {
  setup = await setUpCliniko();
  await setup.run('comprehensive');
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

test('appointments are filtered, with the names of their patients', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: server.adminKey });
  const addresses: string[] = [];
  page.on('request', (request) => addresses.push(decodeURIComponent(request.url())));
  await go('/');
  await page.getByRole('link', { name: 'Appointments' }).click();
  const table = page.getByRole('table', { name: 'Appointments' });
  await table.getByRole('row').nth(1).waitFor();
  await picture(page, 'appointments-light');
  const [known] = await setup.query<{ name: string; at: Date; day: string }>(
    `SELECT p.name, a.appointment_date AS at, to_char(a.appointment_date AT TIME ZONE 'Australia/Sydney', 'YYYY-MM-DD') AS day
     FROM appointments AS a JOIN patients AS p ON p.id = a.patient_id
     WHERE a.status = 'cancelled' AND a.kind = 'individual' AND a.deleted_at IS NULL AND p.name IS NOT NULL LIMIT 1`,
  );
  await page.getByLabel('From').fill(known!.day);
  await page.getByLabel('To', { exact: true }).fill(known!.day);
  await page.getByLabel('State').selectOption('cancelled');
  await page.getByRole('button', { name: 'Show' }).click();
  await table.getByRole('cell', { name: known!.name }).first().waitFor();
  const states = await table.getByRole('cell', { name: /^(booked|arrived|did not come|archived|deleted)$/ }).count();
  expect(states).toBe(0);
  const [count] = await setup.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM appointments WHERE status = 'cancelled' AND deleted_at IS NULL
       AND (appointment_date AT TIME ZONE 'Australia/Sydney')::date = $1::date`,
    [known!.day],
  );
  await page.getByText(`${count!.n} shown, that is all`).waitFor();
  expect(await violations(page)).toEqual([]);

  await page.getByRole('link', { name: 'Patients', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Patients' }).waitFor();
  await page.getByLabel('Name begins with').fill(known!.name);
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('table', { name: 'Patients' }).getByRole('cell', { name: known!.name }).first().waitFor();
  expect(await violations(page)).toEqual([]);
  await picture(page, 'clinic-patients-light');
  expect(addresses.length).toBeGreaterThan(5);
  expect(addresses.filter((address) => address.includes(known!.name.split(' ')[0]!))).toEqual([]);
  expect(await page.title()).toBe('Patients – Chartsync');
  expect(complaints).toEqual([]);
  await close();
});

test.each([
  [360, false],
  [1280, true],
])('at %d pixels (dark: %s) no rule is broken and nothing moves sideways', async (width, dark) => {
  const { page, go, complaints, close } = await visit(scene, { key: server.adminKey, width, dark });
  for (const path of ['/appointments', '/appointments/patients']) {
    await go(path);
    await page.getByRole('table').waitFor();
    expect(await sidewaysScroll(page), path).toBe(0);
    expect(await violations(page), path).toEqual([]);
  }
  expect(complaints).toEqual([]);
  await close();
});

test('the pages are small', async () => {
  for (const path of ['/appointments', '/appointments/patients']) {
    expect(await scriptBytes(scene, path), path).toBeLessThan(120_000);
  }
});

test('a hundred thousand rows are scrolled with a few in the page, one page of the list after the other', async () => {
  await setup.query(
    `INSERT INTO appointments (id, organization_id, connection_id, cliniko_appointment_id, kind, appointment_date, status, type,
                               last_synced_at, fingerprint)
     SELECT gen_random_uuid(), 'org_test', 'cliniko', 'many-' || n, 'individual', date_trunc('minute', now()) + interval '400 days' + n * interval '1 minute',
            'booked', 'Number ' || n, now(), 'many' FROM generate_series(1, ${MANY}) AS n`,
  );
  const { page, go, complaints, close } = await visit(scene, { key: server.adminKey });
  await go('/appointments');
  const start = new Date(Date.now() + 399 * 86_400_000).toISOString().slice(0, 10);
  await page.getByLabel('From').fill(start);
  await page.getByRole('button', { name: 'Show' }).click();
  const scroller = page.getByRole('group', { name: /Appointments: scroll for more/ });
  await page.getByText('Number 1', { exact: true }).waitFor();
  const shown = async () =>
    Number(
      /^([\d,]+) shown/.exec((await page.getByText(/^[\d,]+ shown/).textContent()) ?? '')?.[1]?.replaceAll(',', ''),
    );
  const toEnd = 'const s = document.querySelector("[role=group][aria-label*=scroll]"); s.scrollTop = s.scrollHeight;';
  for (let seen = await shown(); seen < 20_000; ) {
    await page.evaluate(`(() => { ${toEnd} })()`);
    await until(async () => (await shown()) > seen);
    seen = await shown();
    expect(await page.getByRole('row').count()).toBeLessThan(60);
  }
  // Back to the beginning, and forward again: what is there needs nobody to be asked.
  await scroller.evaluate((element) => element.scrollTo(0, 0));
  await page.getByText('Number 1', { exact: true }).waitFor();
  // What a frame of a long way down costs of the processor's time, in scripts, styles and layout: whatever else the machine does.
  const debug = await page.context().newCDPSession(page);
  await debug.send('Performance.enable', { timeDomain: 'threadTicks' });
  const cost = async () => {
    const { metrics } = await debug.send('Performance.getMetrics');
    const parts = ['ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'];
    return metrics.reduce((sum, { name, value }) => sum + (parts.includes(name) ? value * 1000 : 0), 0);
  };
  const before = await cost();
  await page.evaluate(`new Promise((resolve) => {
    const s = document.querySelector('[role=group][aria-label*=scroll]');
    let left = ${FRAMES};
    const step = () => {
      s.scrollTop += 400;
      if (--left > 0) requestAnimationFrame(step);
      else resolve();
    };
    requestAnimationFrame(step);
  })`);
  const perFrame = ((await cost()) - before) / FRAMES;
  expect(perFrame).toBeLessThan(1000 / 60);
  expect(complaints).toEqual([]);
  await close();
});
