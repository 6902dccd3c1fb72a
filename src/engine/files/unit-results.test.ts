/** What a run leaves behind for each patient and tells while it works, and how it divides the work. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type MemoryPractice, memoryPractice, OTHER_UNIT, shaOf, UNIT } from '../../../test/support/memory-practice.ts';
import { SyncError } from '../../domain/errors.ts';
import { storedReference } from '../../domain/reference.ts';
import type { DocumentWrite, UnitResult } from '../../ports/document-records.ts';
import type { RunProgress } from '../../ports/run-store.ts';

let practice: MemoryPractice;

beforeEach(() => {
  practice = memoryPractice();
});

const file: MemoryPractice['file'] = (...args) => practice.file(...args);
const sync: MemoryPractice['sync'] = (...args) => practice.sync(...args);
const failures = () => practice.ports.runs.openFailures(practice.settings);
const unitOf = (n: number) => `${String(n).padStart(8, '0')}-1111-4111-8111-111111111111`;

/** The result of one patient in the newest run. */
function resultOf(unit: string): UnitResult | undefined {
  const run = [...practice.world.runs.keys()].at(-1)!;
  return [...practice.world.units.values()].find((result) => result.runId === run && result.unit === unit);
}

/** Replaces methods of a port. */
function wrap<P extends 'records' | 'blobs' | 'share' | 'source' | 'runs'>(
  name: P,
  change: (port: MemoryPractice['ports'][P]) => Partial<MemoryPractice['ports'][P]>,
): void {
  const port = practice.ports[name];
  practice.ports = { ...practice.ports, [name]: { ...port, ...change(port) } };
}

/** Short waits end at once, the heartbeat's never. */
function withShortWaits(attempts: number): void {
  const { clock } = practice.ports;
  practice.settings = { ...practice.settings, retry: { attempts, baseDelayMs: 1, maxDelayMs: 1 } };
  practice.ports = {
    ...practice.ports,
    clock: { ...clock, sleep: (ms, signal) => (ms < 500 ? Promise.resolve() : clock.sleep(ms, signal)) },
  };
}

