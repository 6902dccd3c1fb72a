/** `/api/v1/audit`: who did what in an organisation, newest first. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { AuditRecord } from '../../domain/audit-entry.ts';
import type { Access } from '../access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const Page = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: 'Default 100.' })),
    before: Type.Optional(Type.Integer({ minimum: 1, description: 'Only entries with smaller ids: the next page.' })),
  },
  { additionalProperties: false },
);

const Entry = Type.Object({
  id: Type.Integer(),
  at: Type.String({ format: 'date-time' }),
  actor: Type.Object({ kind: Type.String(), id: Type.String() }),
  action: Type.String(),
  subject: Type.Union([Type.Object({ kind: Type.String(), id: Type.String() }), Type.Null()]),
  result: Type.Enum(['ok', 'refused', 'failed']),
  request_id: Type.Union([Type.String(), Type.Null()]),
  details: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
  hash: Type.String({ description: 'Covers the entry and the one before it.' }),
});

export function auditRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Querystring: { limit?: number; before?: number } }>(
    '/api/v1/audit',
    {
      schema: {
        summary: 'The audit log of the organisation',
        description: 'Ids only: no names, no contents. "chartsync audit verify" proves that nothing was changed.',
        operationId: 'audit',
        tags: ['audit'],
        headers: SelectOrganization,
        querystring: Page,
        response: {
          200: Type.Object({ entries: Type.Array(Entry) }, { description: 'Newest first.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'audit:read');
      const { limit = 100, before } = request.query;
      // Read before the reading itself is written down: else every page would begin with itself.
      const entries = await services.audit.page(organizationId, limit, before);
      await access.note(request, { organizationId, action: 'audit.read', details: { entries: entries.length } });
      return { entries: entries.map(answer) };
    },
  );
}

function answer({ id, at, actor, action, subject, result, requestId, details, hash }: AuditRecord) {
  return { id, at, actor, action, subject, result, request_id: requestId, details, hash };
}
