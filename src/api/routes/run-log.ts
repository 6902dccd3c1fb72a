/** `/api/v1/sync/run/:syncId/log`: what a run did, line by line, also while it is at it. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ERROR_CATALOGUE } from '../../domain/errors.ts';
import { RUN_EVENTS } from '../../ports/run-log.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const RUN_ID = /^[\w-]{1,160}$/;
const NullableText = Type.Union([Type.String(), Type.Null()]);

const Line = Type.Object({
  id: Type.Integer({ minimum: 1, description: 'Grows from line to line.' }),
  at: Type.String({ format: 'date-time', description: 'When.' }),
  event: Type.Enum([...RUN_EVENTS], { description: 'cut: there was more than is kept.' }),
  step: Type.Union([Type.String(), Type.Null()], { description: 'Of "step": which; of "ended": how.' }),
  code: NullableText,
  message: NullableText,
  unit: NullableText,
  reference: Type.Union([Type.String(), Type.Null()], {
    description: 'Of the item in the source, or of the held set.',
  }),
  counts: Type.Record(Type.String(), Type.Integer()),
});

interface Params {
  Params: { syncId: string };
  Querystring: { after?: number; limit?: number };
}

export function runLogRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<Params>(
    '/api/v1/sync/run/:syncId/log',
    {
      schema: {
        summary: 'The log of a run',
        description: 'Ids, codes and counts only. Ask again with the id of the last line for what came since.',
        operationId: 'syncRunLog',
        tags: ['runs'],
        headers: SelectOrganization,
        params: Type.Object({ syncId: Type.String({ maxLength: 160, description: 'Id of a run.' }) }),
        querystring: Type.Object(
          {
            after: Type.Optional(
              Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Only lines after this one.' }),
            ),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 500.' })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ lines: Type.Array(Line) }, { description: 'In order.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { syncId } = request.params;
      const run = RUN_ID.test(syncId) ? await services.runs.run(organizationId, syncId) : null;
      if (run === null) throw new HttpError(404, 'not_found', 'Sync not found');
      const { after = 0, limit = 500 } = request.query;
      const lines = await services.runLog.read(organizationId, run.id, after, limit);
      return {
        lines: lines.map(({ id, at, event, step = null, code = null, unit = null, reference = null, counts = {} }) => ({
          id,
          at: new Date(at).toISOString(),
          event,
          step,
          code,
          message: code === null ? null : ERROR_CATALOGUE[code].summary,
          unit,
          reference,
          counts,
        })),
      };
    },
  );
}
