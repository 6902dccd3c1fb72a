/** The ports of one process on one connection, over the in-memory twins: every call is a step of the scheduler. */
import { SyncError } from '../../src/domain/errors.ts';
import type { FilePorts } from '../../src/engine/files/settings.ts';
import type { Fence, StoredDocument } from '../../src/ports/document-records.ts';
import type { EhrDatabase, FileRead } from '../../src/ports/ehr-database.ts';
import { createMemoryBlobStore } from '../../src/stores/memory/blob-store.ts';
import { createMemoryChangeSpool } from '../../src/stores/memory/change-spool.ts';
import { createMemoryDocumentRecords } from '../../src/stores/memory/document-records.ts';
import { createMemoryRunStore } from '../../src/stores/memory/run-store.ts';
import type { MemoryWorld } from '../../src/stores/memory/world.ts';
import type { Practice } from './practice.ts';
import { LEASE_MS, type Reader, type Rules } from './rules.ts';
import { never, type Scheduler, type SimProcess } from './scheduler.ts';

export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly world: MemoryWorld;
  readonly contents: Map<string, Uint8Array>;
  readonly rules: Rules;
  readonly processes: ReadonlyMap<string, SimProcess>;
}

/** Changes the ports of a planted bug. @see mutants.ts */
export type Mutant = (ports: FilePorts, practice: Practice, surroundings: Surroundings) => FilePorts;

type PortName = 'source' | 'share' | 'blobs' | 'records' | 'runs';

const FAILURES: Record<PortName, () => SyncError> = {
  source: () => new SyncError('source_unreachable'),
  share: () => new SyncError('share_unavailable', { action: 'retry' }),
  blobs: () => new SyncError('blob_unavailable'),
  records: () => new SyncError('database_unavailable'),
  runs: () => new SyncError('database_unavailable'),
};

/** What a partition lies between. */
const STORES: ReadonlySet<PortName> = new Set(['records', 'runs', 'blobs']);

/** Writes beside those that carry a fence. */
const WRITES: ReadonlySet<string> = new Set(['blobs.put']);

/** A stored stream pauses so often. */
const PAUSE = 0.08;

export function portsOf(
  process: SimProcess,
  practice: Practice,
  around: Surroundings,
  mutant: Mutant | null,
  reader: Reader = { since: around.scheduler.tick, snapshot: null },
): FilePorts {
  const { scheduler, world, rules } = around;
  const trueClock = {
    now: () => scheduler.now,
    sleep: (ms: number, signal?: AbortSignal) => scheduler.sleep(process, ms, signal),
  };
  const { random } = scheduler;
  const bare: FilePorts = {
    source: practice.database,
    share: practice.share,
    blobs: createMemoryBlobStore({ contents: around.contents }),
    records: createMemoryDocumentRecords({ world, clock: trueClock, session: process.session }),
    runs: createMemoryRunStore({
      world,
      clock: trueClock,
      random,
      workerId: process.id,
      isWorkerAlive: (id) => around.processes.get(id)?.alive ?? false,
      leaseMs: LEASE_MS,
    }),
    spool: createMemoryChangeSpool(),
    clock: { now: () => scheduler.now + process.skew, sleep: trueClock.sleep },
    random,
  };
  const inner = mutant === null ? bare : mutant(bare, practice, around);
  const call = caller(process, around);
  return {
    ...inner,
    source: {
      ...stepped('source', inner.source, call, rules),
      readFiles: readFiles(inner.source, practice, call, rules, reader),
    },
    share: { ...stepped('share', inner.share, call, rules, ['probe', 'stat', 'read']) },
    blobs: {
      ...stepped('blobs', inner.blobs, call, rules, ['prepare', 'put', 'stat']),
      delete(name, signal) {
        const effect = () => inner.blobs.delete(name, signal);
        // By the contract a late deletion is of the blob as it was when it was asked for.
        const later = () => {
          const asked = around.contents.get(name);
          return async () => around.contents.get(name) === asked && effect();
        };
        return call('blobs', 'delete', effect, later);
      },
    },
    records: {
      ...stepped('records', inner.records, call, rules),
      storedDocuments: (key, unit, signal) => storedDocuments(inner.records.storedDocuments(key, unit, signal), call),
      blobRows: inner.records.blobRows,
    },
    runs: {
      ...stepped('runs', inner.runs, call, rules),
      start(start) {
        const effect = async () => {
          const fence = await inner.runs.start(start);
          rules.started(fence, process, start.mode === 'held', reader);
          return fence;
        };
        return call('runs', 'start', effect, () => effect);
      },
      decideHeldSet(organizationId, setId, decision, at) {
        const effect = async () => {
          const done = await inner.runs.decideHeldSet(organizationId, setId, decision, at);
          if (done) rules.decided(setId, decision.approve);
          return done;
        };
        return call('runs', 'decideHeldSet', effect, () => effect);
      },
    },
  };
}

