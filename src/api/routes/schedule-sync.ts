/** `/api/idexx`: the book of a clinic at IDEXX Neo, by the words of the service that came before – but with a key. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { toSyncError } from '../../domain/errors.ts';
import { unitOf, usualWindow, windowOf } from '../../engine/schedule/sync-book.ts';
import type { RunRecord } from '../../ports/run-store.ts';
import { type BookConnection, isBookConnection } from '../../runs/connections.ts';
import type { Access } from '../access.ts';
import { dayAnswer, durationOf, iso, isPartial, rangeOf, runAnswer, statsOf } from '../book-answers.ts';
import { QueuedAnswer, ScrapeAnswer, ScrapeBody, StartBody, StatusAnswer, SyncAnswer } from '../book-schemas.ts';
import { HttpError, statusOf } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { askForRun } from '../run-start.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { openEventStream } from '../sse.ts';

/** How long an answer is waited for when the connection sets no limit to its runs. */
const WAIT_MS = 5 * 60_000;
const RECENT_RUNS = 20;
const RUN_ID = /^[\w-]{1,160}$/;
/** Step of a run → phase, as clients of the earlier service know them. */
const PHASES: Readonly<Record<string, string>> = {
  'Reading the calendar': 'config_loaded',
  'Writing the book': 'reconciling',
};

type StartRequest = Type.Static<typeof StartBody>;

