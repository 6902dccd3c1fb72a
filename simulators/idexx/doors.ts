/** The way in and out: login page, second factor, log out. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { cookiesOf, redirect, sendHtml } from './http.ts';
import { fieldNames, type LoginFailure, loginPage, page, secondFactorPage } from './pages.ts';
import type { PortalVariant } from './portal.ts';
import type { Session, Sessions } from './sessions.ts';

/** Before a login. Its name must not look like that of a session. */
const VISIT_COOKIE = 'neo_visit';

interface Visit {
  readonly id: string;
  readonly token: string;
  pending: string | null;
}

export interface Doors {
  showLogin(request: IncomingMessage, response: ServerResponse): void;
  /** In place of what was asked for, with status 200. */
  showLoginInstead(request: IncomingMessage, response: ServerResponse): void;
  login(request: IncomingMessage, response: ServerResponse, fields: ReadonlyMap<string, string>): void;
  showCode(request: IncomingMessage, response: ServerResponse): void;
  enterCode(request: IncomingMessage, response: ServerResponse, fields: ReadonlyMap<string, string>): void;
  logout(request: IncomingMessage, response: ServerResponse): void;
  readonly logins: number;
}

export function createDoors(sessions: Sessions, variant: PortalVariant): Doors {
  /** Token of the form, and the login that waits for its code, by visit. */
  const visits = new Map<string, Visit>();
  let logins = 0;

  const visitOf = (request: IncomingMessage): Visit | undefined =>
    visits.get(cookiesOf(request).get(VISIT_COOKIE) ?? '');
  /** Who has two pages open is one visitor: the form of the first must go on working. */
  const visit = (request: IncomingMessage): Visit => {
    const known = visitOf(request);
    if (known) return known;
    const created = { id: randomBytes(12).toString('hex'), token: randomBytes(20).toString('hex'), pending: null };
    visits.set(created.id, created);
    return created;
  };
  const sendLogin = (
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    failure: LoginFailure,
  ): void => {
    const { id, token } = visit(request);
    const cookie = `${VISIT_COOKIE}=${id}; Path=/; HttpOnly; SameSite=Lax`;
    sendHtml(response, status, loginPage(variant, token, failure), { 'set-cookie': cookie });
  };
  const expired = (response: ServerResponse): void =>
    sendHtml(response, 419, page('Page Expired', '<h1>Page Expired</h1>'));
  const enter = (response: ServerResponse, session: Session): void => {
    logins++;
    redirect(response, variant.landing, [`${variant.sessionCookie}=${session.id}; Path=/; HttpOnly; SameSite=Lax`]);
  };

  return {
    get logins() {
      return logins;
    },
    showLogin: (request, response) => {
      if (sessions.find(cookiesOf(request).get(variant.sessionCookie))) redirect(response, variant.landing);
      else sendLogin(request, response, 200, null);
    },
    showLoginInstead: (request, response) => sendLogin(request, response, 200, null),
    login: (request, response, fields) => {
      const known = visitOf(request);
      if (variant.loginToken && (!known || fields.get('_token') !== known.token)) return expired(response);
      const names = fieldNames(variant);
      const company = variant.companyField === 'none' ? null : (fields.get(names.company) ?? '');
      const user = fields.get(names.user) ?? '';
      const result = sessions.login(company, user, fields.get(names.password) ?? '');
      if (result.kind === 'in') return enter(response, result.session);
      if (result.kind !== 'code needed') return sendLogin(request, response, variant.failureStatus, result.kind);
      const current = visit(request);
      current.pending = result.pending;
      redirect(response, '/login/verify', [`${VISIT_COOKIE}=${current.id}; Path=/; HttpOnly; SameSite=Lax`]);
    },
    showCode: (request, response) => {
      const known = visitOf(request);
      if (!known?.pending || variant.secondFactor === 'none') return redirect(response, '/login');
      sendHtml(response, 200, secondFactorPage(variant.secondFactor, known.token, false));
    },
    enterCode: (request, response, fields) => {
      const known = visitOf(request);
      if (!known?.pending || variant.secondFactor === 'none') return redirect(response, '/login');
      if (fields.get('_token') !== known.token) return expired(response);
      const session = sessions.enterCode(known.pending, fields.get(variant.secondFactor) ?? '');
      if (session) enter(response, session);
      else sendHtml(response, 200, secondFactorPage(variant.secondFactor, known.token, true));
    },
    logout: (request, response) => {
      sessions.end(cookiesOf(request).get(variant.sessionCookie) ?? '');
      redirect(response, '/login', [`${variant.sessionCookie}=; Path=/; HttpOnly; Max-Age=0`]);
    },
  };
}
