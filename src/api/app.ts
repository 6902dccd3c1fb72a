/** The HTTP server as a factory: nothing happens until `listen`. One file per group of routes. */
import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from 'fastify';
import type { Access } from './access.ts';
import { COMPONENT_FILES, componentFiles } from './component-files.ts';
import { allowComponentOrigins } from './component-origins.ts';
import { limitPatience } from './database-patience.ts';
import { DOCS, docsPage } from './docs-page.ts';
import { answerUnreadable, HttpError, handleError } from './errors.ts';
import { fhirRoutes } from './fhir/routes.ts';
import { createModelAnswers } from './model-answers.ts';
import { describeRoutes } from './openapi.ts';
import { createRequestTimes } from './request-times.ts';
import { alertRoutes } from './routes/alerts.ts';
import { auditRoutes } from './routes/audit.ts';
import { bookingRoutes } from './routes/bookings.ts';
import { caseSummaryRoutes } from './routes/case-summary.ts';
import { clinicRecordRoutes } from './routes/clinic-records.ts';
import { clinicScheduleRoutes } from './routes/clinic-schedule.ts';
import { clinikoRoutes } from './routes/cliniko.ts';
import { clinikoStatsRoutes } from './routes/cliniko-stats.ts';
import { connectionRunRoutes } from './routes/connection-runs.ts';
import { connectionScheduleRoutes } from './routes/connection-schedule.ts';
import { connectionSettingsRoutes } from './routes/connection-settings.ts';
import { connectionRoutes } from './routes/connections.ts';
import { consistencyRoutes } from './routes/consistency.ts';
import { consultationRoutes } from './routes/consultations.ts';
import { credentialRoutes } from './routes/credentials.ts';
import { documentCopyRoutes } from './routes/document-copies.ts';
import { documentDetailRoutes } from './routes/document-details.ts';
import { documentPartRoutes } from './routes/document-parts.ts';
import { documentRemovalRoutes } from './routes/document-removal.ts';
import { documentRoutes } from './routes/documents.ts';
import { duplicateRoutes } from './routes/duplicates.ts';
import { failureDecisionRoutes } from './routes/failure-decisions.ts';
import { failureRoutes } from './routes/failures.ts';
import { filesetOwnerRoutes } from './routes/fileset-owners.ts';
import { filesetRoutes } from './routes/filesets.ts';
import { groupRoutes } from './routes/groups.ts';
import { HEALTH_PATHS, healthRoutes } from './routes/health.ts';
import { heldRoutes } from './routes/held.ts';
import { idexxStatusRoutes } from './routes/idexx-status.ts';
import { inspectionRoutes } from './routes/inspections.ts';
import { keyRoutes } from './routes/keys.ts';
import { landingRoute } from './routes/landing.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { migrationRoutes } from './routes/migrations.ts';
import { patientDocumentRoutes } from './routes/patient-documents.ts';
import { patientEventRoutes } from './routes/patient-events.ts';
import { patientSyncRoutes } from './routes/patient-sync.ts';
import { patientRoutes } from './routes/patients.ts';
import { processRoutes } from './routes/process.ts';
import { questionRoutes } from './routes/questions.ts';
import { runDetailRoutes } from './routes/run-details.ts';
import { runLogRoutes } from './routes/run-log.ts';
import { runRoutes } from './routes/runs.ts';
import { scheduleSyncRoutes } from './routes/schedule-sync.ts';
import { searchRoutes } from './routes/search.ts';
import { SESSION_PATH, sessionRoutes } from './routes/session.ts';
import { settingsRoutes } from './routes/settings.ts';
import { SIGN_IN_PATHS, signInRoutes } from './routes/sign-in.ts';
import { statisticsRoutes } from './routes/statistics.ts';
import { syncRoutes } from './routes/sync.ts';
import { syncManagementRoutes } from './routes/sync-management.ts';
import { syncPhaseRoutes } from './routes/sync-phases.ts';
import { unreadDocumentRoutes } from './routes/unread-documents.ts';
import { userRoutes } from './routes/users.ts';
import { createProgress } from './run-answers.ts';
import { describeSchemaMistakes } from './schema-mistake.ts';
import type { ApiServices } from './services.ts';
import { serveSockets } from './sockets.ts';
import { isAsset, isPageRequest, type WebApp, webPages } from './web-app.ts';

