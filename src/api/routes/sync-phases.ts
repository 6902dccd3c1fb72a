/** `/api/sync/inbound`, `outbound`, `full` and `reconcile`: a clinic's book and its cases, by the words of the second service that came before. */
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import type { TSchema, Type } from 'typebox';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import type { BookMode } from '../../domain/run.ts';
import { usualWindow } from '../../engine/schedule/sync-book.ts';
import { consultationWindow } from '../../engine/schedule/sync-consultations.ts';
import type { RunRecord } from '../../ports/run-store.ts';
import type { BookConnection } from '../../runs/connections.ts';
import type { Access } from '../access.ts';
import { durationOf, isPartial, statsOf } from '../book-answers.ts';
import { asBefore, connectionOf, createBookRuns, isoDate, refuseFailed } from '../book-runs.ts';
import { HttpError } from '../errors.ts';
import {
  CasesAnswer,
  EnrichBody,
  FullAnswer,
  FullBody,
  InboundAppointmentsAnswer,
  InboundAppointmentsBody,
  InboundScheduleAnswer,
  InboundScheduleBody,
  OutboundCasesBody,
  ReconcileAnswer,
  ReconcileBody,
} from '../phase-schemas.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const MOST_SLOTS = 100_000;

interface FieldMistake {
  readonly field: string;
  readonly message: string;
}

