/** One place that turns errors into answers. */
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AccessDenied } from '../access/denied.ts';
import { type Allowance, RateLimited } from '../access/rate-limit.ts';
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
  organization_busy: 409,
  queue_full: 429,
  run_timeout: 504,
  handed_back: 503,
  connection_paused: 409,
  encryption_key_missing: 409,
  alert_mail_missing: 409,
  alert_address_refused: 400,
  credentials_unreadable: 409,
  fileset_not_activated: 409,
  plan_stale: 409,
  plan_differs: 409,
  blob_missing: 404,
  search_off: 409,
  search_unavailable: 503,
  search_other_home: 503,
  search_credentials: 503,
  embeddings_unavailable: 503,
  language_model_unavailable: 503,
  language_model_timeout: 504,
  language_model_credentials: 502,
  language_model_refused: 502,
  language_model_unreadable: 502,
  language_model_uncited: 502,
  database_unavailable: 503,
  blob_unavailable: 503,
  source_unreachable: 502,
  source_credentials: 502,
  source_timeout: 504,
  share_unavailable: 502,
  cancelled: 503,
};

/** After so long it is worth to ask a store again that did not answer. */
const RETRY_UNAVAILABLE_MS = 5000;

export function handleError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  if (error instanceof HttpError) {
    const details = { error_type: error.errorType, message: error.message, retry_after: null };
    void reply.status(error.status).send(refusal(error.message, details, error.extra));
    return;
  }
  if (error instanceof AccessDenied) {
    const details = { error_type: error.type, message: error.message, retry_after: null };
    void reply.status(error.status).send(refusal(error.message, details, {}));
    return;
  }
  if (error instanceof RateLimited) {
    const seconds = Math.max(1, Math.ceil(error.allowance.resetMs / 1000));
    const details = { error_type: 'rate_limit_exceeded', message: error.message, retry_after: seconds };
    void announceAllowance(reply, error.allowance)
      .header('retry-after', seconds)
      .status(429)
      .send(refusal(error.message, details, {}));
    return;
  }
  const status = (error as FastifyError).statusCode;
  if (!(error instanceof SyncError) && status !== undefined && status >= 400 && status < 500) {
    // Fastify's own refusals: broken JSON, too large, schema. Their text names fields, never values.
    const message = (error as FastifyError).validation ? error.message : 'The request cannot be read.';
    void reply.status(status).send(refusal(message, { error_type: 'invalid_request', message, retry_after: null }, {}));
    return;
  }
  const failure = withRetry(toSyncError(error));
  const code = statusOf(failure.code);
  if (code >= 500)
    request.log.error(
      { code: failure.code, err: failure.cause instanceof Error ? failure.cause.name : undefined },
      'request failed',
    );
  if (failure.retryAfterMs !== undefined) void reply.header('retry-after', Math.ceil(failure.retryAfterMs / 1000));
  void reply.status(code).send(failureAnswer(failure));
}

/** Whoever is refused because the record database is away is told when to come back. */
function withRetry(failure: SyncError): SyncError {
  if (failure.code !== 'database_unavailable' || failure.retryAfterMs !== undefined) return failure;
  const detail = failure.detail === undefined ? {} : { detail: failure.detail };
  return new SyncError(failure.code, { ...detail, retryAfterMs: RETRY_UNAVAILABLE_MS, cause: failure.cause });
}

/** How often the caller may still ask. */
export function announceAllowance(reply: FastifyReply, allowance: Allowance): FastifyReply {
  return reply
    .header('x-ratelimit-limit', allowance.limit)
    .header('x-ratelimit-remaining', allowance.remaining)
    .header('x-ratelimit-reset', Math.ceil((Date.now() + allowance.resetMs) / 1000));
}

export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? 500;
}

/** @param extra further fields, e.g. the id of the run that failed */
export function failureAnswer(
  failure: Pick<SyncError, 'code' | 'message' | 'remedy'> & Partial<Pick<SyncError, 'detail' | 'retryAfterMs'>>,
  extra: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const details = {
    error_type: failure.code,
    message: failure.message,
    remedy: failure.remedy,
    retry_after: failure.retryAfterMs === undefined ? null : Math.ceil(failure.retryAfterMs / 1000),
  };
  // Clients of earlier servers know this sentence.
  if (failure.code === 'connection_busy') {
    return refusal('Sync already in progress', details, { syncId: failure.detail ?? null });
  }
  return refusal(failure.message, details, extra);
}

/** The shape of every answer that is not a success. */
export function refusal(
  error: string,
  details: { readonly error_type: string; readonly [field: string]: unknown },
  extra: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const error_code = ERROR_CODES[details.error_type] ?? details.error_type.toUpperCase();
  return { success: false, error, details: { ...details, error_code }, ...extra, timestamp: new Date().toISOString() };
}

/** Where clients of earlier servers know another one than the type in capitals. */
const ERROR_CODES: Readonly<Record<string, string>> = { rate_limit_exceeded: 'RATE_LIMITED' };

/** What is not HTTP, or has headers beyond all measure: there is no request to answer, only a socket. */
export function answerUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const message = 'The request cannot be read.';
  const body = JSON.stringify(refusal(message, { error_type: 'invalid_request', message, retry_after: null }, {}));
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
