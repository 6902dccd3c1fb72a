/** `/api/sync`: start a run for VSRX, and what a patient's fileset looks like. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import { FILE_MODES, type FileMode, type ItemFailure, retriesOf } from '../../domain/run.ts';
import { failureKey } from '../../engine/files/read-changes.ts';
import { type Difference, type VerifyResult, verifyFiles } from '../../engine/files/verify-files.ts';
import { blobName } from '../../ports/blob-store.ts';
import type { RunUnit } from '../../ports/reports.ts';
import type { RunEnd } from '../../ports/run-store.ts';
import { compareIndex, type IndexComparison } from '../../runs/compare-index.ts';
import { type FileConnection, isFileConnection, isRecordConnection } from '../../runs/connections.ts';
import type { Access } from '../access.ts';
import { failureAnswer, HttpError, statusOf } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { askForRun, endOf } from '../run-start.ts';
import { PatientRunAnswer, PatientStatus, RunSummaryAnswer, SelectOrganization, Started } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const StartQuery = Type.Object(
  {
    wait: Type.Optional(Type.Boolean({ description: 'Answer when the run has ended, with its summary.' })),
    mode: Type.Optional(Type.Enum([...FILE_MODES], { description: 'How much to read; default quick.' })),
    connection: Type.Optional(
      Type.String({ maxLength: 64, description: 'Needed when there are several VSRX connections.' }),
    ),
  },
  { additionalProperties: false },
);

const PatientId = Type.Object({ patientId: Type.String({ description: 'silknotePatientUuid of the patient.' }) });

interface StartQuery {
  wait?: boolean;
  mode?: FileMode;
  connection?: string;
}

export function syncRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.post<{ Querystring: StartQuery }>(
    '/api/sync/vsrx',
    {
      schema: {
        summary: 'Synchronise all activated filesets',
        description:
          'Starts a run, as "chartsync sync" does. Answers at once, or with wait=true when the run has ended.',
        operationId: 'syncVsrx',
        tags: ['sync'],
        headers: SelectOrganization,
        querystring: StartQuery,
        response: { 200: RunSummaryAnswer, 202: Started, ...refusals(...ACCESS_REFUSALS, 409, 502, 504) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const connection = connectionOf(services, organizationId, request.query.connection);
      await access.countStart(request, reply);
      return start(services, access, connection, request, reply);
    },
  );

  app.post<{ Params: { patientId: string }; Querystring: StartQuery }>(
    '/api/sync/vsrx/patient/:patientId',
    {
      schema: {
        summary: 'Synchronise the fileset of one patient',
        description: 'For a targeted repeat after errors.',
        operationId: 'syncVsrxPatient',
        tags: ['sync'],
        headers: SelectOrganization,
        params: PatientId,
        querystring: StartQuery,
        response: { 200: PatientRunAnswer, 202: Started, ...refusals(...ACCESS_REFUSALS, 409, 502, 504) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const connection = connectionOf(services, organizationId, request.query.connection);
      const unit = patientOf(request.params.patientId);
      await access.countStart(request, reply);
      return start(services, access, connection, request, reply, unit);
    },
  );

  app.get<{ Params: { patientId: string } }>(
    '/api/sync/status/:patientId',
    {
      schema: {
        summary: 'Last sync of a patient, with the counts of all stores',
        description: 'Compares source, records and contents of the patient now; changes nothing.',
        operationId: 'patientSyncStatus',
        tags: ['sync'],
        headers: SelectOrganization,
        params: PatientId,
        response: { 200: PatientStatus, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const unit = patientOf(request.params.patientId);
      return access.audited(
        request,
        { organizationId, action: 'patient.status', subject: { kind: 'patient', id: unit } },
        () => patientStatus(services, organizationId, unit, request),
      );
    },
  );
}

function patientOf(text: string): string {
  const uuid = normaliseUuid(text);
  if (uuid === null) throw new HttpError(404, 'not_found', 'No such patient.');
  return uuid;
}

function connectionOf(services: ApiServices, organizationId: string, named: string | undefined): FileConnection {
  const own = services.connections.filter(isFileConnection).filter((c) => c.organizationId === organizationId);
  const matches = named === undefined ? own : own.filter((c) => c.id === named);
  const [first] = matches;
  if (first === undefined) throw new HttpError(404, 'not_found', 'No such VSRX connection.');
  if (matches.length > 1) {
    const names = matches.map((c) => c.id).join(', ');
    throw new HttpError(400, 'invalid_request', `Name one of the connections in "connection": ${names}.`);
  }
  return first;
}

async function start(
  services: ApiServices,
  access: Access,
  connection: FileConnection,
  request: FastifyRequest<{ Querystring: StartQuery }>,
  reply: FastifyReply,
  unit?: string,
): Promise<unknown> {
  if (connection.dryRun) {
    throw new HttpError(409, 'dry_run', 'This connection is configured for dry runs: use "chartsync plan".');
  }
  const mode = request.query.mode ?? 'quick';
  const run = await askForRun(services, access, request, connection, { mode, unit: unit ?? null });
  const statusUrl = `/api/v1/sync/progress/${run.runId}`;
  if (request.query.wait !== true) {
    return reply.status(202).send({ success: true, syncId: run.runId, status: run.state, statusUrl });
  }
  const result = await endOf(services, request, run.runId);
  const organizationId = connection.organizationId;
  const units = await services.reports.runUnits(organizationId, run.runId);
  const failures = await errorsOf(connection, units);
  if (result.state !== 'completed') {
    const failure = (result.error as RunEnd['error']) ?? new SyncError('unexpected');
    const status = failure.code === 'cancelled' ? 409 : statusOf(failure.code);
    return reply.status(status).send(failureAnswer(failure, { syncId: run.runId }));
  }
  const common = {
    success: true,
    syncId: run.runId,
    status: result.state,
    outcome: result.outcome,
    counts: result.counts,
  };
  if (unit === undefined) {
    const summary = await services.reports.runSummary(organizationId, run.runId);
    return { ...common, summary, errors: failures };
  }
  const own = units.find((u) => u.unit === unit);
  return {
    ...common,
    patientUuid: unit,
    filesAdded: own?.filesAdded ?? 0,
    filesDeleted: own?.filesDeleted ?? 0,
    errors: failures,
    // The shape of the sync script says "status" for the outcome of a patient.
    status: result.outcome,
  };
}

/** Error items in the sync script's shape. File names stay out: they often are patients' names. */
async function errorsOf(connection: FileConnection, units: readonly RunUnit[]): Promise<Record<string, unknown>[]> {
  const failed = units.flatMap((unit) => unit.errors.map((error: ItemFailure) => ({ ...error, at: unit.finishedAt })));
  if (failed.length === 0) return [];
  const [first] = failed;
  const one = failed.every(({ unit }) => unit === first?.unit) ? first?.unit : undefined;
  const open = await connection.ports.runs.openFailures(connection.settings, one);
  const attempts = new Map(open.map((failure) => [failureKey(failure), failure.attempts]));
  return failed.map((error) => ({
    timestamp: error.at,
    operation: error.operation === 'delete' ? 'delete' : 'add',
    fileId: error.reference,
    fileName: '',
    error: error.message,
    code: error.code,
    retryCount: retriesOf(attempts.get(failureKey(error))),
    resolved: false,
  }));
}