export interface AppOptions {
  readonly services: ApiServices;
  readonly access: Access;
  /** Whether an address may say in X-Forwarded-For whom it speaks for. */
  readonly isTrustedProxy: (address: string) => boolean;
  /** worker: only the routes about its own state. */
  readonly role: 'api' | 'worker' | 'all';
  readonly version: string;
  /** The pages for the browser; absent: they were not built, and `/` says what to do. */
  readonly web?: WebApp | null;
  /** Origins whose pages may use the routes of one patient; absent: none. */
  readonly componentOrigins?: readonly string[];
  /** Watches requests; called before any route. */
  readonly instrument?: (app: FastifyInstance) => void;
  readonly logger?: FastifyBaseLogger;
}

/** Routes without a key. */
const PUBLIC = new Set(['/', ...HEALTH_PATHS, '/ready', '/openapi.json'] as string[]);
function isPublic({ method, routeOptions: { url = '' } }: FastifyRequest): boolean {
  if (url === SESSION_PATH) return method === 'POST';
  return isFile(url) || SIGN_IN_PATHS.has(url);
}

/** Files, and what tells of the process itself: answered without the record database. */
function isFile(route: string): boolean {
  return (
    PUBLIC.has(route) ||
    isAsset(route) ||
    route.startsWith(COMPONENT_FILES) ||
    route === DOCS ||
    route.startsWith(`${DOCS}/`)
  );
}

