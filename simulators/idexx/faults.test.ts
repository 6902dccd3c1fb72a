import { afterEach, expect, test } from 'vitest';
import { createClinic } from './clinic.ts';
import type { Faults } from './faults.ts';
import { startIdexx } from './server.ts';
import type { IdexxSimulator } from './simulator.ts';
import { createVisitor, type Visitor } from './visitor.ts';
import { parseWall } from './wall.ts';

const NOW = Date.parse('2026-01-20T18:00:00Z');
const DAY = ['2026-01-20 00:00:00', '2026-01-21 00:00:00'] as const;
type Row = { id?: string; start: string; end: string };

const open: IdexxSimulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((simulator) => simulator.stop()));
});

/** Logged in first, then the faults begin. */
async function startWith(
  faults: Partial<Faults>,
): Promise<{ simulator: IdexxSimulator; visitor: Visitor; waits: number[] }> {
  const waits: number[] = [];
  const simulator = await startIdexx({
    now: () => NOW,
    clinics: [createClinic({ now: NOW, daysBack: 0, daysAhead: 2 })],
    wait: async (ms) => waits.push(ms),
  });
  open.push(simulator);
  const visitor = createVisitor(simulator.url);
  await visitor.login({ companyId: '10001', username: 'desk1@example.com', password: 'Sample-1-login' });
  Object.assign(simulator.faults, faults);
  return { simulator, visitor, waits };
}

async function rowsOf(visitor: Visitor, start: string = DAY[0], end: string = DAY[1]): Promise<Row[]> {
  return (await (await visitor.calendar(start, end)).json()) as Row[];
}

test('is well without faults', async () => {
  const { visitor } = await startWith({});
  const rows = await rowsOf(visitor);
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
});

test('answers with error pages, too many requests, and HTML with 200', async () => {
  const { simulator, visitor } = await startWith({ serverError: 502 });
  const broken = await visitor.calendar(...DAY);
  expect([broken.status, broken.headers.get('content-type')]).toEqual([502, 'text/html; charset=utf-8']);
  expect((await visitor.get('/schedule')).status).toBe(200);
  simulator.faults.paths = ['/schedule'];
  expect((await visitor.get('/schedule')).status).toBe(502);
  expect((await visitor.calendar(...DAY)).status).toBe(200);

  Object.assign(simulator.faults, { paths: null, serverError: null, tooManyRequests: { retryAfterSeconds: 7 } });
  const many = await visitor.calendar(...DAY);
  expect([many.status, many.headers.get('retry-after')]).toEqual([429, '7']);

  Object.assign(simulator.faults, { tooManyRequests: null, html: true, remaining: 1 });
  const html = await visitor.calendar(...DAY);
  expect([html.status, (await html.text()).slice(0, 9)]).toEqual([200, '<!DOCTYPE']);
  expect(await rowsOf(visitor)).not.toEqual([]);
});

test('cuts connections, halves JSON, and is slow', async () => {
  const { simulator, visitor, waits } = await startWith({ reset: true, remaining: 1 });
  await expect(visitor.calendar(...DAY)).rejects.toThrow('fetch failed');
  expect(simulator.requests.at(-1)!.status).toBe(0);
  Object.assign(simulator.faults, { reset: false, remaining: null, halfJson: true });
  const half = await visitor.calendar(...DAY);
  expect(half.status).toBe(200);
  await expect(half.json()).rejects.toThrow(SyntaxError);
  Object.assign(simulator.faults, { halfJson: false, slowMs: 40_000 });
  expect(await rowsOf(visitor)).not.toEqual([]);
  expect(waits).toEqual([40_000]);
});

test('goes down midway', async () => {
  const { simulator, visitor } = await startWith({ downAfter: 2 });
  expect((await visitor.calendar(...DAY)).status).toBe(200);
  expect((await visitor.get('/schedule')).status).toBe(200);
  await expect(visitor.calendar(...DAY)).rejects.toThrow('fetch failed');
  await expect(visitor.get('/login')).rejects.toThrow('fetch failed');
  simulator.faults.down = 'maintenance';
  expect((await visitor.calendar(...DAY)).status).toBe(503);
  Object.assign(simulator.faults, { down: null, downAfter: 0, downAs: 'maintenance' });
  expect((await visitor.get('/schedule')).status).toBe(503);
});

test('loses the session at every k-th call', async () => {
  const { simulator, visitor } = await startWith({ loseSessionEvery: 2 });
  simulator.variant.expired = 'unauthorized';
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await visitor.calendar(...DAY)).status);
  expect(statuses).toEqual([200, 401, 401]);
});

test('leaves days empty', async () => {
  const { simulator, visitor } = await startWith({ emptyDates: ['2026-01-20'] });
  expect(await rowsOf(visitor)).toEqual([]);
  const both = await rowsOf(visitor, DAY[0], '2026-01-22 00:00:00');
  expect(new Set(both.map(({ start }) => start.slice(0, 10)))).toEqual(new Set(['2026-01-21']));
  Object.assign(simulator.faults, { emptyDates: [], emptyCalendar: true });
  expect(await rowsOf(visitor, DAY[0], '2026-01-22 00:00:00')).toEqual([]);
});

test('fails a date so many times', async () => {
  const { simulator, visitor } = await startWith({ failDates: { '2026-01-20': 2 } });
  const status = async (start: string, end: string): Promise<number> => (await visitor.calendar(start, end)).status;
  expect(await status('2026-01-21 00:00:00', '2026-01-22 00:00:00')).toBe(200);
  expect(await status(...DAY)).toBe(500);
  expect(await status(DAY[0], '2026-01-25 00:00:00')).toBe(500);
  expect(await status(...DAY)).toBe(200);
  Object.assign(simulator.faults, { failDates: { '2026-01-20': 1 }, failDatesWith: 'empty' });
  expect(await rowsOf(visitor)).toEqual([]);
  Object.assign(simulator.faults, { failDates: { '2026-01-20': 1 }, failDatesWith: 'reset' });
  await expect(visitor.calendar(...DAY)).rejects.toThrow('fetch failed');
});

test('repeats ids, gives rows outside the window, and wrong times', async () => {
  const { simulator, visitor } = await startWith({ repeatIds: true });
  const repeated = await rowsOf(visitor);
  expect(repeated[2]!.id).toBe(repeated[1]!.id);
  const { faults } = simulator;
  Object.assign(faults, { repeatIds: false, outsideWindow: true });
  expect((await rowsOf(visitor)).at(-1)!.start).toMatch(/^2025-01-2/);
  Object.assign(faults, { outsideWindow: false, wrongTimes: 'invalid' });
  for (const { start } of await rowsOf(visitor)) expect(parseWall(start)).toBeNull();
  faults.wrongTimes = 'reversed';
  expect((await rowsOf(visitor)).every(({ start, end }) => start > end)).toBe(true);
  faults.wrongTimes = null;
  const right = await rowsOf(visitor);
  faults.wrongTimes = 'shifted';
  const shifted = await rowsOf(visitor);
  expect(Number(shifted[0]!.start.slice(11, 13)) - Number(right[0]!.start.slice(11, 13))).toBe(1);
});

test('changes its shape', async () => {
  const { simulator, visitor } = await startWith({ changedShape: 'fields' });
  const [row] = await rowsOf(visitor);
  expect(row).toHaveProperty('eventId');
  expect(row).not.toHaveProperty('id');
  simulator.faults.changedShape = 'wrapper';
  expect(await rowsOf(visitor)).toMatchObject({ version: 2, payload: { items: expect.any(Array) } });
});
