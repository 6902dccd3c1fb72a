/** The part of the contract of `src/ports/run-store.ts` about items that wait for a retry or a person. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fence } from '../../src/ports/document-records.ts';
import type { RunStore } from '../../src/ports/run-store.ts';
import { itemFailure, OTHER_PATIENT, PATIENT } from '../support/record-samples.ts';
import type { StoresUnderTest } from '../support/stores.ts';

const RETRY_AT = 1_900_000_000_000;

/** @param makeStores called once; every test uses an organisation of its own. */
export function describeFailures(name: string, makeStores: () => Promise<StoresUnderTest>): void {
  describe(`failures contract: ${name}`, () => {
    let stores: StoresUnderTest;
    let runs: RunStore;
    let organizations = 0;

    beforeAll(async () => {
      stores = await makeStores();
      runs = (await stores.worker()).runs;
    });
    afterAll(() => stores.close());

    async function begin(organizationId = `org_${++organizations}`, connectionId = 'vsrx'): Promise<Fence> {
      await stores.putConnection({ organizationId, connectionId });
      return runs.start({ organizationId, connectionId, mode: 'quick', trigger: 'manual' });
    }

    const fail = (fence: Fence, ...failures: readonly ReturnType<typeof itemFailure>[]) =>
      runs.recordFailures(
        fence,
        failures.map((failure) => ({ ...failure, nextRetryAt: RETRY_AT })),
      );

    it('counts attempts of the same item with the same reason', async () => {
      const fence = await begin();
      await fail(fence, itemFailure('f1'));
      const [first] = await runs.openFailures(fence);
      expect(first).toEqual({
        id: first?.id,
        unit: PATIENT,
        reference: 'f1',
        operation: 'add',
        code: 'file_missing',
        message: itemFailure('f1').message,
        attempts: 1,
        state: 'waiting',
        fingerprint: 'fingerprint 1',
        firstAt: first?.firstAt,
        lastAt: first?.lastAt,
        nextRetryAt: new Date(RETRY_AT).toISOString(),
      });
      await fail(fence, itemFailure('f1'), itemFailure('f2'));
      const open = await runs.openFailures(fence);
      expect(open.map((failure) => [failure.reference, failure.attempts])).toEqual([
        ['f1', 2],
        ['f2', 1],
      ]);
      expect(open[0]).toMatchObject({ id: first?.id, firstAt: first?.firstAt });
    });

    it('starts to count anew when the item or the reason changes', async () => {
      const fence = await begin();
      await fail(fence, itemFailure('f1'));
      await fail(fence, itemFailure('f1'));
      await fail(fence, itemFailure('f1', { code: 'file_empty' }));
      expect(await runs.openFailures(fence)).toMatchObject([{ attempts: 1, code: 'file_empty' }]);
      await fail(fence, itemFailure('f1', { code: 'file_empty' }));
      await fail(fence, itemFailure('f1', { code: 'file_empty', fingerprint: 'fingerprint 2' }));
      expect(await runs.openFailures(fence)).toMatchObject([{ attempts: 1, fingerprint: 'fingerprint 2' }]);
    });

    it('takes the last of two failures of one item in one call, and equal ones without fingerprint', async () => {
      const fence = await begin();
      await fail(fence, itemFailure('f1'), itemFailure('f1', { code: 'file_empty' }));
      expect(await runs.openFailures(fence)).toMatchObject([{ attempts: 1, code: 'file_empty' }]);
      const unit = itemFailure('', { operation: 'unit', code: 'unit_orphaned', fingerprint: null });
      await fail(fence, unit);
      await fail(fence, unit);
      expect((await runs.openFailures(fence))[1]).toMatchObject({ reference: '', attempts: 2, fingerprint: null });
      await runs.recordFailures(fence, []);
      await runs.recordFailures(fence, [{ ...unit, nextRetryAt: null }]);
      expect((await runs.openFailures(fence))[1]).toMatchObject({ attempts: 3, nextRetryAt: null });
    });

    it('keeps a decision to skip until the item changes', async () => {
      const fence = await begin();
      await fail(fence, itemFailure('f1'));
      const [failure] = await runs.openFailures(fence);
      expect(await runs.decideFailure(fence.organizationId, failure!.id, 'skip')).toBe(true);
      expect(await runs.openFailures(fence)).toMatchObject([{ state: 'skipped', nextRetryAt: null }]);
      await fail(fence, itemFailure('f1', { code: 'file_empty' }));
      expect(await runs.openFailures(fence)).toMatchObject([{ state: 'skipped' }]);
      await fail(fence, itemFailure('f1', { fingerprint: 'fingerprint 2' }));
      expect(await runs.openFailures(fence)).toMatchObject([{ state: 'waiting' }]);
    });

    it('makes a failure due at once when a person asks', async () => {
      const fence = await begin();
      await fail(fence, itemFailure('f1'));
      const [failure] = await runs.openFailures(fence);
      await runs.decideFailure(fence.organizationId, failure!.id, 'skip');
      expect(await runs.decideFailure(fence.organizationId, failure!.id, 'retry')).toBe(true);
      const [due] = await runs.openFailures(fence);
      expect(due?.state).toBe('waiting');
      expect(Date.parse(due!.nextRetryAt!)).toBeLessThanOrEqual(Date.now() + 60_000);
    });

    it('decides nothing for an id that is unknown, of another organisation, or no id', async () => {
      const fence = await begin();
      await fail(fence, itemFailure('f1'));
      const before = await runs.openFailures(fence);
      for (const [organizationId, id] of [
        ['other', before[0]!.id],
        [fence.organizationId, '987654321'],
        [fence.organizationId, 'x'],
        [fence.organizationId, ''],
        [fence.organizationId, '9'.repeat(40)],
      ] as const) {
        expect(await runs.decideFailure(organizationId, id, 'skip')).toBe(false);
      }
      expect(await runs.openFailures(fence)).toEqual(before);
    });

    it('keeps patients, connections and organisations apart', async () => {
      const fence = await begin();
      const sibling = await begin(fence.organizationId, 'other');
      const stranger = await begin();
      for (const each of [fence, sibling, stranger]) {
        await fail(each, itemFailure('f1'), itemFailure('f1', { unit: OTHER_PATIENT }));
      }
      expect((await runs.openFailures(fence)).map((failure) => failure.unit)).toEqual([PATIENT, OTHER_PATIENT]);
      expect((await runs.openFailures(fence, OTHER_PATIENT)).map((failure) => failure.unit)).toEqual([OTHER_PATIENT]);
      await runs.resolveFailures(fence, [{ unit: PATIENT, reference: 'f1' }]);
      await runs.resolveFailures(fence, [
        { unit: PATIENT, reference: 'f1' },
        { unit: PATIENT, reference: 'unknown' },
      ]);
      await runs.resolveFailures(fence, []);
      expect((await runs.openFailures(fence)).map((failure) => failure.unit)).toEqual([OTHER_PATIENT]);
      expect(await runs.openFailures(sibling)).toHaveLength(2);
      expect(await runs.openFailures(stranger)).toHaveLength(2);
    });

    it('counts every attempt of calls at once', async () => {
      const fence = await begin();
      await Promise.all([1, 2, 3, 4, 5].map(() => fail(fence, itemFailure('f1'))));
      expect(await runs.openFailures(fence)).toMatchObject([{ attempts: 5 }]);
    });
  });
}
