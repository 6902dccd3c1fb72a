/** Appointments that go to other dates while the calendar is read, and blocked times that share one id. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { noFaults } from '../../simulators/idexx/faults.ts';
import { addDays } from '../../simulators/idexx/wall.ts';
import { type CalendarEvent, newEvent } from '../../simulators/idexx/world.ts';
import { type IdexxSetup, setUpIdexx } from '../support/idexx-setup.ts';

const HOUR = 3600_000;
const DATES = 14;

const NOW = Date.parse('2026-01-20T18:00:00Z');
let setup: IdexxSetup;
let now = NOW;
beforeAll(async () => {
  setup = await setUpIdexx({ now: () => now, clinic: { oddities: false } });
});
beforeEach(async () => {
  now = NOW;
  Object.assign(setup.portal.faults, noFaults());
  setup.portal.variant.sharedBlockIds = false;
  setup.portal.variant.rangeRule = 'overlaps';
  await setup.run();
  setup.calls();
});
afterAll(() => setup?.close());

const day = (n: number) => addDays(setup.window.from, n);
const visitOn = (date: string) =>
  setup.clinic.events.find((e) => e.kind === 'appointment' && e.start.startsWith(date) && e.end !== null)!;
const remove = (event: CalendarEvent) => setup.clinic.events.splice(setup.clinic.events.indexOf(event), 1);
/** How often each date was asked for. */
const times = () => {
  const calls = setup.calls();
  return Array.from({ length: DATES }, (_, n) => calls.filter((date) => date === day(n)).length);
};

describe('an appointment that goes to another date while the dates are read', () => {
  test('to one that was read before: it is found there in the same run', async () => {
    const { id } = visitOn(day(9));
    setup.portal.faults.moves = [{ after: day(1), id, to: day(1) }];
    expect(await setup.run()).toMatchObject({ outcome: 'success', counts: { added: 0, moved: 1, removed: 0 } });
    await setup.expectBook();
    const asked = times();
    expect(asked[1]).toBe(2);
    // What was asked for after the appointment had left needs no second look. Two calls are under way at one time.
    expect(asked.slice(13)).toEqual([1]);
    expect(Math.max(...asked)).toBe(2);
  });

  test('to one that is read later: it is on both, and counts once, where it is now', async () => {
    const { id } = visitOn(day(1));
    setup.portal.faults.moves = [{ after: day(1), id, to: day(9) }];
    expect(await setup.run()).toMatchObject({ outcome: 'success', counts: { added: 0, moved: 1, removed: 0 } });
    await setup.expectBook();
    expect(times().reduce((sum, n) => sum + n, 0)).toBe(DATES + 1);
  });

  test('several at once, one of them found only because another one was looked for', async () => {
    const [one, other] = [visitOn(day(8)), visitOn(day(1))];
    setup.portal.faults.moves = [
      { after: day(2), id: one.id, to: day(2) },
      { after: day(1), id: other.id, to: day(10) },
      { after: day(10), id: other.id, to: day(0) },
    ];
    expect(await setup.run()).toMatchObject({ outcome: 'success', counts: { added: 0, moved: 2, removed: 0 } });
    await setup.expectBook();
    expect(times().every((n) => n <= 4)).toBe(true);
  });

  test('a blocked time that goes there is one that went and one that came', async () => {
    const block = setup.clinic.events.find((e) => e.kind === 'block' && e.start.startsWith(day(8)))!;
    setup.portal.faults.moves = [{ after: day(1), id: block.id, to: day(1) }];
    expect(await setup.run()).toMatchObject({ outcome: 'success', counts: { added: 1, removed: 1 } });
    await setup.expectBook();
    // The series has one of its own there.
    remove(block);
  });

  test('one that is really gone is removed, after no date was asked for more than twice', async () => {
    remove(visitOn(day(9)));
    expect(await setup.run()).toMatchObject({ outcome: 'success', counts: { removed: 1 } });
    await setup.expectBook();
    const asked = times();
    expect(Math.max(...asked)).toBe(2);
    expect(asked.slice(13)).toEqual([1]);
  });
});

test('an appointment that goes past the reading twice is asked for by its id, and found in the same run', async () => {
  const { id } = visitOn(day(9));
  const asked = (n: number) =>
    setup.portal.requests.slice(before).filter(({ query }) => query.includes(`start=${day(n)}`)).length;
  const before = setup.portal.requests.length;
  // In the second round, when date 0 has been read again and date 5 has not. Two dates are asked for at a time, and nobody knows which of
  // them is answered first.
  const back = (date: string) => ({
    id,
    to: day(0),
    get after() {
      return asked(3) + asked(4) > 2 && asked(5) === 1 ? date : 'later';
    },
  });
  const isBack = () => setup.clinic.events.find((event) => event.id === id)!.start.startsWith(day(0));
  setup.portal.faults.moves = [{ after: day(5), id, to: day(5) }, back(day(3)), back(day(4))];
  expect(await setup.run()).toMatchObject({ outcome: 'success', counts: { added: 0, moved: 1, removed: 0 } });
  expect(isBack()).toBe(true);
  setup.portal.faults.moves = [];
  await setup.expectBook();
  expect(asked(0)).toBe(3);
  const questions = setup.portal.requests.slice(before).filter(({ path }) => path.endsWith('/getAppointment'));
  expect(questions).toHaveLength(1);
});

