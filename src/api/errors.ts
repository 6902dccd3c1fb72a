/** One place that turns errors into answers. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, SyncError, toSyncError } from '../domain/errors.ts';

/** An answer that is not a success, thrown by a route. */
export class HttpError extends Error {
  readonly status: number;
  readonly errorType: string;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(status: number, errorType: string, message: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.errorType = errorType;
    this.extra = extra;
  }
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  connection_busy: 409,
  connection_paused: 409,
  fileset_not_activated: 409,
  plan_stale: 409,
  blob_missing: 404,
  database_unavailable: 503,
  blob_unavailable: 503,
  source_unreachable: 502,
  source_credentials: 502,
  source_timeout: 504,
  share_unavailable: 502,
  cancelled: 503,
};

export function handleError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const timestamp = new Date().toISOString();
  if (error instanceof HttpError) {
    void reply.status(error.status).send({
      success: false,
      error: error.message,
      details: { error_type: error.errorType, message: error.message, retry_after: null },
      ...error.extra,
      timestamp,
    });
    return;
  }
  const status = (error as FastifyError).statusCode;
  if (!(error instanceof SyncError) && status !== undefined && status >= 400 && status < 500) {
    // Fastify's own refusals: broken JSON, too large, schema. Their text names fields, never values.
    const message = (error as FastifyError).validation ? error.message : 'The request cannot be read.';
    void reply.status(status).send({
      success: false,
      error: message,
      details: { error_type: 'invalid_request', message, retry_after: null },
      timestamp,
    });
    return;
  }
  const failure = toSyncError(error);
  const code = STATUS[failure.code] ?? 500;
  if (code >= 500)
    request.log.error(
      { code: failure.code, err: failure.cause instanceof Error ? failure.cause.name : undefined },
      'request failed',
    );
  if (failure.code === 'connection_busy') {
    void reply
      .status(409)
      .send({ success: false, error: 'Sync already in progress', syncId: failure.detail, timestamp });
    return;
  }
  void reply.status(code).send({
    success: false,
    error: failure.message,
    details: {
      error_type: failure.code,
      message: failure.message,
      remedy: failure.remedy,
      retry_after: failure.retryAfterMs === undefined ? null : Math.ceil(failure.retryAfterMs / 1000),
    },
    timestamp,
  });
}