export function scheduleSyncRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const shared = { tags: ['idexx'], headers: SelectOrganization };
  const key = ({ organizationId, settings }: BookConnection) => ({ organizationId, clinicId: settings.clinicId });

  async function begin(request: FastifyRequest, reply: FastifyReply, connection: BookConnection, unit: string | null) {
    await access.countStart(request, reply);
    return askForRun(services, access, request, connection, { mode: 'calendar', unit, whenBusy: 'queue' });
  }

  /** @throws HttpError 408 when it does not end in time; the run goes on */
  async function endOf(request: FastifyRequest, connection: BookConnection, runId: string): Promise<RunRecord> {
    const gone = new AbortController();
    const leave = () => gone.abort();
    request.raw.socket.once('close', leave);
    const limit = AbortSignal.timeout(connection.timeoutMs ?? WAIT_MS);
    try {
      const run = await services.watch.untilEnd(runId, AbortSignal.any([gone.signal, limit]));
      if (run === null) throw new HttpError(404, 'not_found', 'Sync not found', { syncId: runId });
      return run;
    } catch (error) {
      if (!limit.aborted) throw error;
      throw new HttpError(408, 'run_timeout', 'The run has not ended in time; it goes on.', { syncId: runId });
    } finally {
      request.raw.socket.off('close', leave);
    }
  }

  /** @throws HttpError when the run did not complete */
  function refuseFailed(run: RunRecord): void {
    if (run.state === 'completed') return;
    const failure = run.error ?? { code: 'unexpected', message: 'The run failed.' };
    throw new HttpError(failureStatus(failure.code), failure.code, failure.message, { syncId: run.id });
  }

  app.post<{ Body: StartRequest; Querystring: { async?: boolean } }>(
    '/api/idexx/schedule-sync',
    {
      schema: {
        ...shared,
        summary: "Copy a clinic's calendar",
        description:
          'Answers when the run has ended; with "Prefer: respond-async" or async=true at once with 202. A run that is in progress is waited for. Whoever does not wait any longer leaves the run alone.',
        operationId: 'scheduleSync',
        querystring: Type.Object({ async: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
        body: StartBody,
        response: { 200: SyncAnswer, 202: QueuedAnswer, ...refusals(...ACCESS_REFUSALS, 408, 409, 502, 504) },
      },
      // Clients of the earlier service read these fields.
      preSerialization: async (_request, reply, payload: unknown) => {
        const refused = payload as { success?: boolean; error?: string };
        if (reply.statusCode < 400 || refused.error === undefined) return payload;
        return { ...refused, errors: [refused.error], durationMs: Math.round(reply.elapsedTime) };
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const connection = connectionOf(services, organizationId, request.body.clinicId);
      const { runId, state } = await begin(request, reply, connection, unitFor(connection, request.body));
      if (request.query.async === true || /\brespond-async\b/.test(String(request.headers.prefer ?? ''))) {
        return reply.status(202).send({
          success: true,
          syncId: runId,
          status: state,
          statusUrl: `/api/idexx/schedule-sync/status?clinicId=${connection.settings.clinicId}`,
          streamUrl: `/api/idexx/schedule-sync/stream/${runId}`,
        });
      }
      const run = await endOf(request, connection, runId);
      refuseFailed(run);
      const window = await services.book.runWindow(key(connection), runId);
      const syncedAt = Date.parse(run.startedAt);
      return {
        success: true,
        syncId: runId,
        stats: statsOf(run),
        dateRange: rangeOf(window),
        syncedAt: iso(syncedAt),
        nextStaleAt: iso(syncedAt + connection.settings.staleAfterMinutes * 60_000),
        partialSuccess: isPartial(run),
        failedDates: window?.failedDates ?? [],
        errors: (window?.failedDates ?? []).map((date) => `The calendar of ${date} could not be read.`),
        durationMs: durationOf(run) ?? 0,
        timestamp: iso(Date.now()),
      };
    },
  );

  app.get<{ Querystring: { clinicId?: string } }>(
    '/api/idexx/schedule-sync/status',
    {
      schema: {
        ...shared,
        summary: "How old a clinic's book is",
        operationId: 'scheduleSyncStatus',
        querystring: Type.Object(
          {
            clinicId: Type.Optional(
              Type.String({ maxLength: 64, description: 'Needed when there are several clinics.' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: StatusAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      return statusOfBook(services, connectionOf(services, organizationId, request.query.clinicId));
    },
  );

  app.get<{ Params: { syncId: string } }>(
    '/api/idexx/schedule-sync/stream/:syncId',
    {
      schema: {
        ...shared,
        summary: 'A run as server-sent events',
        description:
          'Data are {"type": …}: connected, phase, progress, completed, error. Known also after the end; then the stream is closed at once.',
        operationId: 'scheduleSyncStream',
        params: Type.Object({ syncId: Type.String({ maxLength: 160 }) }),
        response: {
          200: { description: 'The stream.', content: { 'text/event-stream': { schema: Type.String() } } },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { syncId } = request.params;
      const run = RUN_ID.test(syncId) ? await services.runs.run(organizationId, syncId) : null;
      const connection = services.connections
        .filter(isBookConnection)
        .find((c) => c.organizationId === organizationId && c.id === run?.connectionId);
      if (run === null || connection === undefined) throw new HttpError(404, 'not_found', 'Sync not found');
      const stream = openEventStream(request, reply, services.watch.closed);
      const send = (data: object, matters = true) => stream.send('message', data, matters);
      send({ type: 'connected', syncId });
      let step: string | null = null;
      let telling: Promise<void> = Promise.resolve();
      const tell = async (now: RunRecord | null): Promise<void> => {
        if (now === null) return stream.end();
        const phase = now.step === step ? undefined : PHASES[now.step ?? ''];
        step = now.step;
        if (phase !== undefined) send({ type: 'phase', phase });
        if (now.finishedAt === null) {
          const window = await services.book.runWindow(key(connection), syncId).catch(() => null);
          const currentDate = window?.currentDate ?? null;
          return send({ type: 'progress', percentage: now.percentage, currentDate }, false);
        }
        if (now.state !== 'completed') send({ type: 'error', message: now.error?.message ?? 'The run failed.' });
        const success = now.state === 'completed';
        const errors = now.error === null ? [] : [now.error.message];
        send({ type: 'completed', syncId, success, stats: statsOf(now), durationMs: durationOf(now), errors });
        stream.end();
      };
      const stop = services.watch.follow(syncId, (now) => {
        telling = telling.then(() => tell(now));
      });
      stream.onClose(stop);
      return reply;
    },
  );

  app.post<{ Body: { type: 'schedule'; clinicId: string; date?: string } }>(
    '/api/idexx/scrape',
    {
      schema: {
        ...shared,
        summary: "Copy a clinic's calendar, or one date of it",
        operationId: 'idexxScrape',
        body: ScrapeBody,
        response: { 200: ScrapeAnswer, ...refusals(...ACCESS_REFUSALS, 408, 409, 502, 504) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const { clinicId, date, type } = request.body;
      const connection = connectionOf(services, organizationId, clinicId);
      const unit = date === undefined ? null : unitFor(connection, { clinicId, startDate: date, endDate: date });
      const { runId } = await begin(request, reply, connection, unit);
      const run = await endOf(request, connection, runId);
      refuseFailed(run);
      const { added, updated, moved, same } = run.counts;
      return {
        success: true,
        sessionId: runId,
        scrapeType: type,
        recordsScraped: added + updated + moved + same,
        errors: [],
        durationMs: durationOf(run) ?? 0,
        timestamp: iso(Date.now()),
      };
    },
  );
}

/** As the earlier service told them. */
function failureStatus(code: string): number {
  if (code === 'source_credentials' || code === 'credentials_missing' || code === 'second_factor_required') return 401;
  return code === 'run_timeout' || code === 'cancelled' ? 408 : statusOf(toCode(code));
}

function toCode(code: string): Parameters<typeof statusOf>[0] {
  return code as Parameters<typeof statusOf>[0];
}

/** @throws HttpError 404, 400 */
function connectionOf(services: ApiServices, organizationId: string, clinicId: string | undefined): BookConnection {
  const own = services.connections.filter(isBookConnection).filter((c) => c.organizationId === organizationId);
  if (clinicId === undefined && own.length > 1) {
    throw new HttpError(400, 'invalid_request', 'Name one of the clinics in "clinicId".');
  }
  const found = clinicId === undefined ? own[0] : own.find((c) => c.settings.clinicId === clinicId.toLowerCase());
  if (found === undefined) throw new HttpError(404, 'not_found', 'No such clinic.');
  return found;
}

/** @returns null for the usual window. @throws HttpError 400 */
function unitFor({ settings }: BookConnection, body: StartRequest): string | null {
  const { daysAhead, startDate, endDate } = body;
  const isUsual =
    startDate === undefined && endDate === undefined && (daysAhead ?? settings.daysAhead) === settings.daysAhead;
  if (isUsual) return null;
  const days = usualWindow({ timeZone: settings.timeZone, daysAhead: daysAhead ?? settings.daysAhead }, Date.now());
  const from = startDate ?? days.from;
  const length = Date.parse(days.to) - Date.parse(days.from);
  try {
    const to = endDate ?? new Date(Date.parse(from) + length).toISOString().slice(0, 10);
    return unitOf(windowOf(`${isoDate(from)}..${isoDate(to)}`));
  } catch (error) {
    toSyncError(error);
    throw new HttpError(400, 'invalid_request', 'startDate and endDate are dates, from 1 to 60 days, in their order.');
  }
}

/** @throws RangeError for 31 February */
function isoDate(text: string): string {
  const same = new Date(`${text}T00:00:00Z`).toISOString().slice(0, 10);
  if (same !== text) throw new RangeError('no date');
  return text;
}

async function statusOfBook(services: ApiServices, connection: BookConnection): Promise<unknown> {
  const { organizationId, id: connectionId, settings } = connection;
  const { clinicId, staleAfterMinutes, daysAhead } = settings;
  const book = { organizationId, clinicId };
  const [recent, days] = await Promise.all([
    services.runs.runs({ organizationId, connectionId }, RECENT_RUNS),
    services.book.freshness(book, usualWindow(settings, Date.now())),
  ]);
  const told = async (run: RunRecord | undefined) =>
    run === undefined ? null : runAnswer(run, await services.book.runWindow(book, run.id));
  const runs = {
    lastSync: await told(recent.find((run) => run.state === 'completed')),
    activeSync: await told(recent.find((run) => run.finishedAt === null)),
    lastFailure: await told(recent.find((run) => run.state === 'failed')),
  };
  const read = days.map((day) => day.readAt).filter((at) => at !== null);
  const common = { clinicId, clinicName: connectionId };
  if (read.length === 0) {
    const message = 'The calendar has never been read.';
    return {
      ...common,
      hasData: false,
      isStale: true,
      ...runs,
      message,
      recommendedAction: 'POST /api/idexx/schedule-sync',
    };
  }
  const syncedAt = Math.min(...read);
  const old = days.filter((day) => day.freshness !== 'fresh');
  return {
    ...common,
    hasData: true,
    isStale: old.length > 0,
    ...runs,
    freshness: {
      syncedAt: iso(syncedAt),
      nextStaleAt: iso(syncedAt + staleAfterMinutes * 60_000),
      minutesSinceSync: Math.max(0, Math.floor((Date.now() - syncedAt) / 60_000)),
      staleThresholdMinutes: staleAfterMinutes,
      syncHorizonDays: daysAhead,
    },
    days: days.map(dayAnswer),
    message:
      old.length === 0
        ? 'The book of every date is fresh.'
        : `The book of ${old.length} of ${days.length} dates is old: ${old.map((day) => day.date).join(', ')}.`,
  };
}
