/** `/api/v1/cliniko`: an organisation's connection to Cliniko, by the words of the interface that came before. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import type { RecordMode } from '../../domain/run.ts';
import { isRecordConnection, type RecordConnection } from '../../runs/connections.ts';
import { scheduleOf } from '../../runs/scheduler.ts';
import type { Access } from '../access.ts';
import { failureAnswer, HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { HistoryEntry, historyEntryOf } from '../run-answers.ts';
import { askForRun } from '../run-start.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const MODES: Readonly<Record<string, { readonly mode: RecordMode; readonly name: string }>> = {
  comprehensive: { mode: 'comprehensive', name: 'Comprehensive' },
  full: { mode: 'comprehensive', name: 'Comprehensive' },
  incremental: { mode: 'incremental', name: 'Incremental' },
  active: { mode: 'active', name: 'Active' },
  basic: { mode: 'patients-only', name: 'Basic' },
  'patients-only': { mode: 'patients-only', name: 'Patients-only' },
};

const Instant = Type.String({ format: 'date-time' });
const NullableInstant = Type.Union([Instant, Type.Null()]);
const NullableText = Type.Union([Type.String(), Type.Null()]);
const count = () => Type.Integer({ minimum: 0 });

export const ClinikoPath = Type.Object({
  organizationId: Type.String({ maxLength: 64, description: 'Id of the organisation.' }),
});
export const WhichConnection = {
  connection: Type.Optional(
    Type.String({ maxLength: 64, description: 'Id of the connection; needed when there are several to Cliniko.' }),
  ),
};

interface Params {
  Params: { organizationId: string };
}

export function clinikoRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const now = () => new Date().toISOString();
  const shared = { tags: ['cliniko'], headers: SelectOrganization, params: ClinikoPath };

  /** @returns the run that was asked for, or the one in progress */
  async function start(
    request: FastifyRequest,
    reply: FastifyReply,
    connection: RecordConnection,
    mode: RecordMode,
  ): Promise<{ runId: string; started: boolean }> {
    await access.countStart(request, reply);
    try {
      return { runId: (await askForRun(services, access, request, connection, { mode })).runId, started: true };
    } catch (error) {
      if (error instanceof SyncError && error.code === 'connection_busy' && error.detail !== undefined) {
        return { runId: error.detail, started: false };
      }
      throw error;
    }
  }

  app.post<Params & { Querystring: { mode?: string; force_full?: boolean; connection?: string } }>(
    '/api/v1/cliniko/sync/:organizationId',
    {
      schema: {
        ...shared,
        summary: 'Start a sync of the connection to Cliniko',
        operationId: 'clinikoSync',
        querystring: Type.Object(
          {
            mode: Type.Optional(
              Type.String({
                maxLength: 30,
                description:
                  'comprehensive (default): everything, what is gone is removed; incremental: what changed; active: all patients and appointments from 30 days back on; basic, patients-only: no appointments.',
              }),
            ),
            force_full: Type.Optional(Type.Boolean({ description: 'The same as mode=comprehensive.' })),
            ...WhichConnection,
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            {
              success: Type.Boolean(),
              message: Type.String(),
              organization_id: Type.String(),
              sync_mode: Type.String(),
              sync_id: Type.String(),
              timestamp: Instant,
            },
            { description: 'Started, or in progress already: then with the id of that run.' },
          ),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run', request.params.organizationId);
      const asked = request.query.force_full === true ? 'comprehensive' : (request.query.mode ?? 'comprehensive');
      const known = Object.hasOwn(MODES, asked) ? MODES[asked] : undefined;
      if (known === undefined) {
        throw new HttpError(400, 'invalid_request', `mode is one of ${Object.keys(MODES).join(', ')}.`);
      }
      const connection = clinikoConnectionOf(services, organizationId, request.query.connection);
      const { runId, started } = await start(request, reply, connection, known.mode);
      return {
        success: true,
        message: started ? `${known.name} Cliniko sync started successfully` : 'Sync already in progress',
        organization_id: organizationId,
        sync_mode: asked,
        sync_id: runId,
        timestamp: now(),
      };
    },
  );

  app.post<Params & { Querystring: { connection?: string } }>(
    '/api/v1/cliniko/import-patients/:organizationId',
    {
      schema: {
        ...shared,
        summary: 'Copy all patients, without appointments',
        description: 'Follow it under /api/v1/sync/progress/{import_id}. Nothing is removed.',
        operationId: 'clinikoImportPatients',
        querystring: Type.Object(WhichConnection, { additionalProperties: false }),
        response: {
          200: Type.Object(
            {
              success: Type.Boolean(),
              message: Type.String(),
              organization_id: Type.String(),
              import_id: Type.String(),
              timestamp: Instant,
            },
            { description: 'Started, or a run is in progress already: then with its id.' },
          ),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run', request.params.organizationId);
      const connection = clinikoConnectionOf(services, organizationId, request.query.connection);
      const { runId, started } = await start(request, reply, connection, 'patients-only');
      return {
        success: true,
        message: started ? 'Patient import started successfully' : 'Sync already in progress',
        organization_id: organizationId,
        import_id: runId,
        timestamp: now(),
      };
    },
  );

  app.get<Params & { Querystring: { connection?: string } }>(
    '/api/v1/cliniko/test-connection/:organizationId',
    {
      schema: {
        ...shared,
        summary: 'Ask Cliniko who we are, now',
        operationId: 'clinikoTestConnection',
        querystring: Type.Object(WhichConnection, { additionalProperties: false }),
        response: {
          200: Type.Object(
            {
              success: Type.Boolean(),
              connection_status: Type.Enum(['healthy', 'unauthorised', 'unreachable', 'rate_limited', 'error']),
              api_region: NullableText,
              response_time_ms: Type.Union([Type.Number(), Type.Null()]),
              test_timestamp: Instant,
              error: Type.Optional(Type.String()),
              details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
            },
            { description: 'How it went; a failure is an answer, too.' },
          ),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run', request.params.organizationId);
      const connection = clinikoConnectionOf(services, organizationId, request.query.connection);
      await access.countStart(request, reply);
      try {
        const { responseMs, region } = await connection.ports.source.probe(AbortSignal.timeout(TEST_MS));
        return {
          success: true,
          connection_status: 'healthy',
          api_region: region,
          response_time_ms: Math.round(responseMs),
          test_timestamp: now(),
        };
      } catch (error) {
        const failure = toSyncError(error, 'source_timeout');
        const told = failure.code === 'cancelled' ? new SyncError('source_timeout') : failure;
        const { error: sentence, details } = failureAnswer(told);
        const code = CODES[told.code];
        return {
          success: false,
          connection_status: STATUSES[told.code] ?? 'error',
          api_region: null,
          response_time_ms: null,
          test_timestamp: now(),
          error: sentence,
          details: { ...(details as object), ...(code === undefined ? {} : { error_code: code }) },
        };
      }
    },
  );

  app.get<
    Params & {
      Querystring: { connection?: string; include_logs?: boolean; logs_limit?: number; include_health_check?: boolean };
    }
  >(
    '/api/v1/cliniko/status/:organizationId',
    {
      schema: {
        ...shared,
        summary: 'How the connection to Cliniko is',
        operationId: 'clinikoStatus',
        querystring: Type.Object(
          {
            ...WhichConnection,
            include_logs: Type.Optional(Type.Boolean()),
            logs_limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
            include_health_check: Type.Optional(Type.Boolean()),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            {
              organization_id: Type.String(),
              connection_id: Type.String(),
              cliniko_connected: Type.Boolean({ description: 'A run has succeeded and the last one was not refused.' }),
              api_region: NullableText,
              last_sync: NullableInstant,
              total_patients: count(),
              active_patients: count(),
              total_appointments: count(),
              synced_patients: count(),
              sync_percentage: Type.Number({ description: 'Of the stored patients: all of them come from Cliniko.' }),
              last_sync_time: NullableInstant,
              status: Type.Enum(['connected', 'no_data'], {
                description: 'Whether something was copied. Whether the source still answers: `cliniko_connected`.',
              }),
              sync_enabled: Type.Boolean({ description: 'The schedule starts it.' }),
              credentials_valid: Type.Boolean({ description: 'There are some, and they were not refused last time.' }),
              sync_status: Type.Enum(['healthy', 'degraded', 'failing', 'never_synced', 'disabled'], {
                description:
                  '`degraded`: items failed, deletions wait for a person, or the last run left something out.',
              }),
              status_reason: NullableText,
              timestamp: Instant,
              sync_logs: Type.Optional(Type.Array(HistoryEntry)),
              sync_logs_count: Type.Optional(count()),
              health_check: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
            },
            { description: 'Its state, and what was copied.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read', request.params.organizationId);
      const connection = clinikoConnectionOf(services, organizationId, request.query.connection);
      const logs = request.query.logs_limit ?? 10;
      const [totals, reports, states, recent, region] = await Promise.all([
        services.clinic.totals(organizationId, connection.id),
        services.reports.connections(organizationId),
        services.schedules.states(),
        services.runs.runs({ organizationId, connectionId: connection.id }, Math.max(logs, RUNS_LOOKED_AT)),
        connection.region(),
      ]);
      // A read of patients alone makes nothing good of what another run left out.
      const whole = recent.find(
        (run) => run.mode !== 'patients-only' && ['success', 'partial'].includes(run.outcome ?? ''),
      );
      const report = reports.find((c) => c.connectionId === connection.id);
      const schedule = states.find((s) => s.organizationId === organizationId && s.connectionId === connection.id);
      const failedWith = schedule?.consecutiveFailures === 0 ? null : (schedule?.lastFailureCode ?? null);
      const refused = failedWith === 'source_credentials' || failedWith === 'credentials_missing';
      const enabled =
        services.schedulerActive && scheduleOf(connection, schedule) !== null && schedule?.paused === false;
      const last = report?.lastSuccessAt ?? null;
      const status = statusOf({
        paused: schedule?.paused ?? false,
        neverSynced: last === null,
        failing: failedWith !== null,
        degraded: (report?.openFailures ?? 0) + (report?.heldItems ?? 0) > 0 || whole?.outcome === 'partial',
      });
      return {
        organization_id: organizationId,
        connection_id: connection.id,
        cliniko_connected: last !== null && failedWith === null,
        api_region: region,
        last_sync: last,
        total_patients: totals.patients,
        active_patients: totals.activePatients,
        total_appointments: totals.appointments,
        // Earlier servers kept patients from elsewhere beside those of Cliniko.
        synced_patients: totals.patients,
        sync_percentage: totals.patients === 0 ? 0 : 100,
        last_sync_time: last,
        status: totals.patients === 0 ? 'no_data' : 'connected',
        sync_enabled: enabled,
        credentials_valid: !refused,
        sync_status: status,
        status_reason: report?.stateReason ?? null,
        timestamp: now(),
        ...(request.query.include_logs === true
          ? {
              sync_logs: recent.slice(0, logs).map((run) => historyEntryOf(run)),
              sync_logs_count: Math.min(recent.length, logs),
            }
          : {}),
        ...(request.query.include_health_check === true
          ? {
              health_check: {
                has_credentials: failedWith !== 'credentials_missing',
                credentials_active: !refused,
                sync_enabled: enabled,
                has_patients: totals.patients > 0,
                has_synced_data: last !== null,
                high_sync_rate: totals.patients > 0,
                service_last_sync: last,
              },
            }
          : {}),
      };
    },
  );
}

const TEST_MS = 30_000;

const STATUSES: Readonly<Record<string, string>> = {
  source_credentials: 'unauthorised',
  source_permission: 'unauthorised',
  credentials_missing: 'unauthorised',
  source_unreachable: 'unreachable',
  source_timeout: 'unreachable',
  source_rate_limited: 'rate_limited',
};

/** As clients of the earlier server know them. */
const CODES: Readonly<Record<string, string>> = {
  credentials_missing: 'CLINIKO_CREDENTIALS_MISSING',
  source_timeout: 'CLINIKO_API_TIMEOUT',
  source_unreachable: 'CLINIKO_API_UNREACHABLE',
  source_contract_changed: 'CLINIKO_BAD_RESPONSE',
  source_rate_limited: 'RATE_LIMITED',
};

/** Among them is the last one that came to its end, whatever waits or was cancelled since. */
const RUNS_LOOKED_AT = 20;

function statusOf(state: { paused: boolean; neverSynced: boolean; failing: boolean; degraded: boolean }): string {
  if (state.failing) return 'failing';
  if (state.paused) return 'disabled';
  if (state.neverSynced) return 'never_synced';
  return state.degraded ? 'degraded' : 'healthy';
}

/** @throws HttpError 404, 400 */
export function clinikoConnectionOf(
  services: ApiServices,
  organizationId: string,
  named: string | undefined,
): RecordConnection {
  const own = services.connections.filter(isRecordConnection).filter((c) => c.organizationId === organizationId);
  const matches = named === undefined ? own : own.filter((c) => c.id === named);
  const [first] = matches;
  if (first === undefined) throw new HttpError(404, 'not_found', 'No such connection to Cliniko.');
  if (matches.length > 1) {
    const names = matches.map((c) => c.id).join(', ');
    throw new HttpError(400, 'invalid_request', `Name one of the connections in "connection": ${names}.`);
  }
  return first;
}
