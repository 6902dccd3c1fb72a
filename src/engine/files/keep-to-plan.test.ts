/** A run that was started with a plan does nothing that the plan did not show. */
import { beforeEach, expect, test } from 'vitest';
import { type MemoryPractice, memoryPractice, OTHER_UNIT, UNIT } from '../../../test/support/memory-practice.ts';
import {
  createPlannedItems,
  type PlannedItem,
  type PlannedItems,
  readPlannedItems,
} from '../../domain/planned-items.ts';
import { deedOf } from './judged-lines.ts';
import { planFiles } from './plan-files.ts';

let practice: MemoryPractice;

beforeEach(() => {
  practice = memoryPractice();
});

async function plan(more: readonly PlannedItem[] = []): Promise<PlannedItems> {
  const items = createPlannedItems();
  for (const item of more) items.add(item);
  const { ports, settings } = practice;
  const request = { mode: 'quick', signal: new AbortController().signal } as const;
  await planFiles(
    ports,
    settings,
    request,
    () => undefined,
    (change, fate) => {
      const deed = deedOf(change, fate);
      if (deed !== null) items.add(deed);
    },
  );
  return readPlannedItems(items.bytes());
}
const runWith = (planned: PlannedItems) => practice.sync('quick', { keepTo: async () => planned });

test('what was shown is done', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  await practice.sync();
  practice.file('b', 'other', { fingerprint: 'v2' });
  practice.file('c', 'three');
  expect(await runWith(await plan())).toMatchObject({ state: 'completed', counts: { added: 1, updated: 1, same: 1 } });
  expect(await practice.references()).toEqual(['a', 'b', 'c']);
});

test('a file that came since stops the run before it has done anything', async () => {
  practice.file('a', 'one');
  const planned = await plan();
  practice.file('b', 'two');
  const result = await runWith(planned);
  expect(result).toMatchObject({ state: 'cancelled', error: { code: 'plan_differs' }, counts: { added: 0 } });
  expect(result.error?.message).toContain('Not in the plan: 1 to add.');
  expect(await practice.documents()).toEqual([]);
  // With a plan of now it is done.
  expect(await runWith(await plan())).toMatchObject({ state: 'completed', counts: { added: 2 } });
});

test('what the plan showed as missing for the first time is not removed by its run', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  await practice.sync();
  practice.model.files.delete('a');
  const planned = await plan();
  // Another run missed it meanwhile: by now it would go.
  await practice.sync();
  const result = await runWith(planned);
  expect(result).toMatchObject({ state: 'cancelled', error: { code: 'plan_differs' }, counts: { removed: 0 } });
  expect(result.error?.message).toContain('Not in the plan: 1 to delete.');
  expect(await practice.references()).toEqual(['a', 'b']);
  expect(await runWith(await plan())).toMatchObject({ state: 'completed', counts: { removed: 1 } });
});

test('what another run has done meanwhile need only be looked at, also by a run that reads contents', async () => {
  practice.file('a', 'one');
  await practice.sync();
  practice.file('a', 'other', { fingerprint: 'v2' });
  const planned = await plan();
  await practice.sync();
  const result = await practice.sync('deep', { keepTo: async () => planned });
  expect(result).toMatchObject({ state: 'completed', counts: { updated: 0 } });
});

test('less than was shown is fine', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  const planned = await plan();
  practice.model.files.delete('b');
  expect(await runWith(planned)).toMatchObject({ state: 'completed', counts: { added: 1 } });
  practice.file('a', 'newer', { fingerprint: 'v2' });
  // It was shown as new, and came meanwhile: to bring it up to date is not more.
  expect(await runWith(planned)).toMatchObject({ state: 'completed', counts: { updated: 1 } });
});

test('deletions that the plan showed as waiting for a person wait', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  await practice.sync();
  practice.model.files.delete('a');
  await practice.sync();
  const planned = await plan([{ what: 'hold', unit: '', reference: '' }]);
  expect(await runWith(planned)).toMatchObject({ state: 'completed', counts: { held: 1, removed: 0 } });
  expect(await practice.references()).toEqual(['a', 'b']);
});

test('a file that is another patient’s now is shown as going from the first one', async () => {
  practice.file('a', 'one');
  practice.file('b', 'two');
  await practice.sync();
  practice.file('a', 'one', { unit: OTHER_UNIT });
  const planned = await plan();
  expect(planned.has({ what: 'remove', unit: UNIT, reference: 'a' })).toBe(true);
  expect(planned.has({ what: 'add', unit: OTHER_UNIT, reference: 'a' })).toBe(true);
  expect(await runWith(planned)).toMatchObject({ state: 'completed', counts: { removed: 1 } });
  const units = (await practice.documents()).map(({ unit, reference }) => [unit, reference]);
  expect(units.sort()).toEqual(
    [
      [UNIT, 'b'],
      [OTHER_UNIT, 'a'],
    ].sort(),
  );
});
