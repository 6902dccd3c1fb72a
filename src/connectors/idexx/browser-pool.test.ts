/** The rules of the pool, with browsers that only count; the real one is in `test/integration/idexx-login.test.ts`. */
import { expect, test } from 'vitest';
import type { Clock } from '../../ports/clock.ts';
import { createBrowserPool } from './browser-pool.ts';
import type { RunningBrowser } from './chromium.ts';

const visitor = { userAgent: 'test', signal: new AbortController().signal };

function createWorld() {
  let now = 0;
  const sleepers = new Set<{ at: number; wake: () => void }>();
  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { at: now + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
  };
  const browsers: { alive: boolean; open: boolean; healthy: boolean }[] = [];
  const start = async (): Promise<RunningBrowser> => {
    const own = { alive: true, open: true, healthy: true };
    browsers.push(own);
    return {
      pid: browsers.length,
      group: browsers.length,
      isAlive: () => own.alive && own.open,
      open: async () => (own.healthy ? { page: null as never, close: async () => undefined } : null),
      close: async () => {
        own.open = false;
      },
    };
  };
  const pass = async (ms: number) => {
    now += ms;
    for (const sleeper of [...sleepers]) if (sleeper.at <= now) sleeper.wake();
    await new Promise(setImmediate);
  };
  return { clock, start, browsers, pass, open: () => browsers.filter((b) => b.open).length };
}

const gate = () => {
  let release = () => {};
  const opened = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { opened, release };
};

test('never has more browsers than its size, and hands a free one to who waits first', async () => {
  const world = createWorld();
  const pool = createBrowserPool({ ...world, size: 2 });
  let inside = 0;
  let most = 0;
  const order: number[] = [];
  const gates = Array.from({ length: 6 }, gate);
  const visits = gates.map(({ opened }, i) =>
    pool.visit(visitor, async () => {
      order.push(i);
      most = Math.max(most, ++inside);
      await opened;
      inside--;
    }),
  );
  await world.pass(0);
  expect(pool.stats()).toEqual({ total: 2, inUse: 2, available: 0 });
  for (const { release } of gates) {
    release();
    await world.pass(0);
  }
  await Promise.all(visits);
  expect({ most, order, browsers: world.browsers.length }).toEqual({ most: 2, order: [0, 1, 2, 3, 4, 5], browsers: 2 });
  expect(pool.stats()).toEqual({ total: 2, inUse: 0, available: 2 });
});

test('replaces a browser after so many visits, when it is too old, and when it has died', async () => {
  const world = createWorld();
  const pool = createBrowserPool({ ...world, size: 1, maxVisits: 2, maxAgeMs: 1000, idleMs: 10_000 });
  const visit = () => pool.visit(visitor, async () => 'done');
  for (let i = 0; i < 3; i++) await visit();
  expect(world.browsers).toHaveLength(2);
  await world.pass(1001);
  await visit();
  expect(world.browsers).toHaveLength(3);
  world.browsers[2]!.alive = false;
  await visit();
  expect(world.browsers).toHaveLength(4);
  expect(world.open()).toBe(1);
  await pool.close();
  expect(world.open()).toBe(0);
});

test('replaces a browser that does not open a page, or whose last visit failed', async () => {
  const world = createWorld();
  const pool = createBrowserPool({ ...world, size: 1 });
  const visit = () => pool.visit(visitor, async () => 'done');
  await visit();
  world.browsers[0]!.healthy = false;
  await visit();
  expect(world.browsers).toHaveLength(2);
  await expect(pool.visit(visitor, () => Promise.reject(new Error('page closed')))).rejects.toMatchObject({
    code: 'browser_unavailable',
  });
  await visit();
  expect(world.browsers).toHaveLength(3);
  expect(world.open()).toBe(1);
});

test('closes a browser that nobody uses', async () => {
  const world = createWorld();
  const pool = createBrowserPool({ ...world, size: 1, idleMs: 300 });
  await pool.visit(visitor, async () => undefined);
  await world.pass(299);
  expect(world.open()).toBe(1);
  await world.pass(1);
  expect(world.open()).toBe(0);
});

test('whoever waits too long, or is told to stop, leaves the place to others', async () => {
  const world = createWorld();
  const pool = createBrowserPool({ ...world, size: 1, waitMs: 50 });
  const { opened, release } = gate();
  const first = pool.visit(visitor, () => opened);
  const late = expect(pool.visit(visitor, async () => undefined)).rejects.toMatchObject({
    code: 'browser_unavailable',
  });
  const stop = new AbortController();
  const told = pool.visit({ ...visitor, signal: stop.signal }, async () => undefined);
  await world.pass(0);
  stop.abort(new Error('stopped'));
  await expect(told).rejects.toThrow('stopped');
  await world.pass(50);
  await late;
  release();
  await first;
  expect(await pool.visit(visitor, async () => 'in')).toBe('in');
  expect(pool.stats().inUse).toBe(0);
});

test('whoever is told to stop while a browser starts goes at once; the place is free when it has started', async () => {
  const world = createWorld();
  const { opened, release } = gate();
  const pool = createBrowserPool({ ...world, start: () => opened.then(world.start), size: 1 });
  const stop = new AbortController();
  const told = pool.visit({ ...visitor, signal: stop.signal }, async () => 'in');
  await world.pass(0);
  stop.abort(new Error('stopped'));
  await expect(told).rejects.toThrow('stopped');
  expect(pool.stats().inUse).toBe(1);
  const next = pool.visit(visitor, async () => 'in');
  release();
  expect(await next).toBe('in');
  expect(world.browsers).toHaveLength(1);
  expect(pool.stats().inUse).toBe(0);
});

test('a browser that does not start gives its place back', async () => {
  const world = createWorld();
  const pool = createBrowserPool({ ...world, start: () => Promise.reject(new Error('no')), size: 1 });
  for (let i = 0; i < 2; i++) await expect(pool.visit(visitor, async () => 'in')).rejects.toThrow();
  expect(pool.stats().inUse).toBe(0);
});
