/** The book of a clinic at a sample portal, copied through the connector, the real browser and the real engine on PostgreSQL. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { live } from '../../simulators/idexx/life.ts';
import { addDays } from '../../simulators/idexx/wall.ts';
import { newEvent } from '../../simulators/idexx/world.ts';
import { createRandom } from '../../simulators/vsrx/random.ts';
import { applyHeld } from '../../src/runs/sync-service.ts';
import { type IdexxSetup, ORGANIZATION, setUpIdexx } from '../support/idexx-setup.ts';

const HOUR = 3600_000;

describe('a clinic', () => {
  let setup: IdexxSetup;
  let now = Date.parse('2026-01-20T18:00:00Z');
  beforeAll(async () => {
    setup = await setUpIdexx({ now: () => now });
  });
  afterAll(() => setup?.close());

  test('is copied for fourteen days; a second run finds nothing to do and does not log in', async () => {
    // Long enough to overlap: a third call at one time would be cut, and asked again.
    setup.portal.latency.callMs = 30;
    const first = await setup.run();
    setup.portal.latency.callMs = 0;
    expect(first).toMatchObject({ state: 'completed', outcome: 'success', error: null });
    // The page after the login may ask for its own day before it is closed.
    const calls = setup.calls({ ours: true });
    expect(new Set(calls).size).toBe(14);
    expect(calls).toHaveLength(14);
    await setup.expectBook();
    const again = await setup.run();
    expect(again).toMatchObject({ outcome: 'success', counts: { added: 0, updated: 0, moved: 0, removed: 0 } });
    expect(again.counts.same).toBe(first.counts.added);
    expect(setup.portal.logins).toBe(1);
  });

  test('is followed through what people do in a day, moves across dates and removals among it', async () => {
    const random = createRandom(7);
    for (let round = 0; round < 4; round++) {
      now += 6 * HOUR;
      live(setup.clinic, random, now);
      expect(await setup.run()).toMatchObject({ state: 'completed', outcome: 'success' });
      await setup.expectBook();
    }
    const [{ removed }] = (await setup.query<{ removed: number }>(
      'SELECT count(*)::int AS removed FROM schedule_appointments WHERE deleted_at IS NOT NULL',
    )) as [{ removed: number }];
    expect(removed).toBeGreaterThan(0);
  });

  test('an appointment that goes to another date is one move', async () => {
    const tomorrow = addDays(setup.window.from, 1);
    const event = setup.clinic.events.find((e) => e.kind === 'appointment' && e.start.startsWith(tomorrow) && e.end)!;
    event.start = event.start.replace(tomorrow, addDays(tomorrow, 1));
    event.end = event.end!.replace(tomorrow, addDays(tomorrow, 1));
    expect((await setup.run()).counts).toMatchObject({ added: 0, moved: 1, removed: 0 });
    await setup.expectBook();
  });

  test.each([
    { calendarShape: 'compact', calendarWrapper: 'events', calendarTimes: 'dotted' },
    { calendarShape: 'compact', calendarWrapper: 'data', calendarTimes: null, sharedBlockIds: true },
    { calendarShape: 'detailed', calendarWrapper: 'results', calendarTimes: 'iso', language: 'de' },
    { calendarShape: 'detailed', calendarWrapper: 'appointments', cancelled: 'vanish', rangeRule: 'starts' },
  ] as const)('answers in the form of %j are understood', async (variant) => {
    const usual = { ...setup.portal.variant };
    Object.assign(setup.portal.variant, variant);
    const result = await setup.run();
    // Where cancelled ones or shared ids vanish, that may be more than the guard lets pass.
    if (result.counts.held > 0) await approveHeld(setup);
    await setup.expectBook();
    Object.assign(setup.portal.variant, usual);
  });

  test('unknown states keep their places and are told', async () => {
    setup.portal.variant.language = 'de';
    await setup.run();
    const [row] = await setup.query<{ config: { unknownStates: Record<string, number> } }>(
      'SELECT idexx_config_snapshot AS config FROM clinic_schedule_config',
    );
    expect(row?.config.unknownStates['Nicht eingetroffen']).toBeGreaterThan(0);
    setup.portal.variant.language = 'en';
  });
});

describe('what began before today', () => {
  let setup: IdexxSetup;
  let now = Date.parse('2026-01-20T18:00:00Z');
  beforeAll(async () => {
    setup = await setUpIdexx({ now: () => now, clinic: { oddities: false } });
  });
  afterAll(() => setup?.close());
  afterEach(() => {
    setup.portal.variant.rangeRule = 'overlaps';
  });

  /** Somebody is away from tomorrow on; it is the day after tomorrow. */
  async function away() {
    const from = addDays(setup.window.from, 1);
    const { rooms } = setup.clinic;
    const block = newEvent(setup.clinic, {
      kind: 'block',
      start: `${from} 09:00:00`,
      end: `${addDays(from, 4)} 17:00:00`,
      roomId: rooms[0]!.id,
    });
    expect(await setup.run()).toMatchObject({ outcome: 'success' });
    await setup.expectBook();
    now += 48 * HOUR;
    expect(await setup.run()).toMatchObject({ outcome: 'success' });
    await setup.expectBook();
    return block;
  }
  const remove = (id: string) => {
    setup.clinic.events = setup.clinic.events.filter((event) => event.id !== id);
  };

  test('gives its places back when it is taken out of the calendar', async () => {
    const { id } = await away();
    remove(id);
    expect((await setup.run()).counts.removed).toBe(1);
    await setup.expectBook();
  });

  test('keeps them where a calendar shows an entry only on the date of its beginning, until the portal has it no more', async () => {
    setup.portal.variant.rangeRule = 'starts';
    const { id } = await away();
    expect((await setup.run()).counts.removed).toBe(0);
    await setup.expectBook();
    remove(id);
    expect((await setup.run()).counts.removed).toBe(1);
    await setup.expectBook();
  });
});

