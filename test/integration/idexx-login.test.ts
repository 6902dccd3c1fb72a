/** Logging in at the sample portal: with whatever handles its form has, once, and never again with what was refused. */
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createClinic } from '../../simulators/idexx/clinic.ts';
import { DEFAULT_VARIANT, type PortalVariant } from '../../simulators/idexx/portal.ts';
import { startIdexx } from '../../simulators/idexx/server.ts';
import type { IdexxSimulator } from '../../simulators/idexx/simulator.ts';
import { createPortalSessions } from '../../src/access/portal-sessions.ts';
import { createBrowserPool } from '../../src/connectors/idexx/browser-pool.ts';
import { type RunningBrowser, startChromium } from '../../src/connectors/idexx/chromium.ts';
import { loginAt } from '../../src/connectors/idexx/login.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { createRefusalStore, createSealedSessionStore } from '../../src/stores/postgres/portal-sessions.ts';
import { systemClock } from '../../src/stores/system-clock.ts';
import { CONNECTION, type IdexxSetup, ORGANIZATION, setUpIdexx } from '../support/idexx-setup.ts';
import { until } from '../support/until.ts';

describe('the form', () => {
  let portal: IdexxSimulator;
  let browser: RunningBrowser;
  beforeAll(async () => {
    portal = await startIdexx({ clinics: [createClinic({ oddities: false, daysAhead: 1, daysBack: 0 })] });
    browser = await startChromium(null);
  });
  afterEach(() => {
    Object.assign(portal.variant, DEFAULT_VARIANT);
    portal.sessions.unlock();
  });
  afterAll(async () => {
    await browser?.close();
    await portal?.stop();
  });
  const login = async (password?: string) => {
    const [clinic] = portal.clinics;
    const account = clinic!.accounts[0]!;
    const credentials = { companyId: clinic!.companyId, username: account.username, password: account.password };
    const given = password === undefined ? credentials : { ...credentials, password };
    const opened = await browser.open({ userAgent: 'Chartsync test' });
    try {
      return await loginAt(portal.url, given, 10_000)(opened!.page);
    } finally {
      await opened!.close();
    }
  };

  test.each<Partial<PortalVariant>>([
    { loginFields: 'name' },
    { loginFields: 'name', companyField: 'company_id', userField: 'email', sessionCookie: 'neo_auth' },
    { loginFields: 'name', companyField: 'none', submitText: 'Continue', landing: '/home' },
    { loginFields: 'placeholder', submitText: 'Sign In', loginToken: false },
    { loginFields: 'type', companyField: 'none', landing: '/dashboard' },
    { loginFields: 'id' },
    { loginFields: 'text' },
  ])('is filled in when it is %j', async (variant) => {
    Object.assign(portal.variant, variant);
    const cookies = await login();
    expect(cookies.map(({ name }) => name)).toContain(portal.variant.sessionCookie);
  });

  test.each<Partial<PortalVariant>>([
    { failureSign: 'error-message' },
    { failureSign: 'role', failureStatus: 401 },
    { failureSign: 'test-id', loginFields: 'placeholder' },
  ])('tells a wrong password when it is %j', async (variant) => {
    Object.assign(portal.variant, variant);
    await expect(login('wrong')).rejects.toMatchObject({ code: 'source_credentials' });
  });

  test.each(['code', 'otp'] as const)(
    'that goes on with a second factor (%s) is said to do so',
    async (secondFactor) => {
      Object.assign(portal.variant, { secondFactor });
      await expect(login()).rejects.toMatchObject({ code: 'second_factor_required' });
    },
  );

  test('of a portal that is down is an unreachable source', async () => {
    portal.faults.down = 'reset';
    await expect(login()).rejects.toMatchObject({ code: 'source_unreachable' });
    portal.faults.down = null;
  });
});

