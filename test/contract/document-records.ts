/**
 * The contract of `src/ports/document-records.ts`, sentence by sentence, for any adapter. The mirrors in filesets have a
 * suite of their own beside it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionKey, DocumentRecords, Fence, PatientWrite } from '../../src/ports/document-records.ts';
import {
  countsOf,
  OTHER_PATIENT,
  PATIENT,
  record,
  removalOf,
  runEnd,
  sampleWrite,
  sha256Of,
  storedOf,
  unitResult,
} from '../support/record-samples.ts';
import type { StoresUnderTest, Worker } from '../support/stores.ts';

/** @param makeStores called once; every test uses an organisation of its own. */
export function describeDocumentRecords(name: string, makeStores: () => Promise<StoresUnderTest>): void {
  describe(`document records contract: ${name}`, () => {
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

    async function begin(key: Partial<ConnectionKey> = {}): Promise<Fence> {
      const whole = { organizationId: `org_${++organizations}`, connectionId: 'vsrx', ...key };
      await stores.putConnection(whole);
      return worker.runs.start({ ...whole, mode: 'quick', trigger: 'manual' });
    }

    /** The connection goes to a successor. */
    async function overtake(fence: Fence): Promise<Fence> {
      await stores.expireLease(fence);
      return worker.runs.start({ ...fence, mode: 'quick', trigger: 'manual' });
    }

    describe('recording', () => {
      it('adds, and is idempotent: one document, one count of its blob', async () => {
        const fence = await begin();
        const write = sampleWrite('f1', 'one');
        expect(await record(records, fence, write)).toEqual(['added']);
        expect(await record(records, fence, { ...write, documentUuid: 'another' })).toEqual(['same']);
        expect(await storedOf(records, fence)).toEqual([
          {
            unit: PATIENT,
            reference: 'f1',
            documentUuid: write.documentUuid,
            fingerprint: write.fingerprint,
            missingSince: null,
            kept: false,
            sha256: write.sha256,
            sizeBytes: 3,
            path: write.path,
            sourceSize: 3,
            sourceModifiedAt: write.sourceModifiedAt,
            uploaded: false,
          },
        ]);
        expect(await countsOf(records, fence.organizationId)).toEqual({ [write.sha256]: [1, 1, 'stored'] });
        expect(await records.countDocuments(fence)).toBe(1);
        expect(await records.countDocuments(fence, OTHER_PATIENT)).toBe(0);
      });

      it('makes one document of the same call made several times at once', async () => {
        const fence = await begin();
        const write = sampleWrite('f1', 'one');
        await records.reserveBlobs(fence, [{ sha256: write.sha256, size: 3 }]);
        const results = await Promise.all([1, 2, 3, 4].map(() => records.recordDocuments(fence, [write])));
        expect(results.flat().sort()).toEqual(['added', 'same', 'same', 'same']);
        expect(await countsOf(records, fence.organizationId)).toEqual({ [write.sha256]: [1, 1, 'stored'] });
      });

      it('tells update, move and same apart', async () => {
        const fence = await begin();
        const write = sampleWrite('f1', 'one');
        await record(records, fence, write);
        const touched = { ...write, sourceModifiedAt: write.sourceModifiedAt + 1 };
        expect(await record(records, fence, touched)).toEqual(['updated']);
        const moved = { ...touched, path: 'elsewhere/f1.pdf' };
        expect(await record(records, fence, moved)).toEqual(['moved']);
        const changed = { ...moved, sha256: sha256Of('two'), path: 'back/f1.pdf', fingerprint: 'changed' };
        expect(await record(records, fence, changed)).toEqual(['updated']);
        expect(await record(records, fence, changed)).toEqual(['same']);
        const [stored] = await storedOf(records, fence);
        expect(stored).toMatchObject({ documentUuid: write.documentUuid, path: 'back/f1.pdf', fingerprint: 'changed' });
      });

      it('moves the counts when content changes', async () => {
        const fence = await begin();
        await record(records, fence, sampleWrite('f1', 'one'), sampleWrite('f2', 'one'));
        expect(await countsOf(records, fence.organizationId)).toEqual({ [sha256Of('one')]: [2, 2, 'stored'] });
        await record(records, fence, sampleWrite('f1', 'two'));
        expect(await countsOf(records, fence.organizationId)).toEqual({
          [sha256Of('one')]: [1, 1, 'stored'],
          [sha256Of('two')]: [1, 1, 'stored'],
        });
      });

      it('gives a document a new reference, once', async () => {
        const fence = await begin();
        const old = sampleWrite('f1', 'one');
        await record(records, fence, old);
        const write = sampleWrite('f2', 'one', { replaces: old.documentUuid });
        expect(await record(records, fence, write)).toEqual(['moved']);
        expect(await record(records, fence, write)).toEqual(['same']);
        const stored = await storedOf(records, fence);
        expect(stored).toHaveLength(1);
        expect(stored[0]).toMatchObject({ documentUuid: old.documentUuid, reference: 'f2', path: write.path });
        expect(await countsOf(records, fence.organizationId)).toEqual({ [old.sha256]: [1, 1, 'stored'] });
      });

      it('makes a new document when the one to replace is gone, or belongs to another patient', async () => {
        const fence = await begin();
        const old = sampleWrite('f1', 'one');
        const others = sampleWrite('f1', 'two', { unit: OTHER_PATIENT });
        await record(records, fence, old, others);
        const [stored] = await storedOf(records, fence, PATIENT);
        await records.removeDocuments(fence, [removalOf(stored!)], 1);
        expect(
          await record(
            records,
            fence,
            sampleWrite('f2', 'one', { replaces: old.documentUuid }),
            sampleWrite('f3', 'two', { replaces: others.documentUuid }),
          ),
        ).toEqual(['added', 'added']);
        expect((await storedOf(records, fence, OTHER_PATIENT)).map((d) => d.reference)).toEqual(['f1']);
        expect((await storedOf(records, fence, PATIENT)).map((d) => d.reference)).toEqual(['f2', 'f3']);
      });

      it('writes nothing when a blob row vanished, and says that it is worth a retry', async () => {
        const fence = await begin();
        const there = sampleWrite('f1', 'one');
        await records.reserveBlobs(fence, [{ sha256: there.sha256, size: 3 }]);
        await expect(records.recordDocuments(fence, [there, sampleWrite('f2', 'gone')])).rejects.toMatchObject({
          code: 'blob_missing',
          action: 'retry',
        });
        expect(await storedOf(records, fence)).toEqual([]);
        expect(await stores.fileset(fence.organizationId, PATIENT)).toBeNull();
        expect(await countsOf(records, fence.organizationId)).toEqual({ [there.sha256]: [0, 0, 'wanted'] });
      });

      it('cuts long names by characters and passes over NUL', async () => {
        const fence = await begin();
        const write = sampleWrite('f1', 'one', {
          originalName: '😀'.repeat(600),
          title: `A\0B${'ü'.repeat(600)}`,
          patientName: 'Ö'.repeat(300),
          mimeType: 'x'.repeat(200),
        });
        await record(records, fence, write);
        expect(await stores.document(write.documentUuid)).toMatchObject({
          originalName: '😀'.repeat(500),
          title: `AB${'ü'.repeat(498)}`,
          mimeType: 'x'.repeat(100),
        });
        expect((await stores.fileset(fence.organizationId, PATIENT))?.patientName).toBe('Ö'.repeat(255));
        await record(records, fence, { ...write, title: 'N'.repeat(501), fingerprint: 'changed' });
        expect((await stores.document(write.documentUuid))?.title).toBe('N'.repeat(500));
      });

      it('creates filesets as activated, and leaves those of others as they are', async () => {
        const fence = await begin();
        const { organizationId } = fence;
        await stores.putFileset(organizationId, OTHER_PATIENT, { activated: false, patientName: 'Otto Sample' });
        await record(
          records,
          fence,
          sampleWrite('f1', 'one', { ownerUuid: 'owner' }),
          sampleWrite('f2', 'one', { unit: OTHER_PATIENT, patientName: 'Somebody else', ownerUuid: 'owner' }),
        );
        expect(await stores.fileset(organizationId, PATIENT)).toMatchObject({
          activated: true,
          userUuid: 'owner',
          patientName: 'Tessa Sample',
        });
        expect(await stores.fileset(organizationId, OTHER_PATIENT)).toMatchObject({
          activated: false,
          userUuid: 'owner',
          patientName: 'Otto Sample',
        });
        expect(await records.activatedFilesets(organizationId)).toEqual(new Set([PATIENT]));
        // Nor by a later document, nor once the patient is known.
        await record(records, fence, sampleWrite('f3', 'two', { unit: OTHER_PATIENT }));
        await stores.putFileset(organizationId, 'theirs', { activated: false });
        await records.knowPatients(fence, [knownPatient(OTHER_PATIENT), knownPatient('theirs')]);
        await record(records, fence, sampleWrite('f4', 'three', { unit: OTHER_PATIENT }));
        await record(records, fence, sampleWrite('f5', 'four', { unit: 'theirs' }));
        expect(await records.activatedFilesets(organizationId)).toEqual(new Set([PATIENT]));
      });

      it('makes patients known without a document, and leaves those who are known as they are', async () => {
        const fence = await begin();
        const { organizationId } = fence;
        expect(await records.knownPatients(fence)).toEqual(new Map());
        await stores.putFileset(organizationId, 'theirs', { activated: true, patientName: 'Otto Sample' });
        const patients = [
          knownPatient(PATIENT, { patientName: 'Tessa\0 Sample', ownerUuid: 'owner' }),
          knownPatient(OTHER_PATIENT, { activated: true }),
          knownPatient('theirs', { patientName: 'Somebody else', ownerUuid: 'owner' }),
          knownPatient('x'.repeat(37)),
          knownPatient('nu\0l'),
        ];
        expect(await records.knowPatients(fence, patients)).toBe(2);
        expect(await records.knowPatients(fence, patients)).toBe(0);
        const other = await begin();
        expect(await records.knowPatients(other, patients)).toBe(3);
        expect(await records.knowPatients(fence, [])).toBe(0);
        const units = [PATIENT, OTHER_PATIENT, 'theirs'];
        expect(await records.knownPatients(fence)).toEqual(new Map(units.map((unit) => [unit, 'once'])));
        expect(await stores.fileset(organizationId, PATIENT)).toMatchObject({ activated: false, syncLog: null });
        expect(await stores.fileset(organizationId, 'theirs')).toMatchObject({
          activated: true,
          userUuid: 'owner',
          patientName: 'Otto Sample',
        });
        expect(await records.activatedFilesets(organizationId)).toEqual(new Set([OTHER_PATIENT, 'theirs']));
        expect(await storedOf(records, fence)).toEqual([]);

        const changed = [
          knownPatient(PATIENT, { activated: true, patientName: 'Tessa Sample', given: 'twice' }),
          knownPatient(OTHER_PATIENT, { patientName: 'Otto Sample' }),
        ];
        expect(await records.knowPatients(fence, changed)).toBe(0);
        expect((await records.knownPatients(fence)).get(PATIENT)).toBe('twice');
        expect((await records.knownPatients(other)).get(PATIENT)).toBe('once');
        expect(await stores.fileset(organizationId, PATIENT)).toMatchObject({ activated: false, userUuid: 'owner' });
        expect(await stores.fileset(organizationId, OTHER_PATIENT)).toMatchObject({
          activated: true,
          patientName: 'Otto Sample',
        });
      });

      it('takes over date of birth and gender, and a change of what it gave, but nothing that others wrote', async () => {
        const fence = await begin();
        const { organizationId } = fence;
        const say = async (dateOfBirth: string | null, gender: string | null) => {
          const given = `${dateOfBirth} ${gender}`;
          await records.knowPatients(fence, [knownPatient(PATIENT, { given, dateOfBirth, gender })]);
          const fileset = await stores.fileset(organizationId, PATIENT);
          return [fileset?.dateOfBirth, fileset?.gender];
        };
        expect(await say(null, null)).toEqual([null, null]);
        expect(await say('04/05/1961', 'Other')).toEqual(['04/05/1961', 'Other']);
        expect(await say('05/05/1961', 'Other')).toEqual(['05/05/1961', 'Other']);
        expect(await say(null, 'Female')).toEqual(['05/05/1961', 'Female']);
        expect(await say('x'.repeat(21), 'y'.repeat(51))).toEqual(['x'.repeat(20), 'y'.repeat(50)]);
        await stores.putFileset(organizationId, PATIENT, { dateOfBirth: '06/05/1961' });
        expect(await say('07/05/1961', 'Male')).toEqual(['06/05/1961', 'Male']);
        expect(await say('08/05/1961', 'Male')).toEqual(['06/05/1961', 'Male']);
      });

      it('activates who was only known with the first document, and mirrors nothing for them before', async () => {
        const fence = await begin();
        const { organizationId } = fence;
        await records.knowPatients(fence, [knownPatient(PATIENT), knownPatient(OTHER_PATIENT)]);
        await records.touchFilesets(fence, 20);
        expect(await stores.fileset(organizationId, PATIENT)).toMatchObject({ syncLog: null, errors: null });
        await records.touchFilesets(fence, 25, new Set([OTHER_PATIENT]));
        expect(await stores.fileset(organizationId, PATIENT)).toMatchObject({ syncLog: null });
        expect((await stores.fileset(organizationId, OTHER_PATIENT))?.syncLog).toContain(new Date(25).toISOString());
        await record(records, fence, sampleWrite('f1', 'one'));
        expect(await records.activatedFilesets(organizationId)).toEqual(new Set([PATIENT]));
        expect(await stores.fileset(organizationId, PATIENT)).toMatchObject({ patientName: 'Tessa Sample' });
        await records.touchFilesets(fence, 30);
        expect((await stores.fileset(organizationId, PATIENT))?.syncLog).not.toBeNull();
        expect((await stores.fileset(organizationId, OTHER_PATIENT))?.syncLog).toContain(new Date(25).toISOString());
      });

      it('names activated filesets in lower case', async () => {
        const fence = await begin();
        await stores.putFileset(fence.organizationId, 'ABCDEF00-0000-4000-8000-000000000000', { activated: true });
        expect(await records.activatedFilesets(fence.organizationId)).toEqual(
          new Set(['abcdef00-0000-4000-8000-000000000000']),
        );
      });
    });

    describe('order and streams', () => {
      it('delivers units and references in byte order', async () => {
        const fence = await begin();
        const units = ['Zebra', 'apple', 'Äpfel', 'ｚ', '😀', 'apple-1', 'APPLE', 'a b'];
        const references = ['id:10', 'id:2', 'ID:1', 'ｚ', '😀', 'é', 'e', '_', 'a-b', 'ab', 'A-c'];
        const writes = units.flatMap((unit) => references.map((r) => sampleWrite(r, 'one', { unit })));
        await record(records, fence, ...writes);
        const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
        const expected = [...units].sort(byBytes).flatMap((u) => [...references].sort(byBytes).map((r) => [u, r]));
        expect((await storedOf(records, fence)).map((d) => [d.unit, d.reference])).toEqual(expected);
        expect((await storedOf(records, fence, '😀')).map((d) => d.reference)).toEqual([...references].sort(byBytes));
      });

      it('delivers contents in byte order of the hash, those that only documents name included', async () => {
        const fence = await begin();
        const contents = Array.from({ length: 20 }, (_, i) => `content ${i}`);
        await record(records, fence, ...contents.map((content, i) => sampleWrite(`f${i}`, content)));
        const rows = await Array.fromAsync(records.blobRows(fence.organizationId));
        expect(rows.map((row) => row.sha256)).toEqual(contents.map(sha256Of).sort());
        expect(rows[0]).toMatchObject({ state: 'stored', references: 1, documents: 1, originals: 1 });
      });

      it('has the size of a content from the documents that name it, whatever was announced', async () => {
        const fence = await begin();
        await records.reserveBlobs(fence, [{ sha256: sha256Of('content'), size: 1 }]);
        const announced = await Array.fromAsync(records.blobRows(fence.organizationId));
        expect(announced).toMatchObject([{ size: 1, state: 'wanted', documents: 0 }]);
        const write = sampleWrite('f1', 'content');
        await records.recordDocuments(fence, [write]);
        const named = await Array.fromAsync(records.blobRows(fence.organizationId));
        expect(named).toMatchObject([{ size: write.sizeBytes, state: 'stored', documents: 1 }]);
      });

      it('frees its connection when the reader stops early, aborts or fails', async () => {
        const fence = await begin();
        await record(records, fence, sampleWrite('f1', 'one'), sampleWrite('f2', 'two'), sampleWrite('f3', 'three'));
        // More often than a pool has connections.
        for (let i = 0; i < 12; i++) {
          for await (const _ of records.storedDocuments(fence)) break;
          for await (const _ of records.blobRows(fence.organizationId)) break;
          const stop = new AbortController();
          const read = async () => {
            for await (const _ of records.storedDocuments(fence, undefined, stop.signal)) stop.abort();
          };
          await expect(read()).rejects.toMatchObject({ code: 'cancelled' });
          await expect(Array.fromAsync(records.blobRows(fence.organizationId, stop.signal))).rejects.toMatchObject({
            code: 'cancelled',
          });
        }
        expect(await records.countDocuments(fence)).toBe(3);
      });

      it('reads one state however slowly it is read', async () => {
        const fence = await begin();
        await record(records, fence, sampleWrite('f1', 'one'), sampleWrite('f3', 'three'));
        const reader = records.storedDocuments(fence)[Symbol.asyncIterator]();
        const first = await reader.next();
        await record(records, fence, sampleWrite('f2', 'two'));
        const rest = [await reader.next(), await reader.next()];
        expect([first, ...rest].map((r) => (r.done ? null : r.value.reference))).toEqual(['f1', 'f3', null]);
      });
    });

    describe('tenants and connections', () => {
      it('keeps two organisations with the same patient and reference apart', async () => {
        const [ours, theirs] = [await begin(), await begin()];
        const [a, b] = [sampleWrite('f1', 'one'), sampleWrite('f1', 'one')];
        await record(records, ours, a);
        await record(records, theirs, b);
        await record(records, theirs, { ...b, title: 'Changed', path: 'moved/f1.pdf' });
        const [theirDocument] = await storedOf(records, theirs);
        // Orders that name the other tenant's document by its UUID.
        await records.markMissing(ours, [b.documentUuid], 5);
        expect(await records.removeDocuments(ours, [removalOf(theirDocument!)], 5)).toEqual([]);
        expect(await storedOf(records, theirs)).toEqual([theirDocument]);
        expect(await storedOf(records, ours)).toMatchObject([{ documentUuid: a.documentUuid, path: a.path }]);
        await records.markMissing(theirs, [b.documentUuid], 5);
        await records.clearMissing(ours, [b.documentUuid]);
        expect(await storedOf(records, theirs)).toMatchObject([{ missingSince: 5 }]);
        for (const { organizationId } of [ours, theirs]) {
          expect(await countsOf(records, organizationId)).toEqual({ [a.sha256]: [1, 1, 'stored'] });
        }
        expect(await records.reserveBlobs(await begin(), [{ sha256: a.sha256, size: 3 }])).toEqual(
          new Map([[a.sha256, 'wanted']]),
        );
      });

      it('keeps two connections of an organisation apart, but counts their contents together', async () => {
        const one = await begin({ connectionId: 'one' });
        const two = await begin({ connectionId: 'two', organizationId: one.organizationId });
        const [a, b] = [sampleWrite('f1', 'same'), sampleWrite('f1', 'same')];
        await record(records, one, a);
        expect(await record(records, two, b)).toEqual(['added']);
        expect(await countsOf(records, one.organizationId)).toEqual({ [a.sha256]: [2, 2, 'stored'] });
        const [stored] = await storedOf(records, two);
        await records.markMissing(one, [b.documentUuid], 5);
        expect(await records.removeDocuments(one, [removalOf(stored!)], 5)).toEqual([]);
        expect(await storedOf(records, two)).toEqual([stored]);
      });
    });

    describe('missing and removed', () => {
      it('remembers the first miss only, until the document is seen again', async () => {
        const fence = await begin();
        const write = sampleWrite('f1', 'one');
        await record(records, fence, write);
        await records.markMissing(fence, [write.documentUuid, 'unknown'], 1_700_000_000_123);
        await records.markMissing(fence, [write.documentUuid], 1_800_000_000_000);
        expect(await storedOf(records, fence)).toMatchObject([{ missingSince: 1_700_000_000_123 }]);
        await records.clearMissing(fence, [write.documentUuid]);
        expect(await storedOf(records, fence)).toMatchObject([{ missingSince: null }]);
        await records.markMissing(fence, [write.documentUuid], 1_800_000_000_000);
        await record(records, fence, { ...write, fingerprint: 'changed' });
        expect(await storedOf(records, fence)).toMatchObject([{ missingSince: null }]);
      });

      it('removes once, leaves a tombstone and gives the blob back', async () => {
        const fence = await begin();
        const [a, b] = [sampleWrite('f1', 'one'), sampleWrite('f2', 'one')];
        await record(records, fence, a, b);
        const removals = (await storedOf(records, fence)).map((stored) => removalOf(stored));
        expect([...(await records.removeDocuments(fence, removals, 1_700_000_000_000))].sort()).toEqual(
          [a.documentUuid, b.documentUuid].sort(),
        );
        expect(await records.removeDocuments(fence, removals, 1_800_000_000_000)).toEqual([]);
        expect(await storedOf(records, fence)).toEqual([]);
        expect(await countsOf(records, fence.organizationId)).toEqual({ [a.sha256]: [0, 0, 'stored'] });
        expect(await stores.document(a.documentUuid)).toMatchObject({
          deletedAt: 1_700_000_000_000,
          deletedReason: 'source:deleted',
          deletedByRun: fence.runId,
        });
        // The item comes back: a new document, the tombstone stays.
        expect(await record(records, fence, sampleWrite('f1', 'one'))).toEqual(['added']);
        expect(await stores.document(a.documentUuid)).toMatchObject({ deletedReason: 'source:deleted' });
      });

      it('counts once when two calls remove the same document at once', async () => {
        const fence = await begin();
        await record(records, fence, sampleWrite('f1', 'one'), sampleWrite('f2', 'one'));
        const [stored] = await storedOf(records, fence);
        const removals = [removalOf(stored!)];
        const removed = await Promise.all([1, 2, 3].map((at) => records.removeDocuments(fence, removals, at)));
        expect(removed.flat()).toEqual([stored!.documentUuid]);
        expect(await countsOf(records, fence.organizationId)).toEqual({ [stored!.sha256]: [1, 1, 'stored'] });
      });

      it('passes over a document that has another reference by now', async () => {
        const fence = await begin();
        const write = sampleWrite('f1', 'one');
        await record(records, fence, write);
        const [stored] = await storedOf(records, fence);
        await record(records, fence, sampleWrite('f2', 'one', { replaces: write.documentUuid }));
        expect(await records.removeDocuments(fence, [removalOf(stored!)], 5)).toEqual([]);
        expect(await storedOf(records, fence)).toMatchObject([{ reference: 'f2' }]);
      });
    });

    describe('fence', () => {
      it('refuses every write of an overtaken run and changes nothing', async () => {
        const fence = await begin();
        const { organizationId } = fence;
        const [kept, other] = [sampleWrite('f1', 'one'), sampleWrite('f2', 'two')];
        await record(records, fence, kept, other);
        await records.markMissing(fence, [other.documentUuid], 7);
        await records.finishUnits(fence, [unitResult(PATIENT)], 10);
        const [stored] = await storedOf(records, fence);
        const successor = await overtake(fence);

        const look = async () => ({
          documents: await storedOf(records, fence),
          blobs: await countsOf(records, organizationId),
          fileset: await stores.fileset(organizationId, PATIENT),
          other: await stores.fileset(organizationId, OTHER_PATIENT),
          units: await stores.unitResults(fence.runId),
        });
        const before = await look();
        const writes: Record<string, () => Promise<unknown>> = {
          reserveBlobs: () => records.reserveBlobs(fence, [{ sha256: sha256Of('new'), size: 3 }]),
          recordDocuments: () =>
            records.recordDocuments(fence, [
              { ...kept, path: 'zombie.pdf' },
              sampleWrite('f9', 'one', { unit: OTHER_PATIENT }),
            ]),
          knowPatients: () =>
            records.knowPatients(fence, [
              {
                unit: 'new',
                ownerUuid: null,
                patientName: null,
                dateOfBirth: null,
                gender: null,
                given: 'once',
                activated: true,
              },
            ]),
          markMissing: () => records.markMissing(fence, [kept.documentUuid], 20),
          clearMissing: () => records.clearMissing(fence, [other.documentUuid]),
          removeDocuments: () => records.removeDocuments(fence, [removalOf(stored!)], 20),
          finishUnits: () => records.finishUnits(fence, [unitResult(PATIENT, { outcome: 'failed' })], 20),
          touchFilesets: () => records.touchFilesets(fence, 20),
        };
        for (const [method, write] of Object.entries(writes)) {
          await expect(write(), method).rejects.toMatchObject({ code: 'lease_lost' });
          expect(await look(), method).toEqual(before);
        }
        // A fence nobody gave out is no better, and the end of a run ends its right to write.
        const forged = { ...successor, number: successor.number + 1 };
        await expect(records.markMissing(forged, [kept.documentUuid], 20)).rejects.toMatchObject({
          code: 'lease_lost',
        });
        await worker.runs.finish(successor, runEnd());
        await expect(records.markMissing(successor, [], 20)).rejects.toMatchObject({ code: 'lease_lost' });
        expect(await look()).toEqual(before);
      });

      it('lets a write and a take-over happen one after the other', async () => {
        const fence = await begin();
        const write = sampleWrite('f1', 'one');
        await records.reserveBlobs(fence, [{ sha256: write.sha256, size: 3 }]);
        await stores.expireLease(fence);
        const [recorded, successor] = await Promise.allSettled([
          records.recordDocuments(fence, [write]),
          worker.runs.start({ ...fence, mode: 'quick', trigger: 'manual' }),
        ]);
        expect(successor.status).toBe('fulfilled');
        const documents = await storedOf(records, fence);
        if (recorded.status === 'fulfilled') expect(documents).toHaveLength(1);
        else {
          expect(recorded.reason).toMatchObject({ code: 'lease_lost' });
          expect(documents).toEqual([]);
        }
      });
    });

    it('records batches that share contents in opposite order at once', async () => {
      const fence = await begin();
      const contents = Array.from({ length: 30 }, (_, i) => `shared ${i}`);
      const batch = (unit: string, list: readonly string[]) =>
        list.map((content, i) => sampleWrite(`f${i}`, content, { unit }));
      await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          record(records, fence, ...batch(`patient-${i}`, i % 2 ? contents : contents.toReversed())),
        ),
      );
      const counts = Object.values(await countsOf(records, fence.organizationId));
      expect(counts).toEqual(contents.map(() => [6, 6, 'stored']));
    });

    it('counts rightly whatever is done at once', async () => {
      const fence = await begin();
      const writes = Array.from({ length: 8 }, (_, i) => sampleWrite(`f${i}`, `c${i % 3}`));
      await record(records, fence, ...writes);
      const stored = await storedOf(records, fence);
      await Promise.all([
        ...stored.slice(0, 4).map((document) => records.removeDocuments(fence, [removalOf(document)], 5)),
        ...writes.slice(2, 7).map((write, i) => record(records, fence, sampleWrite(write.reference, `c${i}`))),
        record(records, fence, ...writes.slice(4).map((write, i) => sampleWrite(write.reference, `c${i}`))),
      ]);
      for (const [kept, documents] of Object.values(await countsOf(records, fence.organizationId))) {
        expect(kept).toBe(documents);
      }
    });
  });
}

/** What a source says of a patient. */
function knownPatient(unit: string, more: Partial<PatientWrite> = {}): PatientWrite {
  const nothing = { ownerUuid: null, patientName: null, dateOfBirth: null, gender: null };
  return { unit, ...nothing, given: 'once', activated: false, ...more };
}
