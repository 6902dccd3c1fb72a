/** `/api/v1/failures/decide`: many failed items at once. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Access } from '../access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const Decision = Type.Object(
  {
    ids: Type.Array(Type.String({ pattern: '^[1-9]\\d{0,17}$' }), { minItems: 1, maxItems: 1000, uniqueItems: true }),
    decision: Type.Enum(['retry', 'skip'], {
      description: 'retry: with the next run, whatever the waiting time; skip: not until the source changes.',
    }),
  },
  { additionalProperties: false },
);

export function failureDecisionRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.post<{ Body: { ids: string[]; decision: 'retry' | 'skip' } }>(
    '/api/v1/failures/decide',
    {
      schema: {
        summary: 'Retry or skip many failed items',
        operationId: 'decideFailures',
        tags: ['failures'],
        headers: SelectOrganization,
        body: Decision,
        response: {
          200: Type.Object(
            { decided: Type.Integer({ minimum: 0, description: 'Those that are not open any more are left out.' }) },
            { description: 'They are marked.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const { ids, decision } = request.body;
      const deed = { organizationId, action: `failures.${decision}`, details: { asked: ids.length } };
      const decided = await access.audited(
        request,
        deed,
        () => services.runLists.decideFailures(organizationId, ids, decision),
        (number) => ({ details: { decided: number } }),
      );
      return { decided };
    },
  );
}
