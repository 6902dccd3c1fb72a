/** `/api/v1/consistency`: what the comparisons of all stores found. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { CONSISTENCY_STORES, type ConsistencyReport, type FoundDifference } from '../../ports/consistency-store.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const KINDS = ['missing', 'surplus', 'different'] as const;
const MOST_REPORTS = 30;
const DEFAULT_LIMIT = 200;
const text = () => Type.Union([Type.String(), Type.Null()]);
const count = (description?: string) =>
  Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) });

const Report = Type.Object(
  {
    id: Type.String(),
    started_at: Type.String({ format: 'date-time' }),
    finished_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'Null: it is not at its end; it goes on in the next time window.',
    }),
    patients: count(),
    documents: count(),
    sampled: count('Documents whose content was read and hashed.'),
    unknown: count('Comparisons that could not be made, e.g. because a source did not answer.'),
    unlisted: count(
      'Differences beyond those that are listed and counted: a store, or what a connection has in it, had more than 5,000.',
    ),
    consistent: Type.Union([Type.Boolean(), Type.Null()], {
      description: 'Null: not at its end, or something could not be compared and nothing was found.',
    }),
    differences: Type.Array(
      Type.Object({ store: Type.Enum([...CONSISTENCY_STORES]), kind: Type.Enum([...KINDS]), count: count() }),
      { description: 'How many of each; those that are not named were not found.' },
    ),
  },
  { $id: 'ConsistencyReport' },
);

const Found = Type.Object({
  store: Type.Enum([...CONSISTENCY_STORES]),
  kind: Type.Enum([...KINDS]),
  message: Type.String(),
  connection_id: text(),
  patient_uuid: text(),
  reference: text(),
  document_uuid: text(),
  sha256: text(),
  code: text(),
});

const CheckPath = Type.Object({ checkId: Type.String({ description: 'Id of a comparison.' }) });
const Page = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: `At most so many; ${DEFAULT_LIMIT}.` }),
    ),
    after: Type.Optional(Type.String({ maxLength: 18, description: 'What the page before gave as "next".' })),
  },
  { additionalProperties: false },
);

export function consistencyRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get(
    '/api/v1/consistency',
    {
      schema: {
        summary: 'What the comparisons of all stores found, newest first',
        description: 'Source, rows, blobs, search index and document services on other machines, for all patients.',
        operationId: 'listConsistencyReports',
        tags: ['state'],
        headers: SelectOrganization,
        response: {
          200: Type.Object({ reports: Type.Array(Report) }, { description: 'At most the last thirty.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const reports = await services.consistency.reports(organizationId, MOST_REPORTS);
      return { reports: reports.map(reportAnswer) };
    },
  );

  app.get<{ Params: { checkId: string }; Querystring: { limit?: number; after?: string } }>(
    '/api/v1/consistency/:checkId/differences',
    {
      schema: {
        summary: 'The differences that a comparison found',
        operationId: 'listConsistencyDifferences',
        tags: ['state'],
        headers: SelectOrganization,
        params: CheckPath,
        querystring: Page,
        response: {
          200: Type.Object(
            { differences: Type.Array(Found), next: text() },
            { description: 'In the order in which they were found.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { checkId } = request.params;
      const { limit = DEFAULT_LIMIT, after = '0' } = request.query;
      if (!/^\d+$/.test(after)) {
        throw new HttpError(400, 'invalid_request', '"after" is what the page before gave as "next".');
      }
      const reports = /^\d{1,18}$/.test(checkId)
        ? await services.consistency.reports(organizationId, MOST_REPORTS)
        : [];
      if (!reports.some(({ id }) => id === checkId)) throw new HttpError(404, 'not_found', 'No such comparison.');
      const found = await services.consistency.differences(organizationId, checkId, { after, limit: limit + 1 });
      const page = found.slice(0, limit);
      return {
        differences: page.map(differenceAnswer),
        next: found.length > limit ? (page.at(-1)?.id ?? null) : null,
      };
    },
  );
}

function reportAnswer({ startedAt, finishedAt, totals, ...report }: ConsistencyReport) {
  const isKnown = finishedAt !== null && (totals.length > 0 || report.unknown === 0);
  return {
    ...report,
    started_at: startedAt,
    finished_at: finishedAt,
    consistent: isKnown ? totals.length === 0 : null,
    differences: totals,
  };
}

function differenceAnswer(difference: FoundDifference) {
  const { store, kind, message, connectionId, unit, reference, documentUuid, sha256, code } = difference;
  return {
    store,
    kind,
    message,
    connection_id: connectionId,
    patient_uuid: unit,
    reference,
    document_uuid: documentUuid,
    sha256,
    code,
  };
}
