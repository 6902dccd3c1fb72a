import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyncError } from '../domain/errors.ts';
import type { Clock, Random } from '../ports/clock.ts';
import { type RetryPolicy, withRetry } from './retry.ts';

const POLICY: RetryPolicy = { attempts: 4, baseDelayMs: 100, maxDelayMs: 250 };

function context(chance = 1): { clock: Clock; random: Random; waits: number[] } {
  const waits: number[] = [];
  const clock: Clock = {
    now: () => 0,
    async sleep(ms, signal) {
      if (signal?.aborted) throw new SyncError('cancelled');
      waits.push(ms);
    },
  };
  return { clock, random: { next: () => chance, uuid: () => 'uuid' }, waits };
}

/** Fails with each of the errors in turn, then succeeds. */
function failing(...errors: unknown[]): { work: () => Promise<string>; calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    async work() {
      const error = errors[calls++];
      if (error !== undefined) throw error;
      return 'done';
    },
  };
}

const passing = new SyncError('source_timeout');

describe('withRetry', () => {
  test('repeats what is worth a retry, with waits that double up to the limit', async () => {
    const { work, calls } = failing(passing, passing, passing);
    const at = context();
    expect(await withRetry(work, POLICY, at)).toBe('done');
    expect(calls()).toBe(4);
    expect(at.waits).toEqual([100, 200, 250]);
  });

  test('gives up after the last try, with its error', async () => {
    const last = new SyncError('blob_unavailable');
    const { work, calls } = failing(passing, passing, passing, last, passing);
    await expect(withRetry(work, POLICY, context())).rejects.toBe(last);
    expect(calls()).toBe(4);
  });

  test.each(['skip', 'fail', 'stop'] as const)('does not repeat what says %s', async (action) => {
    const error = new SyncError('source_timeout', { action });
    const { work, calls } = failing(error);
    await expect(withRetry(work, POLICY, context())).rejects.toBe(error);
    expect(calls()).toBe(1);
  });

  test('does not repeat the unknown', async () => {
    const { work, calls } = failing(new TypeError('x'));
    await expect(withRetry(work, POLICY, context())).rejects.toMatchObject({ code: 'unexpected' });
    expect(calls()).toBe(1);
  });

  test('waits as long as the other side asks, within the limit', async () => {
    const at = context(0);
    const asks = (retryAfterMs: number) => new SyncError('source_timeout', { retryAfterMs });
    await withRetry(failing(asks(30), asks(9_999)).work, POLICY, at);
    expect(at.waits).toEqual([30, 250]);
  });

  test('stops waiting when it is aborted', async () => {
    const { work, calls } = failing(passing);
    const signal = AbortSignal.abort();
    await expect(withRetry(work, POLICY, { ...context(), signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(calls()).toBe(1);
  });

  test('never waits longer than the limit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), fc.option(fc.nat(10_000)), async (chance, after) => {
        const at = context(chance);
        const error = new SyncError('source_timeout', after === null ? {} : { retryAfterMs: after });
        await withRetry(failing(error, error, error).work, POLICY, at);
        for (const wait of at.waits) {
          expect(wait).toBeGreaterThanOrEqual(Math.min(after ?? 0, POLICY.maxDelayMs));
          expect(wait).toBeLessThanOrEqual(POLICY.maxDelayMs);
        }
      }),
    );
  });
});
