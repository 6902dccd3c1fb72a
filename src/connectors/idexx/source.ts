/** `CalendarSource` on the IDEXX Neo portal: a person's login in a browser, then its calendar by HTTP with that session. */
import { setImmediate } from 'node:timers/promises';
import pLimit from 'p-limit';
import { isBlockId, sourceIdOf } from '../../domain/appointments.ts';
import { SyncError } from '../../domain/errors.ts';
import type { CalendarClinic, CalendarSource, ReadContext } from '../../ports/calendar-source.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { ConsultationSource } from '../../ports/consultation-source.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { OutboundLimit } from '../../ports/outbound-limit.ts';
import type { PortalSession, PortalSessions } from '../../ports/portal-sessions.ts';
import { isObject } from './answer.ts';
import type { BrowserPool } from './browser-pool.ts';
import { doubt, readCalendar } from './calendar.ts';
import { readAppointmentView, readScheduleConfigs } from './clinic-view.ts';
import { consultationQuery, dateOfConsultation, readAllPages } from './consultations.ts';
import { type Answer, call, isRefusedToPrograms } from './http.ts';
import { type IdexxCredentials, loginAt } from './login.ts';
import { callByPage } from './page-call.ts';
import { createSessionKeeper } from './session-keeper.ts';
import type { IdexxSettings } from './settings.ts';
import { stateOf } from './status.ts';
import { dateOf, nextDate, parseWall } from './wall-time.ts';

export interface IdexxOptions {
  readonly key: ConnectionKey;
  readonly settings: IdexxSettings;
  /** Asked at the beginning of each session, so that new ones count without a restart. Null: none are configured. */
  readonly credentials: () => Promise<IdexxCredentials | null>;
  readonly version: string;
  readonly retry: { readonly attempts: number; readonly delayMs: number };
  readonly browsers: BrowserPool;
  readonly sessions: PortalSessions;
  readonly limit: OutboundLimit;
  readonly clock: Clock;
  readonly random: Random;
}

const LONGEST_RETRY_MS = 10_000;
const LONGEST_BLOCK_MS = 60_000;
const MAX_BLOCKS = 5;
/** The portal was seen to cut the third call of a session at one time. */
const CALLS_AT_ONCE = 2;
/** After so long it is tried without pages again. */
const PAGES_FOR_MS = 3600_000;

