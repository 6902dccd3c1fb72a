/** `/api/patients/:uuid/sync`: how the fileset of one patient keeps up with its source, and a run for it. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ERROR_CATALOGUE, SyncError } from '../../domain/errors.ts';
import { RUN_STATES } from '../../domain/run.ts';
import type { RunRecord } from '../../ports/run-store.ts';
import { type Connection, isFileConnection, isRecordConnection } from '../../runs/connections.ts';
import { modeFor } from '../../runs/modes.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { askForRun } from '../run-start.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

type State = Awaited<ReturnType<ApiServices['reports']['connections']>>[number];

const MOST_ERRORS = 20;
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const instant = () => nullable(Type.String({ format: 'date-time' }));

const Problem = Type.Object({ code: Type.String(), message: Type.String(), remedy: Type.String() });

const SyncState = Type.Object(
  {
    patientUuid: Type.String({ format: 'uuid' }),
    timeZone: Type.String({ description: 'IANA zone of the clinic, for the times in a page.' }),
    synchronised: Type.Boolean({
      description:
        'False: no connection fills this fileset, or it is not activated and those that could copy only what is.',
    }),
    notActivated: Type.Boolean({
      description: 'Its connections copy documents only of activated patients, and this one is not activated.',
    }),
    running: Type.Boolean({ description: 'A run of one of its connections is at work.' }),
    lastSyncAttempt: instant(),
    lastSuccessfulSync: instant(),
    consecutiveFailures: Type.Integer({ minimum: 0 }),
    paused: Type.Boolean({ description: 'One of its connections is paused.' }),
    problem: nullable(
      Type.Object(Problem.properties, {
        description:
          'Why the last run of one of its connections failed as a whole, so that nothing is known since. Null: none did.',
      }),
    ),
    errors: Type.Array(
      Type.Object({
        fileId: Type.String({ description: 'Its reference in the source.' }),
        code: Type.String(),
        error: Type.String(),
        remedy: Type.String({ description: 'What a person can do.' }),
      }),
      { description: `Files that failed; at most ${MOST_ERRORS}.` },
    ),
  },
  { description: 'By what is written down; the source is not asked.' },
);

const StartedAnswer = Type.Object(
  { success: Type.Literal(true), syncIds: Type.Array(Type.String(), { description: 'One for each connection.' }) },
  { description: 'The runs have begun, or wait for their turn.' },
);

const RunParams = Type.Object({ uuid: Type.String({ format: 'uuid' }), syncId: Type.String() });
const PatientRun = Type.Object(
  {
    syncId: Type.String(),
    state: Type.Enum([...RUN_STATES]),
    outcome: nullable(
      Type.Enum(['success', 'partial', 'failed'], { description: 'Null: it has not ended, or was cancelled.' }),
    ),
    problem: nullable(Type.Object(Problem.properties, { description: 'Why it failed as a whole.' })),
  },
  { description: 'The run as it is now.' },
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
      const { fileset, own, notActivated } = await connectionsOf(organizationId, patientUuid);
      const isOwn = ({ connectionId }: { connectionId: string }) => own.some(({ id }) => id === connectionId);
      const states = (await services.reports.connections(organizationId)).filter(isOwn);
      const last = (await services.history.lastOfEach(organizationId, patientUuid)).filter(isOwn);
      const failures = await Promise.all(
        own.filter(isFileConnection).map(({ ports, settings }) => ports.runs.openFailures(settings, patientUuid)),
      );
      const lookedAt = fileset?.lastSyncAttempt == null ? whenEmpty(own, states) : null;
      return {
        patientUuid,
        timeZone: services.organizations.find(({ id }) => id === organizationId)?.timeZone ?? 'UTC',
        synchronised: (fileset?.connectionIds.length ?? 0) > 0 && !notActivated,
        notActivated,
        running: states.some(({ runningRunId }) => runningRunId !== null),
        lastSyncAttempt: fileset?.lastSyncAttempt ?? lookedAt,
        lastSuccessfulSync: fileset?.lastSuccessfulSync ?? lookedAt,
        consecutiveFailures: fileset?.consecutiveFailures ?? 0,
        paused: states.some(({ state }) => state === 'paused'),
        problem: last.map(problemOf).find((problem) => problem !== null) ?? null,
        errors: failures
          .flat()
          .slice(0, MOST_ERRORS)
          .map(({ reference, code, message }) => ({
            fileId: reference,
            code,
            error: message,
            remedy: ERROR_CATALOGUE[code].remedy,
          })),
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
      const { own, notActivated } = await connectionsOf(organizationId, patientUuid);
      if (own.length === 0) throw new HttpError(404, 'not_found', 'No connection fills the fileset of this patient.');
      if (notActivated) throw new SyncError('fileset_not_activated');
      await access.countStart(request, reply);
      const syncIds: string[] = [];
      for (const connection of own) {
        // A source of records tells what has changed, of whomever; a run for one patient would not be shorter.
        const what = isFileConnection(connection)
          ? ({ mode: 'quick', unit: patientUuid } as const)
          : { mode: modeFor(connection, 'changes') };
        const run = await askForRun(services, access, request, connection, what);
        syncIds.push(run.runId);
      }
      return reply.status(202).send({ success: true, syncIds });
    },
  );

  app.get<{ Params: { uuid: string; syncId: string } }>(
    '/api/patients/:uuid/sync/:syncId',
    {
      config: { component: 'patient' },
      schema: {
        ...shared,
        params: RunParams,
        summary: 'What became of a run that was started for a patient',
        operationId: 'patientRun',
        response: { 200: PatientRun, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const { own } = await connectionsOf(organizationId, patientUuid);
      const [run] = await services.history.byIds([request.params.syncId]);
      const isTheirs =
        run?.organizationId === organizationId &&
        (run.unit === null || run.unit === patientUuid) &&
        own.some(({ id }) => id === run.connectionId);
      if (run === undefined || !isTheirs) throw new HttpError(404, 'not_found', 'Sync not found');
      return { syncId: run.id, state: run.state, outcome: run.outcome, problem: problemOf(run) };
    },
  );

  /** Those that fill the fileset; while none has, the only one that could. */
  async function connectionsOf(organizationId: string, patientUuid: string) {
    const fileset = await services.reports.fileset(organizationId, patientUuid);
    const all = services.connections.filter((connection) => connection.organizationId === organizationId);
    const filling = all
      .filter((connection) => isFileConnection(connection) || isRecordConnection(connection))
      .filter(({ id }) => fileset?.connectionIds.includes(id) === true);
    const files = all.filter(isFileConnection);
    const own: Connection[] = (fileset?.connectionIds.length ?? 0) === 0 && files.length === 1 ? files : filling;
    const isLeftOut = (connection: Connection) =>
      isFileConnection(connection) && connection.settings.activate === 'recorded' && fileset?.activated !== true;
    return { fileset, own, notActivated: own.length > 0 && own.every(isLeftOut) };
  }
}

function problemOf({ state, error }: RunRecord): { code: string; message: string; remedy: string } | null {
  if (state !== 'failed' || error === null) return null;
  const { code, message, remedy } = error;
  return { code, message, remedy };
}

/** Of who has no documents nothing is written down by runs that read those of everybody: what counts is when they read them. */
function whenEmpty(own: readonly Connection[], states: readonly State[]): string | null {
  const readAll = own.every((connection) => isFileConnection(connection) && connection.settings.activate === 'all');
  if (!readAll) return null;
  const [first] = states.map(({ lastCompleteReadAt }) => lastCompleteReadAt ?? '').sort();
  return first === undefined || first === '' ? null : first;
}
