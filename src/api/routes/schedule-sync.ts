/** `/api/idexx`: the book of a clinic at IDEXX Neo, by the words of the service that came before – but with a key. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { DayFreshness } from '../../domain/freshness.ts';
import { usualWindow } from '../../engine/schedule/sync-book.ts';
import type { RunRecord } from '../../ports/run-store.ts';
import { type BookConnection, isBookConnection } from '../../runs/connections.ts';
import type { Access } from '../access.ts';
import { dayAnswer, durationOf, iso, isPartial, rangeOf, runAnswer, statsOf } from '../book-answers.ts';
import { asBefore, connectionOf, createBookRuns, refuseFailed, type StartRequest, unitFor } from '../book-runs.ts';
import { QueuedAnswer, ScrapeAnswer, ScrapeBody, StartBody, StatusAnswer, SyncAnswer } from '../book-schemas.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { openEventStream } from '../sse.ts';

const RECENT_RUNS = 20;
const RUN_ID = /^[\w-]{1,160}$/;
/** Steps of a run in their order, with the phases that they show, as clients of the earlier service know them. */
const PHASES: readonly (readonly [step: string, phases: readonly string[]])[] = [
  ['Reading the calendar', ['config_loaded']],
  ['Generating the slots', []],
  ['Writing the book', ['slots_generated', 'reconciling']],
  ['Resolving conflicts', ['resolving_conflicts']],
];

export function scheduleSyncRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const shared = { tags: ['idexx'], headers: SelectOrganization };
  const key = ({ organizationId, settings }: BookConnection) => ({ organizationId, clinicId: settings.clinicId });

  const { begin, endOf } = createBookRuns(services, access);

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
      preSerialization: asBefore,
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const connection = connectionOf(services, organizationId, request.body.clinicId);
      const { runId, state } = await begin(request, reply, connection, 'calendar', unitFor(connection, request.body));
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
          'Data are {"type": …}: connected, phase, progress, date_completed, completed, error. Known also after the end; then the stream is closed at once.',
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
      let reached = -1;
      let telling: Promise<void> = Promise.resolve();
      const tell = async (now: RunRecord | null): Promise<void> => {
        if (now === null) return stream.end();
        // A step can be shorter than the time between two looks.
        const at = now.state === 'completed' ? PHASES.length - 1 : PHASES.findIndex(([step]) => step === now.step);
        for (const [, phases] of PHASES.slice(reached + 1, at + 1)) {
          for (const phase of phases) send({ type: 'phase', phase });
        }
        reached = Math.max(reached, at);
        if (now.finishedAt === null) {
          const window = await services.book.runWindow(key(connection), syncId).catch(() => null);
          const currentDate = window?.currentDate ?? null;
          return send({ type: 'progress', percentage: now.percentage, currentDate }, false);
        }
        if (now.state !== 'completed') send({ type: 'error', message: now.error?.message ?? 'The run failed.' });
        const window = await services.book.runWindow(key(connection), syncId).catch(() => null);
        for (const { date, found, added, updated, removed, state } of window?.dates ?? []) {
          const failed = state === 'complete' ? [] : [`The calendar of ${date} could not be read.`];
          send({ type: 'date_completed', date, appointmentsFound: found, added, updated, removed, errors: failed });
        }
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

  app.post<{ Body: { type: 'schedule' | 'consultation'; clinicId: string; date?: string } }>(
    '/api/idexx/scrape',
    {
      schema: {
        ...shared,
        summary: "Copy a clinic's calendar or consultations, or one date of them",
        operationId: 'idexxScrape',
        body: ScrapeBody,
        response: { 200: ScrapeAnswer, ...refusals(...ACCESS_REFUSALS, 408, 409, 502, 504) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const { clinicId, date, type } = request.body;
      const connection = connectionOf(services, organizationId, clinicId);
      const unit = date === undefined ? null : unitFor(connection, { startDate: date, endDate: date });
      const mode = type === 'consultation' ? 'consultations' : 'calendar';
      const { runId } = await begin(request, reply, connection, mode, unit);
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

async function statusOfBook(services: ApiServices, connection: BookConnection): Promise<unknown> {
  const { organizationId, id: connectionId, settings } = connection;
  const { clinicId, staleAfterMinutes, daysAhead } = settings;
  const book = { organizationId, clinicId };
  const [all, days] = await Promise.all([
    services.runs.runs({ organizationId, connectionId }, RECENT_RUNS),
    services.book.freshness(book, usualWindow(settings, Date.now())),
  ]);
  // Consultations say nothing about how old the book is.
  const recent = all.filter((run) => run.mode !== 'consultations');
  const told = async (run: RunRecord | undefined) =>
    run === undefined ? null : runAnswer(run, await services.book.runWindow(book, run.id));
  const runs = {
    lastSync: await told(recent.find((run) => run.state === 'completed')),
    activeSync: await told(recent.find((run) => run.finishedAt === null)),
    lastFailure: await told(recent.find((run) => run.state === 'failed')),
  };
  const read = days.map((day) => day.readAt).filter((at) => at !== null);
  const common = { clinicId, clinicName: connectionId };
  const calendar = calendarOf(recent);
  if (read.length === 0) {
    const message = ['The calendar has never been read.', calendar.reason].filter((text) => text !== null).join(' ');
    return {
      ...common,
      hasData: false,
      isStale: true,
      calendar: { ...calendar, state: 'unknown' as const },
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
    calendar,
    ...runs,
    freshness: {
      syncedAt: iso(syncedAt),
      nextStaleAt: iso(syncedAt + staleAfterMinutes * 60_000),
      minutesSinceSync: Math.max(0, Math.floor((Date.now() - syncedAt) / 60_000)),
      staleThresholdMinutes: staleAfterMinutes,
      syncHorizonDays: daysAhead,
    },
    days: days.map(dayAnswer),
    message: messageOf(calendar, days),
  };
}

function messageOf({ state, since, reason }: ReturnType<typeof calendarOf>, days: readonly DayFreshness[]): string {
  const saying = (what: string, of: readonly DayFreshness[], is: string) =>
    `The ${what} of ${of.length} of ${days.length} dates ${is}: ${of.map((day) => day.date).join(', ')}.`;
  const old = days.filter((day) => day.freshness !== 'fresh');
  const failed = days.filter((day) => day.failedAt !== null);
  return [
    state === 'known'
      ? null
      : `The calendar is unknown since ${since}${reason === null ? '.' : `: ${reason}`} What is stored was read before.`,
    old.length === 0 ? 'The book of every date is fresh.' : saying('book', old, 'is old'),
    failed.length === 0 ? null : saying('last read', failed, 'failed'),
  ]
    .filter((sentence) => sentence !== null)
    .join(' ');
}

/** @param runs the newest first */
function calendarOf(runs: readonly RunRecord[]) {
  const ended = runs.filter((run) => run.mode === 'calendar' && ['completed', 'failed'].includes(run.state));
  const good = ended.findIndex((run) => run.state === 'completed');
  const failed = good < 0 ? ended : ended.slice(0, good);
  const [newest] = failed;
  return newest === undefined
    ? { state: 'known' as const, since: null, reason: null }
    : { state: 'unknown' as const, since: failed.at(-1)!.startedAt, reason: newest.error?.message ?? null };
}
