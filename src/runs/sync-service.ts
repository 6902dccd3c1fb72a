/** Starts runs and keeps hold of those that this process works on, so that it can end them in order. */
import { SyncError, toSyncError } from '../domain/errors.ts';
import type { FileMode, RunTrigger } from '../domain/run.ts';
import { syncFiles } from '../engine/files/sync-files.ts';
import type { RunResult } from '../engine/run-session.ts';
import type { Clock } from '../ports/clock.ts';
import type { RunProgress } from '../ports/run-store.ts';
import type { FileConnection } from './connections.ts';

export interface SyncRequest {
  readonly mode: FileMode;
  readonly trigger: RunTrigger;
  readonly unit?: string;
  readonly onProgress?: (progress: RunProgress & { readonly runId: string }) => void;
  readonly signal?: AbortSignal;
}

export interface StartedRun {
  readonly runId: string;
  /** Never rejects: how a run ended is in the result. */
  readonly result: Promise<RunResult>;
}

export interface SyncService {
  /** @throws SyncError when the run could not begin, e.g. `connection_busy` */
  start(connection: FileConnection, request: SyncRequest): Promise<StartedRun>;
  /** Aborts a run of this process at once. @returns false when it is not one of its */
  cancel(runId: string): boolean;
  /** Runs that this process works on. */
  readonly active: number;
  /** Stops accepting, waits up to `graceMs` for the active runs, then cancels them. */
  stop(graceMs: number): Promise<void>;
}

export function createSyncService(options: {
  clock: Clock;
  onEnd?: (connection: FileConnection, result: RunResult) => void;
}): SyncService {
  const active = new Set<Promise<unknown>>();
  const stopping = new AbortController();
  const byId = new Map<string, AbortController>();
  let closed = false;

  return {
    get active() {
      return active.size;
    },
    start(connection, request) {
      if (closed) return Promise.reject(new SyncError('cancelled', { detail: 'Chartsync is stopping.' }));
      return new Promise<StartedRun>((resolve, reject) => {
        const own = new AbortController();
        const signals = request.signal === undefined ? [own.signal] : [own.signal, request.signal];
        let id: string | null = null;
        const result = syncFiles(connection.ports, connection.settings, {
          ...request,
          signal: AbortSignal.any([stopping.signal, ...signals]),
          onStarted: (runId) => {
            id = runId;
            byId.set(runId, own);
            resolve({ runId, result });
          },
        });
        active.add(result);
        result
          .then((ended) => options.onEnd?.(connection, ended))
          // Before the start: the caller hears it. After it nothing is thrown.
          .catch((error) => reject(toSyncError(error)))
          .finally(() => {
            active.delete(result);
            if (id !== null) byId.delete(id);
          });
      });
    },
    cancel(runId) {
      const run = byId.get(runId);
      run?.abort(new SyncError('cancelled'));
      return run !== undefined;
    },
    async stop(graceMs) {
      closed = true;
      if (active.size === 0) return;
      const ended = new AbortController();
      const grace = options.clock.sleep(graceMs, ended.signal).then(
        () => stopping.abort(new SyncError('cancelled')),
        () => undefined,
      );
      await Promise.allSettled(active);
      ended.abort();
      await grace;
    },
  };
}