interface Call {
  /**
   * @param later makes what the call does, when its message arrives late or once more; absent for calls that only ask
   */
  <T>(port: PortName, method: string, effect: () => Promise<T>, later?: () => () => Promise<unknown>): Promise<T>;
  /** Whether a stream waits before its next item. */
  pauses(): boolean;
}

/** Arrives late, may fail or be lost, and its process may die before or after it took effect. */
function caller(process: SimProcess, { scheduler }: Surroundings): Call {
  const call = async <T>(
    port: PortName,
    method: string,
    effect: () => Promise<T>,
    later?: () => () => Promise<unknown>,
  ): Promise<T> => {
    const name = `${port}.${method}`;
    await scheduler.gate(process, name);
    const fault = scheduler.fault(name, later !== undefined);
    if (fault === 'crash-before') {
      scheduler.crash(process);
      return never();
    }
    if (process.cutOffUntil > scheduler.now && STORES.has(port)) {
      scheduler.count(name, 'cut-off');
      throw FAILURES[port]();
    }
    if (fault === 'late') scheduler.send(name, later!());
    if (fault === 'fail' || fault === 'late') throw FAILURES[port]();
    const again = later !== undefined && scheduler.repeats(name) ? later() : null;
    let outcome: { value: T } | { error: unknown };
    try {
      outcome = { value: await effect() };
    } catch (error) {
      outcome = { error };
    }
    if (again !== null) {
      scheduler.count(name, 'repeat');
      scheduler.send(name, again);
    }
    if (fault === 'crash-after') scheduler.crash(process);
    if (!process.alive) return never();
    await scheduler.gate(process, `${name} answer`);
    if (fault === 'lose') throw FAILURES[port]();
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  };
  return Object.assign(call, { pauses: () => scheduler.random.chance(PAUSE) });
}

/** Every method a step. Writes of a run are told to the rules. */
function stepped<T extends object>(port: PortName, inner: T, call: Call, rules: Rules, only?: readonly string[]): T {
  const methods = Object.entries(inner).filter(
    ([name, value]) => typeof value === 'function' && (only === undefined || only.includes(name)),
  );
  const wrapped = Object.fromEntries(
    methods.map(([method, value]) => {
      const work = value as (...args: unknown[]) => Promise<unknown>;
      const step = (...args: unknown[]) => {
        const effect = async () => {
          const value = await work.apply(inner, args);
          if (isFence(args[0])) rules.wrote(args[0], method, args[1]);
          return value;
        };
        return call(
          port,
          method,
          effect,
          isFence(args[0]) || WRITES.has(`${port}.${method}`) ? () => effect : undefined,
        );
      };
      return [method, step];
    }),
  );
  return { ...inner, ...wrapped };
}

function readFiles(
  source: EhrDatabase,
  practice: Practice,
  call: Call,
  rules: Rules,
  reader: Reader,
): EhrDatabase['readFiles'] {
  return (selection, signal): FileRead => {
    const read = source.readFiles(selection, signal);
    const units = typeof selection === 'string' ? null : selection;
    return {
      async *[Symbol.asyncIterator]() {
        const iterator = read[Symbol.asyncIterator]();
        // The snapshot is taken when the first row is asked for.
        let ended: (rowsShown: number) => void = () => undefined;
        let next = await call('source', 'readFiles', () => {
          ended = rules.looked(practice, units, reader);
          return iterator.next();
        });
        let rows = 0;
        while (!next.done) {
          rows++;
          yield next.value;
          next = await (call.pauses() ? call('source', 'readFiles row', () => iterator.next()) : iterator.next());
        }
        ended(rows);
      },
      summary: () => read.summary(),
    };
  };
}

async function* storedDocuments(stream: AsyncIterable<StoredDocument>, call: Call): AsyncGenerator<StoredDocument> {
  const iterator = stream[Symbol.asyncIterator]();
  let next = await call('records', 'storedDocuments', () => iterator.next());
  while (!next.done) {
    yield next.value;
    next = await (call.pauses() ? call('records', 'storedDocuments row', () => iterator.next()) : iterator.next());
  }
}

function isFence(value: unknown): value is Fence {
  return typeof value === 'object' && value !== null && 'runId' in value && 'number' in value;
}