describe('the result of a patient', () => {
  test('counts what was added, changed and moved, and is a success', async () => {
    file('a', 'one');
    file('b', 'two');
    file('c', 'three');
    await sync();
    expect(resultOf(UNIT)).toMatchObject({
      filesAdded: 3,
      filesUpdated: 0,
      filesMoved: 0,
      filesDeleted: 0,
      outcome: 'success',
      errors: [],
    });
    file('a', 'other', { fingerprint: 'v2' });
    file('b', 'two', { fingerprint: 'v2', path: 'b2.pdf' });
    practice.contents.set('b2.pdf', 'two');
    file('d', 'four');
    file('e', 'five');
    await sync();
    expect(resultOf(UNIT)).toMatchObject({ filesAdded: 2, filesUpdated: 1, filesMoved: 1, outcome: 'success' });
  });

  test.each([
    ['add', () => file('x', 'lost')],
    ['update', () => file('a', 'lost', { fingerprint: 'v2', path: 'x.pdf' })],
  ] as const)('names what failed to %s, and is partial only when something was done', async (operation, change) => {
    file('a', 'one');
    await sync();
    change();
    practice.contents.delete('x.pdf');
    await sync();
    expect(resultOf(UNIT)).toMatchObject({ outcome: 'failed', errors: [{ operation, code: 'file_missing' }] });
    expect(await failures()).toMatchObject([{ operation, attempts: 1 }]);
    file('z', 'new');
    await sync();
    expect(resultOf(UNIT)).toMatchObject({ filesAdded: 1, outcome: 'partial', errors: [{ operation }] });
    expect(await failures()).toMatchObject([{ operation, attempts: 2 }]);
  });

  test('is partial too when only a move or a change was done', async () => {
    file('a', 'one');
    file('b', 'two');
    await sync();
    file('x', 'lost');
    practice.contents.delete('x.pdf');
    file('a', 'changed', { fingerprint: 'v2' });
    await sync();
    expect(resultOf(UNIT)).toMatchObject({ filesUpdated: 1, outcome: 'partial' });
    file('b', 'two', { fingerprint: 'v2', path: 'b2.pdf' });
    practice.contents.set('b2.pdf', 'two');
    await sync();
    expect(resultOf(UNIT)).toMatchObject({ filesMoved: 1, filesUpdated: 0, outcome: 'partial' });
  });

  test('counts removals, of several patients each its own, also beside failures', async () => {
    for (const name of ['a', 'b', 'c']) file(name, `content of ${name}`);
    file('d', 'content of d', { unit: OTHER_UNIT });
    file('e', 'content of e', { unit: OTHER_UNIT });
    await sync();
    for (const name of ['a', 'b']) file(name, '', { deleted: true });
    file('d', '', { unit: OTHER_UNIT, deleted: true });
    file('x', 'lost', { unit: OTHER_UNIT });
    practice.contents.delete('x.pdf');
    expect((await sync()).counts).toMatchObject({ removed: 3 });
    expect(resultOf(UNIT)).toMatchObject({ filesDeleted: 2, outcome: 'success' });
    expect(resultOf(OTHER_UNIT)).toMatchObject({
      filesDeleted: 1,
      outcome: 'partial',
      errors: [{ code: 'file_missing' }],
    });
  });

  test('of removals that did not happen counts none, and a failure stays one', async () => {
    for (const name of ['a', 'b']) file(name, `content of ${name}`);
    await sync();
    file('a', '', { deleted: true });
    file('x', 'lost');
    practice.contents.delete('x.pdf');
    wrap('source', (source) => ({
      presence: async (references, signal) => {
        file('a', 'content of a');
        return source.presence(references, signal);
      },
    }));
    expect((await sync()).counts).toMatchObject({ removed: 0 });
    expect(resultOf(UNIT)).toMatchObject({ filesDeleted: 0, outcome: 'failed' });
  });

  test('who is gone tells so', async () => {
    file('a', 'one');
    file('b', 'two', { unit: OTHER_UNIT });
    await sync();
    practice.model.files.delete('b');
    practice.model.patients.delete(OTHER_UNIT);
    await sync();
    expect(resultOf(OTHER_UNIT)).toMatchObject({
      outcome: 'failed',
      errors: [{ unit: OTHER_UNIT, reference: '', operation: 'unit', code: 'unit_orphaned' }],
    });
    await sync();
    expect(await failures()).toMatchObject([{ code: 'unit_orphaned', operation: 'unit' }]);
    expect(resultOf(UNIT)).toBeUndefined();
  });
});

describe('the time of the last look', () => {
  const touched = () =>
    [...practice.world.filesets.values()].map((fileset) => JSON.parse(fileset.syncLog ?? '{}').lastSyncAttempt);

  beforeEach(async () => {
    file('a', 'one');
    file('b', 'two', { unit: OTHER_UNIT });
    await sync();
    practice.wait(60_000);
  });

  test('is noted for every patient by a whole run that found nothing to do', async () => {
    const before = touched();
    await sync();
    const after = touched();
    expect(after[0]).toBe(after[1]);
    expect(Date.parse(after[0])).toBeGreaterThan(Date.parse(before[0]));
  });

  test('is noted by a run of one patient for this one', async () => {
    const before = touched();
    await sync('quick', { unit: UNIT });
    expect(Date.parse(touched()[0])).toBeGreaterThan(Date.parse(before[0]));
    expect(touched()[1]).toBe(before[1]);
  });

  test('is noted for the others although something of one patient failed or waits', async () => {
    const lastSuccess = () =>
      [...practice.world.filesets.values()].map((fileset) =>
        Date.parse(JSON.parse(fileset.syncLog ?? '{}').lastSuccessfulSync),
      );
    const grows = async (run: () => Promise<unknown>) => {
      practice.wait(60_000);
      const before = lastSuccess();
      await run();
      return lastSuccess().map((at, i) => at > before[i]!);
    };
    file('x', 'lost', { unit: OTHER_UNIT });
    practice.contents.delete('x.pdf');
    expect(await grows(() => sync())).toEqual([true, false]);
    // Its time has not come: it waits.
    expect(await grows(() => sync('quick', { trigger: 'schedule' }))).toEqual([true, false]);
    practice.model.files.delete('x');
    expect(await grows(() => sync())).toEqual([true, true]);
  });
});

