/** Runs of a clinic's book as routes ask for them: which clinic, which dates, and how one waits for the end. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Type } from 'typebox';
import { toSyncError } from '../domain/errors.ts';
import type { BookMode } from '../domain/run.ts';
import { unitOf, usualWindow, windowOf } from '../engine/schedule/sync-book.ts';
import type { Enqueued } from '../ports/run-queue.ts';
import type { RunRecord } from '../ports/run-store.ts';
import { type BookConnection, isBookConnection } from '../runs/connections.ts';
import type { Access } from './access.ts';
import type { StartBody } from './book-schemas.ts';
import { HttpError, statusOf } from './errors.ts';
import { askForRun } from './run-start.ts';
import type { ApiServices } from './services.ts';

export type StartRequest = Type.Static<typeof StartBody>;

/** How long an answer is waited for when the connection sets no limit to its runs. */
const WAIT_MS = 5 * 60_000;
/** The run's own limit comes first: how it ended says more than that it has not. */
const ENDING_MS = 3000;

export interface BookRuns {
  /** @param unit dates; null: the usual ones */
  begin(
    request: FastifyRequest,
    reply: FastifyReply,
    connection: BookConnection,
    mode: BookMode,
    unit: string | null,
  ): Promise<Enqueued>;
  /** @throws HttpError 408 when it does not end in time; the run goes on */
  endOf(request: FastifyRequest, connection: BookConnection, runId: string): Promise<RunRecord>;
}

export function createBookRuns(services: ApiServices, access: Access): BookRuns {
  return {
    async begin(request, reply, connection, mode, unit) {
      await access.countStart(request, reply);
      return askForRun(services, access, request, connection, { mode, unit, whenBusy: 'queue' });
    },
    async endOf(request, connection, runId) {
      const gone = new AbortController();
      const leave = () => gone.abort();
      request.raw.socket.once('close', leave);
      const limit = AbortSignal.timeout(connection.timeoutMs === null ? WAIT_MS : connection.timeoutMs + ENDING_MS);
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
    },
  };
}

/** @throws HttpError when the run did not complete */
export function refuseFailed(run: RunRecord): void {
  if (run.state === 'completed') return;
  const failure = run.error ?? { code: 'unexpected', message: 'The run failed.' };
  throw new HttpError(failureStatus(failure.code), failure.code, failure.message, { syncId: run.id });
}

/** As the earlier service told them. */
function failureStatus(code: string): number {
  if (code === 'source_credentials' || code === 'credentials_missing' || code === 'second_factor_required') return 401;
  return code === 'run_timeout' || code === 'cancelled' ? 408 : statusOf(code as Parameters<typeof statusOf>[0]);
}

/** For refusals: clients of the earlier service read these fields. */
export async function asBefore(_request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  const refused = payload as { success?: boolean; error?: string };
  if (reply.statusCode < 400 || refused.error === undefined) return payload;
  return { ...refused, errors: [refused.error], durationMs: Math.round(reply.elapsedTime) };
}

/** @throws HttpError 404, 400 */
export function connectionOf(
  services: ApiServices,
  organizationId: string,
  clinicId: string | undefined,
): BookConnection {
  const own = services.connections.filter(isBookConnection).filter((c) => c.organizationId === organizationId);
  if (clinicId === undefined && own.length > 1) {
    throw new HttpError(400, 'invalid_request', 'Name one of the clinics in "clinicId".');
  }
  const found = clinicId === undefined ? own[0] : own.find((c) => c.settings.clinicId === clinicId.toLowerCase());
  if (found === undefined) throw new HttpError(404, 'not_found', 'No such clinic.');
  return found;
}

/** @returns null for the usual window. @throws HttpError 400 */
export function unitFor({ settings }: BookConnection, body: Omit<StartRequest, 'clinicId'>): string | null {
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
export function isoDate(text: string): string {
  const same = new Date(`${text}T00:00:00Z`).toISOString().slice(0, 10);
  if (same !== text) throw new RangeError('no date');
  return text;
}