test('hours that the portal says twice, or in parts that overlap, are one opening', async () => {
  const setup = await setUpIdexx({ now: () => Date.parse('2026-01-20T18:00:00Z'), clinic: { oddities: false } });
  try {
    const [hours] = setup.clinic.hours;
    await setup.run();
    setup.clinic.hours.push({ ...hours! }, { ...hours!, start: '08:07' });
    expect(await setup.run()).toMatchObject({ state: 'completed', outcome: 'success' });
    setup.clinic.hours.splice(-2);
    await setup.expectBook();
  } finally {
    await setup.close();
  }
});

test.each([
  ['2026-03-05T18:00:00Z', 'forward'],
  ['2026-10-29T18:00:00Z', 'back'],
])('days on which the clock changes, from %s on (%s), have the right slots and counts', async (from) => {
  const setup = await setUpIdexx({ now: () => Date.parse(from) });
  try {
    expect(await setup.run()).toMatchObject({ outcome: 'success' });
    await setup.expectBook();
  } finally {
    await setup.close();
  }
});

describe('many removals at once', () => {
  let setup: IdexxSetup;
  beforeAll(async () => {
    setup = await setUpIdexx({
      now: () => Date.parse('2026-01-20T18:00:00Z'),
      clinic: { oddities: false },
      sections: { deletionGuard: { maxPercent: 2 } },
    });
    await setup.run();
  });
  afterAll(() => setup?.close());
  const removed = () => setup.query('SELECT 1 FROM schedule_appointments WHERE deleted_at IS NOT NULL');
  const deleteDay = (day: string) => {
    setup.clinic.events = setup.clinic.events.filter((e) => !e.start.startsWith(day));
  };

  test('wait for a person, and keep their places until then; what is rejected is not asked again', async () => {
    deleteDay('2026-01-21');
    const held = await setup.run();
    expect(held.counts.held).toBeGreaterThan(5);
    expect(await removed()).toEqual([]);
    expect((await setup.run()).counts.held).toBe(held.counts.held);
    expect(await setup.chartsync.runs.heldSets(ORGANIZATION)).toHaveLength(1);
    await decide(setup, false);
    expect(await setup.run()).toMatchObject({ outcome: 'success', counts: { held: 0, removed: 0 } });
    expect(await removed()).toEqual([]);
  });

  test('are done when a person approves, but not what the calendar shows again', async () => {
    const [back, ...gone] = setup.clinic.events.filter((e) => e.start.startsWith('2026-01-22') && e.kind !== 'roster');
    deleteDay('2026-01-22');
    expect((await setup.run()).counts.held).toBe(gone.length + 1);
    const setId = await decide(setup, true);
    setup.clinic.events.push(back!);
    const { signal } = new AbortController();
    const result = await applyHeld(setup.connection, { setId, signal });
    expect(result).toMatchObject({ state: 'completed', counts: { removed: gone.length, held: 0 } });
    const found = await setup.chartsync.runs.heldSet(ORGANIZATION, setId);
    expect(found?.set.state).toBe('applied');
    expect(found?.items.filter((item) => item.state === 'kept').map((item) => item.reference)).toHaveLength(1);
    await setup.expectBook({ from: '2026-01-22', to: '2026-01-30' });
  });
});

/** @returns the id of the set */
async function decide({ chartsync }: IdexxSetup, approve: boolean): Promise<string> {
  const [set] = (await chartsync.runs.heldSets(ORGANIZATION)).filter((s) => s.state === 'pending');
  const decision = { approve, by: 'test', note: null };
  expect(await chartsync.runs.decideHeldSet(ORGANIZATION, set!.id, decision, Date.now())).toBe(true);
  return set!.id;
}

async function approveHeld(setup: IdexxSetup): Promise<void> {
  const setId = await decide(setup, true);
  const { signal } = new AbortController();
  expect(await applyHeld(setup.connection, { setId, signal })).toMatchObject({ state: 'completed' });
}
