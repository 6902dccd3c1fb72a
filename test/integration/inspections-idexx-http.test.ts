/** Inspections of a connection to IDEXX Neo over HTTP: a plan for the book, a test of the login, a comparison. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bookOn } from '../../simulators/idexx/clinic.ts';
import { noFaults } from '../../simulators/idexx/faults.ts';
import { expectedAppointments } from '../../simulators/idexx/oracle.ts';
import { addDays, daysBetween } from '../../simulators/idexx/wall.ts';
import type { CalendarEvent } from '../../simulators/idexx/world.ts';
import { createRandom } from '../../simulators/vsrx/random.ts';
import { type IdexxService, serveIdexx } from '../support/idexx-http.ts';
import { CONNECTION, type IdexxSetup, ORGANIZATION } from '../support/idexx-setup.ts';
import { createInspector, type Inspector } from '../support/inspections.ts';
import { until } from '../support/until.ts';

let service: IdexxService;
let setup: IdexxSetup;
let inspector: Inspector;

beforeAll(async () => {
  service = await serveIdexx({ settings: { daysAhead: 10 } });
  setup = service.setup;
  inspector = await createInspector(service.server, ORGANIZATION, CONNECTION);
});
afterEach(() => {
  Object.assign(setup.portal.faults, noFaults());
});
afterAll(() => service?.close());

/** Everything that is kept of the clinic's book. */
const book = () =>
  setup.query<object>(
    `SELECT (SELECT json_agg(a ORDER BY neo_appointment_id, starts_at) FROM schedule_appointments AS a) AS appointments,
            (SELECT json_agg(s ORDER BY starts_at) FROM schedule_slots AS s) AS slots`,
  );
const live = () =>
  setup.query<object>(
    `SELECT neo_appointment_id, starts_at, sync_hash FROM schedule_appointments WHERE deleted_at IS NULL ORDER BY neo_appointment_id`,
  );
const expected = () =>
  expectedAppointments(setup.clinic, daysBetween(setup.window.from, setup.window.to), setup.portal.variant);

/** On the first date from tomorrow on on which there is room: it may be closed then, or full. */
function bookSoon(seed: number): CalendarEvent {
  const random = createRandom(seed);
  for (const day of daysBetween(addDays(setup.window.from, 1), setup.window.to)) {
    const made = bookOn(setup.clinic, random, day);
    if (made !== null) return made;
  }
  throw new Error('The clinic has no room on any date of the window.');
}

test('a plan says what the first run would bring, and brings nothing', async () => {
  const plan = await inspector.inspected({ kind: 'plan' });
  expect(plan).toMatchObject({ kind: 'plan', state: 'done', complete: true, held: null, error: null });
  expect(plan.counts.add).toBe(expected().length);
  expect(plan.counts).toMatchObject({ same: 0 });
  expect(await book()).toEqual([{ appointments: null, slots: null }]);
  const run = await setup.run();
  expect(run.counts.added).toBe(plan.counts.add);
  await setup.expectBook();
  const after = await inspector.inspected({ kind: 'plan' });
  expect(after).toMatchObject({ lines: [], counts: { same: plan.counts.add } });
});

test('a comparison names what differs by date and id, tells no names, and leaves the book as it is', async () => {
  await setup.run();
  const before = await book();
  const made = bookSoon(11);
  const gone = setup.clinic.events.find(
    (event) =>
      event.kind === 'appointment' && event.id !== made.id && expected().some((e) => e.externalId === event.id),
  );
  setup.clinic.events.splice(setup.clinic.events.indexOf(gone!), 1);
  for (const kind of ['plan', 'verify']) {
    const found = await inspector.inspected({ kind });
    expect(found).toMatchObject({ kind, state: 'done', complete: true });
    const lines = found.lines.map(({ what, reference }: { what: string; reference: string }) => [what, reference]);
    expect(lines.sort()).toEqual([
      ['add', made.id],
      ['remove', gone!.id],
    ]);
    for (const { unit } of found.lines) expect(unit).toMatch(/^\d{4}-\d\d-\d\d$/);
    const names = setup.clinic.patients.map(({ name }) => name).filter((name) => name.length > 3);
    const text = JSON.stringify(found);
    expect(names.filter((name) => text.includes(name))).toEqual([]);
  }
  expect(await book()).toEqual(before);
  await setup.run();
  expect(await inspector.inspected({ kind: 'verify' })).toMatchObject({ complete: true, lines: [] });
});

test('a run that is started with a plan changes nothing in the book that the plan did not show', async () => {
  await setup.run();
  const plan = await inspector.inspected({ kind: 'plan' });
  expect(plan.lines).toEqual([]);
  const made = bookSoon(12);
  const before = await live();
  const stopped = await inspector.runAsPlanned(plan.id);
  expect(stopped).toMatchObject({ status: 'cancelled', error: { code: 'plan_differs' } });
  expect(stopped.error.message).toContain('Not in the plan: 1 to add.');
  expect(await live()).toEqual(before);
  const next = await inspector.inspected({ kind: 'plan' });
  expect(next.lines).toEqual([expect.objectContaining({ what: 'add', reference: made.id })]);
  expect(await inspector.runAsPlanned(next.id)).toMatchObject({ status: 'completed', metadata: { added: 1 } });
  await setup.expectBook();
  expect((await inspector.ask({ kind: 'plan', mode: 'consultations' })).status).toBe(400);
});

test('a date that cannot be read leaves the comparison incomplete: nothing of it is called gone', async () => {
  setup.portal.faults.failDates = { [addDays(setup.window.from, 3)]: 99 };
  const found = await inspector.inspected({ kind: 'verify' });
  expect(found).toMatchObject({ state: 'done', complete: false });
  expect(found.counts.remove).toBeUndefined();
});

test('a test of the connection says that the portal lets us in, or why it does not', async () => {
  const fine = await inspector.inspected({ kind: 'test' });
  expect(fine.lines).toEqual([
    expect.objectContaining({ what: 'source', code: null, message: expect.stringMatching(/lets us in \(\d+ ms\)/) }),
  ]);
  setup.portal.faults.down = 'reset';
  const away = await inspector.inspected({ kind: 'test' });
  expect(away).toMatchObject({ state: 'done' });
  expect(away.lines).toEqual([expect.objectContaining({ what: 'source', code: 'source_unreachable' })]);
  expect(away.lines[0].remedy).toMatch(/\w/);
  const { password } = setup.clinic.accounts[0]!;
  expect(JSON.stringify([fine, away])).not.toContain(password);
});

test('there is no index to repair and no content to read', async () => {
  expect(await inspector.inspected({ kind: 'repair' })).toMatchObject({
    state: 'failed',
    error: { code: 'settings_invalid' },
  });
  expect((await inspector.ask({ kind: 'verify', content: true })).status).toBe(400);
  expect((await inspector.ask({ kind: 'plan', mode: 'checksum' })).status).toBe(400);
});

test('one that takes long is cancelled', async () => {
  setup.portal.faults.slowMs = 3000;
  const { body } = await inspector.ask({ kind: 'verify' });
  const second = await inspector.ask({ kind: 'verify' });
  expect([second.status, second.body.details.error_type]).toEqual([409, 'inspection_running']);
  expect((await inspector.cancel(body.id)).status).toBe(200);
  await until(async () => (await inspector.look(body.id)).body.state === 'cancelled');
});