describe('a browser', () => {
  const noSignal = new AbortController().signal;
  const visitor = { userAgent: 'Chartsync test', signal: noSignal };

  test('that is killed leaves no process behind, and the next visit gets another one', async () => {
    const started: RunningBrowser[] = [];
    const start = async () => {
      const browser = await startChromium(null);
      started.push(browser);
      return browser;
    };
    const pool = createBrowserPool({ size: 1, start, clock: systemClock });
    const visit = pool.visit(visitor, async (page) => {
      expect((await processesOf(started[0]!.group)).length).toBeGreaterThan(1);
      process.kill(started[0]!.pid, 'SIGKILL');
      await page.goto('about:blank');
      await page.waitForTimeout(60_000);
    });
    await expect(visit).rejects.toMatchObject({ code: 'browser_unavailable' });
    await until(async () => (await processesOf(started[0]!.group)).length === 0);
    expect(await pool.visit(visitor, async (page) => page.url())).toBe('about:blank');
    expect(started).toHaveLength(2);
    expect(pool.stats()).toEqual({ total: 1, inUse: 0, available: 1 });
    await pool.close();
    await until(async () => (await processesOf(started[1]!.group)).length === 0);
  });

  // Playwright ends it by itself after half a minute: too late for a process that is told to stop.
  test('that hangs is ended with everything that it has started', async () => {
    const browser = await startChromium(null);
    const ids = await processesOf(browser.group);
    expect(ids.length).toBeGreaterThan(1);
    for (const id of ids) process.kill(Number(id), 'SIGSTOP');
    const begun = performance.now();
    await browser.close();
    expect(performance.now() - begun).toBeLessThan(20_000);
    await until(async () => (await processesOf(browser.group)).length === 0);
  });

  test('that dies between and during twenty logins costs those alone, and nothing is left behind', {
    timeout: 240_000,
  }, async () => {
    const clinic = createClinic({ oddities: false, daysAhead: 1, daysBack: 0 });
    const portal = await startIdexx({ clinics: [clinic] });
    const { username, password } = clinic.accounts[0]!;
    const login = loginAt(portal.url, { companyId: clinic.companyId, username, password }, 10_000);
    const started: RunningBrowser[] = [];
    const start = async () => {
      const browser = await startChromium(null);
      started.push(browser);
      return browser;
    };
    const pool = createBrowserPool({ size: 1, start, clock: systemClock, maxVisits: 15 });
    const ends: string[] = [];
    for (let i = 0; i < 20; i++) {
      // While nobody visits it: the next one must not notice.
      if (i % 10 === 4) process.kill(started.at(-1)!.pid, 'SIGKILL');
      const visit = pool.visit(visitor, (page) => {
        if (i % 10 === 9) process.kill(started.at(-1)!.pid, 'SIGKILL');
        return login(page);
      });
      ends.push(await visit.then(() => 'in').catch((error) => error.code));
    }
    expect(ends.filter((end) => end !== 'in')).toHaveLength(2);
    expect(ends.flatMap((end, i) => (end === 'in' ? [] : [i % 10]))).toEqual([9, 9]);
    await pool.close();
    await portal.stop();
    for (const { group } of started) await until(async () => (await processesOf(group)).length === 0);
  });
});

