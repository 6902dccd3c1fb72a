/** A plan changes nothing, and is executed exactly as written or not at all. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type MemoryPractice, memoryPractice, OTHER_UNIT } from '../../../test/support/memory-practice.ts';
import type { SpooledLines } from '../../ports/change-spool.ts';
import type { ChangeLine } from './change-line.ts';
import { applyPlan, planFiles, readPlan } from './plan-files.ts';

let practice: MemoryPractice;

beforeEach(() => {
  practice = memoryPractice();
});

interface Planned {
  readonly lines: string[];
  readonly changes: ChangeLine[];
  readonly summary: Awaited<ReturnType<typeof planFiles>>;
}

async function plan(request: { mode?: 'quick' | 'checksum'; unit?: string } = {}): Promise<Planned> {
  const lines: string[] = [];
  const changes: ChangeLine[] = [];
  const summary = await planFiles(
    practice.ports,
    practice.settings,
    { mode: 'quick', signal: new AbortController().signal, ...request },
    (line) => {
      lines.push(line);
    },
    (change) => changes.push(change),
  );
  return { lines, changes, summary };
}

function spooled(lines: readonly string[]): SpooledLines {
  return {
    async *lines() {
      yield* lines;
    },
    discard: async () => undefined,
  };
}

const apply = (lines: readonly string[]) => applyPlan(practice.ports, practice.settings, spooled(lines));

test('tells what a run would do, and changes nothing', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  practice.file('c', 'three');
  await practice.sync();
  practice.model.files.delete('a');
  await practice.sync();
  practice.model.files.delete('b');
  practice.file('c', 'three', { fingerprint: 'v2' });
  practice.file('d', 'four');
  const before = await practice.documents();
  const { changes, summary } = await plan();
  expect(changes.map((change) => change.kind)).toEqual(['absent', 'absent', 'update', 'add']);
  expect(summary).toMatchObject({
    removals: 1,
    firstMissed: 1,
    header: { chartsyncPlan: 1, organizationId: 'org', connectionId: 'vsrx', mode: 'quick', unit: null },
    footer: { end: true, orphans: [], changes: { add: 1, update: 1, inspect: 0, absent: 2 } },
  });
  expect(await practice.documents()).toEqual(before);
  expect(practice.world.runs.size).toBe(2);
});

test('executed, it does exactly that, whatever the source has become', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  await practice.sync();
  practice.file('c', 'three');
  const { lines } = await plan();
  practice.file('d', 'four');
  const result = await apply(lines);
  expect(result).toMatchObject({ state: 'completed', outcome: 'success', counts: { added: 1, same: 2 } });
  expect(await practice.references()).toEqual(['a', 'b', 'c']);
  expect(await practice.ports.runs.run('org', result.runId)).toMatchObject({
    mode: 'plan',
    trigger: 'manual',
    unit: null,
  });
});

test('a removal of a plan is looked up again at the moment of acting', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  await practice.sync();
  practice.model.files.delete('a');
  await practice.sync();
  const { lines } = await plan();
  practice.file('a', 'one');
  expect((await apply(lines)).counts).toMatchObject({ removed: 0 });
  practice.model.files.delete('a');
  expect((await apply((await plan()).lines)).counts).toMatchObject({ removed: 1 });
});

test('an incomplete read counts no removals, and executing its plan removes none', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  await practice.sync();
  practice.model.files.delete('a');
  await practice.sync();
  practice.model.fault = { countOff: 1 };
  const { lines, summary } = await plan();
  expect(summary).toMatchObject({ removals: 0, firstMissed: 0 });
  practice.model.fault = {};
  expect(await apply(lines)).toMatchObject({ state: 'failed', error: { code: 'source_incomplete' } });
  expect(await practice.references()).toEqual(['a', 'b']);
});

test('a vanished patient is named, and kept', async () => {
  practice.file('a', 'one', { unit: OTHER_UNIT });
  practice.file('b', 'two');
  await practice.sync();
  practice.model.files.delete('a');
  practice.model.patients.delete(OTHER_UNIT);
  await practice.sync();
  const { lines, summary } = await plan();
  expect(summary).toMatchObject({ removals: 0, firstMissed: 0, footer: { orphans: [OTHER_UNIT] } });
  expect((await apply(lines)).counts).toMatchObject({ removed: 0, failed: 1 });
});

test('of one patient is about that patient', async () => {
  practice.file('a', 'one', { unit: OTHER_UNIT });
  practice.file('b', 'two');
  const { lines, summary } = await plan({ unit: OTHER_UNIT });
  expect(summary.header.unit).toBe(OTHER_UNIT);
  await apply(lines);
  expect(await practice.references()).toEqual(['a']);
  expect(await practice.ports.runs.lastCompleteRead(practice.settings)).toBeNull();
});

test('for a checksum run it stores again what was lost', async () => {
  practice.file('a', 'one');
  await practice.sync();
  practice.blobs.clear();
  await apply((await plan()).lines);
  expect(practice.blobs.size).toBe(0);
  await apply((await plan({ mode: 'checksum' })).lines);
  expect(practice.blobs.size).toBe(1);
});

describe('is refused', () => {
  let lines: string[];
  beforeEach(async () => {
    practice.file('a', 'one');
    practice.file('b', 'two');
    ({ lines } = await plan());
  });

  test.each<[string, (lines: string[]) => string[]]>([
    ['empty', () => []],
    ['cut', (all) => all.slice(0, -1)],
    ['without its header', (all) => all.slice(1)],
    ['without a line', (all) => [all[0]!, ...all.slice(2)]],
    ['with another order', (all) => [all[0]!, all[2]!, all[1]!, all[3]!]],
    ['edited', (all) => all.map((line) => line.replace('"a.pdf"', '"b.pdf"'))],
    ['of another version', (all) => all.map((line) => line.replace('"chartsyncPlan":1', '"chartsyncPlan":2'))],
    ['no JSON', (all) => [...all.slice(0, -1), 'end']],
  ])('when it is %s', async (_, damage) => {
    await expect(apply(damage(lines))).rejects.toMatchObject({ code: 'plan_stale' });
    expect(practice.world.runs.size).toBe(0);
    expect(await practice.references()).toEqual([]);
  });

  test('for another connection or organisation', async () => {
    for (const other of [{ connectionId: 'other' }, { organizationId: 'other' }]) {
      const settings = { ...practice.settings, ...other };
      await expect(applyPlan(practice.ports, settings, spooled(lines))).rejects.toMatchObject({ code: 'plan_stale' });
    }
  });

  test('after another run, and when it was executed already', async () => {
    await apply(lines);
    await expect(apply(lines)).rejects.toMatchObject({ code: 'plan_stale' });
  });
});

test('its ends can be read without executing it', async () => {
  practice.file('a', 'one');
  const { lines, summary } = await plan();
  expect(await readPlan(spooled(lines))).toEqual({ header: summary.header, footer: summary.footer });
});
