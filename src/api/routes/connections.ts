/** `/api/v1/connections`: their state, pause and resume, and what failed once more. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ConnectionStatus } from '../../ports/reports.ts';
import type { RunRecord } from '../../ports/run-store.ts';
import type { ScheduleState } from '../../ports/schedule-store.ts';
import type { Connection } from '../../runs/connections.ts';
import { modeFor } from '../../runs/modes.ts';
import { nextStart } from '../../runs/scheduler.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { HistoryEntry, historyEntryOf } from '../run-answers.ts';
import { askForRun } from '../run-start.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { connectionModes } from './connection-runs.ts';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const count = () => Type.Integer({ minimum: 0 });

const ConnectionAnswer = Type.Object({
  id: Type.String(),
  connector: Type.String(),
  state: Type.Enum(['active', 'paused'], { description: 'Paused by a person, or by its failures.' }),
  state_reason: NullableText,
  documents: count(),
  patients: count(),
  appointments: count(),
  open_failures: count(),
  held_items: count(),
  last_success_at: NullableText,
  freshness_seconds: Type.Union([count(), Type.Null()], { description: 'Since the last success.' }),
  next_run_at: Type.Union([Type.String(), Type.Null()], { description: 'Null: not by itself.' }),
  consecutive_failures: count(),
  running_sync_id: NullableText,
  modes: Type.Array(Type.String(), { description: 'How a run of it may be asked for.' }),
  last_run: Type.Union([HistoryEntry, Type.Null()], { description: 'The last that has ended.' }),
});

const ConnectionPath = Type.Object({
  connectionId: Type.String({ maxLength: 64, description: 'Id of the connection.' }),
});

interface ConnectionParams {
  Params: { connectionId: string };
}

export function connectionRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const configured = (organizationId: string, id: string): Connection => {
    const found = services.connections.find((c) => c.organizationId === organizationId && c.id === id);
    if (found === undefined) throw new HttpError(404, 'not_found', 'No such connection.');
    return found;
  };

  app.get(
    '/api/v1/connections',
    {
      schema: {
        summary: 'The connections of the organisation and how they are',
        operationId: 'connections',
        tags: ['connections'],
        headers: SelectOrganization,
        response: {
          200: Type.Object({ connections: Type.Array(ConnectionAnswer) }, { description: 'All of them.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const [statuses, states, last] = await Promise.all([
        services.reports.connections(organizationId),
        services.schedules.states(),
        services.history.lastOfEach(organizationId),
      ]);
      return {
        connections: statuses.map((status) =>
          answer(
            status,
            states.find((s) => s.organizationId === organizationId && s.connectionId === status.connectionId),
            last.find((run) => run.connectionId === status.connectionId),
            services,
          ),
        ),
      };
    },
  );

  app.post<ConnectionParams & { Body: { reason?: string } | null }>(
    '/api/v1/connections/:connectionId/pause',
    {
      schema: {
        summary: 'Pause a connection',
        description: 'No run of it starts until it is resumed; waiting ones are cancelled, one in progress goes on.',
        operationId: 'pauseConnection',
        tags: ['connections'],
        headers: SelectOrganization,
        params: ConnectionPath,
        body: Type.Union([
          Type.Object(
            { reason: Type.Optional(Type.String({ maxLength: 500, description: 'Shown to others; no patients.' })) },
            { additionalProperties: false },
          ),
          Type.Null(),
        ]),
        response: {
          200: Type.Object({ message: Type.String(), connection_id: Type.String() }, { description: 'It is paused.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'connections:write');
      const connection = configured(organizationId, request.params.connectionId);
      const deed = { organizationId, action: 'connection.pause', subject: { kind: 'connection', id: connection.id } };
      const reason = request.body?.reason ?? 'Paused by a person.';
      await access.audited(request, deed, () =>
        services.queue.pause({ organizationId, connectionId: connection.id }, reason),
      );
      return { message: 'Connection paused', connection_id: connection.id };
    },
  );

  app.post<ConnectionParams>(
    '/api/v1/connections/:connectionId/resume',
    {
      schema: {
        summary: 'Resume a connection',
        description: 'Its schedule goes on at once; a run that was missed is made up for.',
        operationId: 'resumeConnection',
        tags: ['connections'],
        headers: SelectOrganization,
        params: ConnectionPath,
        response: {
          200: Type.Object({ message: Type.String(), connection_id: Type.String() }, { description: 'It is active.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'connections:write');
      const connection = configured(organizationId, request.params.connectionId);
      const deed = { organizationId, action: 'connection.resume', subject: { kind: 'connection', id: connection.id } };
      await access.audited(request, deed, () => services.queue.resume({ organizationId, connectionId: connection.id }));
      return { message: 'Connection resumed', connection_id: connection.id };
    },
  );

  for (const decision of ['retry', 'skip'] as const) {
    app.post<{ Params: { id: string } }>(
      `/api/sync/items/:id/${decision}`,
      {
        schema: {
          summary: decision === 'retry' ? 'Try a failed item again in the next run' : 'Leave a failed item alone',
          description: decision === 'retry' ? 'Whatever its waiting time.' : 'Until its source changes.',
          operationId: `${decision}Item`,
          tags: ['failures'],
          headers: SelectOrganization,
          params: Type.Object({ id: Type.String({ maxLength: 20, description: 'Id of the failure.' }) }),
          response: {
            200: Type.Object({ success: Type.Literal(true), id: Type.String() }, { description: 'It is marked.' }),
            ...refusals(...ACCESS_REFUSALS),
          },
        },
      },
      async (request) => {
        const organizationId = await access.authorize(request, 'sync:run');
        const { id } = request.params;
        const deed = { organizationId, action: `failure.${decision}`, subject: { kind: 'failure', id } };
        const known =
          /^[1-9]\d{0,17}$/.test(id) &&
          (await access.audited(request, deed, () => services.runs.decideFailure(organizationId, id, decision)));
        if (!known) throw new HttpError(404, 'not_found', 'No such failure.');
        return { success: true as const, id };
      },
    );
  }

  app.post<ConnectionParams & { Body?: { sync_id?: string } | null }>(
    '/api/v1/connections/:connectionId/retry-failures',
    {
      schema: {
        summary: 'Try everything again that failed',
        description: 'Marks all waiting failures of the connection, or those of one run, and starts a run.',
        operationId: 'retryFailures',
        tags: ['failures'],
        headers: SelectOrganization,
        params: ConnectionPath,
        body: Type.Union([
          Type.Object(
            {
              sync_id: Type.Optional(
                Type.String({
                  pattern: '^[\\w-]{1,160}$',
                  description:
                    'A run of the connection: only what failed in it and still waits is tried again, and what is due by itself. 409 with nothing_to_retry when there is nothing.',
                }),
              ),
            },
            { additionalProperties: false },
          ),
          Type.Null(),
        ]),
        response: {
          202: Type.Object(
            { retried: count(), sync_id: Type.String() },
            { description: 'How many, and the run that does it.' },
          ),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const connection = configured(organizationId, request.params.connectionId);
      const failedIn = request.body?.sync_id ?? null;
      if (failedIn !== null && (await services.runs.run(organizationId, failedIn))?.connectionId !== connection.id) {
        throw new HttpError(404, 'not_found', 'Sync not found');
      }
      await access.countStart(request, reply);
      const retried = await services.runLists.retryFailures(organizationId, connection.id, failedIn);
      if (failedIn !== null && retried === 0) {
        const why = 'it was resolved since, is skipped, or has failed again in a later run';
        throw new HttpError(409, 'nothing_to_retry', `Nothing that failed in this run waits any more: ${why}.`);
      }
      const run = await askForRun(services, access, request, connection, {
        mode: modeFor(connection, 'changes'),
        onlyDue: failedIn !== null,
      });
      return reply.status(202).send({ retried, sync_id: run.runId });
    },
  );
}

function answer(
  status: ConnectionStatus,
  state: ScheduleState | undefined,
  last: RunRecord | undefined,
  services: ApiServices,
) {
  const now = Date.now();
  const connection = services.connections.find(
    (c) => c.organizationId === status.organizationId && c.id === status.connectionId,
  );
  const next =
    connection === undefined || connection.dryRun || state === undefined || !services.schedulerActive
      ? Number.POSITIVE_INFINITY
      : nextStart(connection, state, now);
  return {
    id: status.connectionId,
    connector: status.connector,
    state: status.state,
    state_reason: status.stateReason,
    documents: status.documents,
    patients: status.filesets,
    appointments: status.appointments,
    open_failures: status.openFailures,
    held_items: status.heldItems,
    last_success_at: status.lastSuccessAt,
    freshness_seconds:
      status.lastSuccessAt === null ? null : Math.max(0, Math.round((now - Date.parse(status.lastSuccessAt)) / 1000)),
    next_run_at: Number.isFinite(next) ? new Date(next).toISOString() : null,
    consecutive_failures: status.consecutiveFailures,
    running_sync_id: status.runningRunId,
    modes: connectionModes(status.connector),
    last_run: last === undefined ? null : historyEntryOf(last),
  };
}
