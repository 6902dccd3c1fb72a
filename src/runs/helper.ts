/** Copies for large runs of other processes while this one has nothing better to do. */
import { SyncError, toSyncError } from '../domain/errors.ts';
import { copyBatches } from '../engine/files/copy-batches.ts';
import type { Clock } from '../ports/clock.ts';
import type { Fence } from '../ports/document-records.ts';
import type { RunBatches } from '../ports/run-batches.ts';
import { type Connection, type FileConnection, isFileConnection, isKeyOf } from './connections.ts';
import type { Slots } from './slots.ts';

export interface HelperOptions {
  readonly batches: RunBatches;
  readonly connections: readonly Connection[];
  readonly clock: Clock;
  readonly slots: Slots;
  /** Helpers of one run, over all processes. */
  readonly helpersPerRun: number;
  readonly onError?: (runId: string | null, error: SyncError) => void;
}

export interface RunHelper {
  /** Runs that this process helps with. */
  readonly helping: number;
  /** A run of our own waits for a place: one helper ends after the batches it has. */
  makeRoom(): void;
  /** Takes no further batches; waits up to `graceMs` for those at work, then gives them back. */
  stop(graceMs: number): Promise<void>;
}

const LOOK_MS = 2000;
/** A run that we could not help with, perhaps because this machine lacks its share, is left to others for so long. */
const AVOID_MS = 30_000;

/** How a help ends that needs no mention: the run has ended, or goes on without us. */
const EXPECTED: ReadonlySet<string> = new Set(['lease_lost', 'cancelled', 'handed_back']);

export function startHelper(options: HelperOptions): RunHelper {
  const { batches, clock, slots } = options;
  const keys = options.connections
    .filter(isFileConnection)
    .map((c) => ({ organizationId: c.organizationId, connectionId: c.id }));
  const ended = new AbortController();
  const now = new AbortController();
  const atWork = new Map<string, { readonly enough: AbortController; readonly done: Promise<void> }>();
  const avoided = new Map<string, number>();
  let failing = false;

  async function look(): Promise<void> {
    for (const [runId, until] of avoided) if (until < clock.now()) avoided.delete(runId);
    for (;;) {
      const release = ended.signal.aborted ? null : slots.tryTake();
      if (release === null) return;
      let fence: Fence | null = null;
      try {
        const except = new Set([...avoided.keys(), ...atWork.keys()]);
        fence = await batches.join(keys, { maxHelpers: options.helpersPerRun, except });
      } finally {
        if (fence === null) release();
      }
      if (fence === null) return;
      begin(fence, release);
    }
  }

  function begin(fence: Fence, release: () => void): void {
    const enough = new AbortController();
    if (ended.signal.aborted || slots.wanted) enough.abort();
    // With the settings that count now: another one may be in its place.
    const connection = options.connections.filter(isFileConnection).find((c) => isKeyOf(c, fence))!;
    const done = help(connection, fence, enough.signal)
      .catch((error) => {
        const failure = toSyncError(error);
        avoided.set(fence.runId, clock.now() + AVOID_MS);
        if (!EXPECTED.has(failure.code)) options.onError?.(fence.runId, failure);
      })
      .then(() => batches.leave(fence).catch(() => undefined))
      .finally(() => {
        atWork.delete(fence.runId);
        release();
      });
    atWork.set(fence.runId, { enough, done });
  }

  async function help(connection: FileConnection, fence: Fence, enough: AbortSignal): Promise<void> {
    const { ports, settings } = connection;
    // A share that is not mounted here must not look like files that are missing.
    if ((await ports.share.probe(now.signal)) === null) throw new SyncError('share_unavailable');
    await ports.blobs.prepare(now.signal);
    await copyBatches({ ...ports, batches }, settings, {
      as: 'helper',
      fence,
      signal: now.signal,
      enough,
      onIdle: async () => false,
    });
  }

  const loop = (async () => {
    while (!ended.signal.aborted && keys.length > 0 && options.helpersPerRun > 0) {
      try {
        await look();
        failing = false;
      } catch (error) {
        if (!failing) options.onError?.(null, toSyncError(error));
        failing = true;
      }
      await clock.sleep(LOOK_MS, ended.signal).catch(() => undefined);
    }
  })();

  return {
    get helping() {
      return atWork.size;
    },
    makeRoom() {
      for (const { enough } of atWork.values()) {
        if (enough.signal.aborted) continue;
        enough.abort();
        return;
      }
    },
    async stop(graceMs) {
      ended.abort();
      await loop;
      for (const { enough } of atWork.values()) enough.abort();
      const rested = new AbortController();
      const grace = clock.sleep(graceMs, rested.signal).then(
        () => now.abort(new SyncError('handed_back')),
        () => undefined,
      );
      await Promise.all([...atWork.values()].map(({ done }) => done));
      rested.abort();
      await grace;
    },
  };
}
