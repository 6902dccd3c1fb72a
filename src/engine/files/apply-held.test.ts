/** A held set is applied exactly as approved, and each of its items is looked at again. */
import { beforeEach, expect, test } from 'vitest';
import { type MemoryPractice, memoryPractice, OTHER_UNIT } from '../../../test/support/memory-practice.ts';
import { applyHeldSet } from './apply-held.ts';

let practice: MemoryPractice;
let setId: string;

beforeEach(async () => {
  practice = memoryPractice();
  practice.settings = { ...practice.settings, guard: { maxCount: 1, maxPercent: 100, minCount: 1 } };
  for (const name of ['a', 'b', 'c', 'd']) practice.file(name, `content of ${name}`);
  practice.file('e', 'content of e', { unit: OTHER_UNIT });
  await practice.sync();
  for (const name of ['a', 'b', 'c']) practice.model.files.delete(name);
  await practice.sync();
  await practice.sync();
  const [set] = await practice.ports.runs.heldSets('org');
  setId = set!.id;
});

const apply = () => applyHeldSet(practice.ports, practice.settings, { setId });
const decide = (approve: boolean) =>
  practice.ports.runs.decideHeldSet('org', setId, { approve, by: 'a person', note: null }, practice.ports.clock.now());
const states = async () => {
  const found = await practice.ports.runs.heldSet('org', setId);
  return { set: found!.set.state, items: Object.fromEntries(found!.items.map((item) => [item.reference, item.state])) };
};

test('approved: exactly the set goes', async () => {
  await decide(true);
  const result = await apply();
  expect(result).toMatchObject({ state: 'completed', outcome: 'success', counts: { removed: 3 } });
  expect(await practice.references()).toEqual(['d', 'e']);
  expect(await states()).toEqual({ set: 'applied', items: { a: 'applied', b: 'applied', c: 'applied' } });
  expect(await practice.ports.runs.run('org', result.runId)).toMatchObject({ mode: 'held', percentage: 100 });
  // It says nothing about what the source holds.
  expect(await practice.ports.runs.lastCompleteRead(practice.settings)).toEqual({ itemsInSource: 2 });
});

test('what the source shows again stays', async () => {
  await decide(true);
  practice.file('b', 'content of b');
  expect((await apply()).counts).toMatchObject({ removed: 2 });
  expect(await practice.references()).toEqual(['b', 'd', 'e']);
  expect(await states()).toEqual({ set: 'applied', items: { a: 'applied', b: 'kept', c: 'applied' } });
});

test('what came back and was seen by a run stays, even when it is gone again', async () => {
  await decide(true);
  const row = practice.model.files.get('d')!;
  practice.file('b', 'content of b');
  await practice.sync();
  practice.model.files.delete('b');
  practice.model.files.set('d', row);
  expect((await apply()).counts).toMatchObject({ removed: 2 });
  expect(await practice.references()).toEqual(['b', 'd', 'e']);
});

test('what got another reference meanwhile is another item', async () => {
  await decide(true);
  practice.file('f', 'content of a');
  await practice.sync();
  expect(await practice.references()).toContain('f');
  expect((await apply()).counts).toMatchObject({ removed: 2 });
  expect(await practice.references()).toEqual(['d', 'f', 'e']);
});

test.each([false, null])('nothing goes when a person said %s', async (answer) => {
  if (answer !== null) await decide(answer);
  expect(await apply()).toMatchObject({ state: 'failed', error: { code: 'plan_stale' } });
  expect(await practice.references()).toHaveLength(5);
});

test('an unknown set, and one of another connection, are refused', async () => {
  await decide(true);
  const { ports, settings } = practice;
  expect(await applyHeldSet(ports, settings, { setId: 'held_none' })).toMatchObject({ error: { code: 'plan_stale' } });
  const runs = {
    ...ports.runs,
    heldSet: async (...args: Parameters<typeof ports.runs.heldSet>) => {
      const found = await ports.runs.heldSet(...args);
      return found && { ...found, set: { ...found.set, connectionId: 'other' } };
    },
  };
  expect(await applyHeldSet({ ...ports, runs }, settings, { setId })).toMatchObject({ error: { code: 'plan_stale' } });
  expect(await practice.references()).toHaveLength(5);
});

test('a source that does not answer: nothing goes, and the set can be applied later', async () => {
  await decide(true);
  practice.model.fault = { unreachable: true };
  expect(await apply()).toMatchObject({ state: 'failed', error: { code: 'source_unreachable' } });
  practice.model.fault = {};
  expect((await apply()).counts).toMatchObject({ removed: 3 });
});

test('approved twice: the second run finds it applied, and has nothing to do', async () => {
  await decide(true);
  expect((await apply()).counts).toMatchObject({ removed: 3 });
  const left = await practice.references();
  expect(await apply()).toMatchObject({ state: 'completed', outcome: 'success', counts: { removed: 0 } });
  expect(await practice.references()).toEqual(left);
});

test('cancelled before it begins: nothing goes', async () => {
  await decide(true);
  const signal = AbortSignal.abort();
  const result = await applyHeldSet(practice.ports, practice.settings, { setId, signal });
  expect(result).toMatchObject({ state: 'cancelled' });
  expect(await practice.references()).toHaveLength(5);
});
