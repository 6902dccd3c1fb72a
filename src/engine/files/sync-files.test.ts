/** The loop for files over the in-memory stores: the rules that several of its parts keep together. */
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { SyncError } from '../../domain/errors.ts';
import { storedReference } from '../../domain/reference.ts';
import type { FileMode } from '../../domain/run.ts';
import type { StoredDocument } from '../../ports/document-records.ts';
import type { SourceFile } from '../../ports/ehr-database.ts';
import type { FileShare, ReadFile } from '../../ports/file-share.ts';
import { createMemoryBlobStore } from '../../stores/memory/blob-store.ts';
import { createMemoryChangeSpool } from '../../stores/memory/change-spool.ts';
import { createMemoryDocumentRecords } from '../../stores/memory/document-records.ts';
import { createEhrModel, createMemoryEhrDatabase, type EhrModel, putFile } from '../../stores/memory/ehr-database.ts';
import { createMemoryRunStore } from '../../stores/memory/run-store.ts';
import { createMemoryWorld, putConnection } from '../../stores/memory/world.ts';
import type { FilePorts, FileSettings } from './settings.ts';
import { syncFiles } from './sync-files.ts';

const UNIT = '11111111-1111-4111-8111-111111111111';
const SETTINGS: FileSettings = {
  organizationId: 'org',
  connectionId: 'vsrx',
  activate: 'all',
  guard: { maxCount: 50, maxPercent: 100, minCount: 3 },
  filesPerBatch: 20,
  maxParallelUploads: 2,
  retry: { attempts: 1, baseDelayMs: 1, maxDelayMs: 1 },
};

let now: number;
let model: EhrModel;
let contents: Map<string, string>;
let ports: FilePorts;

beforeEach(() => {
  now = 1_700_000_000_000;
  let uuids = 0;
  model = createEhrModel();
  contents = new Map();
  const world = createMemoryWorld();
  putConnection(world, SETTINGS);
  const clock = {
    // Every look at the clock is a little later.
    now: () => now++,
    sleep: (_: number, signal?: AbortSignal) =>
      new Promise<void>((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new SyncError('cancelled')), { once: true });
      }),
  };
  const random = { next: () => 0.5, uuid: () => String(++uuids).padStart(36, '0') };
  ports = {
    source: createMemoryEhrDatabase({ model }),
    share: memoryShare(contents),
    blobs: createMemoryBlobStore(),
    records: createMemoryDocumentRecords({ world, clock }),
    runs: createMemoryRunStore({ world, clock, random, workerId: '1', isWorkerAlive: () => true }),
    spool: createMemoryChangeSpool(),
    clock,
    random,
  };
});

function memoryShare(files: ReadonlyMap<string, string>): FileShare {
  const find = (path: string) => {
    const content = files.get(path);
    if (content === undefined) throw new SyncError('file_missing');
    return Buffer.from(content);
  };
  return {
    probe: async () => 'marker',
    stat: async (path) => ({ size: find(path).byteLength, modifiedAt: 1 }),
    async read(path): Promise<ReadFile> {
      const bytes = find(path);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return {
        size: bytes.byteLength,
        modifiedAt: 1,
        sha256,
        mimeType: null,
        open: () => bytes,
        close: async () => undefined,
      };
    },
  };
}

function file(name: string, content: string, more: Partial<SourceFile> = {}): void {
  contents.set(`${name}.pdf`, content);
  putFile(model, {
    unit: UNIT,
    reference: storedReference(name),
    fingerprint: 'v1',
    deleted: false,
    sourceId: name,
    path: `${name}.pdf`,
    description: null,
    uploadedAt: null,
    ownerUuid: null,
    patientName: null,
    ...more,
  });
}

const sync = (mode: FileMode = 'quick') => syncFiles(ports, SETTINGS, { mode, trigger: 'manual' });
const documents = (): Promise<StoredDocument[]> => Array.fromAsync(ports.records.storedDocuments(SETTINGS));

describe('an item that is missing', () => {
  test('goes after two complete reads that missed it', async () => {
    file('a', 'one');
    file('b', 'two');
    expect(await sync()).toMatchObject({ state: 'completed', outcome: 'success', counts: { added: 2 } });
    model.files.delete('a');
    expect((await sync()).counts).toMatchObject({ missing: 1, removed: 0 });
    expect((await sync()).counts).toMatchObject({ removed: 1 });
    expect((await documents()).map((document) => document.reference)).toEqual(['b']);
  });

  test.each<FileMode>(['quick', 'deep', 'checksum'])(
    'must be missed twice again once a %s run saw it',
    async (mode) => {
      file('a', 'one');
      file('b', 'two');
      await sync();
      const away = model.files.get('a')!;
      model.files.delete('a');
      await sync();
      model.files.set('a', away);
      await sync(mode);
      model.files.delete('a');
      expect((await sync()).counts).toMatchObject({ missing: 1, removed: 0 });
    },
  );

  test('was seen although its content could not be read', async () => {
    file('a', 'one');
    file('b', 'two');
    await sync();
    model.files.delete('a');
    await sync();
    file('a', 'changed', { fingerprint: 'v2' });
    contents.delete('a.pdf');
    expect((await sync()).counts).toMatchObject({ failed: 1 });
    model.files.delete('a');
    expect((await sync()).counts).toMatchObject({ missing: 1, removed: 0 });
  });
});

describe('a read that is not complete', () => {
  test.each([{ endsAfter: 1 }, { countOff: 1 }, { endsAfter: 0 }])('removes and marks nothing: %j', async (fault) => {
    file('a', 'one');
    file('b', 'two');
    await sync();
    const before = await documents();
    model.fault = fault;
    for (let i = 0; i < 3; i++) {
      expect(await sync()).toMatchObject({ state: 'failed', error: { code: 'source_incomplete' } });
    }
    expect(await documents()).toEqual(before);
  });

  test('does not take a document that it merely did not show for moved', async () => {
    file('b', 'same');
    await sync();
    file('a', 'same');
    model.fault = { endsAfter: 1 };
    await sync();
    expect((await documents()).map((document) => document.reference)).toEqual(['a', 'b']);
  });
});

test('a source row that was replaced keeps its document', async () => {
  file('a', 'one');
  await sync();
  const [before] = await documents();
  model.files.delete('a');
  file('c', 'one');
  expect((await sync()).counts).toMatchObject({ moved: 1, added: 0, missing: 0 });
  expect(await documents()).toMatchObject([{ reference: 'c', documentUuid: before?.documentUuid }]);
});

test('a source that does not answer ends the run and frees the connection', async () => {
  file('a', 'one');
  model.fault = { unreachable: true };
  expect(await sync()).toMatchObject({ state: 'failed', error: { code: 'source_unreachable' } });
  model.fault = {};
  expect(await sync()).toMatchObject({ state: 'completed', counts: { added: 1 } });
});
