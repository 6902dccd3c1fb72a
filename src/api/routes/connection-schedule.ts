/** `/api/v1/connections/:connectionId/schedule`: when it runs by itself, as the configuration or a person says. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import type { Schedule } from '../../domain/schedule.ts';
import type { Connection } from '../../runs/connections.ts';
import { firings, scheduleOf } from '../../runs/scheduler.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const PATH = '/api/v1/connections/:connectionId/schedule';
const FIRINGS = 5;

const text = (description: string) => Type.Optional(Type.String({ maxLength: 100, description }));

/** Only its outline: what the words mean is checked by what reads the configuration. */
const ScheduleText = Type.Union(
  [
    Type.Literal('manual'),
    Type.Object(
      {
        every: text('Between the starts of two runs, such as 10m.'),
        between: text('Times of day of the clinic, such as 08:00-18:00.'),
        on: Type.Optional(Type.Array(Type.String({ maxLength: 3 }), { maxItems: 7, description: 'Days such as mon.' })),
        else: text('Outside of these times, such as 1h; or never.'),
        cron: text('Five fields, such as "0 2 * * *".'),
      },
      { additionalProperties: false },
    ),
  ],
  { description: 'As in chartsync.yaml; manual: only when somebody asks.' },
);
const Body = Type.Object({ schedule: ScheduleText }, { additionalProperties: false });

const instants = Type.Array(Type.String({ format: 'date-time' }), {
  description: 'The next five starts, if each run begins when it is due and nothing fails.',
});

const Answer = Type.Object({
  schedule: ScheduleText,
  configured: ScheduleText,
  by: Type.Enum(['configuration', 'person'], { description: 'Who said what counts now.' }),
  updated_at: Type.Union([Type.String(), Type.Null()]),
  updated_by: Type.Union([Type.String(), Type.Null()]),
  time_zone: Type.String({ description: 'IANA zone of the times of day.' }),
  next: instants,
});

const ConnectionPath = Type.Object({
  connectionId: Type.String({ maxLength: 64, description: 'Id of the connection.' }),
});

type Asked = { Params: { connectionId: string }; Body: { schedule: unknown } };

export function connectionScheduleRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['connections'], headers: SelectOrganization, params: ConnectionPath };

  app.get<{ Params: { connectionId: string } }>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'When a connection runs by itself',
        operationId: 'connectionSchedule',
        response: { 200: { ...Answer, description: 'Its schedule.' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      return answer(configured(organizationId, request.params.connectionId));
    },
  );

  app.post<Asked>(
    `${PATH}/preview`,
    {
      schema: {
        ...common,
        summary: 'What a schedule would come to',
        description: 'Changes nothing.',
        operationId: 'previewSchedule',
        body: Body,
        response: {
          200: Type.Object(
            {
              valid: Type.Boolean(),
              mistakes: Type.Array(Type.String(), { description: 'What is wrong, as sentences.' }),
              next: instants,
            },
            { description: 'Its next starts, or what is wrong with it.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const connection = configured(organizationId, request.params.connectionId);
      const read = services.scheduleText.read(request.body.schedule);
      if ('mistakes' in read) return { valid: false, mistakes: read.mistakes, next: [] };
      return { valid: true, mistakes: [], next: await nextOf(connection, read.schedule) };
    },
  );

  app.put<Asked>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Say when a connection runs by itself',
        description: 'Counts before the configuration, from the next second on, until it is taken back.',
        operationId: 'chooseSchedule',
        body: Body,
        response: { 200: { ...Answer, description: 'It counts now.' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'connections:write');
      const connection = configured(organizationId, request.params.connectionId);
      const read = services.scheduleText.read(request.body.schedule);
      if ('mistakes' in read) throw new HttpError(400, 'invalid_request', read.mistakes.join(' '));
      await choose(request, connection, 'schedule.choose', read.schedule);
      return answer(connection);
    },
  );

  app.delete<{ Params: { connectionId: string } }>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Take the schedule of the configuration again',
        operationId: 'forgetSchedule',
        response: {
          200: { ...Answer, description: 'That of the configuration counts.' },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'connections:write');
      const connection = configured(organizationId, request.params.connectionId);
      await choose(request, connection, 'schedule.forget', undefined);
      return answer(connection);
    },
  );

  function configured(organizationId: string, id: string): Connection {
    const found = services.connections.find((c) => c.organizationId === organizationId && c.id === id);
    if (found === undefined) throw new HttpError(404, 'not_found', 'No such connection.');
    return found;
  }

  async function stateOf({ organizationId, id }: Connection) {
    const states = await services.schedules.states();
    return states.find((state) => state.organizationId === organizationId && state.connectionId === id);
  }

  async function nextOf(connection: Connection, schedule: Schedule | null): Promise<string[]> {
    const state = await stateOf(connection);
    const times = firings(schedule, state?.lastStartedAt ?? null, Date.now(), connection.timeZone, FIRINGS);
    return times.map((time) => new Date(time).toISOString());
  }

  function choose(
    request: FastifyRequest,
    connection: Connection,
    action: string,
    schedule: Schedule | null | undefined,
  ): Promise<void> {
    const { organizationId, id } = connection;
    const { kind, id: who } = access.principalOf(request);
    const deed = access.deedOf(request, { organizationId, action, subject: { kind: 'connection', id } });
    return services.schedules.choose(
      { organizationId, connectionId: id },
      schedule,
      `${kind} ${who}`,
      auditEntry(deed),
    );
  }

  async function answer(connection: Connection) {
    const chosen = (await stateOf(connection))?.chosen ?? null;
    const schedule = scheduleOf(connection, { chosen });
    return {
      schedule: services.scheduleText.write(schedule),
      configured: services.scheduleText.write(connection.schedule),
      by: chosen === null ? ('configuration' as const) : ('person' as const),
      updated_at: chosen?.updatedAt ?? null,
      updated_by: chosen?.updatedBy ?? null,
      time_zone: connection.timeZone,
      next: await nextOf(connection, schedule),
    };
  }
}