export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    // One that comes with each GET would do all its work and throw the answer away.
    exposeHeadRoutes: false,
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    trustProxy: (address) => options.isTrustedProxy(address),
    genReqId: () => `req_${randomUUID()}`,
    // Fastify would log URLs, and URLs carry patient UUIDs.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 1024 * 1024,
    // On a machine that is busy with other things a start takes a while; after the usual 10 s it would fail.
    pluginTimeout: 120_000,
    // Answers that come before any route: a path that cannot be decoded, a header that is too large.
    frameworkErrors: handleError,
    clientErrorHandler: answerUnreadable,
    routerOptions: { maxParamLength: 200 },
    // An unknown field is a mistake of the caller, not something to drop silently.
    ajv: { customOptions: { removeAdditional: false, verbose: true } },
    schemaErrorFormatter: describeSchemaMistakes,
  });
  const { access, web = null } = options;
  app.setErrorHandler(handleError);
  // The schemas describe answers and the tests hold answers to them; a serialiser made of them would silently drop fields.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setNotFoundHandler((request, reply) => {
    if (web !== null && isPageRequest(request)) return web.sendPage(reply);
    handleError(new HttpError(404, 'not_found', 'There is no such route.'), request, reply);
  });
  options.instrument?.(app);
  endConnections(app);
  const times = createRequestTimes();
  times.watch(app);
  const answers = createModelAnswers(app, options.services, access);
  app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id));
  await allowComponentOrigins(app, options.componentOrigins ?? []);
  limitPatience(app, {
    check: options.services.checkDatabase,
    isIndependent: (request) => isFile(request.routeOptions.url ?? '') || (web !== null && isPageRequest(request)),
  });
  app.addHook('onRequest', async (request, reply) => {
    const open = isPublic(request) || (web !== null && isPageRequest(request));
    if (!open) await access.admit(request, reply);
  });
  // Clients send "Content-Type: application/json" with an empty body.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    const text = String(body);
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return done(new HttpError(400, 'invalid_request', 'The body is not JSON.'), undefined);
    }
    // Only an escape can bring them into JSON.
    if (text.includes('\\u') && hasUnstorableText(parsed)) {
      return done(new HttpError(400, 'invalid_request', 'The body holds a NUL or half a character.'), undefined);
    }
    done(null, parsed);
  });
  app.addHook('preValidation', async (request) => {
    if (hasUnstorableText(request.params)) throw new HttpError(404, 'not_found', 'Nothing has such an id.');
  });
  await describeRoutes(app, options.version);
  if (options.role !== 'worker') await docsPage(app);
  await app.register(async (scope) => {
    healthRoutes(scope, options.services, options.version);
    metricsRoutes(scope, options.services, access, [times.histogram, answers.counter]);
    if (options.role === 'worker') return;
    if (web === null) landingRoute(scope);
    else {
      await webPages(scope, web);
      await componentFiles(scope, web.folder);
    }
    sessionRoutes(scope, options.services, access);
    signInRoutes(scope, options.services.signIn, access);
    syncRoutes(scope, options.services, access);
    const progressOf = createProgress(options.services, Date.now);
    syncManagementRoutes(scope, options.services, access, progressOf);
    runRoutes(scope, options.services, access, progressOf);
    runDetailRoutes(scope, options.services, access);
    runLogRoutes(scope, options.services, access);
    statisticsRoutes(scope, options.services, access);
    connectionRoutes(scope, options.services, access);
    connectionRunRoutes(scope, options.services, access);
    connectionScheduleRoutes(scope, options.services, access);
    connectionSettingsRoutes(scope, options.services, access);
    inspectionRoutes(scope, options.services, access);
    failureRoutes(scope, options.services, access);
    failureDecisionRoutes(scope, options.services, access);
    credentialRoutes(scope, options.services, access);
    heldRoutes(scope, options.services, access);
    consistencyRoutes(scope, options.services, access);
    documentRoutes(scope, options.services, access);
    documentPartRoutes(scope, options.services, access);
    documentRemovalRoutes(scope, options.services, access);
    await scope.register(async (process) => processRoutes(process, options.services, access));
    documentCopyRoutes(scope, options.services, access);
    filesetRoutes(scope, options.services, access);
    filesetOwnerRoutes(scope, options.services, access);
    patientSyncRoutes(scope, options.services, access);
    patientDocumentRoutes(scope, options.services, access);
    patientRoutes(scope, options.services, access);
    unreadDocumentRoutes(scope, options.services, access);
    documentDetailRoutes(scope, options.services, access);
    caseSummaryRoutes(scope, options.services, access, answers);
    groupRoutes(scope, options.services, access);
    duplicateRoutes(scope, options.services, access);
    migrationRoutes(scope, options.services, access);
    patientEventRoutes(scope, options.services, access);
    searchRoutes(scope, options.services, access);
    questionRoutes(scope, options.services, access, answers);
    clinikoRoutes(scope, options.services, access);
    clinikoStatsRoutes(scope, options.services, access);
    scheduleSyncRoutes(scope, options.services, access);
    idexxStatusRoutes(scope, options.services, access);
    syncPhaseRoutes(scope, options.services, access);
    consultationRoutes(scope, options.services, access);
    bookingRoutes(scope, options.services, access);
    clinicScheduleRoutes(scope, options.services, access);
    clinicRecordRoutes(scope, options.services, access);
    keyRoutes(scope, options.services, access);
    userRoutes(scope, options.services, access);
    alertRoutes(scope, options.services, access);
    settingsRoutes(scope, options.services, access);
    auditRoutes(scope, options.services, access);
    await scope.register(async (fhir) => fhirRoutes(fhir, options.services, access, options.version), {
      prefix: '/fhir',
    });
  });
  if (options.role !== 'worker') serveSockets(app, options);
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  return app;
}

/** Whoever gets an answer while the service stops would keep the connection, and with it the process, for a minute or more. */
function endConnections(app: FastifyInstance): void {
  let stops = false;
  app.addHook('preClose', async () => {
    stops = true;
  });
  app.addHook('onSend', async (_, reply) => {
    if (stops) reply.header('connection', 'close');
  });
}

/** PostgreSQL keeps neither a NUL nor half of a surrogate pair. */
function hasUnstorableText(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed();
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, inner]) => hasUnstorableText(name) || hasUnstorableText(inner));
}
