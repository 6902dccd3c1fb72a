/**
 * One request to Cliniko: paced, retried, and classified by status and shape.
 *
 * - Paced: a limit shared by every process that uses the same user, with a reserve for what a person started.
 * - 429: everybody waits until the time that the answer names (`X-RateLimit-Reset`, else `Retry-After`), within reason; else longer
 *   each time.
 * - No answer, 5xx, a page of a proxy, half a body: tried again with jitter, then told as the source's failure.
 * - Redirects are not followed: the key must not go elsewhere.
 */
import { SyncError } from '../../domain/errors.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { OutboundLimit } from '../../ports/outbound-limit.ts';
import { parseJson } from './answer.ts';

export interface Answer {
  readonly body: unknown;
  /** Epoch ms of the answer's Date header. */
  readonly serverTime: number | null;
  /** From when the question was sent to when the whole answer was there. */
  readonly tookMs: number;
}

export interface HttpOptions {
  readonly userAgent: string;
  readonly timeoutMs: number;
  /** Tries in all for each request; waits for a 429 do not count. */
  readonly attempts: number;
  readonly retryDelayMs: number;
  /** Null: no limit. */
  readonly requestsPerMinute: number | null;
  readonly limit: OutboundLimit;
  readonly clock: Clock;
  readonly random: Random;
  readonly onRequest?: (told: { readonly status: number; readonly waitedMs: number }) => void;
}

export interface RequestContext {
  readonly signal: AbortSignal;
  /** A person waits for it. */
  readonly urgent: boolean;
}

export interface Http {
  /** @param authorization header value. @param limitKey what shares the limit */
  get(url: string, authorization: string, limitKey: string, context: RequestContext): Promise<Answer>;
  /**
   * Asks for something that is elsewhere. @returns the address that the answer names, as it is; nothing is sent there. Null: the
   * answer is no redirect
   */
  redirect(url: string, authorization: string, limitKey: string, context: RequestContext): Promise<string | null>;
}

const MAX_BODY_BYTES = 32 * 1024 * 1024;
const MINUTE = 60_000;
/** A little more than a minute: our clock and the way there are not exact. */
const WINDOW_MS = MINUTE + 500;
/** Of the requests of a minute, in hundredths, those that only people's runs may use. */
const RESERVED = 20;
const SHORTEST_BLOCK_MS = 1000;
/** A wrong clock at the other side can ask for hours. */
const LONGEST_BLOCK_MS = 2 * MINUTE;
const MAX_BLOCKS = 10;
const LONGEST_RETRY_MS = 30_000;

export function createHttp(options: HttpOptions): Http {
  const { clock, random, limit, requestsPerMinute } = options;

  async function pace(limitKey: string, context: RequestContext): Promise<number> {
    if (requestsPerMinute === null) return 0;
    const began = clock.now();
    const rule = {
      requests: requestsPerMinute,
      windowMs: WINDOW_MS,
      reserved: Math.floor((requestsPerMinute * RESERVED) / 100),
    };
    for (;;) {
      context.signal.throwIfAborted();
      const wait = await limit.take(limitKey, rule, context.urgent);
      if (wait === 0) return clock.now() - began;
      await clock.sleep(wait, context.signal);
    }
  }

  async function patiently<T>(
    limitKey: string,
    context: RequestContext,
    once: (onStatus: (status: number) => void) => Promise<T>,
  ): Promise<T> {
    let blocks = 0;
    for (let attempt = 1; ; ) {
      const waitedMs = await pace(limitKey, context);
      try {
        return await once((status) => options.onRequest?.({ status, waitedMs }));
      } catch (error) {
        context.signal.throwIfAborted();
        if (!(error instanceof SyncError) || error.action !== 'retry') throw error;
        if (error.code === 'source_rate_limited') {
          if (++blocks > MAX_BLOCKS) throw error;
          // Where nobody says until when, or by a wrong clock, each wait is longer: together they outlast the minute.
          const least = SHORTEST_BLOCK_MS * 2 ** (blocks - 1);
          const wait = Math.min(LONGEST_BLOCK_MS, Math.max(least, error.retryAfterMs ?? 0));
          // Everybody who uses the same user waits; jitter keeps them from coming back together.
          if (requestsPerMinute !== null) await limit.block(limitKey, wait);
          await clock.sleep(wait + random.next() * 500, context.signal);
          continue;
        }
        if (attempt >= options.attempts) throw error;
        const ceiling = Math.min(LONGEST_RETRY_MS, options.retryDelayMs * 2 ** (attempt - 1));
        await clock.sleep(
          Math.max(random.next() * ceiling, Math.min(error.retryAfterMs ?? 0, LONGEST_BLOCK_MS)),
          context.signal,
        );
        attempt++;
      }
    }
  }

  return {
    get: (url, authorization, limitKey, context) =>
      patiently(limitKey, context, (onStatus) => ask(url, authorization, context.signal, options, onStatus)),
    redirect: (url, authorization, limitKey, context) =>
      patiently(limitKey, context, (onStatus) => askWhere(url, authorization, context.signal, options, onStatus)),
  };
}

