/** A person at a real browser in front of a real service with a sample practice. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import pg from 'pg';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Role } from '../../src/domain/scopes.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import {
  CONNECTION,
  ORGANIZATION,
  type PracticeSetup,
  type SetupOptions,
  setUpPractice,
} from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const PICTURES = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
/** The one without a window first: it starts in a third of the time. */
const CHROMIUM = [
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  MAC,
].find(existsSync);

export interface Scene {
  readonly setup: PracticeSetup;
  readonly server: RunningServer;
  readonly browser: Browser;
  /** Asks the service as the administrator does. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }>;
  /** @returns the secret of a new key */
  key(role: Role): Promise<string>;
  /** A run from begin to end. @returns its id */
  synchronise(): Promise<string>;
  /** Lets runs wait in the middle of their read. @returns ends that */
  holdSource(): Promise<() => Promise<void>>;
  /** The source gives a file another reference. */
  renameReference(from: string, to: string): Promise<void>;
  /** All that is stored vanishes from the source; two runs later its removal waits for a person. @returns the set's id */
  emptySource(): Promise<string>;
  close(): Promise<void>;
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    ...(CHROMIUM === undefined ? { channel: 'chromium' } : { executablePath: CHROMIUM }),
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
}

export interface SceneOptions extends Pick<SetupOptions, 'sections' | 'settings'> {
  /** Name of another organisation, without connections. */
  readonly second?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const { sections, settings } = options;
  const setup = await setUpPractice({
    patients: 6,
    attachments: 40,
    ...(sections === undefined ? {} : { sections }),
    ...(settings === undefined ? {} : { settings }),
  });
  if (options.second !== undefined) {
    const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
    file.organizations.push({ id: 'org_second', name: options.second, timeZone: 'UTC', connections: [] });
    await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  }
  const config = await loadConfig({ env: { ...setup.environment, ...options.environment }, cwd: setup.folder });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  const server = await serve({ config, database });
  const browser = await openBrowser();

  async function ask(method: string, path: string, body?: unknown) {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'x-organization-id': ORGANIZATION,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: JSON.parse(await response.text()) };
  }
  const synchronise = async () => (await ask('POST', '/api/sync/vsrx?wait=true')).body.syncId as string;

  return {
    setup,
    server,
    browser,
    ask,
    synchronise,
    key: async (role) => (await ask('POST', '/api/v1/keys', { name: `front desk ${role}`, role })).body.secret,
    async holdSource() {
      const client = new pg.Client({ connectionString: setup.sourceUrl });
      await client.connect();
      await client.query('BEGIN; LOCK TABLE ax_notes_attachments');
      return async () => {
        await client.query('COMMIT');
        await client.end();
      };
    },
    async renameReference(from, to) {
      const client = new pg.Client({ connectionString: setup.sourceUrl });
      await client.connect();
      const sql = 'UPDATE ax_notes_attachments SET file_uuid = $2 WHERE lower(file_uuid) = $1';
      const { rowCount } = await client.query(sql, [from, to]);
      await client.end();
      expect(rowCount).toBe(1);
    },
    async emptySource() {
      const { failures } = (await ask('GET', '/api/v1/failures')).body;
      const client = new pg.Client({ connectionString: setup.sourceUrl });
      await client.connect();
      await client.query(
        'DELETE FROM ax_notes_attachments WHERE file_uuid IS NOT NULL AND lower(file_uuid) <> ALL($1)',
        [failures.map(({ reference }: { reference: string }) => reference)],
      );
      await client.end();
      await synchronise();
      await synchronise();
      return (await ask('GET', '/api/v1/held')).body.held[0].id;
    },
    async close() {
      await browser.close();
      await server.stop();
      await setup.close();
    },
  };
}

export { CONNECTION, until };

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained about: scripts that failed, what the policy forbade. */
  readonly complaints: readonly string[];
  go(path: string): Promise<void>;
  close(): Promise<void>;
}

export interface VisitOptions {
  /** Null: not signed in. */
  readonly key: string | null;
  readonly width?: number;
  readonly dark?: boolean;
}

export async function visit(
  scene: Pick<Scene, 'browser' | 'server'>,
  { key, width = 1280, dark = false }: VisitOptions,
): Promise<Visit> {
  const context = await scene.browser.newContext({
    baseURL: scene.server.url,
    viewport: { width, height: 800 },
    colorScheme: dark ? 'dark' : 'light',
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`script: ${error.message}`));
  page.on('console', (message) => {
    // A refused question is part of some stories: nobody is signed in, somebody else was faster.
    if (message.type() === 'error' && !/status of (401|403|404|409|412)/.test(message.text()))
      complaints.push(message.text());
  });
  if (key !== null) {
    // As the sign-in page does; that page has a story of its own.
    const answer = await context.request.post('/api/v1/session', { data: { key } });
    expect(answer.status()).toBe(201);
  }
  return {
    page,
    context,
    complaints,
    async go(path) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await settled(page);
    },
    close: () => context.close(),
  };
}

/** Nothing says that it loads any more. */
export async function settled(page: Page): Promise<void> {
  await until(async () => (await page.getByText('Loading …').count()) === 0);
}

/** Every rule of axe for WCAG 2.2 A and AA. @returns what breaks one */
export async function violations(page: Page): Promise<string[]> {
  // The policy lets no foreign script in; the debugger is not bound by it.
  await page.evaluate(await readFile(AXE, 'utf8'));
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await page.evaluate<Pick<AxeResults, 'violations'>>(
    `axe.run(document, { runOnly: { type: 'tag', values: ${JSON.stringify(tags)} }, resultTypes: ['violations'] })`,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** How far the page could be moved sideways, in pixels. */
export function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

/** Waits on the page of a run until it has ended so. That it has ended is only said aloud to whoever saw it at work. */
export async function ended(page: Page, outcome: string | RegExp): Promise<void> {
  const result = page.getByRole('region', { name: 'Result', exact: true });
  await result.getByText(outcome, { exact: true }).waitFor({ timeout: 60_000 });
}

/** What a page fetches of scripts until it is there, compressed. At least something. */
export async function scriptBytes(scene: Pick<Scene, 'browser' | 'server'>, path: string): Promise<number> {
  const { page, close } = await visit(scene, { key: scene.server.adminKey });
  let bytes = 0;
  page.on('response', (response) => {
    if (response.request().resourceType() === 'script') bytes += Number(response.headers()['content-length'] ?? 0);
  });
  // A moment later the pages that a person may go to next are fetched in advance.
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 1000);
  await page.goto(path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await settled(page);
  await close();
  expect(bytes, path).toBeGreaterThan(20_000);
  return bytes;
}

/** For the documentation, when CHARTSYNC_TEST_PICTURES is set. @param part of the page, where the whole would not show it */
export async function picture(page: Page, name: string, part?: Locator): Promise<void> {
  if (process.env.CHARTSYNC_TEST_PICTURES === undefined) return;
  await mkdir(PICTURES, { recursive: true });
  await (part ?? page).screenshot({ path: `${PICTURES}${name}.png` });
}
