/** A portal that answers badly: dates fail, nothing is removed, and the book says how old it is. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Faults, noFaults } from '../../simulators/idexx/faults.ts';
import { addDays } from '../../simulators/idexx/wall.ts';
import { CLINIC_ID, type IdexxSetup, ORGANIZATION, setUpIdexx } from '../support/idexx-setup.ts';

const NOW = Date.parse('2026-01-20T18:00:00Z');
let setup: IdexxSetup;
let rows: unknown;

beforeAll(async () => {
  setup = await setUpIdexx({ now: () => NOW });
  expect(await setup.run()).toMatchObject({ outcome: 'success' });
  rows = await bookRows();
});
afterEach(() => {
  Object.assign(setup.portal.faults, noFaults());
});
afterAll(() => setup?.close());

const bookRows = () =>
  setup.query(`SELECT neo_appointment_id, date, starts_at, status, deleted_at, room_id FROM schedule_appointments
               ORDER BY neo_appointment_id`);
const freshness = () =>
  setup.chartsync.book.freshness({ organizationId: ORGANIZATION, clinicId: CLINIC_ID }, setup.window);
const day = (n: number) => addDays(setup.window.from, n);

describe.each<[string, () => Partial<Faults>, string]>([
  ['an empty list with status 200', () => ({ emptyCalendar: true }), 'source_contract_changed'],
  ['HTML with status 200', () => ({ html: true, paths: ['/appointments/getCalendarEventData'] }), 'source_failed'],
  ['half of the JSON', () => ({ halfJson: true, paths: ['/appointments/getCalendarEventData'] }), 'source_failed'],
  ['times that are none', () => ({ wrongTimes: 'invalid' }), 'source_contract_changed'],
  ['ends before beginnings', () => ({ wrongTimes: 'reversed' }), 'source_contract_changed'],
  ['ids that come twice', () => ({ repeatIds: true }), 'source_contract_changed'],
  ['dates outside of the window', () => ({ outsideWindow: true }), 'source_contract_changed'],
  ['fields with other names', () => ({ changedShape: 'fields' }), 'source_contract_changed'],
  ['a list under another name', () => ({ changedShape: 'wrapper' }), 'source_contract_changed'],
  ['a portal that is down', () => ({ down: 'reset' }), 'source_unreachable'],
  ['a page of maintenance', () => ({ down: 'maintenance' }), 'source_failed'],
])('%s', (_name, faults, code) => {
  test('fails, and removes nothing', async () => {
    Object.assign(setup.portal.faults, faults());
    const result = await setup.run();
    expect(result).toMatchObject({ state: 'failed', error: { code }, counts: { removed: 0 } });
    expect(await bookRows()).toEqual(rows);
  });
});

test('one empty date is not believed while the portal knows its appointments', async () => {
  setup.portal.faults.emptyDates = [day(3)];
  expect(await setup.run()).toMatchObject({ outcome: 'partial', counts: { removed: 0, failed: 1 } });
  expect(await bookRows()).toEqual(rows);
  const days = await freshness();
  expect(days.filter((d) => d.failedAt !== null)).toMatchObject([
    { date: day(3), failedCode: 'source_contract_changed' },
  ]);
});

test('nor is a date that suddenly has rosters and blocks alone', async () => {
  setup.portal.faults.visitlessDates = [day(3)];
  expect(await setup.run()).toMatchObject({ outcome: 'partial', counts: { removed: 0, failed: 1 } });
  expect(await bookRows()).toEqual(rows);
});

test('a calendar that shows nothing but the staff is no empty book, not even at first', async () => {
  const other = await setUpIdexx({ now: () => NOW, clinic: { oddities: false } });
  try {
    const { events } = other.clinic;
    other.clinic.events = events.filter((event) => event.kind === 'roster');
    expect(other.clinic.events.length).toBeGreaterThan(0);
    expect(await other.run()).toMatchObject({ state: 'failed', error: { code: 'source_contract_changed' } });
    other.clinic.events = events;
    await other.run();
    await other.expectBook();
  } finally {
    await other.close();
  }
});

test('a date that fails once is read by the next try; one that stays keeps its book and comes first next time', async () => {
  setup.portal.faults.failDates = { [day(2)]: 1, [day(5)]: 99 };
  expect(await setup.run()).toMatchObject({ outcome: 'partial', counts: { failed: 1, removed: 0 } });
  expect(await bookRows()).toEqual(rows);
  const failed = (await freshness()).filter((d) => d.failedAt !== null);
  expect(failed).toMatchObject([{ date: day(5), failedCode: 'source_failed' }]);
  expect(failed[0]?.readAt).not.toBeNull();
  const open = await setup.chartsync.runs.openFailures({ organizationId: ORGANIZATION, connectionId: 'front-desk' });
  expect(open.map((f) => f.reference)).toEqual([day(5)]);
  setup.portal.faults.failDates = {};
  setup.calls();
  expect(await setup.run()).toMatchObject({ outcome: 'success' });
  // Two at once: their order is open.
  expect(setup.calls().slice(0, 2)).toContain(day(5));
  await setup.expectBook();
  expect(await setup.chartsync.runs.openFailures({ organizationId: ORGANIZATION, connectionId: 'front-desk' })).toEqual(
    [],
  );
});

test('a portal that goes down midway leaves the rest as it was, and is soon not asked any more', async () => {
  setup.calls();
  setup.portal.faults.downAfter = 5;
  expect(await setup.run()).toMatchObject({ outcome: 'partial', counts: { removed: 0 } });
  expect(await bookRows()).toEqual(rows);
  expect(setup.calls().length).toBeLessThan(25);
});
