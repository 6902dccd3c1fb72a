/** `/health`: the process answers. `/ready`: it can work. Both without key and without anything to learn from. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ApiServices } from '../services.ts';

export function healthRoutes(app: FastifyInstance, services: ApiServices): void {
  app.get(
    '/health',
    {
      schema: {
        summary: 'The process answers',
        security: [],
        response: { 200: Type.Object({ status: Type.Literal('ok') }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/ready',
    {
      schema: {
        summary: 'The process can work: its database answers',
        security: [],
        response: {
          200: Type.Object({ status: Type.Literal('ready'), database: Type.String() }),
          503: Type.Object({ status: Type.Literal('not ready'), database: Type.String() }),
        },
      },
    },
    async (_request, reply) => {
      try {
        await services.checkDatabase();
        return { status: 'ready' as const, database: 'ok' };
      } catch {
        return reply.status(503).send({ status: 'not ready' as const, database: 'unavailable' });
      }
    },
  );
}
