/**
 * A few browsers for all connections of this process. Each visit has a page and cookies of its own, so that nobody sees another one's
 * cookies; a browser serves one visit at a time, and is replaced before it grows old.
 */
import { SyncError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { OpenPage, RunningBrowser, Visit } from './chromium.ts';

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
  /** The longest wait for a free browser: many clinics may have to log in at one time. A run that ends waits no longer. */
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

interface Taken {
  readonly member: Member;
  readonly opened: OpenPage;
}

export function createBrowserPool(options: BrowserPoolOptions): BrowserPool {
  const { size, clock, maxVisits = 50, idleMs = 5 * 60_000, maxAgeMs = 30 * 60_000, waitMs = 5 * 60_000 } = options;
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

  async function takeBrowser(userAgent: string): Promise<Taken> {
    for (let member = idle.pop(); member !== undefined; member = idle.pop()) {
      member.idle?.abort();
      // It may have died without a word since it was used.
      const opened = isGood(member) ? await member.browser.open({ userAgent }) : null;
      if (opened !== null) return { member, opened };
      end(member);
    }
    const member = { browser: await options.start(), startedAt: clock.now(), visits: 0, failed: false, idle: null };
    const opened = await member.browser.open({ userAgent });
    if (opened !== null) return { member, opened };
    end(member);
    throw new SyncError('browser_unavailable', { detail: 'It opens no page.' });
  }

  async function giveBack({ member, opened }: Taken): Promise<void> {
    await opened.close();
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
      const taking = takeBrowser(userAgent);
      try {
        await Promise.race([taking, whenAborted(signal)]);
      } catch (error) {
        // A start cannot be stopped: whoever asked goes on at once, the place is free when it has ended.
        void taking.then(giveBack, () => undefined).finally(givePlace);
        throw error;
      }
      const { member, opened } = await taking;
      member.visits++;
      // A visitor that is told to stop does not wait for its page.
      const stop = () => void member.browser.close();
      signal.addEventListener('abort', stop, { once: true });
      try {
        signal.throwIfAborted();
        return await work(opened.page);
      } catch (error) {
        member.failed = true;
        signal.throwIfAborted();
        if (error instanceof SyncError) throw error;
        throw new SyncError('browser_unavailable', { detail: 'It ended, or did not do as it was told.' });
      } finally {
        signal.removeEventListener('abort', stop);
        await giveBack({ member, opened });
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

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