describe('content that was cleared away while it was copied', () => {
  const clearOnce = () => {
    let cleared = false;
    wrap('records', (records) => ({
      recordDocuments: async (fence, writes) => {
        if (!cleared) {
          cleared = true;
          practice.world.blobs.clear();
          practice.blobs.clear();
        }
        return records.recordDocuments(fence, writes);
      },
    }));
  };

  test('is stored again, and the record is written', async () => {
    withShortWaits(2);
    file('a', 'one');
    file('b', 'two');
    clearOnce();
    expect(await sync()).toMatchObject({ outcome: 'success', counts: { added: 2 } });
    expect([...practice.blobs.keys()].sort()).toEqual([`org/${shaOf('one')}`, `org/${shaOf('two')}`].sort());
  });

  test('and cannot be stored again ends the run', async () => {
    withShortWaits(2);
    file('a', 'one');
    clearOnce();
    let puts = 0;
    wrap('blobs', (blobs) => ({
      put: async (name, content, signal) => {
        if (++puts > 1) throw new SyncError('blob_disk_full');
        return blobs.put(name, content, signal);
      },
    }));
    expect(await sync()).toMatchObject({ state: 'failed', error: { code: 'blob_disk_full' } });
    expect(await practice.references()).toEqual([]);
  });

  test('another failure of the records is tried again without storing anything', async () => {
    withShortWaits(2);
    file('a', 'one');
    let tries = 0;
    wrap('records', (records) => ({
      recordDocuments: async (fence, writes) => {
        if (++tries === 1) throw new SyncError('database_unavailable', { action: 'retry' });
        return records.recordDocuments(fence, writes);
      },
    }));
    let puts = 0;
    wrap('blobs', (blobs) => ({
      put: async (name, content, signal) => {
        puts++;
        return blobs.put(name, content, signal);
      },
    }));
    expect(await sync()).toMatchObject({ outcome: 'success' });
    expect([tries, puts]).toEqual([2, 1]);
  });
});

describe('a move', () => {
  test('of several equal files goes by their order, not by which was read first', async () => {
    for (const name of ['a', 'b']) file(name, 'same');
    await sync();
    const before = await practice.documents();
    practice.model.files.clear();
    for (const name of ['c', 'd']) file(name, 'same');
    const { promise: held, resolve: freeC } = Promise.withResolvers<void>();
    wrap('share', (share) => ({
      read: async (path, signal) => {
        if (path === 'c.pdf') await held;
        const read = await share.read(path, signal);
        if (path === 'd.pdf') setImmediate(freeC);
        return read;
      },
    }));
    expect((await sync()).counts).toMatchObject({ moved: 2, added: 0 });
    const after = await practice.documents();
    expect(after.map(({ reference, documentUuid }) => [reference, documentUuid])).toEqual([
      ['c', before[0]!.documentUuid],
      ['d', before[1]!.documentUuid],
    ]);
  });

  test('takes only a document of the same content, and only for a new row', async () => {
    file('a', 'one');
    file('b', 'two');
    await sync();
    practice.model.files.delete('a');
    file('c', 'three');
    file('b', 'one', { fingerprint: 'v2' });
    expect((await sync()).counts).toMatchObject({ added: 1, updated: 1, moved: 0, missing: 1 });
  });

  test('of a flagged row is known from an incomplete read too, of a vanished one it is not', async () => {
    file('a', 'one');
    file('b', 'two');
    await sync();
    const [a] = await practice.documents();
    file('a', 'one', { deleted: true });
    practice.model.files.delete('b');
    file('c', 'one');
    file('d', 'two');
    practice.model.fault = { countOff: 1 };
    await sync();
    const documents = await practice.documents();
    expect(documents.find((document) => document.reference === 'c')!.documentUuid).toBe(a!.documentUuid);
    expect(documents.map((document) => document.reference)).toEqual(['b', 'c', 'd']);
  });
});

