/** `/api/v1/statistics`: what the last days brought, day by day in the organisation's zone. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Access } from '../access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const count = (description: string) => Type.Integer({ minimum: 0, description });

const Day = Type.Object({
  date: Type.String({ format: 'date' }),
  runs: count('That began on that day and have ended.'),
  failed_runs: count('Of these.'),
  items: count('Added, updated, moved and removed.'),
  failures: count('Tries of items that failed.'),
});

export function statisticsRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Querystring: { days?: number } }>(
    '/api/v1/statistics',
    {
      schema: {
        summary: 'Runs, items and failures of the last days',
        operationId: 'statistics',
        tags: ['sync management'],
        headers: SelectOrganization,
        querystring: Type.Object(
          {
            days: Type.Optional(Type.Integer({ minimum: 1, maximum: 90, description: 'Today included; default 14.' })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            { time_zone: Type.String({ description: 'In which the days are meant.' }), days: Type.Array(Day) },
            { description: 'Oldest first, days without runs too.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const timeZone = services.organizations.find(({ id }) => id === organizationId)?.timeZone ?? 'UTC';
      const days = await services.history.days(organizationId, timeZone, request.query.days ?? 14);
      return {
        time_zone: timeZone,
        days: days.map(({ date, runs, failedRuns, items, failures }) => ({
          date,
          runs,
          failed_runs: failedRuns,
          items,
          failures,
        })),
      };
    },
  );
}
