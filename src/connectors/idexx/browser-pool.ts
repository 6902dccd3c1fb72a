/**
 * A few browsers for all connections of this process. Each visit has a context of its own, so that nobody sees another one's
 * cookies; a browser serves one visit at a time, and is replaced before it grows old.
 */
import { SyncError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RunningBrowser, Visit } from './chromium.ts';

export interface BrowserPool {
  /** @throws SyncError `browser_unavailable`; what `work` throws */
  visit<T>(options: { readonly userAgent: string; readonly signal: AbortSignal }, work: Visit<T>): Promise<T>;
  stats(): { readonly total: number; readonly inUse: number; readonly available: number };
  close(): Promise<void>;
}

export interface BrowserPoolOptions {
  readonly size: number;
  readonly start: () => Promise<RunningBrowser>;
  readonly clock: Clock;
  readonly maxVisits?: number;
  readonly idleMs?: number;
  readonly maxAgeMs?: number;
  /** The longest wait for a free browser. */
  readonly waitMs?: number;
}

interface Member {
  readonly browser: RunningBrowser;
  readonly startedAt: number;
  visits: number;
  /** A visit failed: it may be the browser's fault. */
  failed: boolean;
  /** Ends the wait after which an idle one is closed. */
  idle: AbortController | null;
}

export function createBrowserPool(options: BrowserPoolOptions): BrowserPool {
  const { size, clock, maxVisits = 50, idleMs = 5 * 60_000, maxAgeMs = 30 * 60_000, waitMs = 60_000 } = options;
  const idle: Member[] = [];
  const waiting: (() => void)[] = [];
  const closing = new Set<Promise<void>>();
  /** Places taken: counted before a browser is there, so that two starts at once cannot exceed the size. */
  let inUse = 0;
  let closed = false;

  function end(member: Member): void {
    member.idle?.abort();
    const done = member.browser.close().finally(() => closing.delete(done));
    closing.add(done);
  }

  const isGood = (member: Member) =>
    !member.failed &&
    member.browser.isAlive() &&
    member.visits < maxVisits &&
    clock.now() - member.startedAt < maxAgeMs;

  async function takePlace(signal: AbortSignal): Promise<void> {
    if (inUse < size) {
      inUse++;
      return;
    }
    const timeout = new AbortController();
    const late = clock.sleep(waitMs, timeout.signal).then(
      () => 'late' as const,
      () => 'ended' as const,
    );
    let mine: (() => void) | undefined;
    // Whoever gives a place back hands it over: it stays counted.
    const turn = new Promise<'turn'>((resolve) => {
      mine = () => resolve('turn');
      waiting.push(mine);
    });
    const aborted = new Promise<'aborted'>((resolve) => {
      signal.addEventListener('abort', () => resolve('aborted'), { once: true, signal: timeout.signal });
    });
    const result = await Promise.race([turn, late, aborted]);
    timeout.abort();
    if (result === 'turn') return;
    const place = waiting.indexOf(mine!);
    if (place >= 0) waiting.splice(place, 1);
    else givePlace();
    signal.throwIfAborted();
    throw new SyncError('browser_unavailable', { detail: 'All browsers are in use.' });
  }

  function givePlace(): void {
    const next = waiting.shift();
    if (next === undefined) inUse--;
    else next();
  }

  async function takeBrowser(): Promise<Member> {
    for (let member = idle.pop(); member !== undefined; member = idle.pop()) {
      member.idle?.abort();
      // It may have died without a word since it was used.
      if (isGood(member) && (await member.browser.isHealthy())) return member;
      end(member);
    }
    return { browser: await options.start(), startedAt: clock.now(), visits: 0, failed: false, idle: null };
  }

  function giveBrowser(member: Member): void {
    if (closed || !isGood(member)) {
      end(member);
      return;
    }
    const wait = new AbortController();
    member.idle = wait;
    idle.push(member);
    const left = Math.min(idleMs, member.startedAt + maxAgeMs - clock.now());
    clock.sleep(left, wait.signal).then(
      () => {
        const place = idle.indexOf(member);
        if (place < 0) return;
        idle.splice(place, 1);
        end(member);
      },
      () => undefined,
    );
  }

  return {
    async visit({ userAgent, signal }, work) {
      signal.throwIfAborted();
      if (closed) throw new SyncError('cancelled', { detail: 'Chartsync is stopping.' });
      await takePlace(signal);
      try {
        const member = await takeBrowser();
        member.visits++;
        // A visitor that is told to stop does not wait for its page.
        const stop = () => void member.browser.close();
        signal.addEventListener('abort', stop, { once: true });
        try {
          return await member.browser.visit({ userAgent }, work);
        } catch (error) {
          member.failed = true;
          signal.throwIfAborted();
          if (error instanceof SyncError) throw error;
          throw new SyncError('browser_unavailable', { detail: 'It ended, or did not do as it was told.' });
        } finally {
          signal.removeEventListener('abort', stop);
          giveBrowser(member);
        }
      } finally {
        givePlace();
      }
    },
    stats: () => ({ total: size, inUse, available: size - inUse }),
    async close() {
      closed = true;
      for (let member = idle.pop(); member !== undefined; member = idle.pop()) end(member);
      await Promise.all(closing);
    },
  };
}