export function createIdexxSource(options: IdexxOptions): CalendarSource & ConsultationSource {
  const { key, settings, clock, random } = options;
  // No disguise: the portal may know who visits it.
  const userAgent = `Mozilla/5.0 (compatible; Chartsync/${options.version})`;
  const limitKey = `idexx:${key.organizationId}/${key.connectionId}`;
  const keeper = createSessionKeeper({
    ...options,
    login: (credentials, signal) =>
      options.browsers.visit({ userAgent, signal }, loginAt(settings.portalUrl, credentials, settings.timeoutMs)),
  });

  // What is done with an answer does not keep the portal waiting for the next question.
  const oneOfFew = pLimit(CALLS_AT_ONCE);
  // In the order in which they were asked for; who waits for an answer does not wait behind a run.
  const inTurn = { urgent: pLimit(1), other: pLimit(1) };
  /** Whether pages of the portal are let ask in place of us: remembered, or each call would be refused first. */
  let pages: 'not asked' | 'answered' | 'useless' = 'not asked';
  let pagesSince = 0;
  let kept: { readonly owner: string; readonly at: number; readonly clinic: CalendarClinic } | null = null;

  async function pace(context: ReadContext): Promise<void> {
    if (settings.requestsPerSecond === null) return;
    const rule = { requests: settings.requestsPerSecond, windowMs: 1000, reserved: 0 };
    for (;;) {
      context.signal.throwIfAborted();
      const wait = await options.limit.take(limitKey, rule, context.urgent);
      if (wait === 0) return;
      await clock.sleep(wait, context.signal);
    }
  }

  /** Once, with a new session when the present one has ended. */
  async function ask(url: string, context: ReadContext): Promise<unknown> {
    let session = await keeper.current(context.signal);
    for (let renewed = false; ; renewed = true) {
      const asked = session;
      await (context.urgent ? inTurn.urgent : inTurn.other)(() => pace(context));
      const answer = await oneOfFew(() => send(url, asked, context));
      // The next question leaves before anything is done with this answer.
      await setImmediate();
      if (answer.kind === 'json') {
        await keeper.used(session, answer.cookies);
        return answer.body;
      }
      if (renewed) throw new SyncError('source_failed', { detail: 'A new session was not accepted.' });
      session = await keeper.renew(session, context.signal);
    }
  }

  function send(url: string, session: PortalSession, { signal }: ReadContext): Promise<Answer> {
    const { timeoutMs } = settings;
    return pages === 'answered'
      ? options.browsers.visit({ userAgent, signal }, callByPage(url, session, timeoutMs))
      : call(url, session, { userAgent, timeoutMs, signal });
  }

  /** By HTTP; where that is refused to somebody who is logged in, a page of the portal is let ask, as long as that helps. */
  async function get(path: string, query: Record<string, string>, context: ReadContext): Promise<unknown> {
    const byPage = pages === 'answered';
    try {
      return await getOften(path, query, context);
    } catch (error) {
      // Several dates are asked for at once: the second one that is refused finds that pages are let ask already.
      if (!(error instanceof SyncError) || !isRefusedToPrograms(error) || byPage || pages === 'useless') throw error;
      const isFirst = pages === 'not asked';
      pages = 'answered';
      if (isFirst) pagesSince = clock.now();
      try {
        return await getOften(path, query, context);
      } catch {
        context.signal.throwIfAborted();
        // It is not about who asks.
        if (isFirst) pages = 'useless';
        throw error;
      }
    }
  }

  async function getOften(path: string, query: Record<string, string>, context: ReadContext): Promise<unknown> {
    const url = new URL(`${settings.portalUrl}${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    let blocks = 0;
    for (let attempt = 1; ; ) {
      try {
        return await ask(url.href, context);
      } catch (error) {
        context.signal.throwIfAborted();
        if (!(error instanceof SyncError) || error.action !== 'retry') throw error;
        if (error.code === 'source_rate_limited') {
          if (++blocks > MAX_BLOCKS) throw error;
          // Where the answer does not say how long, each wait is longer.
          const least = options.retry.delayMs * 2 ** (blocks - 1);
          const wait = Math.min(LONGEST_BLOCK_MS, Math.max(least, error.retryAfterMs ?? 0));
          await options.limit.block(limitKey, wait);
          await clock.sleep(wait + random.next() * 100, context.signal);
          continue;
        }
        if (attempt >= options.retry.attempts) throw error;
        const ceiling = Math.min(LONGEST_RETRY_MS, options.retry.delayMs * 2 ** (attempt - 1));
        await clock.sleep(ceiling * (0.75 + random.next() / 2), context.signal);
        attempt++;
      }
    }
  }

  async function askForClinic(context: ReadContext): Promise<CalendarClinic> {
    try {
      return readAppointmentView(await get('/appointments/getAppointmentView', {}, context));
    } catch (error) {
      // The earlier generation has another call for it.
      if (!(error instanceof SyncError) || error.code !== 'source_request_refused') throw error;
      return readScheduleConfigs(await get('/schedule/getScheduleConfigs', {}, context));
    }
  }

  /** Beside the dates it is the only call, and it seldom says anything new. */
  async function clinic(context: ReadContext, maxAgeMs: number): Promise<CalendarClinic> {
    keeper.begin();
    // One bad page in between is no reason to be slow for ever.
    if (pages === 'useless' || clock.now() - pagesSince > PAGES_FOR_MS) pages = 'not asked';
    // Other credentials may be those of another clinic.
    const { owner } = await keeper.current(context.signal);
    if (kept !== null && kept.owner === owner && clock.now() - kept.at < maxAgeMs) return kept.clinic;
    const at = clock.now();
    kept = { owner, at, clinic: await askForClinic(context) };
    return kept.clinic;
  }

  /** @returns null when the portal has nothing under that id */
  async function lookUp(neoAppointmentId: string, context: ReadContext) {
    try {
      const body = await get('/appointments/getAppointment', { id: sourceIdOf(neoAppointmentId) }, context);
      const found = isObject(body) ? body.appointment : undefined;
      if (!isObject(found)) throw doubt('The answer about an appointment has no known shape.');
      const start = parseWall(found.startAtLocal);
      if (start === null) throw doubt('A time is no time.');
      const isGone = found.deleted === true || stateOf(String(found.status)).state === 'cancelled';
      return { date: dateOf(start), isGone };
    } catch (error) {
      if (isUnknown(error)) return null;
      throw error;
    }
  }

  return {
    async check(signal) {
      const began = clock.now();
      await clinic({ signal, urgent: true }, 0);
      return { responseMs: clock.now() - began };
    },
    clinic: (context) => clinic(context, settings.clinicMaxAgeMs),
    async readDate(date, about, context) {
      const readAt = clock.now();
      const query = { start: `${date} 00:00:00`, end: `${nextDate(date)} 00:00:00` };
      const body = await get('/appointments/getCalendarEventData', query, context);
      return { readAt, ...readCalendar(body, date, about, settings.timeZone) };
    },
    async find(neoAppointmentId, date, context) {
      const found = await lookUp(neoAppointmentId, context);
      if (found === null) return 'elsewhere';
      if (found.date !== date && isBlockId(neoAppointmentId)) return 'unclear';
      return found.isGone || found.date !== date ? 'elsewhere' : 'there';
    },
    async dateOf(neoAppointmentId, context) {
      const found = await lookUp(neoAppointmentId, context);
      return found === null || found.isGone ? null : found.date;
    },
    readConsultations(window, context, onPage) {
      const about = { window, timeZone: settings.timeZone };
      const ask = (page: number) => get('/consultations/search', consultationQuery(window, page), context);
      return readAllPages(ask, about, onPage);
    },
    async findConsultation(id, context) {
      try {
        return dateOfConsultation(await get(`/consultations/${encodeURIComponent(id)}/page-data`, {}, context));
      } catch (error) {
        if (isUnknown(error)) return null;
        throw error;
      }
    },
    // The browsers belong to all connections.
    close: async () => undefined,
  };
}

/** The portal has nothing under that id. */
function isUnknown(error: unknown): boolean {
  return error instanceof SyncError && error.detail === 'Status: 404.';
}
