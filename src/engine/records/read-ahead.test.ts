import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readAhead } from './read-ahead.ts';

async function* numbers(upTo: number, read: number[] = []): AsyncGenerator<number> {
  for (let n = 1; n <= upTo; n++) {
    read.push(n);
    yield n;
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

describe('reading ahead', () => {
  test('hands over everything in order, whatever the speeds', async () => {
    const all: number[] = [];
    for await (const pieces of readAhead(() => numbers(50), 4)) {
      expect(pieces.length).toBeGreaterThan(0);
      expect(pieces.length).toBeLessThanOrEqual(4);
      all.push(...pieces);
      await turns(all.length % 7);
    }
    expect(all).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  test('gives a slow consumer several at once and reads no further ahead', async () => {
    const read: number[] = [];
    const sizes: number[] = [];
    for await (const pieces of readAhead(() => numbers(20, read), 3)) {
      sizes.push(pieces.length);
      await turns(20);
      const handed = sizes.reduce((sum, size) => sum + size, 0);
      expect(read.length - handed).toBeLessThanOrEqual(3);
    }
    expect(Math.max(...sizes)).toBe(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(20);
  });

  test('hands over what came before an error, then throws it', async () => {
    const all: number[] = [];
    async function* failing() {
      yield* numbers(5);
      throw new Error('page 6');
    }
    const reading = (async () => {
      for await (const pieces of readAhead(failing, 10)) {
        all.push(...pieces);
        await turns(3);
      }
    })();
    await expect(reading).rejects.toThrow('page 6');
    expect(all).toEqual([1, 2, 3, 4, 5]);
  });

  test('stops the source when the consumer stops', async () => {
    let signal: AbortSignal | null = null;
    let closed = false;
    async function* endless(stop: AbortSignal) {
      signal = stop;
      try {
        for (let n = 1; ; n++) yield n;
      } finally {
        closed = true;
      }
    }
    const reading = (async () => {
      for await (const _ of readAhead(endless, 2)) throw new Error('the store is gone');
    })();
    await expect(reading).rejects.toThrow('the store is gone');
    expect(signal!.aborted).toBe(true);
    expect(closed).toBe(true);
  });

  test('an empty source hands over nothing', async () => {
    for await (const _ of readAhead(() => numbers(0), 2)) expect.unreachable();
  });
});
