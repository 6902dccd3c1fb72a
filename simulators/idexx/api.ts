/** The JSON calls, with all that can come between a call and its answer. */
import type { IncomingMessage } from 'node:http';
import { calendarRows, daysAsked, wrap } from './calendar.ts';
import { answerCall } from './calls.ts';
import { consultationPage } from './consultations.ts';
import type { Exchange, Reply } from './exchange.ts';
import { type Faults, failsDates, moveOn, spoilConsultations, spoilRows, spoilWrapper } from './faults.ts';
import { cut, readBody, redirect, sendHtml, sendJson, sendText } from './http.ts';
import { page } from './pages.ts';
import type { PortalVariant } from './portal.ts';
import type { Session, Sessions } from './sessions.ts';
import { parseWall, type Wall, wallAt } from './wall.ts';
import { answerWrite, readFields } from './writes.ts';

export interface CallContext {
  readonly faults: Faults;
  readonly variant: PortalVariant;
  readonly sessions: Sessions;
  readonly sessionOf: (request: IncomingMessage) => Session | null;
  readonly now: () => number;
  /** @returns whether a fault has answered */
  readonly spoil: (exchange: Exchange) => Promise<boolean>;
  readonly delay: () => Promise<void>;
  readonly showLogin: () => void;
}

/** How many calls each portal has had since sessions began to be lost. */
const callCounts = new WeakMap<Faults, number>();

export async function handleCalls(exchange: Exchange, context: CallContext): Promise<void> {
  const { request, method } = exchange;
  const { faults, variant, sessions, sessionOf } = context;
  const body = method === 'POST' ? await readBody(request) : null;
  const session = sessionOf(request);
  if (session && losesSession(faults)) sessions.end(session.id);
  if (!session || !sessions.all.has(session.id)) {
    await context.delay();
    return refuse(exchange, context);
  }
  if (variant.parallelCalls !== null && session.openCalls >= variant.parallelCalls) return cut(request);
  session.openCalls++;
  try {
    await context.delay();
    if (faults.onlyPages !== null && request.headers['sec-fetch-site'] !== 'same-origin') {
      return faults.onlyPages === 'html'
        ? sendHtml(exchange.response, 200, page('One moment', '<h1>Checking your browser</h1>'))
        : sendJson(exchange.response, 403, { message: 'Forbidden' });
    }
    if (await context.spoil(exchange)) return;
    if (body) await write(exchange, context, session, body);
    else if (method === 'GET') read(exchange, context, session);
    else sendJson(exchange.response, 405, { error: 'Method not allowed' });
  } finally {
    session.openCalls--;
  }
}

function losesSession(faults: Faults): boolean {
  if (faults.loseSessionEvery === null) {
    callCounts.delete(faults);
    return false;
  }
  const count = (callCounts.get(faults) ?? 0) + 1;
  callCounts.set(faults, count);
  return count % faults.loseSessionEvery === 0;
}

/** Without a session. */
function refuse({ response }: Exchange, { variant, showLogin }: CallContext): void {
  if (variant.expired === 'login-page') showLogin();
  else if (variant.expired === 'redirect') redirect(response, '/login');
  else if (variant.expired === 'unauthorized') sendJson(response, 401, { message: 'Unauthenticated.' });
  else sendJson(response, 419, { message: 'Page Expired' });
}

function read(exchange: Exchange, context: CallContext, session: Session): void {
  const { path, query } = exchange;
  const { variant, now } = context;
  const wall = wallAt(now(), session.clinic.timeZone);
  if (path === '/appointments/getCalendarEventData') calendar(exchange, context, session);
  else if (path === '/consultations/search') consultations(exchange, context, session, wall);
  else {
    send(exchange, answerCall(path, { clinic: session.clinic, query, variant, wall }));
  }
}

function calendar(exchange: Exchange, { faults, variant }: CallContext, session: Session): void {
  const { request, response, query } = exchange;
  const start = parseWall(query.get('start') ?? '');
  const end = parseWall(query.get('end') ?? '');
  if (!start || !end || end < start) {
    send(exchange, { status: 422, body: { message: 'The start and end are not valid.' } });
    return;
  }
  const { first, last } = daysAsked(start, end);
  if (failsDates(faults, first, last)) {
    const how = faults.failDatesWith;
    if (how === 'reset') cut(request);
    else if (how === 'empty') sendJson(response, 200, wrap([], variant));
    else sendHtml(response, how === 'error' ? 500 : 200, page('Error', '<h1>Something went wrong</h1>'));
    return;
  }
  const rows = spoilRows(faults, calendarRows(session.clinic, start, end, variant), first, last);
  send(exchange, { status: 200, body: spoilWrapper(faults, wrap(rows, variant), rows) });
  moveOn(faults, session.clinic, first, last);
}

function consultations(exchange: Exchange, { faults, variant }: CallContext, session: Session, wall: Wall): void {
  const page = (number: number | null) => {
    const query = new URLSearchParams(exchange.query);
    if (number !== null) query.set('page', String(number));
    return consultationPage({ clinic: session.clinic, query, variant, wall });
  };
  const body = page(null);
  send(exchange, { status: 200, body: spoilConsultations(faults, body, body.page, page) });
}

async function write(exchange: Exchange, context: CallContext, session: Session, body: Buffer): Promise<void> {
  const { request, response, path } = exchange;
  const { faults, variant, now } = context;
  if (session.csrfToken === null || request.headers['x-csrf-token'] !== session.csrfToken) {
    return sendJson(response, 419, { message: 'CSRF token mismatch.' });
  }
  const fields = await readFields(request.headers['content-type'] ?? '', body);
  if (!fields) return sendJson(response, 400, { message: 'The body cannot be read.' });
  const reply = answerWrite(path, { clinic: session.clinic, variant, fields, now: now() });
  if (reply && faults.loseWriteAnswers) return cut(request);
  send(exchange, reply);
}

function send({ response, isHalved }: Exchange, reply: Reply | null): void {
  const text = JSON.stringify(reply?.body ?? { message: 'Not Found' });
  sendText(response, reply?.status ?? 404, isHalved ? text.slice(0, Math.ceil(text.length / 2)) : text);
}
