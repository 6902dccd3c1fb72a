/**
 * A Chromium of its own process group, so that nothing of it stays behind: a helper process can outlive a browser that was killed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { SyncError } from '../../domain/errors.ts';

export interface RunningBrowser {
  readonly pid: number;
  /** Of the browser and all that it has started. Where a script starts it (Debian), that is the script's, not the browser's own. */
  readonly group: number;
  isAlive(): boolean;
  /** A page for one visitor, with cookies of its own. Never rejects. @returns null when the browser does not open one */
  open(options: { readonly userAgent: string }): Promise<OpenPage | null>;
  /** Ends it with everything that it has started. Never rejects. */
  close(): Promise<void>;
}

export interface OpenPage {
  readonly page: Page;
  /** With its cookies. Never rejects. */
  close(): Promise<void>;
}

export type Visit<T> = (page: Page) => Promise<T>;

/** The one without a window first: it starts in a third of the time, and needs less memory. */
const USUAL_PLACES = [
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const START_MS = 30_000;
const CLOSE_MS = 5000;
/** A page that is not open by then never will be: one browser in good health takes a quarter of a second. */
const OPEN_MS = 10_000;

/** @returns null when there is none */
export function findChromium(configured: string | null): string | null {
  return [...(configured === null ? USUAL_PLACES : [configured])].find((path) => existsSync(path)) ?? null;
}

/** @throws SyncError `browser_unavailable` */
export async function startChromium(configured: string | null): Promise<RunningBrowser> {
  const executablePath = findChromium(configured);
  if (executablePath === null) throw new SyncError('browser_unavailable', { detail: 'There is none.' });
  // Only here: loading it takes longer than most commands.
  const { chromium } = await import('playwright-core');
  const browser = await chromium
    .launch({
      executablePath,
      headless: true,
      timeout: START_MS,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      // The process ends by itself in order, and closes its browsers then.
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    })
    .catch(() => {
      throw new SyncError('browser_unavailable', { detail: 'It did not start.' });
    });
  const pid = await processOf(browser).catch(async () => {
    await browser.close().catch(() => undefined);
    throw new SyncError('browser_unavailable', { detail: 'It does not answer.' });
  });
  // Asked while it lives: of one that has ended nobody knows it any more.
  const group = groupOf(pid);
  browser.on('disconnected', () => endGroup(group));

  /** Opened while nobody waits for it: a quarter of a second that the next visitor need not wait. */
  let spare: { readonly userAgent: string; readonly page: Promise<Page | null> } | null = null;

  async function openPage(userAgent: string): Promise<Page> {
    const context = await browser.newContext({ userAgent, acceptDownloads: false, serviceWorkers: 'block' });
    return context.newPage();
  }

  async function takeSpare(userAgent: string): Promise<Page | undefined> {
    const taken = spare;
    if (taken?.userAgent !== userAgent) return undefined;
    spare = null;
    const page = await taken.page;
    // The browser may have died since.
    return page !== null && (await page.evaluate<boolean>('true')) ? page : undefined;
  }

  return {
    pid,
    group,
    isAlive: () => browser.isConnected(),
    async open({ userAgent }) {
      const page = (await within(OPEN_MS, takeSpare(userAgent))) ?? (await within(OPEN_MS, openPage(userAgent)));
      if (page === undefined) return null;
      return {
        page,
        async close() {
          await within(CLOSE_MS, page.context().close());
          spare ??= { userAgent, page: openPage(userAgent).catch(() => null) };
        },
      };
    },
    async close() {
      await within(CLOSE_MS, browser.close());
      endGroup(group);
    },
  };
}

/** What does not answer does not have to. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = new AbortController();
  const end = setTimeout(ms, undefined, { signal: late.signal, ref: false });
  try {
    return await Promise.race([work, end]).catch(() => undefined);
  } finally {
    late.abort();
    end.catch(() => undefined);
  }
}

/** The browser's own process. */
async function processOf(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const own = processInfo.find(({ type }) => type === 'browser');
  if (own === undefined) throw new Error('Chromium does not tell its process.');
  return own.id;
}

/** Never that of this process. Without `/proc` (macOS) no script starts it, and it leads its group. */
function groupOf(pid: number): number {
  try {
    const of = (who: number | 'self') => {
      const stat = readFileSync(`/proc/${who}/stat`, 'utf8');
      // The name before it may hold anything, in parentheses.
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
    };
    const group = of(pid);
    return group > 1 && group !== of('self') ? group : pid;
  } catch {
    return pid;
  }
}

function endGroup(group: number): void {
  if (group <= 0) return;
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
