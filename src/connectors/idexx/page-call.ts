/**
 * One call of the portal made by one of its own pages, for portals that answer those alone. Slower by a page, and read by the same
 * rules: what a page cannot read either is not known.
 */
import { SyncError } from '../../domain/errors.ts';
import type { PortalSession } from '../../ports/portal-sessions.ts';
import type { Visit } from './chromium.ts';
import { type Answer, answerOf } from './http.ts';

/** A page that everybody who is logged in may see. */
const PAGE = '/schedule';

/** @throws SyncError as a call by HTTP does */
export function callByPage(url: string, session: PortalSession, timeoutMs: number): Visit<Answer> {
  return async (page) => {
    const { origin } = new URL(url);
    const context = page.context();
    context.setDefaultTimeout(timeoutMs);
    await context.addCookies(session.cookies.map(({ name, value }) => ({ name, value, url: origin })));
    const opened = await page.goto(`${origin}${PAGE}`, { waitUntil: 'domcontentloaded' }).catch(() => {
      throw new SyncError('source_unreachable', { action: 'retry' });
    });
    if (/\/login(\/|$)/.test(new URL(page.url()).pathname)) return { kind: 'expired' };
    const status = opened?.status() ?? 200;
    if (status >= 400) throw new SyncError('source_failed', { detail: `A page of the portal answers ${status}.` });
    // As the page itself asks. A redirect is followed there: where it ended tells what it meant.
    const raw = await page
      .evaluate<{ status: number; url: string; text: string }>(
        `fetch(${JSON.stringify(url)}, { headers: { Accept: 'application/json', 'X-Requested-With': 'XMLHttpRequest' } })
           .then(async (answer) => ({ status: answer.status, url: answer.url, text: await answer.text() }))`,
      )
      .catch(() => {
        throw new SyncError('source_failed', { detail: 'A page of the portal could not read it.' });
      });
    if (/\/login(\/|$)/.test(new URL(raw.url).pathname)) return { kind: 'expired' };
    return answerOf({ ...raw, location: null, retryAfter: null }, () => session.cookies);
  };
}