async function ask(
  url: string,
  authorization: string,
  signal: AbortSignal,
  options: HttpOptions,
  onStatus: (status: number) => void,
): Promise<Answer> {
  const askedAt = options.clock.now();
  const { response, text } = await exchange(url, authorization, signal, options, onStatus);
  const tookMs = options.clock.now() - askedAt;
  const date = Date.parse(response.headers.get('date') ?? '');
  const serverTime = Number.isNaN(date) ? null : date;
  if (response.status !== 200) throw refusal(response, options.clock.now());
  try {
    return { body: parseJson(text), serverTime, tookMs };
  } catch (error) {
    // Half a body, or a page of the proxy in between: worth another try, and never an empty list.
    throw new SyncError('source_failed', { detail: 'A page was not JSON.', cause: error });
  }
}

const REDIRECTS: ReadonlySet<number> = new Set([302, 303, 307]);

async function askWhere(
  url: string,
  authorization: string,
  signal: AbortSignal,
  options: HttpOptions,
  onStatus: (status: number) => void,
): Promise<string | null> {
  const { response } = await exchange(url, authorization, signal, options, onStatus);
  const location = response.headers.get('location');
  if (REDIRECTS.has(response.status) && location !== null) return location;
  if (response.status === 200) return null;
  throw refusal(response, options.clock.now());
}

async function exchange(
  url: string,
  authorization: string,
  signal: AbortSignal,
  options: HttpOptions,
  onStatus: (status: number) => void,
): Promise<{ response: Response; text: string }> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  let response: Response | null = null;
  try {
    response = await fetch(url, {
      headers: { authorization, accept: 'application/json', 'user-agent': options.userAgent },
      redirect: 'manual',
      signal: AbortSignal.any([signal, deadline]),
    });
    onStatus(response.status);
    return { response, text: await bodyOf(response) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SyncError) throw error;
    if (deadline.aborted)
      throw new SyncError('source_timeout', { detail: `Limit: ${options.timeoutMs} ms.`, cause: error });
    if (response !== null) throw new SyncError('source_failed', { detail: 'An answer broke off.', cause: error });
    throw new SyncError('source_unreachable', { action: 'retry', detail: connectionDetail(error), cause: error });
  }
}

async function bodyOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > MAX_BODY_BYTES)
      throw new SyncError('source_contract_changed', { detail: 'An answer is larger than 32 MiB.' });
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function refusal(response: Response, now: number): SyncError {
  const { status } = response;
  const detail = `Status: ${status}.`;
  if (status === 401) {
    // The host follows from the end of the key: with the wrong end every key is refused.
    const host = URL.parse(response.url)?.host;
    return new SyncError('source_credentials', { detail: host === undefined ? detail : `${detail} Host: ${host}.` });
  }
  // Of one list: the user's role may still see the others.
  if (status === 403) return new SyncError('source_permission', { action: 'fail', detail });
  if (status === 404) return new SyncError('source_request_refused', { detail });
  if (status === 429) {
    const retryAfterMs = retryAfterOf(response.headers, now);
    return new SyncError('source_rate_limited', { detail, ...(retryAfterMs === null ? {} : { retryAfterMs }) });
  }
  if (status >= 500 || status === 408) {
    const seconds = Number(response.headers.get('retry-after'));
    return new SyncError('source_failed', { detail, ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}) });
  }
  if (status >= 400) return new SyncError('source_request_refused', { detail });
  return new SyncError('source_contract_changed', { detail });
}

/** @returns ms; null when the answer names no time */
function retryAfterOf(headers: Headers, now: number): number | null {
  const reset = Number(headers.get('x-ratelimit-reset') ?? Number.NaN);
  if (Number.isFinite(reset) && reset > 0) {
    // Measured by the other side's clock when it tells its time.
    const date = Date.parse(headers.get('date') ?? '');
    return Math.max(0, reset * 1000 - (Number.isNaN(date) ? now : date));
  }
  const after = headers.get('retry-after');
  if (after === null) return null;
  const seconds = Number(after);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(after);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

function connectionDetail(error: unknown): string {
  const cause = (error as { cause?: { code?: unknown } }).cause?.code;
  return typeof cause === 'string' && /^[A-Z_]{3,40}$/.test(cause) ? `Code: ${cause}.` : 'The connection broke.';
}
