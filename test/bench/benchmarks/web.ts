/** The pages in a browser: how much they fetch, when they are ready, how evenly the longest lists move, one stream in a tab. */
import pg from 'pg';
import { type Browser, chromium } from 'playwright-core';
import { findBrowser } from '../../../src/main.ts';
import { until } from '../../support/until.ts';
import type { Benchmark, BenchmarkContext, Promised, ReportTable } from '../benchmark.ts';
import { CONNECTION, ORGANIZATION } from '../practice.ts';
import { median } from '../statistics.ts';
import { count, duration } from '../table.ts';
import { countStreams, type Frames, gzipBytes, load, loadRows, scroll, signedIn } from '../web-browser.ts';
import { startWebService, type WebService } from '../web-service.ts';

const SCRIPT_LIMIT = 120_000;
const READY_LIMIT_MS = 1000;
/** A display of 60 Hz; what is above by less is the clock's. */
const FRAME_MS = 1000 / 60;
const TOLERANCE_MS = 0.5;
const LISTS = ['appointments', 'patients of Cliniko', 'patients'];

export const web: Benchmark = {
  name: 'web',
  title: 'The pages in a browser',
  async run(context) {
    const { services, quick } = context;
    const rows = quick ? 2_000 : 100_000;
    const service = await startWebService(services, rows);
    const program = findBrowser(process.env);
    const browser = await chromium.launch({
      ...(program === null ? { channel: 'chromium' } : { executablePath: program }),
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    try {
      const routes = await measureRoutes(context, service, browser, quick ? 1 : 7);
      const lists = await measureLists(context, service, browser, rows);
      const streams = await countOpenStreams(service, browser);
      const largest = routes.reduce((a, b) => (b.bytes > a.bytes ? b : a));
      const slowest = routes.reduce((a, b) => (b.coldMs > a.coldMs ? b : a));
      const frames = lists.flatMap(({ intervals }) => intervals);
      const inTime = 1 - share(frames, FRAME_MS + TOLERANCE_MS);
      return {
        series: [],
        ratios: {
          'limit of the scripts against those of the largest page': SCRIPT_LIMIT / largest.bytes,
          'frames in time while lists are scrolled': inTime,
        },
        promises: promisesOf({ largest, slowest, frames, rows, streams }),
        tables: [routeTable(routes), listTable(lists)],
        notes: [
          `${rows.toLocaleString('en')} appointments, as many patients of Cliniko and as many patients of documents in one organisation; Chromium ${browser.version()}, headless, without a graphics processor, on the same cores as the service and its database.`,
          'Ready: a heading is there and nothing says that it loads, for 300 ms; counted from the moment at which the address is asked for. New browser profile (nothing is cached) and again in the same one.',
          'Frames: requestAnimationFrame while all rows are there; 400 pixels (eight rows) from one to the next is a steady movement, 8,000 a thrown scroll bar.',
        ],
      };
    } finally {
      await browser.close();
      await service.close();
    }
  },
};

interface Route {
  readonly name: string;
  readonly bytes: number;
  readonly coldMs: number;
  readonly warmMs: number;
}

async function measureRoutes(
  context: BenchmarkContext,
  { server, pages }: WebService,
  browser: Browser,
  rounds: number,
): Promise<Route[]> {
  const routes: Route[] = [];
  for (const [name, path] of Object.entries(pages)) {
    const cold: number[] = [];
    const warm: number[] = [];
    let scripts: readonly string[] = [];
    for (let round = 0; round < rounds; round++) {
      const tab = await signedIn(browser, server.url, server.adminKey);
      const page = await tab.newPage();
      const first = await load(page, path);
      scripts = first.scripts;
      cold.push(first.readyMs);
      warm.push((await load(page, path)).readyMs);
      await tab.close();
    }
    const route = { name, bytes: await gzipBytes(scripts), coldMs: median(cold), warmMs: median(warm) };
    context.log(`  ${name}: ${kilobytes(route.bytes)}, ready after ${duration(route.coldMs)}`);
    routes.push(route);
  }
  return routes;
}

interface List extends Frames {
  readonly name: string;
  readonly step: number;
  readonly rows: number;
}

async function measureLists(
  context: BenchmarkContext,
  { server, pages }: WebService,
  browser: Browser,
  rows: number,
): Promise<List[]> {
  const lists: List[] = [];
  for (const name of LISTS) {
    const tab = await signedIn(browser, server.url, server.adminKey);
    const page = await tab.newPage();
    await load(page, pages[name]!);
    const began = performance.now();
    const there = await loadRows(page, rows);
    context.log(`  ${name}: ${count(there)} rows came in ${duration(performance.now() - began)}`);
    for (const step of [400, 8000]) {
      const frames = await scroll(page, context.quick ? 60 : 600, step);
      lists.push({ name, step, rows: there, ...frames });
      context.log(`  ${name}, ${step} pixels a frame: median ${median(frames.intervals).toFixed(1)} ms`);
    }
    await tab.close();
  }
  return lists;
}

/** A tab that follows a run, goes to other pages and back to the run. @returns how many streams it had at one time at most */
async function countOpenStreams({ server, sourceUrl }: WebService, browser: Browser): Promise<number> {
  const source = new pg.Client({ connectionString: sourceUrl });
  await source.connect();
  const tab = await signedIn(browser, server.url, server.adminKey);
  try {
    await source.query('BEGIN; LOCK TABLE ax_notes_attachments');
    const page = await tab.newPage();
    const streams = countStreams(page);
    const asked = await fetch(`${server.url}/api/sync/vsrx`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': ORGANIZATION },
    });
    const { syncId } = (await asked.json()) as { syncId: string };
    for (let i = 0; i < 3; i++) {
      await load(page, `/connections/${CONNECTION}`);
      await page.getByRole('link', { name: 'Follow this run' }).click();
      await page.waitForURL(`**/runs/${syncId}`);
      await page.getByRole('progressbar').waitFor();
      await page.getByRole('link', { name: 'Overview' }).click();
      await page.getByRole('heading', { name: 'Connections' }).waitFor();
      await page.goBack();
      await page.getByRole('progressbar').waitFor();
    }
    await until(() => streams.most() > 0);
    return streams.most();
  } finally {
    await source.query('COMMIT');
    await source.end();
    await tab.close();
  }
}

function promisesOf(found: {
  largest: Route;
  slowest: Route;
  frames: readonly number[];
  rows: number;
  streams: number;
}): Promised[] {
  const { largest, slowest, frames, rows, streams } = found;
  const middle = median(frames);
  const missed = share(frames, 2 * FRAME_MS + TOLERANCE_MS);
  return [
    {
      text: 'at most 120 kB of scripts (gzip) for the first load of any page',
      measured: `${kilobytes(largest.bytes)} (${largest.name})`,
      kept: largest.bytes <= SCRIPT_LIMIT,
    },
    {
      text: 'each page ready within 1 s',
      measured: `${duration(slowest.coldMs)} (${slowest.name})`,
      kept: slowest.coldMs <= READY_LIMIT_MS,
    },
    {
      text: `lists of ${rows.toLocaleString('en')} rows move at 60 frames a second, with less than 1 % of the frames later than 33 ms`,
      measured: `median ${middle.toFixed(1)} ms, ${percent(missed)} later than 33 ms`,
      kept: middle <= FRAME_MS + TOLERANCE_MS && missed < 0.01,
    },
    { text: 'one event stream in a tab', measured: String(streams), kept: streams === 1 },
  ];
}

function routeTable(routes: readonly Route[]): ReportTable {
  return {
    head: ['page', 'scripts, gzip', 'ready, nothing cached', 'ready again'],
    rows: routes.map(({ name, bytes, coldMs, warmMs }) => [name, kilobytes(bytes), duration(coldMs), duration(warmMs)]),
  };
}

function listTable(lists: readonly List[]): ReportTable {
  return {
    head: ['list', 'rows', 'pixels a frame', 'median frame', 'above 16.7 ms', 'above 33 ms', "page's thread a frame"],
    rows: lists.map(({ name, rows, step, intervals, costMs }) => [
      name,
      rows.toLocaleString('en'),
      step.toLocaleString('en'),
      `${median(intervals).toFixed(1)} ms`,
      percent(share(intervals, FRAME_MS + TOLERANCE_MS)),
      percent(share(intervals, 2 * FRAME_MS + TOLERANCE_MS)),
      `${costMs.toFixed(1)} ms`,
    ]),
  };
}

const share = (values: readonly number[], above: number) =>
  values.length === 0 ? Number.NaN : values.filter((value) => value > above).length / values.length;
const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