test('a portal that goes down before any date is known for certain is a failed run, not one with failed dates', async () => {
  const window = { from: day(1), to: day(2) };
  for (const date of [day(1), day(2)]) remove(visitOn(date));
  // The settings and both dates are answered; each date misses one that may have gone to the other.
  setup.portal.faults.downAfter = 3;
  expect(await setup.run(window)).toMatchObject({ state: 'failed', outcome: 'failed', counts: { removed: 0 } });
  expect(times().slice(1, 3)).not.toContain(0);
  Object.assign(setup.portal.faults, noFaults());
  expect(await setup.run()).toMatchObject({ outcome: 'success', counts: { removed: 2 } });
  await setup.expectBook();
});

test('an id that two dates keep showing: both dates fail, and neither place is given away', async () => {
  const { id } = visitOn(day(3));
  const copy = { ...visitOn(day(6)), id };
  setup.clinic.events.push(copy);
  const before = await setup.query('SELECT id, date, deleted_at FROM schedule_appointments ORDER BY id');
  expect(await setup.run()).toMatchObject({ outcome: 'partial', counts: { failed: 2, removed: 0 } });
  expect(await setup.query('SELECT id, date, deleted_at FROM schedule_appointments ORDER BY id')).toEqual(before);
  const failures = await setup.query<{ date: string; code: string }>(
    'SELECT reference AS date, code FROM sync_failures ORDER BY reference',
  );
  expect(failures).toEqual([day(3), day(6)].map((date) => ({ date, code: 'source_contract_changed' })));
  remove(copy);
  expect(await setup.run()).toMatchObject({ outcome: 'success' });
  await setup.expectBook();
  expect(await setup.query('SELECT 1 FROM sync_failures')).toEqual([]);
});

describe('recurring blocked times with one id', () => {
  /** On three dates; on one of them twice, and at one time in two columns. */
  function addSeries(): CalendarEvent[] {
    const [first, second] = setup.clinic.rooms;
    const block = (date: string, from: string, to: string, roomId: string) =>
      newEvent(setup.clinic, { kind: 'block', start: `${date} ${from}:00`, end: `${date} ${to}:00`, roomId });
    const series = [
      block(day(1), '10:00', '11:00', first!.id),
      block(day(2), '10:00', '11:00', first!.id),
      block(day(2), '14:00', '15:00', first!.id),
      block(day(2), '14:00', '15:30', second!.id),
      block(day(6), '10:00', '11:00', second!.id),
    ];
    for (const event of series) event.seriesId = series[0]!.id;
    return series;
  }

  test('each takes its own place, on every date, at every time and in every column; gone ones give theirs back', async () => {
    setup.portal.variant.sharedBlockIds = true;
    await setup.run();
    const series = addSeries();
    expect((await setup.run()).counts).toMatchObject({ added: 5, removed: 0, failed: 0 });
    await setup.expectBook();
    expect((await setup.run()).counts).toMatchObject({ added: 0, updated: 0, moved: 0, removed: 0 });
    for (const event of series.splice(2, 2)) {
      remove(event);
      expect((await setup.run()).counts).toMatchObject({ added: 0, removed: 1 });
      await setup.expectBook();
    }
    for (const event of series) remove(event);
    expect((await setup.run()).counts.removed).toBe(3);
    await setup.expectBook();
  });

  test('one that began before today keeps its place while the portal tells of the first of the series only', async () => {
    setup.portal.variant.sharedBlockIds = true;
    setup.portal.variant.rangeRule = 'starts';
    const [room] = setup.clinic.rooms;
    const away = [1, 6].map((n) =>
      newEvent(setup.clinic, {
        kind: 'block',
        start: `${day(n)} 09:00:00`,
        end: `${day(n + 3)} 17:00:00`,
        roomId: room!.id,
      }),
    );
    for (const event of away) event.seriesId = away[0]!.id;
    expect(await setup.run()).toMatchObject({ outcome: 'success' });
    await setup.expectBook();
    // The second one has begun; today and tomorrow it is still going on.
    now += 7 * 24 * HOUR;
    expect((await setup.run()).counts.removed).toBe(0);
    await setup.expectBook();
    for (const event of away) remove(event);
    expect(await setup.run()).toMatchObject({ outcome: 'success' });
    await setup.expectBook();
  });

  test('that are stored under ids of an earlier version are the same ones', async () => {
    const blocks = await setup.query(`
      UPDATE schedule_appointments SET neo_appointment_id = split_part(neo_appointment_id, '/', 1)
      WHERE neo_appointment_id LIKE 'block:%' AND deleted_at IS NULL RETURNING 1`);
    expect(blocks.length).toBeGreaterThan(5);
    const folder = new URL('../../src/stores/postgres/migrations/', import.meta.url);
    await setup.query(await readFile(new URL('0024_blocks_by_column.sql', folder), 'utf8'));
    expect((await setup.run()).counts).toMatchObject({ added: 0, updated: 0, moved: 0, removed: 0 });
    await setup.expectBook();
  });
});
