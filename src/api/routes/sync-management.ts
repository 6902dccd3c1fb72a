/** `/api/v1/sync`: runs of an organisation – start them, see the scheduler, the history, what is going on. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import type { Enqueued } from '../../ports/run-queue.ts';
import type { Connection } from '../../runs/connections.ts';
import { modeFor, type Thoroughness } from '../../runs/modes.ts';
import { scheduleOf } from '../../runs/scheduler.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { HistoryEntry, historyEntryOf, type ProgressOf, statusOfRun, stepOf } from '../run-answers.ts';
import { askForRun } from '../run-start.ts';
import { Progress, SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const OrganizationPath = Type.Object({
  organizationId: Type.String({ maxLength: 64, description: 'Id of the organisation.' }),
});

const MODES: Readonly<Record<string, Thoroughness>> = {
  active: 'active',
  comprehensive: 'comprehensive',
  full: 'comprehensive',
};

const StartQuery = Type.Object(
  {
    sync_mode: Type.Optional(
      Type.String({
        maxLength: 30,
        description:
          'active (default): what changed by its records; comprehensive, or full: everything is looked at again.',
      }),
    ),
  },
  { additionalProperties: false },
);

const NOTHING = { patients: 0, appointments: 0 };

const Instant = Type.String({ format: 'date-time' });
const NullableInstant = Type.Union([Instant, Type.Null()]);
const NullableText = Type.Union([Type.String(), Type.Null()]);

const NotStarted = Type.Array(
  Type.Object({ connection_id: Type.String(), error_type: Type.String(), message: Type.String() }),
  { description: 'Connections that could not be started, e.g. because they are paused, and why.' },
);

const Triggered = Type.Object(
  {
    message: Type.String(),
    sync_started: Type.Boolean(),
    organization_id: Type.String(),
    sync_id: NullableText,
    sync_ids: Type.Array(Type.String(), { description: 'One for each connection.' }),
    not_started: NotStarted,
    timestamp: Instant,
  },
  { description: 'Started, or in progress already.' },
);

const StartedTracked = Type.Object(
  {
    message: Type.String(),
    sync_id: Type.String(),
    sync_ids: Type.Array(Type.String()),
    not_started: NotStarted,
    sync_mode: Type.String(),
    organization_id: Type.String(),
    status: Type.String(),
    started_at: Instant,
    progress_percentage: Type.Optional(Type.Number()),
  },
  { description: 'Started, or in progress already: then with the id of that run.' },
);

/** As in a history, and how far it is. */
const CurrentSync = Type.Object({ ...Progress.properties, ...HistoryEntry.properties });

