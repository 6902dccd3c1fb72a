/** The part of the contract of `src/ports/run-store.ts` about removals that the guard held back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentRecords, Fence } from '../../src/ports/document-records.ts';
import type { HeldItem, RunStore } from '../../src/ports/run-store.ts';
import { EVIDENCE, PATIENT, record, removalOf, sampleWrite, storedOf } from '../support/record-samples.ts';
import type { StoresUnderTest } from '../support/stores.ts';

type Held = Omit<HeldItem, 'state'>;

function heldItem(documentUuid: string, more: Partial<Held> = {}): Held {
  return { documentUuid, unit: PATIENT, reference: `reference of ${documentUuid}`, absence: 'missing', ...more };
}

const AT = 1_700_000_000_000;
const BY = { by: 'Nadia Sample', note: null };

/** @param makeStores called once; every test uses an organisation of its own. */
export function describeHeldSets(name: string, makeStores: () => Promise<StoresUnderTest>): void {
  describe(`held sets contract: ${name}`, () => {
    let stores: StoresUnderTest;
    let runs: RunStore;
    let records: DocumentRecords;
    let organizations = 0;

    beforeAll(async () => {
      stores = await makeStores();
      ({ runs, records } = await stores.worker());
    });
    afterAll(() => stores.close());

    async function begin(organizationId = `org_${++organizations}`, connectionId = 'vsrx'): Promise<Fence> {
      await stores.putConnection({ organizationId, connectionId });
      return runs.start({ organizationId, connectionId, mode: 'quick', trigger: 'manual' });
    }

    const hold = (fence: Fence, items: readonly Held[], unit: string | null = null, at = AT) =>
      runs.holdRemovals(fence, { unit, reason: 'Too many.', evidence: EVIDENCE, items }, at);

    const stateOf = async (fence: Fence, setId: string | null) =>
      (await runs.heldSet(fence.organizationId, setId!))?.set.state;

    it('stores the set with its proof', async () => {
      const fence = await begin();
      const id = await hold(fence, [heldItem('d2', { unit: 'é' }), heldItem('d1', { absence: 'deleted', unit: 'Z' })]);
      expect(await runs.heldSet(fence.organizationId, id!)).toEqual({
        set: {
          id,
          organizationId: fence.organizationId,
          connectionId: fence.connectionId,
          runId: fence.runId,
          unit: null,
          state: 'pending',
          reason: 'Too many.',
          evidence: EVIDENCE,
          itemCount: 2,
          createdAt: new Date(AT).toISOString(),
          decidedAt: null,
          decidedBy: null,
          note: null,
        },
        // In byte order.
        items: [
          { ...heldItem('d1', { absence: 'deleted', unit: 'Z' }), state: 'held' },
          { ...heldItem('d2', { unit: 'é' }), state: 'held' },
        ],
      });
      expect((await runs.heldSets(fence.organizationId, fence.connectionId)).map((set) => set.id)).toEqual([id]);
    });

    it('leaves an equal pending set as it is', async () => {
      const fence = await begin();
      const id = await hold(fence, [heldItem('d1'), heldItem('d2')]);
      expect(await hold(fence, [heldItem('d2'), heldItem('d1')], null, AT + 1)).toBe(id);
      expect(await runs.heldSets(fence.organizationId)).toMatchObject([
        { id, state: 'pending', createdAt: new Date(AT).toISOString() },
      ]);
    });

    it.each([
      ['more items', [heldItem('d1'), heldItem('d2'), heldItem('d3')]],
      ['fewer items', [heldItem('d1')]],
      ['other items', [heldItem('d1'), heldItem('d3')]],
      ['another kind of absence', [heldItem('d1'), heldItem('d2', { absence: 'deleted' })]],
      ['another reference', [heldItem('d1'), heldItem('d2', { reference: 'moved' })]],
    ])('puts a set with %s in place of the pending one', async (_, items) => {
      const fence = await begin();
      const first = await hold(fence, [heldItem('d1'), heldItem('d2')]);
      const second = await hold(fence, items, null, AT + 1);
      expect(second).not.toBe(first);
      expect((await runs.heldSets(fence.organizationId)).map((set) => [set.id, set.state])).toEqual([
        [second, 'pending'],
        [first, 'superseded'],
      ]);
    });

    it('withdraws the pending set with an empty list', async () => {
      const fence = await begin();
      expect(await hold(fence, [])).toBeNull();
      const id = await hold(fence, [heldItem('d1')]);
      expect(await hold(fence, [])).toBeNull();
      expect(await stateOf(fence, id)).toBe('superseded');
      expect(await hold(fence, [])).toBeNull();
      expect(await runs.heldSets(fence.organizationId)).toHaveLength(1);
    });

    it('keeps sets of units, connections and organisations apart', async () => {
      const fence = await begin();
      const sibling = await begin(fence.organizationId, 'other');
      const whole = await hold(fence, [heldItem('d1')]);
      const ofUnit = await hold(fence, [heldItem('d2')], PATIENT);
      const ofOther = await hold(sibling, [heldItem('d3')]);
      await hold(fence, [], 'another unit');
      for (const id of [whole, ofUnit, ofOther]) expect(await stateOf(fence, id)).toBe('pending');
      await hold(fence, [], PATIENT);
      expect(await stateOf(fence, ofUnit)).toBe('superseded');
      expect(await stateOf(fence, whole)).toBe('pending');
      expect((await runs.heldSets(fence.organizationId, 'other')).map((set) => set.id)).toEqual([ofOther]);
      expect(await runs.heldSets(fence.organizationId)).toHaveLength(3);
      expect(await runs.heldSet('other', whole!)).toBeNull();
      expect(await runs.heldSets('other')).toEqual([]);
    });

    it('keeps one pending set when several are held at once', async () => {
      const fence = await begin();
      await Promise.all([1, 2, 3, 4].map((i) => hold(fence, [heldItem(`d${i}`)])));
      const states = (await runs.heldSets(fence.organizationId)).map((set) => set.state).sort();
      expect(states).toEqual(['pending', 'superseded', 'superseded', 'superseded']);
    });

    it.each([true, false])(
      'decides some items as a set of their own, the others wait (approve: %s)',
      async (approve) => {
        const fence = await begin();
        const { organizationId } = fence;
        const id = (await hold(fence, [heldItem('d1'), heldItem('d2'), heldItem('d3')]))!;
        const some = (uuids: string[], organization = organizationId) =>
          runs.decideHeldItems(organization, id, uuids, { approve, by: 'Nadia Sample', note: 'Seen' }, AT + 5);
        expect(await some(['d1'], 'other')).toBeNull();
        expect(await some([])).toBeNull();
        expect(await some(['d1', 'unknown'])).toBeNull();
        const decided = (await some(['d2', 'd2', 'd1']))!;
        expect(decided).not.toBe(id);
        const state = approve ? 'approved' : 'rejected';
        expect(await runs.heldSet(organizationId, decided)).toMatchObject({
          set: { state, itemCount: 2, runId: fence.runId, evidence: EVIDENCE, decidedBy: 'Nadia Sample', note: 'Seen' },
          items: ['d1', 'd2'].map((documentUuid) => ({ documentUuid, state: approve ? 'held' : 'kept' })),
        });
        expect(await runs.heldSet(organizationId, id)).toMatchObject({
          set: { state: 'pending', itemCount: 1, decidedAt: null },
          items: [{ documentUuid: 'd3', state: 'held' }],
        });
        // What is left is found as it is by the next run, and the last one decides the set itself.
        expect(await hold(fence, [heldItem('d3')], null, AT + 6)).toBe(id);
        expect(await some(['d3'])).toBe(id);
        expect(await stateOf(fence, id)).toBe(state);
        expect(await some(['d3'])).toBeNull();
      },
    );

    it('decides only a pending set, once, of the own organisation', async () => {
      const fence = await begin();
      const { organizationId } = fence;
      const id = (await hold(fence, [heldItem('d1')]))!;
      expect(await runs.decideHeldSet('other', id, { ...BY, approve: true }, AT)).toBe(false);
      expect(await runs.decideHeldSet(organizationId, 'unknown', { ...BY, approve: true }, AT)).toBe(false);
      const decisions = await Promise.all(
        [true, false].map((approve) =>
          runs.decideHeldSet(organizationId, id, { approve, by: 'Nadia Sample', note: 'Seen' }, AT + 5),
        ),
      );
      expect(decisions.filter(Boolean)).toHaveLength(1);
      expect((await runs.heldSet(organizationId, id))?.set).toMatchObject({
        state: decisions[0] ? 'approved' : 'rejected',
        decidedAt: new Date(AT + 5).toISOString(),
        decidedBy: 'Nadia Sample',
        note: 'Seen',
      });
      const replaced = (await hold(fence, [heldItem('d2')]))!;
      await hold(fence, []);
      expect(await runs.decideHeldSet(organizationId, replaced, { ...BY, approve: true }, AT)).toBe(false);
    });

    it('leaves a decided set alone when the next one is held', async () => {
      const fence = await begin();
      const id = (await hold(fence, [heldItem('d1')]))!;
      await runs.decideHeldSet(fence.organizationId, id, { ...BY, approve: true }, AT);
      const next = await hold(fence, [heldItem('d1')]);
      expect(next).not.toBe(id);
      expect(await stateOf(fence, id)).toBe('approved');
    });

    it('keeps the documents of a rejected set, until the source shows them', async () => {
      const fence = await begin();
      const [write, other] = [sampleWrite('f1', 'one'), sampleWrite('f2', 'two')];
      await record(records, fence, write, other);
      const [stored] = await storedOf(records, fence);
      const id = (await hold(fence, [heldItem(write.documentUuid, { reference: 'f1' })]))!;
      expect(await runs.decideHeldSet(fence.organizationId, id, { ...BY, approve: false }, AT)).toBe(true);
      expect((await runs.heldSet(fence.organizationId, id))?.items).toMatchObject([{ state: 'kept' }]);
      expect((await storedOf(records, fence)).map((document) => document.kept)).toEqual([true, false]);
      // A run that read before the decision must not remove behind it.
      expect(await records.removeDocuments(fence, [removalOf(stored!)], AT)).toEqual([]);
      await records.clearMissing(fence, [write.documentUuid]);
      expect((await storedOf(records, fence)).map((document) => document.kept)).toEqual([false, false]);
      expect(await records.removeDocuments(fence, [removalOf(stored!)], AT)).toEqual([write.documentUuid]);
    });

    it('records what became of an approved set, once', async () => {
      const fence = await begin();
      const { organizationId } = fence;
      const id = (await hold(fence, [heldItem('d1'), heldItem('d2'), heldItem('d3')]))!;
      const results = [
        { documentUuid: 'd1', state: 'applied' },
        { documentUuid: 'd2', state: 'kept' },
      ] as const;
      const look = async () => {
        const found = await runs.heldSet(organizationId, id);
        return [found?.set.state, ...(found?.items ?? []).map((item) => item.state)];
      };
      await runs.completeHeldSet(fence, id, results);
      expect(await look()).toEqual(['pending', 'held', 'held', 'held']);
      await runs.decideHeldSet(organizationId, id, { ...BY, approve: true }, AT);
      await runs.completeHeldSet(await begin(organizationId, 'other'), id, results);
      expect(await look()).toEqual(['approved', 'held', 'held', 'held']);
      await runs.completeHeldSet(fence, id, results);
      expect(await look()).toEqual(['applied', 'applied', 'kept', 'held']);
      await runs.completeHeldSet(fence, id, [{ documentUuid: 'd3', state: 'applied' }]);
      expect(await look()).toEqual(['applied', 'applied', 'kept', 'held']);
      expect(await runs.decideHeldSet(organizationId, id, { ...BY, approve: false }, AT)).toBe(false);
    });
  });
}
