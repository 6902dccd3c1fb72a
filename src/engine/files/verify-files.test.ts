/** Verify names each difference between source, records and contents, and changes nothing. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type MemoryPractice, memoryPractice, OTHER_UNIT, shaOf } from '../../../test/support/memory-practice.ts';
import { SyncError } from '../../domain/errors.ts';
import { keyOf } from '../../stores/memory/world.ts';
import { type Difference, type VerifyRequest, verifyFiles } from './verify-files.ts';

let practice: MemoryPractice;

beforeEach(async () => {
  practice = memoryPractice();
  practice.file('a', 'one');
  practice.file('b', 'two');
  practice.file('c', 'three', { unit: OTHER_UNIT });
  await practice.sync();
});

async function verify(request: Partial<VerifyRequest> = {}) {
  const found: Difference[] = [];
  const whole = { content: true, signal: new AbortController().signal, ...request };
  const result = await verifyFiles(practice.ports, practice.settings, whole, (difference) => found.push(difference));
  expect(result.differences).toBe(found.length);
  const short = found.map(({ store, kind, reference, code }) => ({ store, kind, reference, code }));
  return { result, found, short };
}

test('nothing to say', async () => {
  const { result } = await verify();
  const sum = expect.stringMatching(/^[\da-f]{64}$/);
  const checksums = { rows: sum, blobs: sum };
  expect(result).toEqual({ sourceItems: 3, documents: 3, blobs: 3, differences: 0, complete: true, checksums });
  expect(result.checksums?.blobs).toBe(result.checksums?.rows);
  expect((await verify({ content: false })).result).toMatchObject({ differences: 0 });
  expect((await verify({ unit: OTHER_UNIT })).result).toMatchObject({
    checksums: null,
    sourceItems: 1,
    documents: 1,
    blobs: 1,
    differences: 0,
  });
});

describe('source and rows', () => {
  test('a file without a document, and why when that is known', async () => {
    practice.file('d', 'four');
    practice.file('e', 'five');
    practice.contents.delete('e.pdf');
    practice.ports = { ...practice.ports };
    await practice.sync('quick', { unit: 'nobody' });
    expect((await verify({ content: false })).short).toEqual([
      { store: 'row', kind: 'missing', reference: 'd', code: null },
      { store: 'row', kind: 'missing', reference: 'e', code: null },
    ]);
    await practice.sync();
    const { short, found } = await verify({ content: false });
    expect(short).toEqual([{ store: 'row', kind: 'missing', reference: 'e', code: 'file_missing' }]);
    expect(found[0]!.unit).not.toBeNull();
  });

  test('a document without a file, and one whose patient is gone', async () => {
    practice.model.files.delete('a');
    practice.model.files.delete('c');
    practice.model.patients.delete(OTHER_UNIT);
    const { short, found } = await verify();
    expect(short).toEqual([
      { store: 'row', kind: 'surplus', reference: 'a', code: null },
      { store: 'row', kind: 'surplus', reference: 'c', code: 'unit_orphaned' },
    ]);
    expect(found[0]).toMatchObject({ documentUuid: expect.any(String), sha256: shaOf('one') });
  });

  test('says nothing of absence when the source could not be read completely', async () => {
    practice.model.files.delete('a');
    practice.model.fault = { countOff: 1 };
    expect(await verify()).toMatchObject({ result: { complete: false, differences: 0 } });
  });

  test('a row that changed, and content that changed behind it', async () => {
    practice.file('a', 'one', { fingerprint: 'v2' });
    practice.contents.set('b.pdf', 'other');
    expect((await verify({ content: false })).short).toEqual([
      { store: 'row', kind: 'different', reference: 'a', code: null },
    ]);
    expect((await verify()).short).toEqual([
      { store: 'row', kind: 'different', reference: 'a', code: null },
      { store: 'row', kind: 'different', reference: 'b', code: null },
    ]);
  });

  test('a file that is gone from the share', async () => {
    practice.contents.delete('a.pdf');
    expect((await verify()).short).toEqual([
      { store: 'source', kind: 'missing', reference: 'a', code: 'file_missing' },
    ]);
    expect((await verify({ content: false })).short).toEqual([]);
  });

  test('an item that is seen again is no difference', async () => {
    practice.model.files.delete('a');
    await practice.sync();
    practice.file('a', 'one');
    expect((await verify()).short).toEqual([]);
  });
});

describe('rows and blobs', () => {
  const blob = (content: string) => `org/${shaOf(content)}`;

  test('a blob that is gone', async () => {
    practice.blobs.delete(blob('one'));
    expect((await verify({ content: false })).short).toEqual([
      { store: 'blob', kind: 'missing', reference: 'a', code: 'blob_missing' },
    ]);
  });

  test('a blob of another size, or of the same size and other content', async () => {
    practice.blobs.set(blob('one'), Buffer.from('on'));
    practice.blobs.set(blob('two'), Buffer.from('owt'));
    expect((await verify({ content: false })).short).toEqual([
      { store: 'blob', kind: 'different', reference: 'a', code: 'blob_corrupt' },
    ]);
    expect((await verify()).short).toEqual([
      { store: 'blob', kind: 'different', reference: 'a', code: 'blob_corrupt' },
      { store: 'blob', kind: 'different', reference: 'b', code: 'blob_corrupt' },
    ]);
  });

  test('a content of the organisation that is no document of the connection: gone, or of another size', async () => {
    const other = { ...practice.settings, connectionId: 'other' };
    const found: unknown[] = [];
    const look = () =>
      verifyFiles(practice.ports, other, { content: false, signal: new AbortController().signal }, (difference) => {
        if (difference.store === 'blob') found.push(difference);
      });
    practice.blobs.delete(blob('one'));
    practice.blobs.set(blob('two'), Buffer.from('longer than it was'));
    await look();
    expect(found).toMatchObject([
      { kind: 'different', sha256: shaOf('two'), code: 'blob_corrupt', documentUuid: null },
      { kind: 'missing', sha256: shaOf('one'), code: 'blob_missing', documentUuid: null },
    ]);
  });

  test('a blob that no record knows, before, between and after the known ones', async () => {
    for (const sha256 of ['0'.repeat(64), '7'.repeat(64), 'f'.repeat(64)])
      practice.blobs.set(`org/${sha256}`, Buffer.from('x'));
    const { result, found } = await verify();
    expect(found.map(({ store, kind, sha256 }) => `${store} ${kind} ${sha256?.[0]}`).sort()).toEqual([
      'blob surplus 0',
      'blob surplus 7',
      'blob surplus f',
    ]);
    expect(result.blobs).toBe(6);
    expect((await verify({ unit: OTHER_UNIT })).found).toEqual([]);
  });

  test('a count that is wrong', async () => {
    const key = keyOf('org', shaOf('one'));
    practice.world.blobs.set(key, { ...practice.world.blobs.get(key)!, references: 2 });
    expect((await verify()).found).toMatchObject([{ store: 'row', kind: 'different', sha256: shaOf('one') }]);
  });

  test('a released blob that is gone before its time, and one that may be on its way', async () => {
    const row = { organizationId: 'org', size: 1, references: 0, touchedAt: 0 } as const;
    for (const [sha256, state] of [
      ['1'.repeat(64), 'stored'],
      ['2'.repeat(64), 'wanted'],
      ['e'.repeat(64), 'stored'],
    ] as const)
      practice.world.blobs.set(keyOf('org', sha256), { ...row, sha256, state });
    const { found, result } = await verify();
    expect(found.map(({ store, kind, sha256 }) => `${store} ${kind} ${sha256?.[0]}`)).toEqual([
      'blob missing 1',
      'blob missing e',
    ]);
    expect(result.blobs).toBe(3);
  });

  test('a store that fails ends it', async () => {
    practice.ports = {
      ...practice.ports,
      blobs: {
        ...practice.ports.blobs,
        get: async () => {
          throw new SyncError('blob_unavailable');
        },
      },
    };
    await expect(verify()).rejects.toMatchObject({ code: 'blob_unavailable' });
  });

  test('a store whose list fails ends it, and the rows are not held any longer', async () => {
    let open = 0;
    const { records, blobs } = practice.ports;
    practice.ports = {
      ...practice.ports,
      records: {
        ...records,
        async *blobRows(...of) {
          open++;
          try {
            yield* records.blobRows(...of);
          } finally {
            open--;
          }
        },
      },
      blobs: {
        ...blobs,
        async *list() {
          yield [];
          throw new SyncError('blob_unavailable');
        },
      },
    };
    await expect(verify()).rejects.toMatchObject({ code: 'blob_unavailable' });
    expect(open).toBe(0);
  });
});

test('a share that goes away ends it', async () => {
  practice.contents.delete('a.pdf');
  const { share } = practice.ports;
  practice.ports = {
    ...practice.ports,
    share: {
      ...share,
      read: async () => {
        throw new SyncError('cancelled');
      },
    },
  };
  await expect(verify()).rejects.toMatchObject({ code: 'cancelled' });
});

test('tells how far it is', async () => {
  for (let n = 0; n < 220; n++) practice.file(`n${n}`, `content ${n}`);
  await practice.sync();
  const seen: number[] = [];
  await verify({ onProgress: (checked) => seen.push(checked) });
  expect(seen).toEqual([100, 200]);
});
