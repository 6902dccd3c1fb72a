/** The part of the contract of `src/ports/document-records.ts` about contents: announced, counted and released. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentRecords, Fence } from '../../src/ports/document-records.ts';
import { countsOf, record, removalOf, sampleWrite, sha256Of, storedOf } from '../support/record-samples.ts';
import type { StoresUnderTest, Worker } from '../support/stores.ts';

/** Later than any aged content, earlier than any other. */
const LONG_AGO = 1_000_000;

/** @param makeStores called once; every test uses an organisation of its own. */
export function describeBlobCare(name: string, makeStores: () => Promise<StoresUnderTest>): void {
  describe(`care of blobs contract: ${name}`, () => {
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
      return worker.runs.start({ ...key, mode: 'quick', trigger: 'manual' });
    }

    const reserve = (fence: Fence, ...contents: readonly string[]) =>
      records.reserveBlobs(
        fence,
        contents.map((content) => ({ sha256: sha256Of(content), size: content.length })),
      );

    /** A content that no document names any more. */
    async function leaveBehind(fence: Fence, content: string): Promise<void> {
      await record(records, fence, sampleWrite('left', content));
      const [stored] = await storedOf(records, fence);
      await records.removeDocuments(fence, [removalOf(stored!)], 5);
      await stores.ageBlobs(fence.organizationId);
    }

    /** A release that stops while it holds its row. */
    function gatedRelease() {
      const entered = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const release = async () => {
        entered.resolve();
        await gate.promise;
      };
      return { release, entered: entered.promise, open: gate.resolve };
    }

    it('says of each announced content whether it is stored already', async () => {
      const fence = await begin();
      const [a, b] = [sha256Of('a'), sha256Of('b')];
      expect(await reserve(fence, 'a', 'b', 'a')).toEqual(
        new Map([
          [a, 'wanted'],
          [b, 'wanted'],
        ]),
      );
      await record(records, fence, sampleWrite('f1', 'a'));
      expect(await reserve(fence, 'b', 'a')).toEqual(
        new Map([
          [a, 'stored'],
          [b, 'wanted'],
        ]),
      );
      expect(await reserve(fence)).toEqual(new Map());
    });

    it('releases what nobody names and nobody touched, up to the limit', async () => {
      const fence = await begin();
      const { organizationId } = fence;
      await record(records, fence, sampleWrite('f1', 'named'));
      await reserve(fence, 'announced 1', 'announced 2', 'announced 3');
      const released: string[] = [];
      const release = async (sha256: string) => void released.push(sha256);
      expect(await records.releaseBlobs(organizationId, LONG_AGO, 10, release)).toBe(0);
      await stores.ageBlobs(organizationId);
      await reserve(fence, 'announced 1');
      expect(await records.releaseBlobs(organizationId, LONG_AGO, 1, release)).toBe(1);
      expect(await records.releaseBlobs(organizationId, LONG_AGO, 10, release)).toBe(1);
      expect(released.sort()).toEqual([sha256Of('announced 2'), sha256Of('announced 3')].sort());
      expect(Object.keys(await countsOf(records, organizationId)).sort()).toEqual(
        [sha256Of('named'), sha256Of('announced 1')].sort(),
      );
    });

    it('releases the content of removed documents, of this organisation only', async () => {
      const [ours, theirs] = [await begin(), await begin()];
      await leaveBehind(ours, 'shared');
      await leaveBehind(theirs, 'shared');
      expect(await records.releaseBlobs(ours.organizationId, LONG_AGO, 10, async () => undefined)).toBe(1);
      expect(await countsOf(records, ours.organizationId)).toEqual({});
      expect(await countsOf(records, theirs.organizationId)).toEqual({ [sha256Of('shared')]: [0, 0, 'stored'] });
    });

    it('keeps the row when the release fails, and no longer claims that its content is stored', async () => {
      const fence = await begin();
      await leaveBehind(fence, 'one');
      const release = async () => {
        throw new Error('The store is away.');
      };
      await expect(records.releaseBlobs(fence.organizationId, LONG_AGO, 10, release)).rejects.toMatchObject({
        code: 'unexpected',
      });
      // The content may be gone although the answer was an error.
      expect(await reserve(fence, 'one')).toEqual(new Map([[sha256Of('one'), 'wanted']]));
    });

    it('lets a reservation wait for a release of the same content', async () => {
      const fence = await begin();
      await leaveBehind(fence, 'one');
      const { release, entered, open } = gatedRelease();
      const releasing = records.releaseBlobs(fence.organizationId, LONG_AGO, 10, release);
      await entered;
      let reserved = false;
      const reserving = reserve(fence, 'one').then((states) => {
        reserved = true;
        return states;
      });
      // Other work goes on meanwhile.
      expect(await reserve(fence, 'two')).toEqual(new Map([[sha256Of('two'), 'wanted']]));
      for (let i = 0; i < 5; i++) await records.countDocuments(fence);
      expect(reserved).toBe(false);
      open();
      expect(await releasing).toBe(1);
      expect(await reserving).toEqual(new Map([[sha256Of('one'), 'wanted']]));
      expect(Object.keys(await countsOf(records, fence.organizationId))).toContain(sha256Of('one'));
    });

    it('refuses to record a document whose content was released meanwhile', async () => {
      const fence = await begin();
      await reserve(fence, 'one');
      await stores.ageBlobs(fence.organizationId);
      const { release, entered, open } = gatedRelease();
      const releasing = records.releaseBlobs(fence.organizationId, LONG_AGO, 10, release);
      await entered;
      const recording = records.recordDocuments(fence, [sampleWrite('f1', 'one')]).catch((error) => error);
      open();
      expect(await releasing).toBe(1);
      expect(await recording).toMatchObject({ code: 'blob_missing', action: 'retry' });
      expect(await storedOf(records, fence)).toEqual([]);
    });

    it('releases each content once when two processes do it at once', async () => {
      const fence = await begin();
      const contents = Array.from({ length: 12 }, (_, i) => `content ${i}`);
      await reserve(fence, ...contents);
      await stores.ageBlobs(fence.organizationId);
      const released: string[] = [];
      const release = async (sha256: string) => void released.push(sha256);
      const other = await stores.worker();
      const counts = await Promise.all([
        records.releaseBlobs(fence.organizationId, LONG_AGO, 50, release),
        other.records.releaseBlobs(fence.organizationId, LONG_AGO, 50, release),
      ]);
      expect(counts[0] + counts[1]).toBe(12);
      expect(released.sort()).toEqual(contents.map(sha256Of).sort());
    });
  });
}
