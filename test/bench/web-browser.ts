/** What a browser tells of a page: how much it fetched, when it was ready, how even its frames were, how many streams it held. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { until } from '../support/until.ts';

/** In the page: when it last became ready, in milliseconds since its address was asked for; null while it loads. */
const WATCH = `(() => {
  let at = null;
  let shown = null;
  const ready = () =>
    document.querySelector('h1') !== null &&
    ![...document.querySelectorAll('[role=status]')].some((e) => e.textContent.trim() === 'Loading …');
  const look = () => {
    if (shown === null && document.querySelector('h1') !== null) shown = performance.now();
    if (!ready()) at = null;
    else at ??= performance.now();
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
  // Only what stays so: the next part of the page may begin to load in the same moment.
  window.readyAt = () => (at !== null && performance.now() - at > 300 ? at : null);
  // A second after it was shown it fetches what other pages need: that is not of this page.
  window.ownScripts = () =>
    performance
      .getEntriesByType('resource')
      .filter(({ name, startTime }) => new URL(name).pathname.endsWith('.js') && startTime < shown + 900)
      .map(({ name }) => name);
})();`;

export interface Loaded {
  readonly readyMs: number;
  /** Addresses of the scripts that it needs itself. */
  readonly scripts: readonly string[];
}

export async function signedIn(browser: Browser, url: string, key: string): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 } });
  const answer = await context.request.post('/api/v1/session', { data: { key } });
  if (answer.status() !== 201) throw new Error(`The session was answered with ${answer.status()}.`);
  await context.addInitScript(WATCH);
  return context;
}

export async function load(page: Page, path: string): Promise<Loaded> {
  await page.goto(path);
  let readyMs: number | null = null;
  await until(async () => {
    readyMs = await page.evaluate<number | null>('window.readyAt()');
    return readyMs !== null;
  }, 60_000);
  return { readyMs: readyMs!, scripts: await page.evaluate<string[]>('window.ownScripts()') };
}

/** Bytes as they go over the line to a browser that takes gzip. */
export async function gzipBytes(urls: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const url of new Set(urls)) {
    const response = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    await response.arrayBuffer();
    if (response.headers.get('content-encoding') !== 'gzip') throw new Error(`${url} came without gzip.`);
    bytes += Number(response.headers.get('content-length'));
  }
  return bytes;
}

const SCROLLER = 'document.querySelector("[role=group][aria-label*=scroll]")';

/** Scrolls to the end again and again until so many rows are in the list. @returns how many are */
export async function loadRows(page: Page, rows: number): Promise<number> {
  const shown = async () => {
    const text = await page.getByText(/^[\d,]+ shown/).textContent();
    return Number(/^([\d,]+) shown/.exec(text ?? '')?.[1]?.replaceAll(',', ''));
  };
  let seen = await shown();
  while (seen < rows) {
    const before = seen;
    await page.evaluate(`(() => { const s = ${SCROLLER}; s.scrollTop = s.scrollHeight; })()`);
    await until(async () => {
      seen = await shown();
      return seen > before;
    });
  }
  return seen;
}

export interface Frames {
  /** Milliseconds from one frame to the next. */
  readonly intervals: readonly number[];
  /** Of the page's thread for each frame: scripts, styles, layout. */
  readonly costMs: number;
}

/** @param step pixels from one frame to the next; down first, then up again */
export async function scroll(page: Page, frames: number, step: number): Promise<Frames> {
  const debug = await page.context().newCDPSession(page);
  await debug.send('Performance.enable', { timeDomain: 'threadTicks' });
  const cost = async () => {
    const { metrics } = await debug.send('Performance.getMetrics');
    const parts = ['ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'];
    return metrics.reduce((sum, { name, value }) => sum + (parts.includes(name) ? value * 1000 : 0), 0);
  };
  await page.evaluate(`${SCROLLER}.scrollTop = ${SCROLLER}.scrollHeight / 4`);
  const before = await cost();
  const intervals = await page.evaluate<number[]>(`new Promise((resolve) => {
    const s = ${SCROLLER};
    const intervals = [];
    let last = null;
    const frame = (now) => {
      if (last !== null) intervals.push(now - last);
      last = now;
      if (intervals.length === ${frames}) return resolve(intervals);
      s.scrollTop += intervals.length < ${frames / 2} ? ${step} : -${step};
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  })`);
  const costMs = ((await cost()) - before) / frames;
  await debug.detach();
  return { intervals, costMs };
}

/** How many event streams were open at one time, at most. */
export function countStreams(page: Page): { readonly most: () => number } {
  const open = new Set<object>();
  let most = 0;
  page.on('response', (response) => {
    if (!response.headers()['content-type']?.startsWith('text/event-stream')) return;
    open.add(response.request());
    most = Math.max(most, open.size);
  });
  for (const event of ['requestfinished', 'requestfailed'] as const) {
    page.on(event as 'requestfinished', (request) => void open.delete(request));
  }
  return { most: () => most };
}