export function syncManagementRoutes(
  app: FastifyInstance,
  services: ApiServices,
  access: Access,
  progressOf: ProgressOf,
): void {
  const now = () => new Date().toISOString();

  const trigger = (path: string, operationId: string, summary: string, message: string) =>
    app.post(
      path,
      {
        schema: {
          summary,
          description: 'Starts a run of every connection of the organisation that has none in progress.',
          operationId,
          tags: ['sync management'],
          headers: SelectOrganization,
          response: { 200: Triggered, ...refusals(...ACCESS_REFUSALS, 409) },
        },
      },
      async (request, reply) => {
        const organizationId = await access.authorize(request, 'sync:run');
        const { started, busy, refused } = await startAll(services, access, request, reply, organizationId, 'changes');
        const ids = started.map((run) => run.runId);
        return {
          message: ids.length > 0 ? message : 'Sync already in progress',
          sync_started: ids.length > 0,
          organization_id: organizationId,
          sync_id: ids[0] ?? busy[0] ?? null,
          sync_ids: [...ids, ...busy],
          not_started: refused,
          timestamp: now(),
        };
      },
    );
  trigger('/api/v1/sync/trigger', 'syncTrigger', 'Start a sync of the organisation', 'Sync started successfully');
  trigger(
    '/api/v1/sync/scheduler/trigger',
    'schedulerTrigger',
    'Start the scheduled sync now',
    'Scheduled sync triggered successfully',
  );

  app.post<{ Params: { organizationId: string }; Querystring: { sync_mode?: string } }>(
    '/api/v1/sync/start/:organizationId',
    {
      schema: {
        summary: 'Start a sync and follow it',
        operationId: 'syncStart',
        tags: ['sync management'],
        headers: SelectOrganization,
        params: OrganizationPath,
        querystring: StartQuery,
        response: { 200: StartedTracked, ...refusals(...ACCESS_REFUSALS, 409, 422) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run', request.params.organizationId);
      const asked = request.query.sync_mode ?? 'active';
      const mode = Object.hasOwn(MODES, asked) ? MODES[asked] : undefined;
      if (mode === undefined) {
        throw new HttpError(422, 'invalid_request', 'sync_mode is active, comprehensive or full.');
      }
      const { started, busy, refused } = await startAll(services, access, request, reply, organizationId, mode);
      const [first] = started;
      const named = asked === 'full' ? 'comprehensive' : asked;
      if (first !== undefined) {
        return {
          message: `Sync started successfully in ${named} mode`,
          sync_id: first.runId,
          sync_ids: started.map((run) => run.runId),
          not_started: refused,
          sync_mode: named,
          organization_id: organizationId,
          status: 'starting',
          started_at: now(),
        };
      }
      const run = await services.runs.run(organizationId, busy[0] ?? '');
      return {
        message: 'Sync already in progress',
        sync_id: busy[0] ?? '',
        sync_ids: busy,
        not_started: refused,
        sync_mode: named,
        organization_id: organizationId,
        status: run === null ? 'running' : statusOfRun(run),
        started_at: run?.startedAt ?? now(),
        progress_percentage: run?.percentage ?? 0,
      };
    },
  );

  app.get(
    '/api/v1/sync/scheduler/status',
    {
      schema: {
        summary: 'Does the schedule run, and when did it last?',
        operationId: 'schedulerStatus',
        tags: ['sync management'],
        headers: SelectOrganization,
        response: {
          200: Type.Object(
            {
              organization_id: Type.String(),
              sync_running: Type.Boolean(),
              last_sync_time: NullableInstant,
              scheduler_active: Type.Boolean({
                description: 'Some connection of the organisation is synchronised by itself.',
              }),
              message: Type.String(),
            },
            { description: 'The state of the schedule.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const [statistics, open, states] = await Promise.all([
        services.history.statistics(organizationId),
        services.history.open([organizationId]),
        services.schedules.states(),
      ]);
      const active = (connection: Connection) => {
        const state = states.find((s) => s.organizationId === organizationId && s.connectionId === connection.id);
        return state?.paused === false && !connection.dryRun && scheduleOf(connection, state) !== null;
      };
      return {
        organization_id: organizationId,
        sync_running: open.length > 0,
        last_sync_time: statistics.lastAt,
        scheduler_active: services.schedulerActive && connectionsOf(services, organizationId).some(active),
        message: 'Scheduler status retrieved successfully',
      };
    },
  );

  app.get<{ Params: { organizationId: string }; Querystring: { limit?: number } }>(
    '/api/v1/sync/history/:organizationId',
    {
      schema: {
        summary: 'Past runs of the organisation, with their statistics',
        description:
          'records_processed counts every item that a run looked at, unchanged ones included. Cancelled runs are in total_syncs only.',
        operationId: 'syncHistory',
        tags: ['sync management'],
        headers: SelectOrganization,
        params: OrganizationPath,
        querystring: Type.Object(
          { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'Default 10.' })) },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            {
              organization_id: Type.String(),
              total_syncs: Type.Integer(),
              successful_syncs: Type.Integer(),
              failed_syncs: Type.Integer(),
              last_sync_at: NullableInstant,
              last_successful_sync_at: NullableInstant,
              average_sync_duration_seconds: Type.Union([Type.Number(), Type.Null()]),
              recent_syncs: Type.Array(HistoryEntry),
            },
            { description: 'Newest first.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read', request.params.organizationId);
      const [statistics, recent] = await Promise.all([
        services.history.statistics(organizationId),
        services.history.recent(organizationId, request.query.limit ?? 10),
      ]);
      const ofRecords = recent.filter((run) => run.connector === 'cliniko').map((run) => run.id);
      const processed = await services.history.processed(organizationId, ofRecords);
      return {
        organization_id: organizationId,
        total_syncs: statistics.total,
        successful_syncs: statistics.successful,
        failed_syncs: statistics.failed,
        last_sync_at: statistics.lastAt,
        last_successful_sync_at: statistics.lastSuccessfulAt,
        average_sync_duration_seconds: statistics.averageSeconds,
        recent_syncs: recent.map((run) =>
          historyEntryOf(run, run.connector === 'cliniko' ? (processed.get(run.id) ?? NOTHING) : undefined),
        ),
      };
    },
  );

  app.post(
    '/api/v1/sync/cleanup',
    {
      schema: {
        summary: 'Look after runs whose process is gone',
        description:
          'Done by itself every two seconds; here at once. Such a run is continued by another process, or ends. A long run that is well is left alone.',
        operationId: 'syncCleanup',
        tags: ['sync management'],
        headers: SelectOrganization,
        response: {
          200: Type.Object(
            { message: Type.String(), cleaned_syncs: Type.Integer(), timestamp: Instant },
            { description: 'How many were touched.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizations = await access.authorizeAll(request, 'sync:run');
      let cleaned = 0;
      for (const organizationId of organizations) {
        const touched = await services.queue.takeOver([organizationId]);
        // What was done for others is no business of this one's log.
        await access.note(request, { organizationId, action: 'sync.cleanup', details: { touched } });
        cleaned += touched;
      }
      return {
        message: `Cleaned up ${cleaned} stale ${cleaned === 1 ? 'sync' : 'syncs'}`,
        cleaned_syncs: cleaned,
        timestamp: now(),
      };
    },
  );

  app.get<{ Params: { organizationId: string } }>(
    '/api/v1/sync/status/organization/:organizationId',
    {
      schema: {
        summary: 'The newest run of the organisation',
        operationId: 'syncStatusOfOrganization',
        tags: ['sync management'],
        headers: SelectOrganization,
        params: OrganizationPath,
        response: {
          200: Type.Union(
            [
              HistoryEntry,
              Type.Object({ organization_id: Type.String(), status: Type.String(), message: Type.String() }),
            ],
            { description: 'Or that there is none.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read', request.params.organizationId);
      const [run] = await services.history.recent(organizationId, 1);
      if (run !== undefined) return historyEntryOf(run);
      return { organization_id: organizationId, status: 'no_sync_found', message: 'There was no sync yet.' };
    },
  );

  app.get(
    '/api/v1/sync/active',
    {
      schema: {
        summary: 'Runs that wait or are in progress',
        operationId: 'activeSyncs',
        tags: ['sync management'],
        headers: SelectOrganization,
        response: {
          200: Type.Object(
            {
              active_syncs: Type.Array(
                Type.Object({
                  sync_id: Type.String(),
                  organization_id: Type.String(),
                  connection_id: Type.String(),
                  status: Type.String(),
                  progress_percentage: Type.Number(),
                  current_step: Type.String(),
                  started_at: Instant,
                }),
              ),
              total_active: Type.Integer(),
            },
            { description: 'Oldest first.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const open = await services.history.open(await access.authorizeAll(request, 'sync:read'));
      return {
        active_syncs: open.map((run) => ({
          sync_id: run.id,
          organization_id: run.organizationId,
          connection_id: run.connectionId,
          status: statusOfRun(run),
          progress_percentage: run.percentage,
          current_step: stepOf(run),
          started_at: run.startedAt,
        })),
        total_active: open.length,
      };
    },
  );

  app.get<{ Params: { organizationId: string } }>(
    '/api/v1/sync/dashboard/:organizationId',
    {
      schema: {
        summary: 'What a dashboard shows of the organisation',
        operationId: 'syncDashboard',
        tags: ['sync management'],
        headers: SelectOrganization,
        params: OrganizationPath,
        response: {
          200: Type.Object(
            {
              organization_id: Type.String(),
              current_sync: Type.Union([CurrentSync, Type.Null()]),
              last_sync: Type.Union([HistoryEntry, Type.Null()]),
              patient_stats: Type.Object(
                {
                  total_patients: Type.Integer(),
                  active_patients: Type.Integer(),
                  patients_with_upcoming: Type.Integer(),
                  patients_with_recent: Type.Integer(),
                  last_sync_time: NullableInstant,
                },
                { description: 'Of connections that copy records.' },
              ),
              connections: Type.Array(Type.Record(Type.String(), Type.Unknown())),
              sync_available: Type.Boolean({ description: 'A connection could be started now.' }),
            },
            { description: 'Now, last, and each connection.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read', request.params.organizationId);
      const [open, recent, connections, totals] = await Promise.all([
        services.history.open([organizationId]),
        services.history.recent(organizationId, 20),
        services.reports.connections(organizationId),
        services.clinic.totals(organizationId),
      ]);
      const last = recent.find((run) => run.finishedAt !== null);
      const busy = new Set(open.map((run) => run.connectionId));
      return {
        organization_id: organizationId,
        current_sync: open[0] === undefined ? null : { ...(await progressOf(open[0])), ...historyEntryOf(open[0]) },
        last_sync: last === undefined ? null : historyEntryOf(last),
        patient_stats: {
          total_patients: totals.patients,
          active_patients: totals.activePatients,
          patients_with_upcoming: totals.withUpcoming,
          patients_with_recent: totals.withRecent,
          last_sync_time: totals.lastSyncedAt,
        },
        connections: connections.map((c) => ({
          connection_id: c.connectionId,
          connector: c.connector,
          state: c.state,
          state_reason: c.stateReason,
          documents: c.documents,
          patients: c.filesets,
          open_failures: c.openFailures,
          held_items: c.heldItems,
          last_success_at: c.lastSuccessAt,
          consecutive_failures: c.consecutiveFailures,
        })),
        sync_available: connections.some((c) => c.state === 'active' && !busy.has(c.connectionId)),
      };
    },
  );
}

function connectionsOf(services: ApiServices, organizationId: string): readonly Connection[] {
  return services.connections.filter((c) => c.organizationId === organizationId);
}

interface Refused {
  readonly connection_id: string;
  readonly error_type: string;
  readonly message: string;
}

/** @throws HttpError 409 when nothing could be started for another reason than a run in progress */
async function startAll(
  services: ApiServices,
  access: Access,
  request: FastifyRequest,
  reply: FastifyReply,
  organizationId: string,
  asked: Thoroughness,
): Promise<{ started: readonly Enqueued[]; busy: readonly string[]; refused: readonly Refused[] }> {
  const connections = connectionsOf(services, organizationId);
  if (connections.length === 0) {
    throw new HttpError(409, 'no_connection', 'The organisation has no connection to synchronise.');
  }
  await access.countStart(request, reply);
  const started: Enqueued[] = [];
  const busy: string[] = [];
  const refused: Refused[] = [];
  let first: unknown = null;
  for (const connection of connections) {
    try {
      started.push(await askForRun(services, access, request, connection, { mode: modeFor(connection, asked) }));
    } catch (error) {
      if (error instanceof SyncError && error.code === 'connection_busy' && error.detail !== undefined) {
        busy.push(error.detail);
        continue;
      }
      first ??= error;
      refused.push(refusedOf(connection, error));
    }
  }
  if (started.length + busy.length === 0 && first !== null) throw first;
  return { started, busy, refused };
}

function refusedOf(connection: Connection, error: unknown): Refused {
  if (error instanceof HttpError) {
    return { connection_id: connection.id, error_type: error.errorType, message: error.message };
  }
  const { code, message } = toSyncError(error);
  return { connection_id: connection.id, error_type: code, message };
}
