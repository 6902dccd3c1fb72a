import { createContext, runInContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { createClinic } from './clinic.ts';
import { SCHEDULE_SCRIPT } from './pages.ts';
import { startIdexx } from './server.ts';
import type { IdexxOptions, IdexxSimulator } from './simulator.ts';
import { createVisitor, type Visitor } from './visitor.ts';

/** Tuesday, 10:00 in Los Angeles. */
const NOW = Date.parse('2026-01-20T18:00:00Z');
const GOOD = { companyId: '10001', username: 'desk1@example.com', password: 'Sample-1-login' };
const DAY = ['2026-01-20 00:00:00', '2026-01-21 00:00:00'] as const;

const open: IdexxSimulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((simulator) => simulator.stop()));
});

let time = NOW;
async function start(options: IdexxOptions = {}): Promise<{ simulator: IdexxSimulator; visitor: Visitor }> {
  time = NOW;
  const clinics = options.clinics ?? [createClinic({ now: NOW, daysAhead: 3, daysBack: 2 })];
  const simulator = await startIdexx({ now: () => time, ...options, clinics });
  open.push(simulator);
  return { simulator, visitor: createVisitor(simulator.url) };
}

async function startInside(options: IdexxOptions = {}): Promise<{ simulator: IdexxSimulator; visitor: Visitor }> {
  const started = await start(options);
  expect((await started.visitor.login(GOOD)).status).toBe(302);
  return started;
}

test('lets in with the form, and answers the calendar of a day', async () => {
  const { simulator, visitor } = await start();
  const page = await (await visitor.get('/login')).text();
  for (const name of ['companyId', 'username', 'password']) expect(page).toContain(`name="${name}"`);
  const response = await visitor.login(GOOD);
  expect([response.status, response.headers.get('location')]).toEqual([302, '/schedule']);
  expect(response.headers.getSetCookie()[0]).toMatch(/^neo_session=.*HttpOnly/);
  expect(simulator.logins).toBe(1);

  const rows = (await (await visitor.calendar(...DAY)).json()) as Record<string, unknown>[];
  expect(rows.length).toBeGreaterThan(15);
  expect(rows[0]).toMatchObject({ start: '2026-01-20 08:00:00', is_roster: true });
  expect(simulator.requests.at(-1)).toMatchObject({
    method: 'GET',
    path: '/appointments/getCalendarEventData',
    status: 200,
  });
});

test('keeps out who has the wrong password, company or token', async () => {
  const { simulator, visitor } = await start();
  for (const wrong of [{ password: 'x' }, { companyId: '99' }, { username: 'nobody' }]) {
    const response = await visitor.login({ ...GOOD, ...wrong });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('class="error-message"');
  }
  expect((await visitor.login({ ...GOOD, _token: 'stale' })).status).toBe(419);
  expect([...visitor.cookies.keys()]).toEqual(['neo_visit']);
  expect(simulator.logins).toBe(0);
});

test('takes the form of the first of two pages', async () => {
  const { visitor } = await start();
  const first = await (await visitor.get('/login')).text();
  await visitor.calendar(...DAY);
  const _token = /name="_token" value="([^"]*)"/.exec(first)![1]!;
  expect((await visitor.post('/login', new URLSearchParams({ ...GOOD, _token }))).status).toBe(302);
});

test('locks an account after wrong logins, for a while', async () => {
  const { simulator, visitor } = await start({ variant: { lockAfter: 2, failureSign: 'role', failureStatus: 401 } });
  expect((await visitor.login({ ...GOOD, password: 'x' })).status).toBe(401);
  expect(await (await visitor.login({ ...GOOD, password: 'x' })).text()).toContain('role="alert">Your account');
  expect(await (await visitor.login(GOOD)).text()).toContain('has been locked');
  time += 31 * 60_000;
  expect((await visitor.login(GOOD)).status).toBe(302);
  expect(simulator.logins).toBe(1);
});

test('asks for a second factor where that is on', async () => {
  const { visitor } = await start({ variant: { secondFactor: 'otp' } });
  expect((await visitor.get('/login/verify')).headers.get('location')).toBe('/login');
  expect((await visitor.login(GOOD)).headers.get('location')).toBe('/login/verify');
  const page = await (await visitor.get('/login/verify')).text();
  expect(page).toContain('name="otp"');
  const _token = /name="_token" value="([^"]*)"/.exec(page)![1]!;
  const enter = (otp: string) => visitor.post('/login/verify', new URLSearchParams({ _token, otp }));
  expect(await (await enter('000000')).text()).toContain('The code is wrong');
  expect((await enter('246810')).headers.get('location')).toBe('/schedule');
  expect((await visitor.calendar(...DAY)).status).toBe(200);
});

