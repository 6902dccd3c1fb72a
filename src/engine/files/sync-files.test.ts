/** The loop for files over the in-memory stores: the rules that several of its parts keep together. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type MemoryPractice, memoryPractice, OTHER_UNIT, shaOf, UNIT } from '../../../test/support/memory-practice.ts';
import { SyncError } from '../../domain/errors.ts';
import type { FileMode } from '../../domain/run.ts';
import type { RunProgress } from '../../ports/run-store.ts';
import { FILE_SYNC_STEPS } from './sync-files.ts';

let practice: MemoryPractice;

beforeEach(() => {
  practice = memoryPractice();
});

const file: MemoryPractice['file'] = (...args) => practice.file(...args);
const sync: MemoryPractice['sync'] = (...args) => practice.sync(...args);
const documents = () => practice.documents();
const failures = () => practice.ports.runs.openFailures(practice.settings);

describe('an item that is missing', () => {
  test('goes after two complete reads that missed it', async () => {
    file('a', 'one');
    file('b', 'two');
    expect(await sync()).toMatchObject({ state: 'completed', outcome: 'success', counts: { added: 2 } });
    practice.model.files.delete('a');
    expect((await sync()).counts).toMatchObject({ missing: 1, removed: 0 });
    expect((await sync()).counts).toMatchObject({ removed: 1 });
    expect(await practice.references()).toEqual(['b']);
  });

  test.each<FileMode>(['quick', 'deep', 'checksum'])(
    'must be missed twice again once a %s run saw it',
    async (mode) => {
      file('a', 'one');
      file('b', 'two');
      await sync();
      const away = practice.model.files.get('a')!;
      practice.model.files.delete('a');
      await sync();
      practice.model.files.set('a', away);
      await sync(mode);
      practice.model.files.delete('a');
      expect((await sync()).counts).toMatchObject({ missing: 1, removed: 0 });
    },
  );

  test('was seen although its content could not be read', async () => {
    file('a', 'one');
    file('b', 'two');
    await sync();
    practice.model.files.delete('a');
    await sync();
    file('a', 'changed', { fingerprint: 'v2' });
    practice.contents.delete('a.pdf');
    expect((await sync()).counts).toMatchObject({ failed: 1 });
    practice.model.files.delete('a');
    expect((await sync()).counts).toMatchObject({ missing: 1, removed: 0 });
  });
});

describe('a read that is not complete', () => {
  test.each([{ endsAfter: 1 }, { countOff: 1 }, { endsAfter: 0 }])('removes and marks nothing: %j', async (fault) => {
    file('a', 'one');
    file('b', 'two');
    await sync();
    const before = await documents();
    practice.model.fault = fault;
    for (let i = 0; i < 3; i++) {
      expect(await sync()).toMatchObject({ state: 'failed', error: { code: 'source_incomplete' } });
    }
    expect(await documents()).toEqual(before);
  });

  test('does not take a document that it merely did not show for moved', async () => {
    file('b', 'same');
    await sync();
    file('a', 'same');
    practice.model.fault = { endsAfter: 1 };
    await sync();
    expect(await practice.references()).toEqual(['a', 'b']);
  });
});

test('a source row that was replaced keeps its document', async () => {
  file('a', 'one');
  await sync();
  const [before] = await documents();
  practice.model.files.delete('a');
  file('c', 'one');
  expect((await sync()).counts).toMatchObject({ moved: 1, added: 0, missing: 0 });
  expect(await documents()).toMatchObject([{ reference: 'c', documentUuid: before?.documentUuid }]);
});

test('a source that does not answer ends the run and frees the connection', async () => {
  file('a', 'one');
  practice.model.fault = { unreachable: true };
  expect(await sync()).toMatchObject({ state: 'failed', error: { code: 'source_unreachable' } });
  practice.model.fault = {};
  expect(await sync()).toMatchObject({ state: 'completed', counts: { added: 1 } });
});

describe('a file', () => {
  test('is stored under its content, once, with what the source says of it', async () => {
    file('a', 'one', {
      description: 'Letter',
      uploadedAt: '2026-01-02T03:04:05Z',
      path: 'notes/2026/a.pdf',
      ownerUuid: 'owner',
    });
    practice.contents.set('notes/2026/a.pdf', 'one');
    file('b', 'one');
    const result = await sync();
    expect(result).toMatchObject({ outcome: 'success', counts: { added: 2, bytes: 3, failed: 0, same: 0 } });
    expect([...practice.blobs.keys()]).toEqual([`org/${shaOf('one')}`]);
    const [document] = [...practice.world.documents.values()];
    expect(document).toMatchObject({
      originalName: 'a.pdf',
      title: 'Letter',
      uploadedAt: '2026-01-02T03:04:05Z',
      path: 'notes/2026/a.pdf',
      sizeBytes: 3,
      sourceSize: 3,
      sourceModifiedAt: 1,
    });
    expect(await sync()).toMatchObject({ outcome: 'success', counts: { added: 0, same: 2, bytes: 0 } });
  });

  test('moved: same document, no copy', async () => {
    file('a', 'one');
    await sync();
    const [before] = await documents();
    file('a', 'one', { path: 'b.pdf', fingerprint: 'v2' });
    practice.contents.set('b.pdf', 'one');
    expect((await sync()).counts).toMatchObject({ moved: 1, updated: 0, bytes: 0 });
    expect(await documents()).toMatchObject([{ documentUuid: before!.documentUuid, path: 'b.pdf' }]);
  });

  test('changed without a word from the source is seen by deep when its size differs, by checksum in any case', async () => {
    file('a', 'one');
    await sync();
    practice.contents.set('a.pdf', 'two');
    expect((await sync('quick')).counts).toMatchObject({ same: 1, updated: 0 });
    expect((await sync('deep')).counts).toMatchObject({ same: 1, updated: 0 });
    expect((await sync('checksum')).counts).toMatchObject({ updated: 1, same: 0, bytes: 3 });
    practice.contents.set('a.pdf', 'three');
    expect((await sync('deep')).counts).toMatchObject({ updated: 1 });
    expect(await documents()).toMatchObject([{ sha256: shaOf('three'), sizeBytes: 5 }]);
  });

  test('whose content was lost behind the records is brought back by a checksum run only', async () => {
    file('a', 'one');
    await sync();
    practice.blobs.clear();
    await sync('deep');
    expect(practice.blobs.size).toBe(0);
    await sync('checksum');
    expect([...practice.blobs.keys()]).toEqual([`org/${shaOf('one')}`]);
  });

  test.each([null, ''])('without a path (%j) is missing, with a reason', async (path) => {
    file('a', 'one', { path });
    expect(await sync()).toMatchObject({ outcome: 'partial', counts: { failed: 1, added: 0 } });
    expect(await failures()).toMatchObject([{ code: 'file_missing', operation: 'add', state: 'waiting', attempts: 1 }]);
  });
});

describe('a failure', () => {
  test('is told, waits for its time under the schedule, and is gone when the file is there', async () => {
    file('a', 'one');
    file('b', 'two');
    practice.contents.delete('a.pdf');
    expect(await sync('quick', { trigger: 'schedule' })).toMatchObject({
      outcome: 'partial',
      counts: { added: 1, failed: 1 },
    });
    expect(await sync('quick', { trigger: 'schedule' })).toMatchObject({
      outcome: 'partial',
      counts: { waiting: 1, failed: 0 },
    });
    practice.contents.set('a.pdf', 'one');
    expect((await sync('quick', { trigger: 'schedule' })).counts).toMatchObject({ waiting: 1 });
    practice.wait(6 * 60_000);
    expect(await sync('quick', { trigger: 'schedule' })).toMatchObject({
      outcome: 'success',
      counts: { added: 1, waiting: 0 },
    });
    expect(await failures()).toEqual([]);
  });

  test('does not wait when a person asks or the row has changed', async () => {
    file('a', 'one');
    practice.contents.delete('a.pdf');
    await sync();
    expect((await sync()).counts).toMatchObject({ failed: 1, waiting: 0 });
    expect(await failures()).toMatchObject([{ attempts: 2 }]);
    file('a', 'one', { fingerprint: 'v2' });
    expect((await sync('quick', { trigger: 'schedule' })).counts).toMatchObject({ added: 1, waiting: 0 });
  });

  test('that a person skipped is quiet', async () => {
    file('a', 'one');
    practice.contents.delete('a.pdf');
    await sync();
    const [failure] = await failures();
    await practice.ports.runs.decideFailure('org', failure!.id, 'skip');
    expect(await sync()).toMatchObject({ outcome: 'success', counts: { failed: 0, skipped: 1 } });
  });

  test('of a file that the source no longer lists is forgotten after a complete read', async () => {
    file('a', 'one');
    file('b', 'two');
    practice.contents.delete('a.pdf');
    await sync();
    practice.model.files.delete('a');
    practice.model.fault = { countOff: 1 };
    await sync();
    expect(await failures()).toHaveLength(1);
    practice.model.fault = {};
    await sync();
    expect(await failures()).toEqual([]);
  });

  test('of the store ends the run; what was done is kept', async () => {
    file('a', 'one');
    file('b', 'two');
    practice.settings = { ...practice.settings, filesPerBatch: 1 };
    const { blobs } = practice.ports;
    practice.ports = {
      ...practice.ports,
      blobs: {
        ...blobs,
        put: async (name, content) => {
          if (name.endsWith(shaOf('two'))) throw new SyncError('blob_disk_full');
          return blobs.put(name, content);
        },
      },
    };
    expect(await sync()).toMatchObject({ state: 'failed', outcome: 'failed', error: { code: 'blob_disk_full' } });
    practice.ports = { ...practice.ports, blobs };
    expect((await sync()).outcome).toBe('success');
    expect(await practice.references()).toEqual(['a', 'b']);
  });
});

describe('a patient', () => {
  test('alone is synchronised when asked for, and says nothing about the others', async () => {
    file('a', 'one');
    file('b', 'two', { unit: OTHER_UNIT });
    expect((await sync('quick', { unit: OTHER_UNIT })).counts).toMatchObject({ added: 1 });
    expect(await practice.references()).toEqual(['b']);
    expect(await practice.ports.runs.lastCompleteRead(practice.settings)).toBeNull();
    await sync();
    expect(await practice.ports.runs.lastCompleteRead(practice.settings)).toEqual({ itemsInSource: 2 });
    practice.model.files.delete('a');
    for (let run = 0; run < 3; run++) await sync('quick', { unit: OTHER_UNIT });
    expect(await practice.references()).toEqual(['a', 'b']);
  });

  test('who is gone from the source keeps the documents, and is reported until a person skips it', async () => {
    file('a', 'one');
    file('b', 'two', { unit: OTHER_UNIT });
    await sync();
    practice.model.files.delete('b');
    practice.model.patients.delete(OTHER_UNIT);
    for (let run = 0; run < 3; run++)
      expect(await sync()).toMatchObject({ outcome: 'partial', counts: { removed: 0, missing: 0, failed: 1 } });
    expect(await practice.references()).toEqual(['a', 'b']);
    const [failure] = await failures();
    expect(failure).toMatchObject({ unit: OTHER_UNIT, reference: '', code: 'unit_orphaned' });
    await practice.ports.runs.decideFailure('org', failure!.id, 'skip');
    expect(await sync()).toMatchObject({ outcome: 'success', counts: { failed: 0, skipped: 1 } });
  });

  test('without a UUID is counted and reported, and settled when all have one', async () => {
    file('a', 'one');
    practice.model.unlinkable = 2;
    expect(await sync()).toMatchObject({ outcome: 'partial', counts: { added: 1, failed: 1 } });
    expect(await failures()).toMatchObject([{ unit: '', code: 'unit_not_linkable' }]);
    practice.model.unlinkable = 0;
    expect((await sync()).outcome).toBe('success');
    expect(await failures()).toEqual([]);
  });

  test('who gave a file to another loses it in the same run', async () => {
    file('a', 'one');
    file('b', 'two');
    await sync();
    file('a', 'one', { unit: OTHER_UNIT });
    expect((await sync()).counts).toMatchObject({ added: 1, removed: 1, missing: 0 });
    expect((await documents()).map(({ unit, reference }) => [unit, reference])).toEqual([
      [UNIT, 'b'],
      [OTHER_UNIT, 'a'],
    ]);
  });

  test('is synchronised only when activated, where that is asked for', async () => {
    file('a', 'one');
    file('b', 'two', { unit: OTHER_UNIT });
    practice.model.activated = new Set([OTHER_UNIT]);
    practice.settings = { ...practice.settings, activate: 'source' };
    await sync();
    expect(await practice.references()).toEqual(['b']);
    expect(await sync('quick', { unit: UNIT })).toMatchObject({
      state: 'failed',
      error: { code: 'fileset_not_activated' },
    });
    practice.settings = { ...practice.settings, activate: 'recorded' };
    expect((await sync()).counts).toMatchObject({ same: 1 });
    expect(await practice.references()).toEqual(['b']);
  });

  test.each(['all', 'recorded', 'source'] as const)('is known without files, activated as by %s', async (activate) => {
    const units = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'];
    for (const unit of units) practice.model.patients.add(unit);
    practice.model.activated = new Set(['p2', 'p7']);
    practice.settings = { ...practice.settings, activate };
    expect((await sync('quick', { unit: 'p2' }).catch(() => null))?.counts.added ?? 0).toBe(0);
    expect(practice.world.filesets.size).toBe(0);
    expect(await sync()).toMatchObject({ outcome: 'success', counts: { added: 0 } });
    const activated = { all: [], recorded: [], source: ['p2', 'p7'] }[activate];
    const filesets = [...practice.world.filesets.values()];
    expect(filesets.map(({ unit }) => unit)).toEqual(units);
    expect(filesets.filter((fileset) => fileset.activated).map(({ unit }) => unit)).toEqual(activated);
    expect(practice.world.connectionFilesets.size).toBe(units.length);
  });

  test('who the source cannot be asked for makes the run fail', async () => {
    file('a', 'one');
    practice.ports = {
      ...practice.ports,
      source: {
        ...practice.ports.source,
        patients: () => Promise.reject(new SyncError('source_unreachable')),
      },
    };
    expect(await sync()).toMatchObject({ state: 'failed', error: { code: 'source_unreachable' } });
    expect(await practice.references()).toEqual([]);
  });
});

describe('many removals', () => {
  beforeEach(async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) file(name, `content of ${name}`);
    practice.settings = { ...practice.settings, guard: { maxCount: 2, maxPercent: 100, minCount: 1 } };
    await sync();
    for (const name of ['a', 'b', 'c']) practice.model.files.delete(name);
    await sync();
  });

  test('are held together, the same set run after run, and the unit keeps its other results', async () => {
    expect((await sync()).counts).toMatchObject({ held: 3, removed: 0 });
    const [first] = await practice.ports.runs.heldSets('org');
    await sync();
    const sets = await practice.ports.runs.heldSets('org');
    expect(sets).toHaveLength(1);
    expect(sets[0]).toMatchObject({ id: first!.id, state: 'pending', itemCount: 3 });
    expect(sets[0]!.reason).toContain('more than the limit of 2');
    expect(await practice.references()).toHaveLength(6);
  });

  test('are withdrawn when the source shows them again', async () => {
    await sync();
    for (const name of ['a', 'b', 'c']) file(name, `content of ${name}`);
    await sync();
    expect((await practice.ports.runs.heldSets('org'))[0]).toMatchObject({ state: 'superseded' });
  });

  test('up to the limit go', async () => {
    file('c', 'content of c');
    expect((await sync()).counts).toMatchObject({ held: 0, removed: 2 });
    expect(await practice.references()).toEqual(['c', 'd', 'e', 'f']);
  });
});

test('an item that came back between the read and the removal stays', async () => {
  file('a', 'one');
  file('b', 'two');
  await sync();
  practice.model.files.delete('a');
  await sync();
  const { source } = practice.ports;
  practice.ports = {
    ...practice.ports,
    source: {
      ...source,
      presence: async (references, signal) => {
        file('a', 'one');
        return source.presence(references, signal);
      },
    },
  };
  expect((await sync()).counts).toMatchObject({ removed: 0 });
  expect(await practice.references()).toEqual(['a', 'b']);
});

test('an unmounted share, or another one after the read, removes nothing', async () => {
  file('a', 'one');
  file('b', 'two');
  await sync();
  practice.model.files.delete('a');
  await sync();
  practice.share.token = null;
  expect(await sync()).toMatchObject({ state: 'failed', error: { code: 'share_unavailable' } });
  practice.share.token = 'marker';
  const { source } = practice.ports;
  practice.ports = {
    ...practice.ports,
    source: {
      ...source,
      readFiles: (selection, signal) => {
        practice.share.token = 'another';
        return source.readFiles(selection, signal);
      },
    },
  };
  expect(await sync()).toMatchObject({ state: 'failed', error: { code: 'source_incomplete' } });
  expect(await practice.references()).toEqual(['a', 'b']);
});

test('steps, progress and the run itself tell what happened', async () => {
  for (let n = 0; n < 5; n++) file(`f${n}`, `content ${n}`);
  const seen: (RunProgress & { runId: string })[] = [];
  let started: string | null = null;
  const result = await sync('quick', {
    onStarted: (runId) => {
      started = runId;
    },
    onProgress: (progress) => seen.push(progress),
  });
  expect(result.runId).toBe(started);
  expect([...new Set(seen.map((progress) => progress.step))]).toEqual([...FILE_SYNC_STEPS]);
  expect(seen.map((progress) => progress.percentage)).toEqual(seen.map((p) => p.percentage).toSorted((a, b) => a - b));
  expect(seen.at(-1)).toMatchObject({ totalSteps: 4, completedSteps: 3, counts: { added: 5 } });
  expect(await practice.ports.runs.run('org', result.runId)).toMatchObject({
    state: 'completed',
    outcome: 'success',
    percentage: 100,
    counts: { added: 5 },
    mode: 'quick',
    trigger: 'manual',
  });
});

test('a cancelled run says so, and frees the connection', async () => {
  file('a', 'one');
  const stop = new AbortController();
  const { share } = practice.ports;
  practice.ports = {
    ...practice.ports,
    share: {
      ...share,
      read: async (path, signal) => {
        stop.abort();
        return share.read(path, signal);
      },
    },
  };
  expect(await sync('quick', { signal: stop.signal })).toMatchObject({
    state: 'cancelled',
    error: { code: 'cancelled' },
  });
  practice.ports = { ...practice.ports, share };
  expect(await sync()).toMatchObject({ state: 'completed', counts: { added: 1 } });
});
