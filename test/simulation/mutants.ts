/** Bugs planted on purpose, to see that the rules find them. What each one stands for is told in mutants.md. */
import { storedReference } from '../../src/domain/reference.ts';
import type { FilePorts } from '../../src/engine/files/settings.ts';
import type { DocumentWrite, Fence } from '../../src/ports/document-records.ts';
import { keyOf, type MemoryWorld } from '../../src/stores/memory/world.ts';
import type { Mutant } from './ports.ts';
import { wallClock } from './wall-clock.ts';

/** The rules that each of them is to be found by: others may notice something, too. */
export const FOUND_BY: Readonly<Record<string, readonly string[]>> = {
  'cursor-before-commit': ['the cursor is never ahead of the data'],
  'record-before-content': ['no document without its content'],
  'partial-read': ['nothing goes without a complete read', 'missed twice'],
  'missing-fence': ['no write after a take-over'],
  'double-admission': ['one run at a time'],
  'tenant-filter': ['no document without its content'],
  'stale-held-set': ['nothing goes while the source shows it'],
  'early-release': ['no content goes while a document names it'],
  'late-deletion': ['no content goes while a document names it'],
  'summer-time': ['every item has its time'],
  'move-as-new': ['a moved item keeps its document'],
};

export const MUTANTS: Readonly<Record<string, Mutant>> = {
  /** A patient is ticked off before its documents are recorded. */
  'cursor-before-commit': (ports) => ({
    ...ports,
    records: {
      ...ports.records,
      async recordDocuments(fence, writes) {
        const units = [...new Set(writes.map((write) => write.unit))];
        const nothing = { filesAdded: 0, filesDeleted: 0, filesUpdated: 0, filesMoved: 0, errors: [] };
        await ports.records.finishUnits(
          fence,
          units.map((unit) => ({ unit, ...nothing, outcome: 'success' })),
          ports.clock.now(),
        );
        return ports.records.recordDocuments(fence, writes);
      },
    },
  }),

  /** The record is written before its content is. */
  'record-before-content': (ports) => ({
    ...ports,
    blobs: {
      ...ports.blobs,
      async put(name, content, signal) {
        void ports.clock.sleep(1, signal).then(
          () => ports.blobs.put(name, content, signal),
          () => undefined,
        );
        return 'created';
      },
    },
  }),

  /** A read that broke off is taken for a whole one. */
  'partial-read': (ports) => ({
    ...ports,
    source: {
      ...ports.source,
      readFiles(selection, signal) {
        const read = ports.source.readFiles(selection, signal);
        return {
          [Symbol.asyncIterator]: () => read[Symbol.asyncIterator](),
          summary: () => ({ ...read.summary(), rowsExpected: read.summary().rowsRead }),
        };
      },
    },
  }),

  /** Writes do not ask whether the lease is still theirs. */
  'missing-fence': (ports, _, { world }) => ({
    ...ports,
    records: withNewestFence(ports.records, world),
    runs: withNewestFence(ports.runs, world),
  }),

  /** A start does not look whether somebody else is at work. */
  'double-admission': (ports, _, { world }) => ({
    ...ports,
    runs: {
      ...ports.runs,
      start(start) {
        const key = keyOf(start.organizationId, start.connectionId);
        const lease = world.leases.get(key);
        if (lease !== undefined) world.leases.set(key, { ...lease, runId: null });
        return ports.runs.start(start);
      },
    },
  }),

  /** Another organisation's content counts as one's own. */
  'tenant-filter': (ports, _, { world }) => ({
    ...ports,
    records: {
      ...ports.records,
      async reserveBlobs(fence, blobs) {
        const states = new Map(await ports.records.reserveBlobs(fence, blobs));
        for (const row of world.blobs.values()) {
          if (row.state === 'stored' && states.has(row.sha256)) states.set(row.sha256, 'stored');
        }
        return states;
      },
    },
  }),

  /** A held set is applied as it was, without another look at the source. */
  'stale-held-set': (ports) => ({
    ...ports,
    source: {
      ...ports.source,
      presence: async (references) => new Map(references.map((reference) => [reference, { state: 'absent' }])),
    },
  }),

  /** A content goes with the first of the documents that name it. */
  'early-release': (ports, _, { world }) => ({
    ...ports,
    records: {
      ...ports.records,
      async removeDocuments(fence, removals, at) {
        const removed = await ports.records.removeDocuments(fence, removals, at);
        for (const uuid of removed) {
          const document = world.documents.get(uuid)!;
          await ports.blobs.delete(`${document.organizationId}/${document.sha256}`);
        }
        return removed;
      },
    },
  }),

  /** Whenever a deletion arrives it takes what is there by then. */
  'late-deletion': (ports, _, { contents }) => ({
    ...ports,
    blobs: {
      ...ports.blobs,
      async put(name, content, signal) {
        const result = await ports.blobs.put(name, content, signal);
        contents.set(name, firstOf(contents, name));
        return result;
      },
    },
  }),

  /** The source's clock is read with the offset of today, whatever the day of the row. */
  'summer-time': (ports, practice) => ({
    ...ports,
    source: {
      ...ports.source,
      readFiles(selection, signal) {
        const read = ports.source.readFiles(selection, signal);
        return {
          async *[Symbol.asyncIterator]() {
            const now = ports.clock.now();
            const offset = asUtc(wallClock(practice.timeZone, now)) - Math.floor(now / 1000) * 1000;
            for await (const file of read) {
              const shown = wallClock(practice.timeZone, Date.parse(file.uploadedAt!));
              yield { ...file, uploadedAt: new Date(asUtc(shown) - offset).toISOString() };
            }
          },
          summary: () => read.summary(),
        };
      },
    },
  }),

  /** A move is a deletion and another document. */
  'move-as-new': (ports) => ({
    ...ports,
    records: {
      ...ports.records,
      recordDocuments: (fence, writes) =>
        ports.records.recordDocuments(
          fence,
          writes.map((write): DocumentWrite => {
            const { replaces: _replaces, ...rest } = write;
            return { ...rest, reference: storedReference(write.reference) };
          }),
        ),
    },
  }),
};

function asUtc(wall: string): number {
  return Date.parse(`${wall.replace(' ', 'T')}Z`);
}

const firsts = new WeakMap<Map<string, Uint8Array>, Map<string, Uint8Array>>();

/** The object that was first stored under the name: to a deletion under way it looks as if nothing had happened since. */
function firstOf(contents: Map<string, Uint8Array>, name: string): Uint8Array {
  const known = firsts.get(contents) ?? new Map<string, Uint8Array>();
  firsts.set(contents, known);
  const first = known.get(name) ?? contents.get(name)!;
  known.set(name, first);
  return first;
}

function withNewestFence<T extends FilePorts['records'] | FilePorts['runs']>(port: T, world: MemoryWorld): T {
  const entries = Object.entries(port).map(([name, value]) => {
    if (typeof value !== 'function') return [name, value];
    return [
      name,
      (...args: unknown[]) => {
        const [first, ...rest] = args;
        const newest = isFence(first) ? newestFence(world, first) : first;
        return (value as (...all: unknown[]) => unknown)(newest, ...rest);
      },
    ];
  });
  return Object.fromEntries(entries) as T;
}

function isFence(value: unknown): value is Fence {
  return typeof value === 'object' && value !== null && 'runId' in value && 'number' in value;
}

function newestFence(world: MemoryWorld, fence: Fence): Fence {
  const lease = world.leases.get(keyOf(fence.organizationId, fence.connectionId));
  return { ...fence, number: lease?.fence ?? fence.number, runId: lease?.runId ?? fence.runId };
}
