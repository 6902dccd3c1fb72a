import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Lanes } from './lanes.ts';

function piece() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { promise, resolve, reject };
}

describe('lanes', () => {
  test('begin no more pieces at once than they are', async () => {
    const lanes = new Lanes(2);
    const pieces = [piece(), piece(), piece()] as const;
    const begun: number[] = [];
    const start = (n: number) =>
      lanes.start(
        () => {
          begun.push(n);
          return pieces[n]!.promise;
        },
        () => undefined,
      );
    await start(0);
    await start(1);
    const third = start(2);
    await turn();
    expect(begun).toEqual([0, 1]);
    pieces[1].resolve();
    await third;
    expect(begun).toEqual([0, 1, 2]);
    pieces[0].resolve();
    pieces[2].resolve();
    await lanes.idle();
  });

  test('tell of a piece when all before it are finished as well', async () => {
    const lanes = new Lanes(3);
    const pieces = [piece(), piece(), piece()] as const;
    const told: number[] = [];
    for (const [n, { promise }] of pieces.entries()) {
      await lanes.start(
        () => promise,
        () => told.push(n),
      );
    }
    pieces[1].resolve();
    pieces[2].resolve();
    await turn();
    expect(told).toEqual([]);
    pieces[0].resolve();
    await lanes.idle();
    expect(told).toEqual([0, 1, 2]);
  });

  test('begin nothing after a failure, throw it, and tell of nothing that came after it', async () => {
    const lanes = new Lanes(2);
    const pieces = [piece(), piece()] as const;
    const told: number[] = [];
    for (const [n, { promise }] of pieces.entries()) {
      await lanes.start(
        () => promise,
        () => told.push(n),
      );
    }
    let began = false;
    const third = lanes.start(
      async () => {
        began = true;
      },
      () => told.push(2),
    );
    pieces[0].reject(new Error('full'));
    await expect(third).rejects.toThrow('full');
    pieces[1].resolve();
    await lanes.settled();
    await expect(lanes.idle()).rejects.toThrow('full');
    expect(began).toBe(false);
    expect(told).toEqual([]);
  });
});