export function syncPhaseRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const { begin, endOf } = createBookRuns(services, access);

  /** @throws HttpError when the run did not complete */
  async function run(
    request: FastifyRequest,
    reply: FastifyReply,
    connection: BookConnection,
    mode: BookMode,
    window: DateWindow | null,
  ): Promise<RunRecord> {
    const unit = window === null ? null : `${window.from}..${window.to}`;
    const { runId } = await begin(request, reply, connection, mode, unit);
    const ended = await endOf(request, connection, runId);
    refuseFailed(ended);
    return ended;
  }

  async function clinicFor(request: FastifyRequest): Promise<BookConnection> {
    const organizationId = await access.authorize(request, 'sync:run');
    if (request.validationError !== undefined) throw mistakes(mistakesOf(request.validationError));
    return connectionOf(services, organizationId, (request.body as { clinicId: string }).clinicId);
  }

  function post<B extends TSchema>(
    path: string,
    route: {
      readonly operationId: string;
      readonly summary: string;
      readonly description?: string;
      readonly body: B;
      readonly answers: Record<number, TSchema>;
    },
    work: (request: FastifyRequest, reply: FastifyReply, body: Type.Static<B>) => Promise<unknown>,
  ): void {
    const { answers, ...rest } = route;
    app.post(
      path,
      {
        // The refusal names each field.
        attachValidation: true,
        preSerialization: asBefore,
        schema: {
          ...rest,
          tags: ['idexx'],
          headers: SelectOrganization,
          response: { ...answers, ...refusals(...ACCESS_REFUSALS, 408, 409, 502, 504) },
        },
      },
      (request, reply) => work(request, reply, request.body as Type.Static<B>),
    );
  }

  async function slotStats(connection: BookConnection, window: DateWindow) {
    const key = keyOf(connection);
    const [clinic, slots] = await Promise.all([
      services.book.clinic(key),
      services.book.availability({ ...key, ...window, minPlaces: 0, limit: MOST_SLOTS }),
    ]);
    return {
      totalGenerated: slots.length,
      slotDurationMinutes: clinic?.hours.slotMinutes ?? 0,
      defaultCapacity: clinic?.hours.capacity ?? 0,
    };
  }

  post(
    '/api/sync/inbound/schedule',
    {
      operationId: 'inboundSchedule',
      summary: "Bring a clinic's slots up to date",
      description: 'The same run as that of the appointments: slots and what takes their places are stored together.',
      body: InboundScheduleBody,
      answers: { 200: InboundScheduleAnswer },
    },
    async (request, reply) => {
      const connection = await clinicFor(request);
      const { daysAhead = 30 } = request.body as Type.Static<typeof InboundScheduleBody>;
      const window = usualWindow({ timeZone: connection.settings.timeZone, daysAhead }, Date.now());
      const ended = await run(request, reply, connection, 'calendar', window);
      const stats = await slotStats(connection, window);
      const message = `${stats.totalGenerated} slots are stored.`;
      return { ...endedAnswer(ended), message, clinic: clinicOf(connection), dateRange: rangeOf(window), stats };
    },
  );

  post(
    '/api/sync/inbound/appointments',
    {
      operationId: 'inboundAppointments',
      summary: "Bring a clinic's appointments up to date",
      body: InboundAppointmentsBody,
      answers: { 200: InboundAppointmentsAnswer },
    },
    async (request, reply) => {
      const connection = await clinicFor(request);
      const { daysAhead = 7 } = request.body as Type.Static<typeof InboundAppointmentsBody>;
      const window = usualWindow({ timeZone: connection.settings.timeZone, daysAhead }, Date.now());
      const ended = await run(request, reply, connection, 'calendar', window);
      const stats = appointmentStats(ended);
      const message = `${stats.appointmentsFound} appointments are stored.`;
      return { ...endedAnswer(ended), message, clinic: clinicOf(connection), dateRange: rangeOf(window), stats };
    },
  );

  post(
    '/api/sync/outbound/cases',
    {
      operationId: 'outboundCases',
      summary: 'Read consultations, and bring their cases up to date',
      body: OutboundCasesBody,
      answers: { 200: CasesAnswer },
    },
    async (request, reply) => {
      const connection = await clinicFor(request);
      const window = datesOf(request.body as Type.Static<typeof OutboundCasesBody>, connection);
      return casesAnswer(await run(request, reply, connection, 'consultations', window));
    },
  );

  post(
    '/api/sync/reconcile',
    {
      operationId: 'reconcileCases',
      summary: 'Compare consultations and cases of the last days with the portal',
      description:
        'As outbound/cases; what is not listed any more is asked for by its id, and removed when the portal does not know it.',
      body: ReconcileBody,
      answers: { 200: ReconcileAnswer },
    },
    async (request, reply) => {
      const connection = await clinicFor(request);
      const { lookbackDays = 7 } = request.body as Type.Static<typeof ReconcileBody>;
      const { timeZone } = connection.settings;
      const window = consultationWindow({ timeZone, consultationDaysBack: lookbackDays }, Date.now());
      const ended = await run(request, reply, connection, 'consultations', window);
      const answer = casesAnswer(ended);
      return { ...answer, stats: { ...answer.stats, reconciled: answer.stats.total }, deletedCases: [] };
    },
  );

  post(
    '/api/sync/full',
    {
      operationId: 'fullSync',
      summary: "A clinic's calendar, then its consultations and cases",
      description: '207 when a part of it failed, or is left over: `results` tells which.',
      body: FullBody,
      answers: {
        200: { ...FullAnswer, description: 'All of it succeeded.' },
        207: { ...FullAnswer, description: 'A part failed, or is left over.' },
      },
    },
    async (request, reply) => {
      const connection = await clinicFor(request);
      const body = request.body as Type.Static<typeof FullBody>;
      const { timeZone, clinicId } = connection.settings;
      const daysAhead = Math.max(body.scheduleDaysAhead ?? 30, body.appointmentDaysAhead ?? 14);
      const ahead = usualWindow({ timeZone, daysAhead }, Date.now());
      const back = Math.max(body.backwardDays ?? 7, body.reconciliationLookbackDays ?? 7);
      const behind = consultationWindow({ timeZone, consultationDaysBack: back }, Date.now());
      const until = addDays(behind.to, body.forwardDays ?? 0);
      const calendar =
        body.skipInbound === true ? null : await phase(() => run(request, reply, connection, 'calendar', ahead));
      const cases =
        body.skipOutbound === true
          ? null
          : await phase(() => run(request, reply, connection, 'consultations', { from: behind.from, to: until }));
      const slots = calendar?.run === undefined ? null : await slotStats(connection, ahead);
      const isWhole = [calendar, cases].every((p) => p === null || (p.run !== undefined && !isPartial(p.run)));
      return reply.status(isWhole ? 200 : 207).send({
        success: isWhole,
        clinicId,
        results: {
          outbound: phaseAnswer(cases, caseStats),
          inbound: {
            schedule: phaseAnswer(calendar, () => slots),
            appointments: phaseAnswer(calendar, appointmentStats),
          },
        },
        durationMs: Math.round(reply.elapsedTime),
        timestamp: new Date().toISOString(),
      });
    },
  );

  for (const [path, operationId, summary] of [
    ['/api/sync/outbound/enrich', 'outboundEnrich', 'Texts about cases: needs a language model'],
    ['/api/sync/outbound/full', 'outboundFull', 'Cases and texts about them: needs a language model'],
  ] as const) {
    app.post(
      path,
      {
        preSerialization: asBefore,
        schema: {
          operationId,
          summary,
          description:
            'No language model writes texts about cases, so this is refused. Cases alone: /api/sync/outbound/cases.',
          tags: ['idexx'],
          headers: SelectOrganization,
          body: EnrichBody,
          response: refusals(...ACCESS_REFUSALS, 501),
        },
      },
      async (request) => {
        await access.authorize(request, 'sync:run');
        const message =
          'No language model writes texts about cases here. Use /api/sync/outbound/cases for cases alone.';
        throw new HttpError(501, 'language_model_missing', message);
      },
    );
  }
}