describe('a portal that answers only its own pages', () => {
  let setup: IdexxSetup;
  beforeAll(async () => {
    setup = await setUpIdexx({ settings: { daysAhead: 2 } });
  });
  afterAll(() => setup?.close());
  const byPages = () => setup.portal.requests.filter(({ path }) => path === '/schedule').length;

  test.each(['forbidden', 'html'] as const)('(%s) is read by them, with the same rules', async (onlyPages) => {
    const { connection } = await setup.reopen();
    const { syncBook } = await import('../../src/engine/schedule/sync-book.ts');
    const run = () => syncBook(connection.ports, connection.settings, { trigger: 'manual' });
    setup.portal.faults.onlyPages = onlyPages;
    expect(await run()).toMatchObject({ state: 'completed', outcome: 'success' });
    await setup.expectBook();
    if (onlyPages === 'html') return;
    // A session that ends is one new login here too.
    const before = setup.portal.logins;
    setup.portal.sessions.endAll();
    expect(await run()).toMatchObject({ outcome: 'success' });
    expect(setup.portal.logins).toBe(before + 1);
    setup.portal.faults.repeatIds = true;
    expect(await run()).toMatchObject({ state: 'failed', counts: { removed: 0 } });
    setup.portal.faults.repeatIds = false;
  });

  test('is read by them for every date, also when that is found out by several dates at once', async () => {
    const other = await setUpIdexx({ settings: { daysAhead: 4, settingsMaxAge: '30m' } });
    try {
      expect(await other.run()).toMatchObject({ outcome: 'success' });
      other.portal.faults.onlyPages = 'forbidden';
      expect(await other.run()).toMatchObject({ outcome: 'success', counts: { failed: 0 } });
      await other.expectBook();
    } finally {
      await other.close();
    }
  });

  test('is not asked by pages again and again when that does not help either', async () => {
    const { connection } = await setup.reopen();
    const { syncBook } = await import('../../src/engine/schedule/sync-book.ts');
    Object.assign(setup.portal.faults, { onlyPages: null, html: true });
    const before = byPages();
    const result = await syncBook(connection.ports, connection.settings, { trigger: 'manual' });
    expect(result).toMatchObject({ state: 'failed', error: { code: 'source_failed' }, counts: { removed: 0 } });
    expect(byPages() - before).toBeLessThanOrEqual(5);
    setup.portal.faults.html = false;
    await setup.expectBook();
  });
});