describe('an item that is missing for the first time', () => {
  beforeEach(async () => {
    for (const name of ['a', 'b', 'c']) file(name, `content of ${name}`);
    await sync();
    for (const name of ['a', 'b', 'c']) practice.model.files.delete(name);
  });

  test('is not marked when a second look finds it, and is marked when that finds it flagged or nowhere', async () => {
    wrap('source', () => ({
      presence: async () =>
        new Map([
          [storedReference('a'), { state: 'present' as const, unit: UNIT }],
          [storedReference('b'), { state: 'deleted' as const, unit: UNIT }],
        ]),
    }));
    file('z', 'there');
    expect((await sync()).counts).toMatchObject({ missing: 2, removed: 0 });
    const marked = (await practice.documents()).filter((document) => document.missingSince !== null);
    expect(marked.map((document) => document.reference)).toEqual(['b', 'c']);
  });

  test('is removed at once when a second look finds it with another patient, and kept when that is not known', async () => {
    wrap('source', () => ({
      presence: async () =>
        new Map([
          [storedReference('a'), { state: 'present' as const, unit: OTHER_UNIT }],
          [storedReference('b'), { state: 'present' as const, unit: null }],
          [storedReference('c'), { state: 'present' as const, unit: UNIT }],
        ]),
    }));
    file('z', 'there');
    expect((await sync()).counts).toMatchObject({ missing: 0, removed: 1 });
    expect(await practice.references()).toEqual(['b', 'c', 'z']);
  });
});

describe('a look at the files', () => {
  test('notices another time, and remembers it although the content is the same', async () => {
    file('a', 'one');
    await sync();
    const dated = (modifiedAt: number) =>
      wrap('share', (share) => ({
        stat: async (path, signal) => ({ ...(await share.stat(path, signal)), modifiedAt }),
        read: async (path, signal) => ({ ...(await share.read(path, signal)), modifiedAt }),
      }));
    dated(2);
    let reads = 0;
    wrap('share', (share) => ({
      read: (path, signal) => {
        reads++;
        return share.read(path, signal);
      },
    }));
    expect((await sync('deep')).counts).toMatchObject({ updated: 1, bytes: 0 });
    expect(await practice.documents()).toMatchObject([{ sourceModifiedAt: 2 }]);
    expect((await sync('deep')).counts).toMatchObject({ same: 1, updated: 0 });
    expect(reads).toBe(1);
    expect((await sync('checksum')).counts).toMatchObject({ same: 1, updated: 0 });
    expect(reads).toBe(2);
  });

  test('that hashes finds a stored content of another size, and replaces it', async () => {
    file('a', 'one');
    await sync();
    practice.blobs.set(`org/${shaOf('one')}`, Buffer.from('on'));
    expect((await sync('deep')).counts).toMatchObject({ failed: 0, same: 1 });
    expect(await sync('checksum')).toMatchObject({ counts: { failed: 0 } });
    expect(await failures()).toEqual([]);
    expect(Buffer.from(practice.blobs.get(`org/${shaOf('one')}`)!).toString()).toBe('one');
  });

  test('closes every file that it opened, whatever happened', async () => {
    let open = 0;
    wrap('share', (share) => ({
      read: async (path, signal) => {
        const read = await share.read(path, signal);
        open++;
        return { ...read, close: async () => void open-- };
      },
    }));
    file('a', 'one');
    file('b', 'two');
    await sync();
    await sync('checksum');
    expect(open).toBe(0);
    wrap('blobs', () => ({ put: async () => Promise.reject(new SyncError('blob_disk_full')) }));
    file('c', 'three');
    expect((await sync()).state).toBe('failed');
    expect(open).toBe(0);
  });
});

