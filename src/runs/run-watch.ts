/**
 * Follows runs wherever they are worked on. All who follow share one question to the database each moment, so a hundred
 * open streams cost as much as one.
 */
import { SyncError, toSyncError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { RunHistory } from '../ports/run-history.ts';
import type { RunRecord } from '../ports/run-store.ts';

export interface RunWatch {
  /** @param hear is called with each change, and with null when the run is gone. @returns ends it */
  follow(runId: string, hear: (run: RunRecord | null) => void): () => void;
  /** @returns the run at its end; null when it is gone. Rejects when the signal aborts, or the process stops before */
  untilEnd(runId: string, signal?: AbortSignal): Promise<RunRecord | null>;
  /** Aborted when the process stops following. */
  readonly closed: AbortSignal;
  /** Looks at once: something happened in this process. */
  nudge(): void;
  close(): void;
}

const EVERY_MS = 250;

export function createRunWatch(options: { history: RunHistory; clock: Clock; everyMs?: number }): RunWatch {
  const { history, clock } = options;
  const followers = new Map<string, Set<(run: RunRecord | null) => void>>();
  const closed = new AbortController();
  let wake = new AbortController();
  let looking = false;

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      while (followers.size > 0 && !closed.signal.aborted) {
        const ids = [...followers.keys()];
        try {
          const found = new Map((await history.byIds(ids)).map((run) => [run.id, run]));
          for (const id of ids) for (const hear of [...(followers.get(id) ?? [])]) hear(found.get(id) ?? null);
        } catch (error) {
          // The database may come back; who waits has a limit of its own.
          toSyncError(error);
        }
        wake = new AbortController();
        const signal = AbortSignal.any([closed.signal, wake.signal]);
        await clock.sleep(options.everyMs ?? EVERY_MS, signal).catch(() => undefined);
      }
    } finally {
      looking = false;
    }
  }

  const watch: RunWatch = {
    follow(runId, hear) {
      let last: string | null = null;
      const listener = (run: RunRecord | null) => {
        const text = JSON.stringify(run);
        if (text === last) return;
        last = text;
        hear(run);
      };
      const all = followers.get(runId) ?? new Set();
      all.add(listener);
      followers.set(runId, all);
      if (looking) wake.abort();
      else void look();
      return () => {
        all.delete(listener);
        if (all.size === 0) followers.delete(runId);
      };
    },
    untilEnd(runId, signal) {
      return new Promise((resolve, reject) => {
        const over = new AbortController();
        const stop = watch.follow(runId, (run) => {
          if (run !== null && run.finishedAt === null) return;
          leave();
          resolve(run);
        });
        // Whoever has been answered must not be remembered for as long as the process lives.
        const leave = () => {
          stop();
          over.abort();
        };
        const giveUp = (reason: unknown) => {
          leave();
          reject(reason);
        };
        const onAbort = () => giveUp(signal?.reason);
        const onClose = () => giveUp(new SyncError('handed_back'));
        if (signal?.aborted) onAbort();
        else if (closed.signal.aborted) onClose();
        signal?.addEventListener('abort', onAbort, { signal: over.signal });
        closed.signal.addEventListener('abort', onClose, { signal: over.signal });
      });
    },
    closed: closed.signal,
    nudge: () => wake.abort(),
    close: () => closed.abort(),
  };
  return watch;
}