async function patientStatus(
  services: ApiServices,
  organizationId: string,
  unit: string,
  request: FastifyRequest,
): Promise<unknown> {
  const fileset = await services.reports.fileset(organizationId, unit);
  const connections = services.connections
    .filter(isFileConnection)
    .filter((c) => c.organizationId === organizationId && (fileset === null || fileset.connectionIds.includes(c.id)));
  const isOfRecords = (connectionId: string) =>
    services.connections.some(
      (c) => c.organizationId === organizationId && c.id === connectionId && isRecordConnection(c),
    );
  const differences: Difference[] = [];
  const failures: unknown[] = [];
  const results: VerifyResult[] = [];
  let sourceError: SyncError | null = null;
  for (const connection of connections) {
    const signal = AbortSignal.timeout(30_000);
    try {
      const open = await connection.ports.runs.openFailures(connection.settings, unit);
      failures.push(
        ...open.map((f) => ({
          id: f.id,
          fileId: f.reference,
          code: f.code,
          error: f.message,
          timestamp: f.lastAt,
          retryCount: retriesOf(f.attempts),
        })),
      );
      const result = await verifyFiles(connection.ports, connection.settings, { unit, content: false, signal }, (d) =>
        differences.push(d),
      );
      if (!result.complete) throw new SyncError('source_incomplete');
      results.push(result);
    } catch (error) {
      const failure = signal.aborted ? new SyncError('source_timeout') : toSyncError(error);
      if (failure.code === 'fileset_not_activated') continue;
      if (failure.code === 'database_unavailable') throw failure;
      request.log.warn({ code: failure.code }, 'status without source');
      sourceError = failure;
    }
  }
  const sourceFiles = results.reduce((sum, r) => sum + r.sourceItems, 0);
  if (fileset === null && sourceFiles === 0 && sourceError === null) {
    throw new HttpError(404, 'not_found', 'No such patient.');
  }
  // Also those that were brought instead of fetched.
  const documents = (await services.desk.list(organizationId, unit, { limit: 1 })).total;
  const compared = new Set(connections.map(({ id }) => id));
  differences.push(...(await lostContents(services, organizationId, unit, compared)));
  const lost = differences.filter((d) => d.store === 'blob' && d.kind === 'missing').length;
  const known = sourceError === null;
  // The lists of a source of records are compared as a whole: "chartsync verify".
  const isCompared = known && fileset?.connectionIds.every((id) => !isOfRecords(id)) !== false;
  const { index, indexError } = await indexOf(services, organizationId, unit, request);
  const found = differences.length + (index?.differences.length ?? 0);
  return {
    patientUuid: unit,
    lastSyncAttempt: fileset?.lastSyncAttempt ?? null,
    lastSuccessfulSync: fileset?.lastSuccessfulSync ?? null,
    consecutiveFailures: fileset?.consecutiveFailures ?? 0,
    status:
      fileset === null || fileset.lastSyncAttempt === null
        ? 'never_synced'
        : failures.length > 0 || (fileset.consecutiveFailures ?? 0) > 0
          ? 'partial'
          : 'success',
    errors: failures,
    // Unknown is not zero: without the source nothing is said about it.
    counts: {
      sourceFiles: isCompared ? sourceFiles : null,
      documents: known ? documents : null,
      blobs: known ? documents - lost : null,
      vectorStoreFiles: index?.entries ?? null,
    },
    // A store that does not answer agrees with nobody.
    consistent: isCompared && indexError === null ? found === 0 : null,
    missing: [
      ...differences
        .filter((d) => d.kind === 'missing')
        .map((d) => ({ store: d.store, fileId: d.reference, error: d.message, code: d.code })),
      ...indexDifferences(index, 'missing'),
    ],
    surplus: [
      ...differences
        .filter((d) => d.kind === 'surplus')
        .map((d) => ({ store: d.store, fileId: d.reference, error: d.message, code: d.code })),
      ...indexDifferences(index, 'surplus'),
    ],
    ...(sourceError === null ? {} : { sourceError: { code: sourceError.code, message: sourceError.message } }),
    ...(indexError === null ? {} : { indexError: { code: indexError.code, message: indexError.message } }),
  };
}

