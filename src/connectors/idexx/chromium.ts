/**
 * A Chromium of its own process group, so that nothing of it stays behind: a helper process can outlive a browser that was killed.
 */
import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { SyncError } from '../../domain/errors.ts';

export interface RunningBrowser {
  readonly pid: number;
  isAlive(): boolean;
  /** Opens a page, to see whether it can. Never rejects. */
  isHealthy(): Promise<boolean>;
  /** Opens a context for one visitor and closes it after `work`. */
  visit<T>(options: { readonly userAgent: string }, work: Visit<T>): Promise<T>;
  /** Ends it with everything that it has started. Never rejects. */
  close(): Promise<void>;
}

export type Visit<T> = (context: Awaited<ReturnType<Browser['newContext']>>) => Promise<T>;

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const START_MS = 30_000;
const CLOSE_MS = 5000;
const HEALTH_MS = 5000;

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
  const server = await chromium
    .launchServer({
      executablePath,
      headless: true,
      host: '127.0.0.1',
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
  const pid = server.process().pid ?? 0;
  let alive = true;
  server.on('close', () => {
    alive = false;
    endGroup(pid);
  });
  const browser = await chromium.connect(server.wsEndpoint(), { timeout: START_MS }).catch(async () => {
    await server.kill();
    endGroup(pid);
    throw new SyncError('browser_unavailable', { detail: 'It does not answer.' });
  });
  return {
    pid,
    isAlive: () => alive && browser.isConnected(),
    async isHealthy() {
      const late = new Promise<false>((resolve) => setTimeout(resolve, HEALTH_MS, false).unref());
      const look = async () => {
        const context = await browser.newContext();
        await context.newPage();
        await context.close();
        return true;
      };
      return Promise.race([look().catch(() => false), late]);
    },
    async visit(options, work) {
      const context = await browser.newContext({ ...options, acceptDownloads: false, serviceWorkers: 'block' });
      try {
        return await work(context);
      } finally {
        await context.close().catch(() => undefined);
      }
    },
    async close() {
      const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([server.close().catch(() => undefined), late]);
      endGroup(pid);
    },
  };
}

function endGroup(pid: number): void {
  if (pid <= 0) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