type Phase =
  | { readonly run: RunRecord; readonly error?: undefined }
  | { readonly run?: undefined; readonly error: HttpError };

/** A refusal of one part does not keep the other from being done. */
async function phase(work: () => Promise<RunRecord>): Promise<Phase> {
  try {
    return { run: await work() };
  } catch (error) {
    if (error instanceof HttpError) return { error };
    throw error;
  }
}

function phaseAnswer(of: Phase | null, stats: (run: RunRecord) => unknown): unknown {
  if (of === null) return null;
  if (of.run !== undefined) {
    return { success: true, syncId: of.run.id, partialSuccess: isPartial(of.run), stats: stats(of.run) };
  }
  const { message, errorType, extra } = of.error;
  return { success: false, syncId: extra.syncId ?? null, error: message, code: errorType };
}

function keyOf({ organizationId, settings }: BookConnection) {
  return { organizationId, clinicId: settings.clinicId };
}

function clinicOf({ id, settings }: BookConnection) {
  return { id: settings.clinicId, name: id, timezone: settings.timeZone };
}

const rangeOf = (window: DateWindow) => ({ start: window.from, end: window.to });

function endedAnswer(run: RunRecord) {
  return {
    success: true,
    syncId: run.id,
    partialSuccess: isPartial(run),
    durationMs: durationOf(run) ?? 0,
    timestamp: new Date().toISOString(),
  };
}

function appointmentStats(run: RunRecord) {
  const { added, updated, moved, same } = run.counts;
  const { appointmentsAdded, appointmentsUpdated, appointmentsRemoved } = statsOf(run);
  return {
    appointmentsFound: added + updated + moved + same,
    appointmentsAdded,
    appointmentsUpdated,
    appointmentsRemoved,
  };
}

function caseStats({ counts: { added, updated, same, skipped, failed, removed } }: RunRecord) {
  return { total: added + updated + same, created: added, updated, skipped: same + skipped, failed, deleted: removed };
}

function casesAnswer(run: RunRecord) {
  const stats = caseStats(run);
  const message = `${stats.failed} consultations name no appointment that is stored: see GET /api/v1/clinics/…/consultations?state=quarantined.`;
  return {
    ...endedAnswer(run),
    stats,
    ...(stats.failed === 0 ? {} : { errors: [{ message, context: 'quarantine' }] }),
  };
}

/** @returns null: the usual window. @throws HttpError 400 */
function datesOf(body: Type.Static<typeof OutboundCasesBody>, { settings }: BookConnection): DateWindow | null {
  const { startDate, endDate, dateRange, daysAhead } = body;
  const isFlat = startDate !== undefined || endDate !== undefined;
  if (isFlat && dateRange !== undefined) {
    throw mistakes([{ field: 'dateRange', message: 'must not be given together with startDate or endDate' }]);
  }
  if (dateRange === undefined && !isFlat && daysAhead === undefined) return null;
  const { from: today } = usualWindow({ timeZone: settings.timeZone, daysAhead: 1 }, Date.now());
  const from = dateIn('startDate', dateRange?.start ?? startDate ?? today);
  const to = dateIn('endDate', dateRange?.end ?? endDate ?? addDays(from, (daysAhead ?? 7) - 1));
  const days = (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
  if (days < 1) throw mistakes([{ field: 'endDate', message: 'must not be before startDate' }]);
  if (days > 60) throw mistakes([{ field: 'endDate', message: 'must be at most 60 days after startDate' }]);
  return { from, to };
}

function dateIn(field: string, text: string): string {
  try {
    return isoDate(text);
  } catch {
    throw mistakes([{ field, message: 'must be a date' }]);
  }
}

function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

function mistakes(validationErrors: readonly FieldMistake[]): HttpError {
  return new HttpError(400, 'invalid_request', 'Validation failed', { validationErrors });
}

/** Names of fields and rules, never values. */
function mistakesOf(error: { readonly validation: readonly FastifySchemaValidationError[] }): FieldMistake[] {
  return error.validation.map(({ instancePath, params, message }) => {
    const within = instancePath.split('/').filter((part) => part !== '');
    const named = params.missingProperty ?? params.additionalProperty;
    const field = [...within, ...(typeof named === 'string' ? [named] : [])].join('.');
    return { field: field === '' ? 'body' : field.slice(0, 100), message: message ?? 'is not valid' };
  });
}
