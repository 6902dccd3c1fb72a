/** A practice and all stores in memory, for tests of the engine that need no server: quick, and every part can be looked at. */
import { createHash } from 'node:crypto';
import { SyncError } from '../../src/domain/errors.ts';
import { storedReference } from '../../src/domain/reference.ts';
import type { FileMode } from '../../src/domain/run.ts';
import type { FilePorts, FileSettings } from '../../src/engine/files/settings.ts';
import { type FileSyncRequest, syncFiles } from '../../src/engine/files/sync-files.ts';
import type { RunResult } from '../../src/engine/run-session.ts';
import type { StoredDocument } from '../../src/ports/document-records.ts';
import type { SourceFile } from '../../src/ports/ehr-database.ts';
import type { FileShare, ReadFile } from '../../src/ports/file-share.ts';
import { createMemoryBlobStore } from '../../src/stores/memory/blob-store.ts';
import { createMemoryChangeSpool } from '../../src/stores/memory/change-spool.ts';
import { createMemoryDocumentRecords } from '../../src/stores/memory/document-records.ts';
import {
  createEhrModel,
  createMemoryEhrDatabase,
  type EhrModel,
  putFile,
} from '../../src/stores/memory/ehr-database.ts';
import { createMemoryRunStore } from '../../src/stores/memory/run-store.ts';
import { createMemoryWorld, type MemoryWorld, putConnection } from '../../src/stores/memory/world.ts';

export const UNIT = '11111111-1111-4111-8111-111111111111';
export const OTHER_UNIT = '22222222-2222-4222-8222-222222222222';

export const SETTINGS: FileSettings = {
  organizationId: 'org',
  connectionId: 'vsrx',
  activate: 'all',
  guard: { maxCount: 50, maxPercent: 100, minCount: 3 },
  filesPerBatch: 20,
  maxParallelUploads: 2,
  fanOutUnits: 500,
  retry: { attempts: 1, baseDelayMs: 1, maxDelayMs: 1 },
};

export interface MemoryPractice {
  readonly world: MemoryWorld;
  readonly model: EhrModel;
  /** By path. */
  readonly contents: Map<string, string>;
  /** Blobs by name. */
  readonly blobs: Map<string, Uint8Array>;
  /** Replace a part to make it fail. */
  ports: FilePorts;
  settings: FileSettings;
  /** What the share proves itself by; null: it is away. */
  share: { token: string | null };
  /** Adds a row with its file `<name>.pdf`, or changes it. */
  file(name: string, content: string, more?: Partial<SourceFile>): void;
  sync(mode?: FileMode, request?: Partial<FileSyncRequest>): Promise<RunResult>;
  documents(): Promise<StoredDocument[]>;
  references(): Promise<string[]>;
  /** Moves the clock. */
  wait(ms: number): void;
}

export function memoryPractice(): MemoryPractice {
  let now = 1_700_000_000_000;
  let uuids = 0;
  const model = createEhrModel();
  const contents = new Map<string, string>();
  const blobs = new Map<string, Uint8Array>();
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
  const random = { next: () => 0.5, uuid: () => `${String(++uuids).padStart(8, '0')}-0000-4000-8000-000000000000` };
  const share = { token: 'marker' as string | null };
  const practice: MemoryPractice = {
    world,
    model,
    contents,
    blobs,
    settings: SETTINGS,
    share,
    ports: {
      source: createMemoryEhrDatabase({ model }),
      share: memoryShare(contents, share),
      blobs: createMemoryBlobStore({ contents: blobs }),
      records: createMemoryDocumentRecords({ world, clock }),
      runs: createMemoryRunStore({ world, clock, random, workerId: '1', isWorkerAlive: () => true }),
      spool: createMemoryChangeSpool(),
      clock,
      random,
    },
    file(name, content, more = {}) {
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
    },
    sync: (mode = 'quick', request = {}) =>
      syncFiles(practice.ports, practice.settings, { mode, trigger: 'manual', ...request }),
    documents: () => Array.fromAsync(practice.ports.records.storedDocuments(practice.settings)),
    async references() {
      return (await practice.documents()).map((document) => document.reference);
    },
    wait(ms) {
      now += ms;
    },
  };
  return practice;
}

export function shaOf(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

function memoryShare(files: ReadonlyMap<string, string>, mount: { readonly token: string | null }): FileShare {
  const find = (path: string) => {
    const content = files.get(path);
    if (content === undefined) throw new SyncError(mount.token === null ? 'share_unavailable' : 'file_missing');
    return Buffer.from(content);
  };
  return {
    probe: async () => mount.token,
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