describe('the work', () => {
  const manyUnits = (count: number) => {
    for (let n = 0; n < count; n++) file(`f${n}`, `content ${n}`, { unit: unitOf(n) });
  };

  test('is written in batches of whole patients, and a large patient in parts', async () => {
    const batches: number[] = [];
    const finished: number[] = [];
    wrap('records', (records) => ({
      recordDocuments: (fence, writes: readonly DocumentWrite[]) => {
        batches.push(writes.length);
        return records.recordDocuments(fence, writes);
      },
      finishUnits: (fence, units, at) => {
        finished.push(units.length);
        return records.finishUnits(fence, units, at);
      },
    }));
    practice.settings = { ...practice.settings, filesPerBatch: 2 };
    manyUnits(5);
    await sync();
    expect(batches.toSorted()).toEqual([1, 2, 2]);
    expect(finished.toSorted()).toEqual([1, 2, 2]);
    batches.length = 0;
    finished.length = 0;
    for (let n = 0; n < 5; n++) file(`g${n}`, `other ${n}`, { unit: unitOf(9) });
    await sync();
    expect(batches.toSorted()).toEqual([1, 2, 2]);
    expect(finished).toEqual([1]);
  });

  test('goes on in several batches at once, but not in all', async () => {
    let active = 0;
    let most = 0;
    wrap('records', (records) => ({
      reserveBlobs: async (fence, blobs) => {
        most = Math.max(most, ++active);
        await new Promise((resolve) => setImmediate(resolve));
        active--;
        return records.reserveBlobs(fence, blobs);
      },
    }));
    practice.settings = { ...practice.settings, filesPerBatch: 1 };
    manyUnits(30);
    expect((await sync()).counts).toMatchObject({ added: 30 });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(6);
  });

  test('ends soon after a failure of the run: no batch is begun any more', async () => {
    let reserved = 0;
    wrap('records', (records) => ({
      reserveBlobs: (fence, blobs) => {
        reserved++;
        return records.reserveBlobs(fence, blobs);
      },
    }));
    wrap('blobs', () => ({ put: async () => Promise.reject(new SyncError('blob_disk_full')) }));
    practice.settings = { ...practice.settings, filesPerBatch: 1 };
    manyUnits(40);
    expect((await sync()).error).toMatchObject({ code: 'blob_disk_full' });
    expect(reserved).toBeLessThan(20);
  });

  test('of removals goes on in parts, and stops between them when it is cancelled', async () => {
    const count = 450;
    manyUnits(count);
    practice.settings = { ...practice.settings, guard: { maxCount: 1000, maxPercent: 100, minCount: 1 } };
    file('stays', 'there', { unit: unitOf(900) });
    await sync();
    for (let n = 0; n < count; n++) file(`f${n}`, '', { unit: unitOf(n), deleted: true });
    const parts: number[] = [];
    const finished: number[] = [];
    const stop = new AbortController();
    wrap('records', (records) => ({
      removeDocuments: async (fence, removals, at) => {
        parts.push(removals.length);
        const removed = await records.removeDocuments(fence, removals, at);
        if (parts.length === 1) stop.abort();
        return removed;
      },
      finishUnits: (fence, units, at) => {
        finished.push(units.length);
        return records.finishUnits(fence, units, at);
      },
    }));
    expect(await sync('quick', { signal: stop.signal })).toMatchObject({
      state: 'cancelled',
      counts: { removed: 200 },
    });
    expect(parts).toEqual([200]);
    finished.length = 0;
    expect(await sync()).toMatchObject({ state: 'completed', counts: { removed: 250 } });
    expect(parts).toEqual([200, 200, 50]);
    expect(finished).toEqual([200, 50]);
    expect(resultOf(unitOf(449))).toMatchObject({ filesDeleted: 1 });
    expect(await practice.references()).toEqual(['stays']);
  });

  test('is told by step, with its size and how far it is', async () => {
    for (const name of ['a', 'b', 'c', 'd']) file(name, `content of ${name}`);
    await sync();
    file('a', 'changed', { fingerprint: 'v2' });
    file('b', '', { deleted: true });
    file('c', '', { deleted: true });
    for (const name of ['e', 'f']) file(name, `content of ${name}`);
    wrap('share', (share) => ({
      read: (path, signal) => {
        practice.wait(600);
        return share.read(path, signal);
      },
    }));
    wrap('records', (records) => ({
      removeDocuments: (fence, removals, at) => {
        practice.wait(600);
        return records.removeDocuments(fence, removals, at);
      },
    }));
    const told: RunProgress[] = [];
    await sync('deep', { onProgress: (progress) => told.push(progress) });
    const of = (step: string) => told.filter((progress) => progress.step === step);
    expect(of('Copying').map((p) => [p.itemsProcessed, p.itemsTotal])).toEqual([
      [0, 4],
      [4, 4],
    ]);
    expect(of('Removing').map((p) => [p.itemsProcessed, p.itemsTotal])).toEqual([
      [0, 2],
      [2, 2],
    ]);
  });
});

