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
        operationId: 'health',
        tags: ['state'],
        security: [],
        response: { 200: Type.Object({ status: Type.Literal('ok') }, { description: 'It does.' }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/ready',
    {
      schema: {
        summary: 'The process can work: its database answers',
        operationId: 'ready',
        tags: ['state'],
        security: [],
        response: {
          200: Type.Object({ status: Type.Literal('ready'), database: Type.Literal('ok') }, { description: 'It can.' }),
          503: Type.Object(
            { status: Type.Literal('not ready'), database: Type.Literal('unavailable') },
            { description: 'It cannot.' },
          ),
        },
      },
    },
    async (_request, reply) => {
      try {
        await services.checkDatabase();
        return { status: 'ready' as const, database: 'ok' as const };
      } catch {
        return reply.status(503).send({ status: 'not ready' as const, database: 'unavailable' });
      }
    },
  );
}
