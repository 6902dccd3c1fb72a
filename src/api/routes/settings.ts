/** How long things are kept, to be looked at. Changed is it in `chartsync.yaml`. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Access } from '../access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DAY_MS = 86_400_000;
const days = (description: string) => Type.Union([Type.Number({ minimum: 0 }), Type.Null()], { description });

export function settingsRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get(
    '/api/v1/retention',
    {
      schema: {
        summary: 'How long things are kept',
        operationId: 'retention',
        tags: ['state'],
        headers: SelectOrganization,
        response: {
          200: Type.Object(
            {
              runs_days: days('Runs and their logs. Null: for ever.'),
              released_contents_days: days(
                'Contents that no document names any more; so long a removal can be taken back.',
              ),
              tombstones_days: days('What is remembered of removed documents. Null: for ever.'),
              audit_days: days('The audit log. Null: for ever.'),
            },
            { description: 'In days.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      await access.authorize(request, 'sync:read');
      const { runsMs, releasedBlobsMs, tombstonesMs, auditMs } = services.configured.retention;
      const inDays = (ms: number | null) => (ms === null ? null : ms / DAY_MS);
      return {
        runs_days: inDays(runsMs),
        released_contents_days: inDays(releasedBlobsMs),
        tombstones_days: inDays(tombstonesMs),
        audit_days: inDays(auditMs),
      };
    },
  );
}
