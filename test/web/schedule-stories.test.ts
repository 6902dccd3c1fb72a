/** The book of a veterinary clinic in a real browser: day, week, rooms, promises to callers, days on which the clocks change. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { CLINIC_ID, type IdexxSetup, ORGANIZATION, setUpIdexx } from '../support/idexx-setup.ts';
import { openBrowser, picture, scriptBytes, sidewaysScroll, until, violations, visit } from './browser.ts';

let setup: IdexxSetup;
let server: RunningServer;
let browser: Browser;
let scene: { server: RunningServer; browser: Browser };

beforeAll(async () => {
  setup = await setUpIdexx({ settings: { daysAhead: 10 } });
  await setup.run();
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  server = await serve({
    config,
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

async function ask(method: string, path: string, body?: unknown) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'x-organization-id': ORGANIZATION,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  return (await response.json()) as any;
}

function daysAfter(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10);
}

/** A day that is to come with an appointment in a room and a free place. */
async function busyDay(): Promise<{ date: string; patientName: string; slotId: string; startTime: string }> {
  const { from, to } = setup.window;
  const book = await ask('GET', `/api/v1/clinics/${CLINIC_ID}/schedule?from=${from}&to=${to}`);
  for (const appointment of book.appointments) {
    const { date, patientName, roomId, startsAt } = appointment;
    const inSlot = book.slots.some(
      (s: { startsAt: string; endsAt: string }) => s.startsAt <= startsAt && s.endsAt > startsAt,
    );
    const free = book.slots.find((s: { date: string; places: number; startsAt: string }) => {
      return s.date === date && s.places > 0 && Date.parse(s.startsAt) > Date.now() + 600_000;
    });
    if (patientName !== null && roomId !== null && inSlot && free !== undefined) return { ...free, patientName };
  }
  throw new Error('No day has both.');
}

test('a day by room, and a place that is held while somebody looks on', async () => {
  const { date, patientName, slotId, startTime } = await busyDay();
  const { page, go, complaints, close } = await visit(scene, { key: server.adminKey });
  await go('/');
  await page.getByRole('link', { name: 'Schedule' }).click();
  await page.getByText(`All times are the clinic’s, ${setup.clinic.timeZone}.`).waitFor();
  await page.getByLabel('Date').fill(date);
  await page.waitForURL(`**/schedule?*date=${date}`);
  for (const { name } of setup.clinic.rooms) await page.getByRole('columnheader', { name, exact: true }).waitFor();
  await page.getByText(patientName).first().waitFor();
  await page.getByText('fresh', { exact: true }).first().waitFor();
  await page.getByText('Nothing is promised to callers on these days.').waitFor();
  const caller = { clientName: 'Avery Sample', clientPhone: '+15555550100' };
  const held = await ask('POST', `/api/v1/clinics/${CLINIC_ID}/holds`, { slotId, caller });
  expect(held.success).toBe(true);
  // Clicks in a row count, also while the days are still being fetched.
  const later = page.getByRole('button', { name: 'Later' });
  await page.route('**/api/v1/clinics', async (route) => {
    await clicked;
    await route.continue();
  });
  const { promise: clicked, resolve } = Promise.withResolvers<void>();
  await later.click();
  await later.click();
  resolve();
  await page.waitForURL(`**/schedule?*date=${daysAfter(date, 2)}`);
  await page.unroute('**/api/v1/clinics');
  await page.getByRole('button', { name: 'Earlier' }).click();
  await page.getByRole('button', { name: 'Earlier' }).click();
  await page.waitForURL(`**/schedule?*date=${date}`);
  await page.getByText(held.booking.confirmationNumber).first().waitFor();
  const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: startTime, exact: true }) });
  expect(await row.textContent()).toContain(held.booking.confirmationNumber);
  await page.getByText('held until').waitFor();
  expect(page.url()).not.toContain(patientName);
  expect(await page.title()).toBe('Schedule – Chartsync');
  expect(await violations(page)).toEqual([]);
  await picture(page, 'schedule-day-light');

  await page.getByLabel('View').selectOption('Week');
  await page.waitForURL('**/schedule?*view=week*');
  await until(async () => (await page.getByRole('rowheader').count()) === 7);
  await page.getByText('1 hold or booking').waitFor();
  expect(await violations(page)).toEqual([]);
  await picture(page, 'schedule-week-light');
  await page.getByRole('rowheader').getByRole('link').first().click();
  await page.waitForURL('**/schedule?*view=day*');
  expect(complaints).toEqual([]);
  await close();
});

test('a booking without a place is told', async () => {
  const [{ date } = { date: '' }] = await setup.query<{ date: string }>(
    `UPDATE vapi_bookings SET has_conflict = true, hold_expires_at = now() + interval '1 hour'
     RETURNING date::text AS date`,
  );
  const { page, go, close } = await visit(scene, { key: server.adminKey });
  await go(`/schedule?date=${date}`);
  await page.getByText('has no place any more').first().waitFor();
  await close();
});

test('of days that were never read nothing is said, and those that are over promise nothing', async () => {
  const { page, go, complaints, close } = await visit(scene, { key: server.adminKey });
  const before = new Date(Date.now() - 21 * 86_400_000).toISOString().slice(0, 10);
  await go(`/schedule?view=week&date=${before}`);
  await until(
    async () => (await page.getByRole('cell', { name: 'Never read: nothing is known of this day.' }).count()) === 7,
  );
  expect(await page.getByText('The clinic offers nothing').count()).toBe(0);
  expect(await page.getByText('over', { exact: true }).count()).toBe(7);
  expect(await page.getByText('too old to promise anything').count()).toBe(0);
  await go(`/schedule?view=day&date=${before}`);
  await page.getByText('Never read: nothing is known of this day.').waitFor();
  expect(await violations(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

test('days on which the clocks change say so', async () => {
  const { page, go, close } = await visit(scene, { key: server.adminKey });
  await go('/schedule?date=2026-03-08');
  await page.getByText('it has 23 hours').waitFor();
  await page.getByText('never read', { exact: true }).waitFor();
  await page.getByText('Never read: nothing is known of this day.').waitFor();
  await go('/schedule?date=2026-11-01');
  await page.getByText('it has 25 hours').waitFor();
  await close();
});

test.each([
  [360, false],
  [1280, true],
])('at %d pixels (dark: %s) no rule is broken and nothing moves sideways', async (width, dark) => {
  const { date } = await busyDay();
  const { page, go, complaints, close } = await visit(scene, { key: server.adminKey, width, dark });
  for (const view of ['day', 'week']) {
    await go(`/schedule?view=${view}&date=${date}`);
    await page.getByRole('table').waitFor();
    expect(await sidewaysScroll(page), view).toBe(0);
    expect(await violations(page), view).toEqual([]);
  }
  expect(complaints).toEqual([]);
  await close();
});

test('the page is small, and who may not read records is told so', async () => {
  expect(await scriptBytes(scene, '/schedule')).toBeLessThan(120_000);
  const { secret } = await ask('POST', '/api/v1/keys', { name: 'viewer', role: 'viewer' });
  const { page, go, close } = await visit(scene, { key: secret });
  await go('/schedule');
  await page.getByText('This needs the scope "records:read".').waitFor();
  await close();
});
