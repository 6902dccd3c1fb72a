/**
 * Logs in as a person does, once. What the page says in words is not read: it may be in any language.
 *
 * The fields are found by several handles, since the portal's pages may change: name, placeholder, type, id, label.
 */
import type { Page } from 'playwright-core';
import { SyncError } from '../../domain/errors.ts';
import type { PortalCookie } from '../../ports/portal-sessions.ts';
import type { Visit } from './chromium.ts';

export interface IdexxCredentials {
  readonly companyId: string;
  readonly username: string;
  readonly password: string;
}

const HANDLES = {
  company: [
    'input[name="companyId"], input[name="company_id"]',
    'input[placeholder*="company" i]',
    'input[id="companyId"], input[id="company_id"]',
    'label:has-text("Company") + input, label:has-text("Company") input',
  ],
  username: [
    'input[name="username"], input[name="email"]',
    'input[placeholder*="user" i], input[placeholder*="email" i]',
    'input[type="email"]',
    'input[id="username"], input[id="email"]',
    'label:has-text("User") + input, label:has-text("Email") + input, label:has-text("User") input',
  ],
  password: [
    'input[name="password"]',
    'input[placeholder*="password" i]',
    'input[type="password"]',
    'input[id="password"]',
  ],
  submit: ['button:has-text("Login"), input[value="Login"]', 'button:has-text("Sign In")', '[type="submit"]'],
} as const;

const SECOND_FACTOR = 'input[name="code"], input[name="otp"], input[autocomplete="one-time-code"]';
const REFUSED = '.error-message, .alert-danger, [role="alert"], [data-testid="login-error"]';
const INSIDE = '#dashboard_shell';

/** @throws SyncError `source_credentials`, `second_factor_required`, `source_contract_changed`, `source_unreachable`, … */
export function loginAt(
  portalUrl: string,
  credentials: IdexxCredentials,
  timeoutMs: number,
): Visit<readonly PortalCookie[]> {
  return async (page) => {
    const context = page.context();
    context.setDefaultTimeout(timeoutMs);
    const answer = await page.goto(`${portalUrl}/login`, { waitUntil: 'domcontentloaded' }).catch(() => {
      throw new SyncError('source_unreachable');
    });
    const status = answer?.status() ?? 200;
    if (status >= 500) throw new SyncError('source_failed', { detail: `The login page answers ${status}.` });
    // The password must not go elsewhere.
    if (URL.parse(page.url())?.origin !== new URL(portalUrl).origin) {
      throw new SyncError('source_contract_changed', { detail: 'The login page leads to another address.' });
    }
    const [company, username, password, submit] = await Promise.all([
      find(page, 'company'),
      find(page, 'username'),
      find(page, 'password'),
      find(page, 'submit'),
    ]);
    // One source knows a form without the company.
    if (username === null || password === null || submit === null) {
      throw new SyncError('source_contract_changed', { detail: 'The login page has no form that is known.' });
    }
    await company?.fill(credentials.companyId);
    await username.fill(credentials.username);
    await password.fill(credentials.password);
    const hadSign = await page.evaluate<boolean>(
      `window.chartsyncWaits = true, document.querySelector(${JSON.stringify(REFUSED)}) !== null`,
    );
    const cookies = async () => (await context.cookies(portalUrl)).map(({ name, value }) => ({ name, value }));
    const redirected = redirect(page, timeoutMs);
    await submit.click({ noWaitAfter: true });
    const shown = ended(page, hadSign, timeoutMs);
    shown.catch(() => undefined);
    // The page behind the login is slow, and nobody looks at it.
    if ((await Promise.race([redirected, shown])) === 'redirected') {
      const early = await cookies();
      if (early.some(({ name }) => /session|auth/i.test(name))) return early;
    }
    await shown;
    return cookies();
  };
}

async function find(page: Page, what: keyof typeof HANDLES) {
  for (const selector of HANDLES[what]) {
    const found = page.locator(selector).first();
    if ((await found.count()) > 0) return found;
  }
  return null;
}

/** The answer to the form leads to a page of somebody who is logged in. Does not settle otherwise. */
function redirect(page: Page, timeoutMs: number): Promise<'redirected'> {
  const leadsInside = page.waitForResponse(
    (answer) => {
      const request = answer.request();
      if (request.method() !== 'POST' || !request.isNavigationRequest()) return false;
      const target = URL.parse(answer.headers().location ?? '', answer.url());
      const isRedirect = answer.status() >= 300 && answer.status() < 400;
      // Only to pages that are known: another one may ask for a second factor.
      return isRedirect && target !== null && /^\/(dashboard|home|schedule)\b/.test(target.pathname);
    },
    { timeout: timeoutMs },
  );
  return leadsInside.then(
    () => 'redirected',
    () => new Promise<never>(() => undefined),
  );
}

/** Waits for the first sign of how it went. @param hadSign a sign that was there before says nothing */
async function ended(page: Page, hadSign: boolean, timeoutMs: number): Promise<void> {
  const look = `(() => {
    const has = (selector) => document.querySelector(selector) !== null;
    if (document.readyState === 'loading') return null;
    if (!/^https?:$/.test(location.protocol)) return 'unreachable';
    if (has(${JSON.stringify(SECOND_FACTOR)})) return 'second-factor';
    if (has(${JSON.stringify(INSIDE)}) || !/\\/login(\\/|$)/.test(location.pathname)) return 'inside';
    if (${!hadSign} && has(${JSON.stringify(REFUSED)})) return 'refused';
    if (window.chartsyncWaits) return null;
    return has('input[type="password"]') ? 'refused' : 'unknown';
  })()`;
  const seen = await page
    .waitForFunction(look, undefined, { timeout: timeoutMs, polling: 50 })
    .then((handle) => handle.jsonValue())
    .catch(() => {
      throw new SyncError('source_timeout', { action: 'stop', detail: 'The login did not end.' });
    });
  if (seen === 'second-factor') throw new SyncError('second_factor_required');
  if (seen === 'refused') throw new SyncError('source_credentials');
  if (seen === 'unreachable') throw new SyncError('source_unreachable');
  if (seen === 'unknown')
    throw new SyncError('source_failed', { detail: 'The login ended at a page that is unknown.' });
}
