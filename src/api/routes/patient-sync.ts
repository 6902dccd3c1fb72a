/** `/api/patients/:uuid/sync`: how the fileset of one patient keeps up with its source, and a run for it. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { type FileConnection, isFileConnection } from '../../runs/connections.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { askForRun } from '../run-start.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

type Fileset = Awaited<ReturnType<ApiServices['reports']['fileset']>>;
type State = Awaited<ReturnType<ApiServices['reports']['connections']>>[number];

const MOST_ERRORS = 20;
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const instant = () => nullable(Type.String({ format: 'date-time' }));

const SyncState = Type.Object(
  {
    patientUuid: Type.String({ format: 'uuid' }),
    timeZone: Type.String({ description: 'IANA zone of the clinic, for the times in a page.' }),
    synchronised: Type.Boolean({ description: 'False: no connection fills this fileset.' }),
    running: Type.Boolean({ description: 'A run of one of its connections is at work.' }),
    lastSyncAttempt: instant(),
    lastSuccessfulSync: instant(),
    consecutiveFailures: Type.Integer({ minimum: 0 }),
    paused: Type.Boolean({ description: 'One of its connections is paused.' }),
    errors: Type.Array(Type.Object({ fileId: Type.String(), code: Type.String(), error: Type.String() }), {
      description: `Files that failed; at most ${MOST_ERRORS}.`,
    }),
  },
  { description: 'By what is written down; the source is not asked.' },
);

const StartedAnswer = Type.Object(
  { success: Type.Literal(true), syncIds: Type.Array(Type.String(), { description: 'One for each connection.' }) },
  { description: 'The runs have begun, or wait for their turn.' },
);

export function patientSyncRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const shared = { tags: ['sync'], headers: SelectOrganization, params: PatientUuid };

  app.get(
    '/api/patients/:uuid/sync',
    {
      config: { component: 'patient' },
      schema: {
        ...shared,
        summary: 'How a patient keeps up with its source',
        operationId: 'patientSync',
        response: { 200: SyncState, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const subject = { kind: 'patient', id: patientUuid };
      await access.note(request, { organizationId, action: 'patient.status', subject });
      const { fileset, own } = await connectionsOf(organizationId, patientUuid);
      const states = (await services.reports.connections(organizationId)).filter(({ connectionId }) =>
        own.some(({ id }) => id === connectionId),
      );
      const failures = await Promise.all(
        own.map(({ ports, settings }) => ports.runs.openFailures(settings, patientUuid)),
      );
      const lookedAt = whenEmpty(fileset, states);
      return {
        patientUuid,
        timeZone: services.organizations.find(({ id }) => id === organizationId)?.timeZone ?? 'UTC',
        synchronised: (fileset?.connectionIds.length ?? 0) > 0,
        running: states.some(({ runningRunId }) => runningRunId !== null),
        lastSyncAttempt: fileset?.lastSyncAttempt ?? lookedAt,
        lastSuccessfulSync: fileset?.lastSuccessfulSync ?? lookedAt,
        consecutiveFailures: fileset?.consecutiveFailures ?? 0,
        paused: states.some(({ state }) => state === 'paused'),
        errors: failures
          .flat()
          .slice(0, MOST_ERRORS)
          .map(({ reference, code, message }) => ({ fileId: reference, code, error: message })),
      };
    },
  );

  app.post(
    '/api/patients/:uuid/sync',
    {
      config: { component: 'patient' },
      schema: {
        ...shared,
        summary: 'Synchronise one patient with every connection that fills its fileset',
        operationId: 'syncPatient',
        response: { 202: StartedAnswer, ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'sync:run');
      const { own } = await connectionsOf(organizationId, patientUuid);
      if (own.length === 0) throw new HttpError(404, 'not_found', 'No connection fills the fileset of this patient.');
      await access.countStart(request, reply);
      const syncIds: string[] = [];
      for (const connection of own) {
        const run = await askForRun(services, access, request, connection, { mode: 'quick', unit: patientUuid });
        syncIds.push(run.runId);
      }
      return reply.status(202).send({ success: true, syncIds });
    },
  );

  /** Those that fill the fileset; before the first run the only one that could. */
  async function connectionsOf(organizationId: string, patientUuid: string) {
    const fileset = await services.reports.fileset(organizationId, patientUuid);
    const all: FileConnection[] = services.connections
      .filter(isFileConnection)
      .filter((connection) => connection.organizationId === organizationId);
    const filling = all.filter(({ id }) => fileset?.connectionIds.includes(id) === true);
    return { fileset, own: filling.length === 0 && all.length === 1 ? all : filling };
  }
}

/** Runs write nothing down of an activated patient without documents: what counts is when they read the whole source since. */
function whenEmpty(fileset: Fileset, states: readonly State[]): string | null {
  const since = fileset?.activatedAt ?? null;
  if (since === null) return null;
  const [first] = states.map(({ lastCompleteReadAt }) => lastCompleteReadAt ?? '').sort();
  return first !== undefined && Date.parse(first) > Date.parse(since) ? first : null;
}
