/** `/api/v1/connections/:connectionId/runs`: start a run of one connection, and its past ones. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Inspection } from '../../domain/inspection.ts';
import { BOOK_MODES, FILE_MODES, RECORD_MODES } from '../../domain/run.ts';
import type { Connection } from '../../runs/connections.ts';
import { checkMode, modeFor } from '../../runs/modes.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { HistoryEntry, historyEntryOf } from '../run-answers.ts';
import { askForRun } from '../run-start.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const PATH = '/api/v1/connections/:connectionId/runs';

const ConnectionPath = Type.Object({
  connectionId: Type.String({ maxLength: 64, description: 'Id of the connection.' }),
});

const MODES = [...FILE_MODES, ...RECORD_MODES, ...BOOK_MODES] as const;
type Mode = (typeof MODES)[number];

interface Params {
  Params: { connectionId: string };
}

export function connectionRunRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['connections'], headers: SelectOrganization, params: ConnectionPath };
  const configured = (organizationId: string, id: string) => {
    const found = services.connections.find((c) => c.organizationId === organizationId && c.id === id);
    if (found === undefined) throw new HttpError(404, 'not_found', 'No such connection.');
    return found;
  };

  app.post<Params & { Body?: { mode?: Mode; plan?: string } }>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Start a run of one connection',
        operationId: 'startConnection',
        body: Type.Optional(
          Type.Object(
            {
              mode: Type.Optional(Type.Enum([...MODES], { description: 'One that the connection has.' })),
              plan: Type.Optional(
                Type.String({
                  pattern: '^[\\w-]{1,64}$',
                  description:
                    'Id of a finished inspection "plan" of the connection. The run does nothing that it did not show: it compares ' +
                    'again, and ends as cancelled, with the error plan_differs, before it would. Its mode is that of the plan.',
                }),
              ),
            },
            { additionalProperties: false },
          ),
        ),
        response: {
          202: Type.Object(
            { sync_id: Type.String(), status: Type.Enum(['starting', 'queued']) },
            { description: 'The run has begun, or waits for its turn.' },
          ),
          ...refusals(...ACCESS_REFUSALS, 409, 422),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const connection = configured(organizationId, request.params.connectionId);
      const asked = request.body?.mode;
      const known = asked === undefined || connectionModes(connection.connector).includes(asked);
      if (!known) throw new HttpError(422, 'invalid_request', 'The connection has no such mode.');
      const usual = modeFor(connection, 'changes');
      const planId = request.body?.plan ?? null;
      const planned = planId === null ? null : ((await planNamed(connection, planId)).options.mode ?? usual);
      if (planned !== null && asked !== undefined && asked !== planned) {
        throw new HttpError(
          422,
          'invalid_request',
          `The plan is of the mode "${planned}": a run of another would do something else.`,
        );
      }
      await access.countStart(request, reply);
      const mode = checkMode(connection, planned ?? asked ?? usual);
      const run = await askForRun(services, access, request, connection, { mode, planId });
      return reply.status(202).send({ sync_id: run.runId, status: run.state });
    },
  );

  /** @throws HttpError 409 when nobody could keep to it */
  async function planNamed({ organizationId, id: connectionId }: Connection, planId: string): Promise<Inspection> {
    const { store } = services.inspections;
    const plan = await store.find(organizationId, planId);
    if (plan?.kind !== 'plan' || plan.connectionId !== connectionId || plan.state !== 'done') {
      throw new HttpError(409, 'no_plan', 'That is no finished plan of this connection.');
    }
    if ((await store.planned({ organizationId, connectionId }, planId)) === null) {
      throw new HttpError(409, 'no_plan', 'All that the plan showed is not kept any more: make a new one.');
    }
    return plan;
  }

  app.get<Params & { Querystring: { limit?: number } }>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'The newest runs of one connection',
        operationId: 'connectionRuns',
        querystring: Type.Object(
          { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'Default 20.' })) },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ runs: Type.Array(HistoryEntry) }, { description: 'Newest first.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { id: connectionId } = configured(organizationId, request.params.connectionId);
      const runs = await services.runs.runs({ organizationId, connectionId }, request.query.limit ?? 20);
      return { runs: runs.map((run) => historyEntryOf(run)) };
    },
  );
}

/** What a person may ask a connection of this kind for. */
export function connectionModes(connector: string): readonly Mode[] {
  if (connector === 'idexx') return BOOK_MODES;
  return connector === 'vsrx' ? FILE_MODES : RECORD_MODES;
}
