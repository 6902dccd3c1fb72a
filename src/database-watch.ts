/** Brings the embedded PostgreSQL back when it has died: it has no other guardian, and every run waits for it. */
import type { Clock } from './ports/clock.ts';

const LOOK_MS = 5000;

export interface DatabaseWatchOptions {
  /** @throws when the database does not answer */
  readonly check: () => Promise<unknown>;
  /** @returns whether it had to */
  readonly revive: () => Promise<boolean>;
  readonly clock: Clock;
  readonly onRevived: () => void;
  /** It could not be started; tried again at the next look. */
  readonly onError: (error: unknown) => void;
}

export function watchDatabase(options: DatabaseWatchOptions): { stop(): Promise<void> } {
  const { clock } = options;
  const ended = new AbortController();
  let told = false;

  async function look(): Promise<void> {
    try {
      await options.check();
      told = false;
      return;
    } catch {
      // It may only be busy, or starting.
    }
    if (ended.signal.aborted) return;
    try {
      if (await options.revive()) options.onRevived();
    } catch (error) {
      if (!told) options.onError(error);
      told = true;
    }
  }

  const loop = (async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(LOOK_MS, ended.signal).catch(() => undefined);
      if (!ended.signal.aborted) await look();
    }
  })();
  return {
    async stop() {
      ended.abort();
      await loop;
    },
  };
}
