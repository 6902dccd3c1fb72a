/**
 * The part of the contract of `src/ports/document-records.ts` about what other applications read: results of units in the
 * `syncLog` and `errors` columns of filesets.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentRecords, Fence } from '../../src/ports/document-records.ts';
import { itemFailure, OTHER_PATIENT, PATIENT, record, sampleWrite, unitResult } from '../support/record-samples.ts';
import type { StoresUnderTest, Worker } from '../support/stores.ts';

const FIRST = Date.parse('2024-01-15T09:30:00.000Z');
const SECOND = Date.parse('2024-01-15T10:30:00.000Z');
const THIRD = Date.parse('2024-01-15T11:30:00.000Z');
const iso = (at: number) => new Date(at).toISOString();

/** @param makeStores called once; every test uses an organisation of its own. */
export function describeFilesetMirrors(name: string, makeStores: () => Promise<StoresUnderTest>): void {
  describe(`mirrors in filesets contract: ${name}`, () => {
    let stores: StoresUnderTest;
    let worker: Worker;
    let records: DocumentRecords;
    let organizations = 0;

    beforeAll(async () => {
      stores = await makeStores();
      worker = await stores.worker();
      records = worker.records;
    });
    afterAll(() => stores.close());

    async function begin(): Promise<Fence> {
      const key = { organizationId: `org_${++organizations}`, connectionId: 'vsrx' };
      await stores.putConnection(key);
      const fence = await worker.runs.start({ ...key, mode: 'quick', trigger: 'manual' });
      await record(records, fence, sampleWrite('f1', 'one'));
      return fence;
    }

    async function mirror(fence: Fence, unit = PATIENT): Promise<{ syncLog: unknown; errors: unknown }> {
      const fileset = await stores.fileset(fence.organizationId, unit);
      return { syncLog: JSON.parse(fileset?.syncLog ?? 'null'), errors: fileset?.errors };
    }

    it('mirrors success and failure, newest first', async () => {
      const fence = await begin();
      const failure = itemFailure('f2');
      await records.finishUnits(fence, [unitResult(PATIENT, { filesAdded: 3, filesDeleted: 1 })], FIRST);
      await records.finishUnits(
        fence,
        [unitResult(PATIENT, { outcome: 'partial', filesAdded: 2, errors: [failure] })],
        SECOND,
      );
      const first = {
        timestamp: iso(FIRST),
        operation: 'full_sync',
        status: 'success',
        filesAdded: 3,
        filesDeleted: 1,
        errors: [],
      };
      expect(await mirror(fence)).toEqual({
        syncLog: {
          lastSyncAttempt: iso(SECOND),
          lastSuccessfulSync: iso(FIRST),
          syncHistory: [
            {
              timestamp: iso(SECOND),
              operation: 'full_sync',
              status: 'partial_failure',
              filesAdded: 2,
              filesDeleted: 0,
              errors: [{ fileId: 'f2', error: failure.message, timestamp: iso(SECOND) }],
            },
            first,
          ],
        },
        errors: {
          syncErrors: [
            {
              timestamp: iso(SECOND),
              operation: 'add',
              fileId: 'f2',
              fileName: '',
              error: failure.message,
              retryCount: 0,
              resolved: false,
            },
          ],
          lastSyncAttempt: iso(SECOND),
          lastSuccessfulSync: iso(FIRST),
          consecutiveFailures: 1,
        },
      });
      // The checkpoint of a unit is its last result.
      expect(await stores.unitResults(fence.runId)).toEqual([{ unit: PATIENT, outcome: 'partial' }]);
    });

    it('checkpoints units without a fileset, and several at once', async () => {
      const fence = await begin();
      await records.finishUnits(fence, [unitResult(PATIENT), unitResult(OTHER_PATIENT, { outcome: 'failed' })], FIRST);
      await records.finishUnits(fence, [], FIRST);
      expect(await stores.unitResults(fence.runId)).toEqual([
        { unit: PATIENT, outcome: 'success' },
        { unit: OTHER_PATIENT, outcome: 'failed' },
      ]);
      expect(await stores.fileset(fence.organizationId, OTHER_PATIENT)).toBeNull();
    });

    it.each([
      ['nothing', null, {}],
      ['an object of the delete endpoint', { deletionErrors: [{ error: 'x' }] }, { deletionErrors: [{ error: 'x' }] }],
      ['an array of the vector-store check', [{ errorType: 'OTHER' }], { validationErrors: [{ errorType: 'OTHER' }] }],
      [
        'an object of the sync script',
        { syncErrors: [{ error: 'old' }], lastSyncAttempt: 'x', lastSuccessfulSync: 'y', consecutiveFailures: 4 },
        {},
      ],
    ])('reads errors that hold %s, and empties the errors of the sync on success', async (_, before, kept) => {
      const fence = await begin();
      const clean = (at: number) => ({
        ...kept,
        syncErrors: [],
        lastSyncAttempt: iso(at),
        lastSuccessfulSync: iso(at),
        consecutiveFailures: 0,
      });
      await stores.putFileset(fence.organizationId, PATIENT, { errors: before });
      await records.finishUnits(fence, [unitResult(PATIENT)], FIRST);
      expect((await mirror(fence)).errors).toEqual(clean(FIRST));
      await stores.putFileset(fence.organizationId, PATIENT, { errors: before });
      await records.touchFilesets(fence, SECOND);
      expect((await mirror(fence)).errors).toEqual(clean(SECOND));
    });

    it.each([
      ['nothing', null, {}],
      ['no JSON', 'not { json', {}],
      ['another kind of JSON', '[1, 2]', {}],
      ['text that PostgreSQL cannot hold as JSON', '{"note":"\\u0000"}', null],
      ['what others keep there', '{"syncStatus":{"x":1}}', { syncStatus: { x: 1 } }],
    ])('reads a syncLog that holds %s', async (_, before, kept) => {
      const fence = await begin();
      await stores.putFileset(fence.organizationId, PATIENT, { syncLog: before });
      await records.touchFilesets(fence, FIRST);
      const touched = { lastSyncAttempt: iso(FIRST), lastSuccessfulSync: iso(FIRST), syncHistory: [] };
      if (kept === null) expect((await mirror(fence)).syncLog).toMatchObject(touched);
      else expect((await mirror(fence)).syncLog).toEqual({ ...kept, ...touched });
      await records.finishUnits(fence, [unitResult(PATIENT)], SECOND);
      expect((await mirror(fence)).syncLog).toMatchObject({ ...kept, lastSyncAttempt: iso(SECOND) });
    });

    it('touches all filesets of the connection and no others', async () => {
      const [fence, other] = [await begin(), await begin()];
      await record(records, fence, sampleWrite('f2', 'two', { unit: OTHER_PATIENT }));
      await stores.putFileset(fence.organizationId, 'nobody', { syncLog: 'theirs' });
      await records.finishUnits(fence, [unitResult(PATIENT, { filesAdded: 1 })], FIRST);
      const before = await mirror(other);
      await records.touchFilesets(fence, SECOND);
      expect((await mirror(fence)).syncLog).toMatchObject({
        lastSyncAttempt: iso(SECOND),
        lastSuccessfulSync: iso(SECOND),
        syncHistory: [{ timestamp: iso(FIRST), filesAdded: 1 }],
      });
      expect((await mirror(fence, OTHER_PATIENT)).errors).toMatchObject({ lastSuccessfulSync: iso(SECOND) });
      expect((await stores.fileset(fence.organizationId, 'nobody'))?.syncLog).toBe('theirs');
      expect(await mirror(other)).toEqual(before);
    });

    it('touches only the patient that was read, and none of whom something waits for another try', async () => {
      const fence = await begin();
      await record(records, fence, sampleWrite('f2', 'two', { unit: OTHER_PATIENT }));
      await records.finishUnits(fence, [unitResult(PATIENT), unitResult(OTHER_PATIENT)], FIRST);
      const times = async () =>
        [await mirror(fence), await mirror(fence, OTHER_PATIENT)].map(
          ({ syncLog }) => (syncLog as { lastSuccessfulSync: string }).lastSuccessfulSync,
        );
      await records.touchFilesets(fence, SECOND, [OTHER_PATIENT]);
      expect(await times()).toEqual([iso(FIRST), iso(SECOND)]);
      const failure = { ...itemFailure('f1'), nextRetryAt: null };
      await worker.runs.recordFailures(fence, [failure, { ...failure, unit: '' }]);
      await records.touchFilesets(fence, THIRD);
      expect(await times()).toEqual([iso(FIRST), iso(THIRD)]);
      await worker.runs.resolveFailures(fence, [failure]);
      await records.touchFilesets(fence, THIRD);
      expect(await times()).toEqual([iso(THIRD), iso(THIRD)]);
    });
  });
}
