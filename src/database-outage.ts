/**
 * Says once that the record database is away, now and then that it still is, and once that it answers again: whatever waits for
 * it would otherwise say so at each of its looks, several times a second, and bury what else has happened.
 */
import type { Clock } from './ports/clock.ts';

const LOOK_MS = 1000;
/** Refused by a database that answers, e.g. because its disk is full: it is over when nobody was refused for so long. */
const QUIET_MS = 5000;
const REMIND_MS = 600_000;

export interface DatabaseOutage {
  /** Hears that somebody was refused. */
  refused(): void;
  stop(): Promise<void>;
}

export interface DatabaseOutageOptions {
  /** @throws when the database does not answer */
  readonly check: () => Promise<unknown>;
  readonly clock: Clock;
  readonly onAway: () => void;
  /** @param refusals since the last word */
  readonly onStillAway: (ms: number, refusals: number) => void;
  readonly onBack: (ms: number) => void;
}

export function watchOutages(options: DatabaseOutageOptions): DatabaseOutage {
  const { check, clock } = options;
  const ended = new AbortController();
  let refusals = 0;
  let lastRefusal = 0;
  let outage: Promise<void> | null = null;

  async function follow(): Promise<void> {
    const since = clock.now();
    let told = since;
    options.onAway();
    while (!ended.signal.aborted) {
      await clock.sleep(LOOK_MS, ended.signal).catch(() => undefined);
      if (ended.signal.aborted) return;
      const answers = await check().then(
        () => true,
        () => false,
      );
      const now = clock.now();
      if (answers && now - lastRefusal >= QUIET_MS) {
        options.onBack(now - since);
        return;
      }
      if (now - told < REMIND_MS) continue;
      options.onStillAway(now - since, refusals);
      told = now;
      refusals = 0;
    }
  }

  return {
    refused() {
      if (ended.signal.aborted) return;
      lastRefusal = clock.now();
      refusals++;
      if (outage !== null) return;
      refusals = 0;
      outage = follow().finally(() => {
        outage = null;
      });
    },
    async stop() {
      ended.abort();
      await outage;
    },
  };
}
