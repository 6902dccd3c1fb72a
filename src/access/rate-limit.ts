/**
 * How often one may ask. Requests in general are counted by each process for itself; starts of runs and failed
 * authentications in PostgreSQL, for all machines together – and by each for itself while the database does not answer.
 */
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from './address.ts';
import type { RateLimit, RateLimitSettings } from './settings.ts';

export interface Allowance {
  readonly limit: number;
  readonly remaining: number;
  /** Until the count begins anew. */
  readonly resetMs: number;
}

/** 429. */
export class RateLimited extends Error {
  readonly allowance: Allowance;

  constructor(allowance: Allowance) {
    super('Rate limit exceeded');
    this.name = 'RateLimited';
    this.allowance = allowance;
  }
}

export interface RateLimits {
  /** One request of an address. @throws RateLimited */
  address(address: string): Promise<void>;
  /** One request of a caller, named by kind and id. @returns what is left, null without limit. @throws RateLimited */
  request(caller: string): Promise<Allowance | null>;
  /** One start of a run. @throws RateLimited */
  syncStart(caller: string): Promise<Allowance | null>;
  /** Refuses an address that has failed too often, also with a right key: else guessing would go on. @throws RateLimited */
  mayAuthenticate(address: string): Promise<void>;
  /** @returns whether this was the failure that reached the limit */
  failedAuthentication(address: string): Promise<boolean>;
  /** Whether a refusal is news: one that comes again and again is noted once a minute. */
  isNews(refusal: string): Promise<boolean>;
  /** Forgets counts that are over. */
  tidy(): Promise<void>;
}

const TABLE = 'rate_limits';

export function createRateLimits(options: { pool: Pool; settings: RateLimitSettings }): RateLimits {
  const { pool, settings } = options;
  const addresses = own('address', settings.requestsPerAddress);
  const requests = own('request', settings.requestsPerKey);
  const starts = common('sync', settings.syncStartsPerKey, pool);
  const failures = common('failed', settings.failedAuthenticationsPerAddress, pool);
  const noted = own('noted', { count: 1, periodMs: 60_000 });
  return {
    async address(address) {
      await take(addresses, networkOf(address));
    },
    request: (caller) => take(requests, caller),
    syncStart: (caller) => take(starts, caller),
    async mayAuthenticate(address) {
      const state = await failures?.get(nameOf(networkOf(address)));
      if (failures !== null && state && state.consumedPoints >= failures.points) {
        throw new RateLimited(allowanceOf(failures.points, state));
      }
    },
    async failedAuthentication(address) {
      if (failures === null) return false;
      const state = await failures.penalty(nameOf(networkOf(address)));
      return state.consumedPoints === failures.points;
    },
    isNews: (refusal) =>
      take(noted, refusal).then(
        () => true,
        () => false,
      ),
    async tidy() {
      await pool.query(`DELETE FROM ${TABLE} WHERE expire < $1`, [Date.now()]);
    },
  };
}

function own(prefix: string, limit: RateLimit | null): RateLimiterMemory | null {
  return limit === null ? null : new RateLimiterMemory(limiterOptions(prefix, limit));
}

function common(prefix: string, limit: RateLimit | null, pool: Pool): RateLimiterPostgres | null {
  if (limit === null) return null;
  return new RateLimiterPostgres({
    ...limiterOptions(prefix, limit),
    storeClient: pool,
    storeType: 'pool',
    tableName: TABLE,
    tableCreated: true,
    // Its timer could not be stopped; `tidy` does the same.
    clearExpiredByTimeout: false,
    insuranceLimiter: new RateLimiterMemory(limiterOptions(prefix, limit)),
  });
}

function limiterOptions(prefix: string, limit: RateLimit) {
  return { keyPrefix: prefix, points: limit.count, duration: limit.periodMs / 1000 };
}

async function take(limiter: RateLimiterMemory | RateLimiterPostgres | null, who: string): Promise<Allowance | null> {
  if (limiter === null) return null;
  try {
    return allowanceOf(limiter.points, await limiter.consume(nameOf(who)));
  } catch (error) {
    if (error instanceof RateLimiterRes) throw new RateLimited(allowanceOf(limiter.points, error));
    throw error;
  }
}

function allowanceOf(limit: number, state: RateLimiterRes): Allowance {
  return {
    limit,
    remaining: Math.max(0, limit - state.consumedPoints),
    resetMs: Math.max(0, state.msBeforeNext),
  };
}

/** Neither addresses nor subjects of tokens lie about in a table. */
function nameOf(who: string): string {
  return createHash('sha256').update(who).digest('base64url');
}