test.each([
  [{ companyField: 'company_id', userField: 'email' }, ['name="company_id"', 'name="email"']],
  [{ companyField: 'none' }, ['name="username"']],
  [{ loginFields: 'placeholder' }, ['placeholder="Company ID"', 'placeholder="Password"']],
  [{ loginFields: 'type' }, ['type="email" name="f2"', 'type="password"']],
  [{ loginFields: 'id' }, ['id="companyId"', 'id="username"', 'id="password"']],
  [{ loginFields: 'text', submitText: 'Sign In' }, ['>Company ID</label>', '>Sign In</button>']],
] as const)('has a login form with %j', async (variant, parts) => {
  const { visitor } = await start({ variant });
  const page = await (await visitor.get('/login')).text();
  for (const part of parts) expect(page).toContain(part);
  const names = [...page.matchAll(/<input type="(?:text|email|password)" name="([^"]+)"/g)].map(([, name]) => name!);
  const values = names.length === 2 ? [GOOD.username, GOOD.password] : Object.values(GOOD);
  expect((await visitor.login(Object.fromEntries(names.map((name, i) => [name, values[i]!])))).status).toBe(302);
});

test('ends a session after idleness, after a day of work, by revocation and by a second login', async () => {
  const { simulator, visitor } = await startInside({ variant: { expired: 'unauthorized', singleSession: true } });
  const status = async (): Promise<number> => (await visitor.calendar(...DAY)).status;
  time += 19 * 60_000;
  expect(await status()).toBe(200);
  time += 21 * 60_000;
  expect(await status()).toBe(401);

  await visitor.login(GOOD);
  for (let minutes = 0; minutes < 480; minutes += 15) {
    expect(await status()).toBe(200);
    time += 15 * 60_000;
  }
  time += 60_000;
  expect(await status()).toBe(401);

  await visitor.login(GOOD);
  simulator.sessions.endAll();
  expect(await status()).toBe(401);

  await visitor.login(GOOD);
  await createVisitor(simulator.url).login(GOOD);
  expect(await status()).toBe(401);
  await visitor.login(GOOD);
  expect((await visitor.get('/logout')).headers.get('location')).toBe('/login');
  expect(await status()).toBe(401);
});

test.each([
  ['login-page', 200, 200],
  ['redirect', 302, 302],
  ['unauthorized', 401, 302],
  ['page-expired', 419, 302],
] as const)('answers %s without a session', async (expired, call, page) => {
  const { visitor } = await start({ variant: { expired } });
  const response = await visitor.calendar(...DAY);
  expect(response.status).toBe(call);
  if (expired === 'login-page') expect(await response.text()).toContain('name="password"');
  expect((await visitor.get('/schedule')).status).toBe(page);
});

test('serves a schedule page whose script loads the day', async () => {
  const { simulator, visitor } = await startInside();
  const page = await (await visitor.get('/schedule?date=2026-01-21')).text();
  expect(page).toContain('id="dashboard_shell"');
  expect(page).toContain('<meta name="csrf-token"');
  expect(page).toContain(SCHEDULE_SCRIPT);
  const [, date, next] = /id="calendar" data-date="([^"]+)" data-next="([^"]+)"/.exec(page)!;

  const rows: { dataset: Record<string, string> }[] = [];
  const state = { textContent: '' };
  const element = () => ({ dataset: {}, appendChild: () => undefined });
  const calendar = { dataset: { date, next }, appendChild: (row: (typeof rows)[number]) => rows.push(row) };
  await runInContext(
    SCHEDULE_SCRIPT,
    createContext({
      URLSearchParams,
      fetch: (path: string, { headers }: { headers: Record<string, string> }) => visitor.get(path, headers),
      document: {
        getElementById: (id: string) => (id === 'calendar' ? calendar : state),
        createElement: element,
      },
    }),
  );
  expect(state.textContent).toBe(`${rows.length} entries`);
  const expected = simulator.clinics[0]!.events.filter(({ start }) => start.startsWith('2026-01-21'));
  expect(rows.map(({ dataset }) => dataset.eventId)).toEqual(expect.arrayContaining(expected.map(({ id }) => id)));
});

test('cuts the third call at a time, and spends latency', async () => {
  const waits: number[] = [];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { simulator, visitor } = await start({
    latency: { loginMs: 1800, callMs: 350 },
    wait: async (ms) => {
      waits.push(ms);
      if (ms === 350) await held;
    },
  });
  await visitor.login(GOOD);
  const calls = [1, 2, 3].map(() => visitor.calendar(...DAY).then(({ status }) => status));
  await Promise.any(
    calls.map((call) =>
      call.then(
        () => Promise.reject(),
        () => undefined,
      ),
    ),
  );
  release();
  const results = await Promise.allSettled(calls);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(waits).toEqual([1800, 350, 350]);
  expect(simulator.requests.filter(({ status }) => status === 0)).toHaveLength(1);
});

test('keeps clinics apart', async () => {
  const clinics = [1, 2].map((number) => createClinic({ now: NOW, number, daysAhead: 1, daysBack: 0 }));
  const { visitor } = await start({ clinics });
  expect((await visitor.login({ ...GOOD, companyId: '10002' })).status).toBe(200);
  await visitor.login({ companyId: '10002', username: 'desk2@example.com', password: 'Sample-2-login' });
  const rows = (await (await visitor.calendar(...DAY)).json()) as { id: string }[];
  expect(rows.every(({ id }) => id.startsWith('200'))).toBe(true);
});
