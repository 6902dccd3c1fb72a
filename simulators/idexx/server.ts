/** The simulated portal: pages and calls over HTTP on loopback, clinics in memory. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { handleCalls } from './api.ts';
import { createClinic } from './clinic.ts';
import { handleControl } from './control.ts';
import { createDoors } from './doors.ts';
import type { Exchange } from './exchange.ts';
import { countDown, type Faults, hits, noFaults } from './faults.ts';
import { cookiesOf, cut, readBody, redirect, sendHtml, sendJson } from './http.ts';
import { page, plainPage, schedulePage } from './pages.ts';
import { DEFAULT_VARIANT, type PortalVariant } from './portal.ts';
import { createSessions, type Session } from './sessions.ts';
import type { IdexxOptions, IdexxSimulator, Latency, RequestRecord } from './simulator.ts';
import { addDays, dayOf, parseWall, wallAt } from './wall.ts';
import { readFields } from './writes.ts';

export async function startIdexx(options: IdexxOptions = {}): Promise<IdexxSimulator> {
  const now = options.now ?? Date.now;
  const clinics = options.clinics ?? [createClinic({ now: now() })];
  const faults: Faults = { ...noFaults(), ...options.faults };
  const variant: PortalVariant = { ...DEFAULT_VARIANT, ...options.variant };
  const latency: Latency = { loginMs: 0, pageMs: 0, callMs: 0, ...options.latency };
  const sessions = createSessions(clinics, variant, now);
  const doors = createDoors(sessions, variant);
  const requests: RequestRecord[] = [];
  const stopping = new AbortController();
  const wait =
    options.wait ?? ((ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined));

  const sessionOf = (request: IncomingMessage): Session | null =>
    sessions.find(cookiesOf(request).get(variant.sessionCookie));

  /** @returns whether the request is dealt with */
  const spoil = async (exchange: Exchange, isCall: boolean): Promise<boolean> => {
    const { request, response, path } = exchange;
    if (!hits(faults, path, isCall)) return false;
    if (faults.slowMs > 0) await wait(faults.slowMs);
    if (faults.reset) cut(request);
    else if (faults.tooManyRequests) {
      const { retryAfterSeconds } = faults.tooManyRequests;
      const headers = retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) };
      sendJson(response, 429, { message: 'Too Many Attempts.' }, headers);
    } else if (faults.serverError)
      sendHtml(response, faults.serverError, page('Error', '<h1>Something went wrong</h1>'));
    else if (faults.html) sendHtml(response, 200, page('Sample Neo', '<h1>We have a new look</h1>'));
    else {
      exchange.isHalved = faults.halfJson;
      return false;
    }
    return true;
  };

  const showPage = async (exchange: Exchange): Promise<void> => {
    const { request, response, path, query } = exchange;
    const session = sessionOf(request);
    if (!session) {
      if (variant.expired === 'login-page') doors.showLoginInstead(request, response);
      else redirect(response, '/login');
      return;
    }
    session.csrfToken ??= randomBytes(20).toString('hex');
    const shell = { clinic: session.clinic, csrfToken: session.csrfToken, variant };
    const headers = variant.csrfCarrier === 'cookie' ? { 'set-cookie': `XSRF-TOKEN=${session.csrfToken}; Path=/` } : {};
    if (path !== '/schedule') {
      const title = path === '/consultations' ? 'Consultations' : 'Dashboard';
      return sendHtml(response, 200, plainPage(shell, title), headers);
    }
    const asked = parseWall(query.get('date') ?? '') ?? wallAt(now(), session.clinic.timeZone);
    const day = dayOf(asked);
    const days = { day, before: addDays(day, -1), after: addDays(day, 1) };
    sendHtml(response, 200, schedulePage(shell, days), headers);
  };

  const handlePages = async (exchange: Exchange): Promise<boolean> => {
    const { request, response, method, path } = exchange;
    const isPost = method === 'POST';
    const isLogin = path === '/login' || path === '/login/verify';
    if (!isLogin && !PAGES.has(path)) return false;
    // Read even when nobody cares, so that the connection can be used again.
    const fields = isPost ? await readForm(request) : null;
    const pageMs = path === '/login' ? (latency.loginPageMs ?? latency.pageMs) : latency.pageMs;
    await wait0(isLogin && isPost ? latency.loginMs : pageMs, wait);
    if (await spoil(exchange, false)) return true;
    if (path === '/login') fields ? doors.login(request, response, fields) : doors.showLogin(request, response);
    else if (isLogin) fields ? doors.enterCode(request, response, fields) : doors.showCode(request, response);
    else if (isPost) sendHtml(response, 405, page('Not allowed', '<h1>Method not allowed</h1>'));
    else if (path === '/logout') doors.logout(request, response);
    else if (path === '/') redirect(response, sessionOf(request) ? variant.landing : '/login');
    else await showPage(exchange);
    return true;
  };

  const handle = async (exchange: Exchange): Promise<void> => {
    const { request, response, path } = exchange;
    countDown(faults);
    if (faults.down === 'reset') return cut(request);
    if (faults.down) return sendHtml(response, 503, page('Maintenance', '<h1>We will be back soon</h1>'));
    if (path === '/favicon.ico') return sendHtml(response, 404, '');
    if (await handlePages(exchange)) return;
    await handleCalls(exchange, {
      faults,
      variant,
      sessions,
      sessionOf,
      now,
      spoil: (call) => spoil(call, true),
      delay: () => wait0(latency.callMs, wait),
      showLogin: () => doors.showLoginInstead(request, response),
    });
  };

  const server = createServer((request, response) => {
    const address = URL.parse(request.url ?? '/', 'http://portal.invalid');
    const method = request.method ?? 'GET';
    const path = address?.pathname ?? '/';
    const exchange: Exchange = {
      request,
      response,
      method,
      path,
      query: address?.searchParams ?? new URLSearchParams(),
      isHalved: false,
    };
    const answer = async (): Promise<void> => {
      if (path.startsWith('/_control/')) return handleControl(exchange, simulator);
      const byPage = request.headers['sec-fetch-site'] === 'same-origin';
      const record: RequestRecord = { method, path, query: address?.search ?? '', byPage, status: 0 };
      requests.push(record);
      response.once('finish', () => {
        record.status = response.statusCode;
      });
      await handle(exchange);
    };
    answer().catch((error: unknown) => {
      if (response.headersSent || request.destroyed) cut(request);
      else sendJson(response, error instanceof RangeError ? 413 : 500, { error: String(error) });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });

  const simulator: IdexxSimulator = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clinics,
    faults,
    variant,
    latency,
    sessions,
    requests,
    get logins() {
      return doors.logins;
    },
    now,
    stop: async () => {
      stopping.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return simulator;
}

const PAGES = new Set(['/', '/schedule', '/consultations', '/dashboard', '/home', '/logout']);

async function readForm(request: IncomingMessage): Promise<Map<string, string>> {
  return (await readFields(request.headers['content-type'] ?? '', await readBody(request))) ?? new Map();
}

/** Not even a turn of the event loop when there is nothing to wait for. */
async function wait0(ms: number, wait: (ms: number) => Promise<unknown>): Promise<void> {
  if (ms > 0) await wait(ms);
}
