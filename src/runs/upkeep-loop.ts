/** What is to be done once in a while for all replicas together: soon after a start, then again and again, by whoever comes first. */
import { type SyncError, toSyncError } from '../domain/errors.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { Upkeep } from '../ports/upkeep.ts';

export interface UpkeepLoopOptions {
  readonly task: string;
  readonly everyMs: number;
  readonly upkeep: Upkeep;
  readonly clock: Clock;
  readonly random: Random;
  readonly work: (signal: AbortSignal) => Promise<void>;
  readonly onError: (error: SyncError) => void;
}

/** A start has other things to do at first, and replicas that start together need not come together. */
const FIRST_MS = 5000;
const JITTER_MS = 20_000;
/** A replica that died in the middle is followed by another one after a while. */
const LOOK_MS = 5 * 60_000;

export function startUpkeepLoop(options: UpkeepLoopOptions): { stop(): Promise<void> } {
  const { task, everyMs, upkeep, clock } = options;
  const ended = new AbortController();

  async function look(): Promise<void> {
    if (!(await upkeep.claim(task, everyMs))) return;
    try {
      await options.work(ended.signal);
      await upkeep.done(task, null);
    } catch (error) {
      // That the process ends is no failure; the rest is done the next time.
      await upkeep.done(task, ended.signal.aborted ? null : toSyncError(error).code).catch(() => undefined);
      throw error;
    }
  }

  const loop = (async () => {
    for (let wait = FIRST_MS + options.random.next() * JITTER_MS; !ended.signal.aborted; wait = LOOK_MS) {
      await clock.sleep(wait, ended.signal).catch(() => undefined);
      if (ended.signal.aborted) return;
      await look().catch((error) => {
        if (!ended.signal.aborted) options.onError(toSyncError(error));
      });
    }
  })();
  return {
    async stop() {
      ended.abort();
      await loop;
    },
  };
}