/** Documents without a blob that no connection compares: uploaded ones, attachments, those of a connection that is gone. */
async function lostContents(
  services: ApiServices,
  organizationId: string,
  unit: string,
  compared: ReadonlySet<string>,
): Promise<Difference[]> {
  const lost: Difference[] = [];
  for (let after: string | undefined; ; ) {
    const page = await services.desk.list(organizationId, unit, {
      limit: 500,
      ...(after === undefined ? {} : { after }),
    });
    for (const { connectionId, reference, documentUuid, sha256 } of page.documents) {
      if (connectionId !== null && compared.has(connectionId)) continue;
      if ((await services.blobs.stat(blobName(organizationId, sha256))) !== null) continue;
      const message = 'The document has no blob.';
      const what = { store: 'blob', kind: 'missing', message, code: 'blob_missing' } as const;
      lost.push({ ...what, unit, reference, documentUuid, sha256 });
    }
    if (page.next === null) return lost;
    after = page.next;
  }
}

/** No index without an error: none is configured. */
async function indexOf(
  services: ApiServices,
  organizationId: string,
  patientUuid: string,
  request: FastifyRequest,
): Promise<{ readonly index: IndexComparison | null; readonly indexError: SyncError | null }> {
  const { desk, search } = services;
  if (!search.capabilities.available) return { index: null, indexError: null };
  const signal = AbortSignal.timeout(30_000);
  try {
    const index = await compareIndex({ desk, search }, { organizationId, patientUuid, signal });
    return { index, indexError: null };
  } catch (error) {
    const failure = signal.aborted ? new SyncError('search_unavailable') : toSyncError(error);
    if (failure.code === 'database_unavailable') throw failure;
    request.log.warn({ code: failure.code }, 'status without index');
    return { index: null, indexError: failure };
  }
}

function indexDifferences(index: IndexComparison | null, kind: 'missing' | 'surplus') {
  // Another state of the document in the index lacks the present one.
  const own = (index?.differences ?? []).filter((d) => (d.kind === 'surplus' ? 'surplus' : 'missing') === kind);
  return own.map((d) => ({ store: 'index', fileId: d.documentUuid, error: d.message, code: null }));
}