describe('the guard', () => {
  test('weighs what the source lost since the last complete read, also of files that were never stored', async () => {
    practice.settings = { ...practice.settings, guard: { maxCount: 100, maxPercent: 30, minCount: 1 } };
    for (let n = 0; n < 10; n++) file(`s${n}`, `content ${n}`);
    for (let n = 0; n < 10; n++) {
      file(`x${n}`, 'lost');
      practice.contents.delete(`x${n}.pdf`);
    }
    await sync();
    for (let n = 0; n < 10; n++) practice.model.files.delete(`x${n}`);
    for (let n = 0; n < 2; n++) file(`s${n}`, '', { deleted: true });
    const held = await sync();
    expect(held.counts).toMatchObject({ held: 2, removed: 0 });
    const [set] = await practice.ports.runs.heldSets('org');
    expect(set!.reason).toContain('The source lost 12 of 20 items');
    // Of one patient alone nothing is known from before.
    expect((await sync('quick', { unit: UNIT })).counts).toMatchObject({ removed: 2 });
  });
});

test('a patient is not up to date when the read left something out', async () => {
  file('a', 'one');
  await sync();
  const before = [...practice.world.filesets.values()][0]!;
  file('b', 'two');
  file('c', 'three');
  practice.model.fault = { endsAfter: 2 };
  await sync();
  expect(resultOf(UNIT)).toMatchObject({
    outcome: 'partial',
    filesAdded: 1,
    errors: [{ operation: 'unit', code: 'source_incomplete' }],
  });
  practice.model.fault = { endsAfter: 0 };
  await sync();
  expect(resultOf(UNIT)).toMatchObject({ outcome: 'failed' });
  const after = [...practice.world.filesets.values()][0]!;
  expect(JSON.parse(after.syncLog!)).toMatchObject({
    lastSuccessfulSync: JSON.parse(before.syncLog!).lastSuccessfulSync,
    syncHistory: [{ status: 'failed' }, { status: 'partial_failure' }, { status: 'success' }],
  });
});

test('an incomplete read withdraws no held set and says what was wrong', async () => {
  for (const name of ['a', 'b', 'c']) file(name, `content of ${name}`);
  practice.settings = { ...practice.settings, guard: { maxCount: 0, maxPercent: 100, minCount: 0 } };
  await sync();
  file('a', '', { deleted: true });
  await sync();
  file('a', 'content of a');
  practice.model.fault = { endsAfter: 1 };
  const result = await sync();
  expect(result.error!.message).toMatch(/1.*3|3.*1/);
  expect((await practice.ports.runs.heldSets('org'))[0]).toMatchObject({ state: 'pending' });
});

test('failures of patients count on from run to run until they are settled', async () => {
  file('a', 'one');
  file('b', 'two', { unit: OTHER_UNIT });
  practice.model.unlinkable = 3;
  await sync();
  practice.model.files.delete('b');
  practice.model.patients.delete(OTHER_UNIT);
  await sync();
  const [first] = (await failures()).filter((failure) => failure.code === 'unit_not_linkable');
  expect(first!.message).toContain('3');
  await sync();
  const open = await failures();
  expect(open.map((failure) => failure.code).sort()).toEqual(['unit_not_linkable', 'unit_orphaned']);
  expect(open.find((failure) => failure.code === 'unit_not_linkable')).toMatchObject({
    attempts: 3,
    firstAt: first!.firstAt,
  });
  // A run of one patient says nothing of the others.
  practice.model.unlinkable = 0;
  await sync('quick', { unit: UNIT });
  expect((await failures()).map((failure) => failure.code)).toContain('unit_not_linkable');
  await practice.ports.runs.decideFailure('org', open.find((failure) => failure.code === 'unit_orphaned')!.id, 'skip');
  expect((await sync()).counts).toMatchObject({ failed: 0, skipped: 1 });
  expect((await failures()).map((failure) => failure.code)).toEqual(['unit_orphaned']);
});
