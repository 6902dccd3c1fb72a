/** Repeats a call whose error says `retry`, with exponential back-off and full jitter. */
import { type SyncError, toSyncError } from '../domain/errors.ts';
import type { Clock, Random } from '../ports/clock.ts';

export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Upper limit of the first wait; doubles with each try. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

/** @throws the last try's SyncError, unchanged */
export async function withRetry<T>(
  work: () => Promise<T>,
  policy: RetryPolicy,
  context: { clock: Clock; random: Random; signal?: AbortSignal },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const failure = toSyncError(error);
      if (failure.action !== 'retry' || attempt >= policy.attempts) throw failure;
      await context.clock.sleep(waitBefore(attempt, failure, policy, context.random), context.signal);
    }
  }
}

function waitBefore(attempt: number, failure: SyncError, policy: RetryPolicy, random: Random): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  // What the other side asks for is a floor, within reason.
  const floor = Math.min(failure.retryAfterMs ?? 0, policy.maxDelayMs);
  return Math.max(floor, random.next() * ceiling);
}