describe('a session', () => {
  let setup: IdexxSetup;
  afterEach(() => setup?.close());

  test('is kept sealed and used by another machine; each way to end it is one new login', async () => {
    setup = await setUpIdexx({ settings: { daysAhead: 2 } });
    await setup.run();
    const other = await setup.reopen();
    const { syncBook } = await import('../../src/engine/schedule/sync-book.ts');
    const run = () => syncBook(other.connection.ports, other.connection.settings, { trigger: 'manual' });
    expect(await run()).toMatchObject({ outcome: 'success' });
    expect(setup.portal.logins).toBe(1);
    const [row] = await setup.query<{ text: string }>('SELECT t::text AS text FROM portal_sessions AS t');
    expect(row?.text).not.toContain('neo_session');

    for (const [i, expired] of (['login-page', 'redirect', 'unauthorized', 'page-expired'] as const).entries()) {
      setup.portal.variant.expired = expired;
      setup.portal.sessions.endAll();
      expect(await run()).toMatchObject({ outcome: 'success', counts: { failed: 0 } });
      expect(setup.portal.logins).toBe(i + 2);
    }
    setup.portal.faults.loseSessionEvery = 1;
    expect(await run()).toMatchObject({ state: 'failed', counts: { removed: 0 } });
    expect(setup.portal.logins).toBeLessThanOrEqual(5 + 3);
  });

  test('is not used after twenty idle minutes, nor eight hours after its login', async () => {
    setup = await setUpIdexx({ settings: { daysAhead: 1 } });
    await setup.run();
    const idle = (minutes: number) =>
      setup.query("UPDATE portal_sessions SET used_at = now() - $1 * interval '1 minute'", [minutes]);
    await idle(19);
    expect(await setup.run()).toMatchObject({ outcome: 'success' });
    expect(setup.portal.logins).toBe(1);
    await idle(21);
    expect(await setup.run()).toMatchObject({ outcome: 'success' });
    expect(setup.portal.logins).toBe(2);

    const database = openDatabase({ url: setup.databaseUrl, poolSize: 1 });
    try {
      const sessions = createPortalSessions({
        store: createSealedSessionStore(database),
        refusals: createRefusalStore(database),
        keys: { current: setup.environment.CHARTSYNC_ENCRYPTION_KEY!, old: [] },
        clock: systemClock,
      });
      const key = { organizationId: ORGANIZATION, connectionId: CONNECTION };
      for (const [hours, logins] of [
        [7, 2],
        [8, 3],
      ] as const) {
        const session = (await sessions.load(key))!;
        await sessions.save(key, { ...session, loggedInAt: Date.now() - hours * 3600_000 });
        expect(await setup.run()).toMatchObject({ outcome: 'success' });
        expect(setup.portal.logins).toBe(logins);
      }
    } finally {
      await database.close();
    }
  });

  test('that was refused is not asked for again by itself: the connection is paused', async () => {
    const credentials = { companyId: '10001', username: 'desk1@example.com', password: 'wrong-password' };
    setup = await setUpIdexx({
      credentials,
      settings: { daysAhead: 5 },
      environment: { CHARTSYNC_ENCRYPTION_KEY: undefined },
    });
    const result = await setup.run();
    expect(result).toMatchObject({ state: 'failed', error: { code: 'source_credentials' } });
    const tries = setup.portal.requests.filter(({ method, path }) => method === 'POST' && path === '/login');
    expect(tries).toHaveLength(1);
    const [state] = await setup.chartsync.schedules.states();
    expect(state).toMatchObject({ paused: true, lastFailureCode: 'source_credentials' });
    expect(JSON.stringify(result)).not.toContain('wrong-password');
  });

  test.each([undefined, Buffer.alloc(32, 9).toString('base64')])(
    'that was refused is not asked for again by another machine or a person either, until somebody resumes (key %s)',
    async (key) => {
      setup = await setUpIdexx({ settings: { daysAhead: 1 }, environment: { CHARTSYNC_ENCRYPTION_KEY: key } });
      const account = setup.clinic.accounts[0]! as { password: string };
      const right = account.password;
      account.password = 'changed-at-the-portal';
      const tries = () =>
        setup.portal.requests.filter(({ method, path }) => method === 'POST' && path === '/login').length;
      const { syncBook } = await import('../../src/engine/schedule/sync-book.ts');
      const run = ({ connection }: Pick<IdexxSetup, 'connection'>) =>
        syncBook(connection.ports, connection.settings, { trigger: 'manual' });
      const others = [setup, await setup.reopen(), setup];
      for (const machine of others) {
        expect(await run(machine)).toMatchObject({ state: 'failed', error: { code: 'source_credentials' } });
      }
      expect(tries()).toBe(1);
      expect(await run(setup)).toMatchObject({ error: { message: expect.stringContaining('resumed') } });
      const [row] = await setup.query<{ text: string }>('SELECT r::text AS text FROM portal_refusals AS r');
      expect(row?.text).not.toContain(right);

      account.password = right;
      expect(await run(setup)).toMatchObject({ error: { code: 'source_credentials' } });
      await setup.chartsync.queue.resume({ organizationId: ORGANIZATION, connectionId: CONNECTION });
      expect(await run(await setup.reopen())).toMatchObject({ outcome: 'success' });
      expect(tries()).toBe(2);
    },
  );

  test('that was refused to other credentials is asked for with the new ones', async () => {
    setup = await setUpIdexx({ settings: { daysAhead: 1 } });
    const key = { organizationId: ORGANIZATION, connectionId: CONNECTION };
    const database = openDatabase({ url: setup.databaseUrl, poolSize: 1 });
    const sessions = createPortalSessions({
      store: createSealedSessionStore(database),
      refusals: createRefusalStore(database),
      keys: { current: null, old: [] },
      clock: systemClock,
    });
    await sessions.refuse(key, 'others', 'source_credentials');
    expect(await sessions.refusal(key, 'others')).toMatchObject({ code: 'source_credentials' });
    expect(await sessions.refusal({ ...key, organizationId: 'org_other' }, 'others')).toBeNull();
    await database.close();
    expect(await setup.run()).toMatchObject({ outcome: 'success' });
  });
});

/** Everything that runs in the process group of a browser. */
async function processesOf(group: number): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      const stat = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => '');
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(pgrp) === group && state !== 'Z' ? [id] : [];
    }),
  );
  return found.flat();
}
