/** Every answer that is not a success: what it looks like, and which there are. Described once, named by all routes. */
import { type TSchema, Type } from 'typebox';
import { type ErrorCode, SyncError } from '../domain/errors.ts';
import { failureAnswer, refusal } from './errors.ts';

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);

const REFUSAL_ID = 'Refusal';
/** Where the description of the interface has it. */
export const REFUSAL_REFERENCE = `#/components/schemas/${REFUSAL_ID}`;

/** Registered with the app under its id. */
export const Refusal = Type.Object(
  {
    success: Type.Literal(false),
    error: Type.String({ description: 'A sentence without personal data.' }),
    details: Type.Object({
      error_type: Type.String({ description: 'A code of docs/errors.md, or of this interface.' }),
      error_code: Type.String({ description: 'The same, as clients of earlier servers read it: in capitals.' }),
      message: Type.String(),
      remedy: Type.Optional(Type.String({ description: 'What a person should do.' })),
      retry_after: nullable(Type.Integer({ description: 'Seconds.' })),
    }),
    errors: Type.Optional(
      Type.Array(Type.String(), { description: 'Of routes of the earlier IDEXX services: the same sentence.' }),
    ),
    validationErrors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), message: Type.String() }), {
        description:
          'Of settings, alerts, /api/sync/inbound, outbound, full and reconcile: each field that is not as it must be.',
      }),
    ),
    durationMs: Type.Optional(Type.Integer({ description: 'Of routes of the earlier IDEXX services.' })),
    syncId: Type.Optional(nullable(Type.String({ description: 'The run that is in the way, or that failed.' }))),
    timestamp: Type.String({ format: 'date-time', description: 'When it was refused.' }),
  },
  { $id: REFUSAL_ID, description: 'Every answer that is not a success.' },
);

interface Kind {
  /** In the description of the interface. */
  readonly name: string;
  readonly description: string;
  /** A failure, or the type and the text of another refusal. */
  readonly example: ErrorCode | readonly [type: string, message: string];
  /** Seconds, of an answer that says when to come back. */
  readonly retryAfter?: number;
}

const KINDS = {
  400: {
    name: 'NotUnderstood',
    description: 'The request cannot be understood.',
    example: ['invalid_request', 'The body is not JSON.'],
  },
  401: {
    name: 'NoKey',
    description: 'No key, or a wrong one.',
    example: ['unauthorised', 'A valid key is needed.'],
  },
  403: {
    name: 'NotAllowed',
    description: 'The key or token is for another organisation, or has not the scope that this needs.',
    example: ['organization_mismatch', 'This key or token is not for the named organisation.'],
  },
  404: {
    name: 'NotFound',
    description: 'There is no such thing in this organisation.',
    example: ['not_found', 'No such document.'],
  },
  408: {
    name: 'Aborted',
    description: 'The run took longer than it may, or was aborted.',
    example: 'run_timeout',
  },
  409: {
    name: 'NotNow',
    description: 'The present state forbids it: a run is in progress, or the connection is paused.',
    example: 'connection_paused',
  },
  412: {
    name: 'ChangedMeanwhile',
    description:
      'Something else is there by now than what the caller has seen (If-Match, If-None-Match): nothing was done.',
    example: ['changed_meanwhile', 'The case summary was changed meanwhile: look at it again.'],
  },
  413: {
    name: 'BodyTooLarge',
    description: 'The body is too large.',
    example: ['invalid_request', 'The request cannot be read.'],
  },
  414: {
    name: 'PathTooLong',
    description: 'An id in the path is longer than any that exists.',
    example: ['invalid_request', 'The request cannot be read.'],
  },
  415: {
    name: 'UnknownType',
    description: 'The body is of a type that is not understood; it is application/json.',
    example: ['invalid_request', 'The request cannot be read.'],
  },
  422: {
    name: 'UnknownValue',
    description: 'A parameter has a value that does not exist.',
    example: ['invalid_request', 'sync_mode is active, comprehensive or full.'],
  },
  429: {
    name: 'TooMany',
    description: 'Too many requests; Retry-After says when to come back.',
    example: ['rate_limit_exceeded', 'Rate limit exceeded'],
    retryAfter: 12,
  },
  500: {
    name: 'Unexpected',
    description: 'A failure that has no status of its own; error_type tells which.',
    example: 'unexpected',
  },
  501: {
    name: 'NoLanguageModel',
    description: 'This needs a language model, and none is configured; or it is not done.',
    example: ['language_model_missing', 'This needs a language model, and none is configured.'],
  },
  502: {
    name: 'SourceFailed',
    description: 'The source system, its file share or the language model failed.',
    example: 'source_unreachable',
  },
  503: {
    name: 'StoreUnavailable',
    description:
      'A store of Chartsync or the language model is not available. Of the record database Retry-After says when to ask again.',
    example: 'database_unavailable',
    retryAfter: 5,
  },
  504: {
    name: 'TooSlow',
    description: 'The source or the language model did not answer in time, or the run took longer than it may.',
    example: 'source_timeout',
  },
} as const satisfies Record<number, Kind>;

export type RefusalStatus = keyof typeof KINDS;

/** What may be answered wherever a key is wanted. */
export const ACCESS_REFUSALS = [400, 401, 403, 404, 429, 500, 503] as const;

/** @returns the part of a `response` schema for these refusals */
export function refusals(...statuses: readonly RefusalStatus[]): Record<number, TSchema> {
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `${REFUSAL_ID}#`, description: KINDS[status].description }]),
  );
}

/** Where the description of the interface has the refusal of this status. */
export function refusalReference(status: string): { $ref: string } {
  return { $ref: `#/components/responses/${KINDS[Number(status) as RefusalStatus].name}` };
}

/** The same, to be named: part of the `components.responses` of the description. */
export function refusalComponent(status: string): Record<string, object> {
  const kind: Kind = KINDS[Number(status) as RefusalStatus];
  const retryAfter = { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } };
  const answer = {
    description: kind.description,
    ...(kind.retryAfter === undefined ? {} : { headers: retryAfter }),
    content: { 'application/json': { schema: { $ref: REFUSAL_REFERENCE }, example: exampleOf(kind) } },
  };
  return { [kind.name]: answer };
}

function exampleOf({ example, retryAfter }: Kind): object {
  const answer =
    typeof example === 'string'
      ? failureAnswer(new SyncError(example, retryAfter === undefined ? {} : { retryAfterMs: retryAfter * 1000 }))
      : refusal(example[1], { error_type: example[0], message: example[1], retry_after: retryAfter ?? null }, {});
  return { ...answer, timestamp: '2026-03-03T09:00:00.000Z' };
}
