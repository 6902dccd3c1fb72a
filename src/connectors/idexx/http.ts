/** One call of the portal with a session's cookies, classified by status and shape. */
import { SyncError } from '../../domain/errors.ts';
import type { PortalCookie, PortalSession } from '../../ports/portal-sessions.ts';
import { isLoginPage } from './answer.ts';

export type Answer =
  | { readonly kind: 'json'; readonly body: unknown; readonly cookies: readonly PortalCookie[] }
  /** Nobody is logged in any more. */
  | { readonly kind: 'expired' };

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const EXPIRED = new Set([401, 419]);
const NOT_JSON = 'An answer was not JSON.';

/** @throws SyncError; those with the action `retry` may pass */
export async function call(
  url: string,
  session: PortalSession,
  options: { readonly userAgent: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Answer> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  let response: Response | null = null;
  let text: string;
  try {
    response = await fetch(url, {
      headers: {
        accept: 'application/json',
        'x-requested-with': 'XMLHttpRequest',
        'user-agent': options.userAgent,
        cookie: session.cookies.map(({ name, value }) => `${name}=${value}`).join('; '),
      },
      // The cookies must not go elsewhere, and where an answer leads tells what it means.
      redirect: 'manual',
      signal: AbortSignal.any([options.signal, deadline]),
    });
    text = await bodyOf(response);
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof SyncError) throw error;
    // Without the cause: its text would name the address with its query.
    if (deadline.aborted) throw new SyncError('source_timeout', { detail: `Limit: ${options.timeoutMs} ms.` });
    if (response !== null) throw new SyncError('source_failed', { detail: 'An answer broke off.' });
    throw new SyncError('source_unreachable', { action: 'retry' });
  }
  const { status, headers } = response;
  const raw = { status, url, text, location: headers.get('location'), retryAfter: headers.get('retry-after') };
  return answerOf(raw, () => cookiesAfter(session.cookies, response));
}

/** What came back, however it was asked for. */
export interface RawAnswer {
  readonly status: number;
  readonly url: string;
  readonly text: string;
  readonly location: string | null;
  readonly retryAfter: string | null;
}

/** @param cookies those of the session after the answer. @throws SyncError */
export function answerOf(raw: RawAnswer, cookies: () => readonly PortalCookie[]): Answer {
  if (isExpired(raw)) return { kind: 'expired' };
  if (raw.status !== 200) throw refusal(raw);
  let body: unknown;
  try {
    body = JSON.parse(raw.text);
  } catch {
    // Half a body, or a page of something in between: never an empty list.
    throw new SyncError('source_failed', { detail: NOT_JSON });
  }
  return { kind: 'json', body, cookies: cookies() };
}

/** Somebody who is logged in was answered, but not with what a page of the portal gets. */
export function isRefusedToPrograms(error: SyncError): boolean {
  return error.code === 'source_permission' || error.detail === NOT_JSON;
}

function isExpired({ status, url, text, location }: RawAnswer): boolean {
  if (EXPIRED.has(status)) return true;
  if (status >= 300 && status < 400) {
    const target = URL.parse(location ?? '', url);
    return target !== null && /\/login(\/|$)/.test(target.pathname);
  }
  return status === 200 && isLoginPage(text) && !/^\s*[[{]/.test(text);
}

async function bodyOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > MAX_BODY_BYTES) {
      throw new SyncError('source_contract_changed', { action: 'fail', detail: 'An answer is larger than 16 MiB.' });
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function refusal({ status, retryAfter }: RawAnswer): SyncError {
  const detail = `Status: ${status}.`;
  if (status === 403) return new SyncError('source_permission', { action: 'fail', detail });
  if (status === 429) {
    const seconds = Number(retryAfter);
    return new SyncError('source_rate_limited', { detail, ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}) });
  }
  if (status >= 500 || status === 408) return new SyncError('source_failed', { detail });
  if (status >= 400) return new SyncError('source_request_refused', { detail });
  return new SyncError('source_contract_changed', { action: 'fail', detail });
}

/** The cookies as the answer changes them. */
function cookiesAfter(cookies: readonly PortalCookie[], response: Response): readonly PortalCookie[] {
  const set = response.headers.getSetCookie();
  if (set.length === 0) return cookies;
  const jar = new Map(cookies.map((cookie) => [cookie.name, cookie.value]));
  for (const line of set) {
    const [, name, value] = /^([^=;]+)=([^;]*)/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    if (/;\s*max-age\s*=\s*(0|-)/i.test(line)) jar.delete(name.trim());
    else jar.set(name.trim(), value);
  }
  return [...jar].map(([name, value]) => ({ name, value }));
}
