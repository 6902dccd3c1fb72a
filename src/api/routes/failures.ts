/** `/api/v1/failures`: items that failed and wait for a retry or a person, page by page. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ERROR_CATALOGUE } from '../../domain/errors.ts';
import type { FailureCause, ListedFailure } from '../../ports/run-lists.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { sendWholeList } from '../whole-list.ts';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const count = () => Type.Integer({ minimum: 0 });
const DEFAULT_LIMIT = 100;
/** Of a key: the id of a failure. */
const KEY = [/^\d{1,18}$/];

const Failure = Type.Object({
  id: Type.String(),
  connection_id: Type.String(),
  patient_uuid: Type.String(),
  reference: Type.String({ description: 'Of the item in the source.' }),
  operation: Type.String(),
  code: Type.String(),
  error: Type.String(),
  remedy: Type.String({ description: 'What a person should do.' }),
  attempts: count(),
  state: Type.Enum(['waiting', 'skipped']),
  first_at: Type.String(),
  last_at: Type.String(),
  next_retry_at: NullableText,
});

export const Causes = Type.Array(
  Type.Object({
    code: Type.String(),
    error: Type.String({ description: 'Of one of them.' }),
    remedy: Type.String({ description: 'Helps all of them.' }),
    items: count(),
  }),
  { description: 'How many by their code, the most first. Of all pages; not with `after`.' },
);

const Query = Type.Object(
  {
    connection: Type.Optional(Type.String({ maxLength: 64, description: 'Only of this connection.' })),
    code: Type.Optional(Type.String({ pattern: '^[a-z_]{1,60}$', description: 'Only with this code.' })),
    sync_id: Type.Optional(
      Type.String({ pattern: '^[\\w-]{1,160}$', description: 'Only those whose last try was in this run.' }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: `A page of so many; with after alone ${DEFAULT_LIMIT}.` }),
    ),
    after: Type.Optional(Type.String({ maxLength: 600, description: '`next` of the page before.' })),
  },
  { additionalProperties: false },
);

export function failureRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Querystring: Type.Static<typeof Query> }>(
    '/api/v1/failures',
    {
      schema: {
        summary: 'Items that failed and wait for a retry or a person',
        description: 'Page by page with limit and after, oldest first. Without both the answer holds all of them.',
        operationId: 'failures',
        tags: ['failures'],
        headers: SelectOrganization,
        querystring: Query,
        response: {
          200: Type.Object(
            {
              failures: Type.Array(Failure),
              next: Type.Union([Type.String(), Type.Null()], { description: 'For `after`; null on the last page.' }),
              causes: Type.Optional(Causes),
            },
            { description: 'A page, or all of them.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { connection, code, sync_id, limit, after } = request.query;
      const own = services.connections.filter((c) => c.organizationId === organizationId).map(({ id }) => id);
      if (connection !== undefined && !own.includes(connection)) {
        throw new HttpError(404, 'not_found', 'No such connection.');
      }
      const question = {
        organizationId,
        connectionIds: connection === undefined ? own : [connection],
        code,
        runId: sync_id,
      };
      const { runLists } = services;
      const from = decodeKey(after, KEY);
      const causes = from === null ? { causes: (await runLists.failureCauses(question)).map(causeAnswer) } : {};
      const note = (failures: number) =>
        access.note(request, { organizationId, action: 'failures.read', details: { failures } });
      if (limit === undefined && from === null) {
        await note(causes.causes?.reduce((sum, { items }) => sum + items, 0) ?? 0);
        return sendWholeList(reply, {
          head: { next: null, ...causes },
          name: 'failures',
          read: (page) => runLists.failures({ ...question, ...page }),
          answer,
        });
      }
      const page = await runLists.failures({ ...question, limit: limit ?? DEFAULT_LIMIT, after: from });
      await note(page.items.length);
      return { failures: page.items.map(answer), next: encodeKey(page.next), ...causes };
    },
  );
}

export function causeAnswer({ code, message, items }: FailureCause) {
  return { code, error: message, remedy: ERROR_CATALOGUE[code].remedy, items };
}

function answer(failure: ListedFailure) {
  return {
    id: failure.id,
    connection_id: failure.connectionId,
    patient_uuid: failure.unit,
    reference: failure.reference,
    operation: failure.operation,
    code: failure.code,
    error: failure.message,
    remedy: ERROR_CATALOGUE[failure.code].remedy,
    attempts: failure.attempts,
    state: failure.state,
    first_at: failure.firstAt,
    last_at: failure.lastAt,
    next_retry_at: failure.nextRetryAt,
  };
}
