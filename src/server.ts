/** The service: HTTP, schedule and housekeeping on one opened Chartsync. */
import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAddressList } from './access/address.ts';
import { createAuthenticator } from './access/authenticate.ts';
import { createClientCertificates } from './access/client-certificate.ts';
import { createTokens } from './access/jwt.ts';
import { createOidcSignIn } from './access/oidc-sign-in.ts';
import type { RateLimits } from './access/rate-limit.ts';
import { createSessions, type Sessions } from './access/sessions.ts';
import { type Access, createAccess } from './api/access.ts';
import { createApp } from './api/app.ts';
import { openWebApp } from './api/web-app.ts';
import type { Config } from './config/config.ts';
import { readSchedule, writeSchedule } from './config/schedule-text.ts';
import { type DatabaseOutage, watchOutages } from './database-outage.ts';
import { watchDatabase } from './database-watch.ts';
import { type DocumentService, startDocumentService } from './document-service.ts';
import { toSyncError } from './domain/errors.ts';
import type { RunResult } from './engine/run-session.ts';
import { giveBackMemory } from './idle-memory.ts';
import { createLogger } from './logger.ts';
import {
  alertPorts,
  applyConfiguration,
  type Chartsync,
  consistencyPorts,
  openChartsync,
  type RecordDatabase,
  storePortsOf,
  tidyOrganization,
} from './main.ts';
import type { SearchIndex } from './ports/search-index.ts';
import { startAlerts } from './runs/alerts.ts';
import type { Connection } from './runs/connections.ts';
import { createDocumentWatch } from './runs/document-watch.ts';
import { createInspections } from './runs/inspections.ts';
import { type MirrorWorker, startMirrors } from './runs/mirror-tables.ts';
import { startNightly } from './runs/nightly.ts';
import { createRunWatch } from './runs/run-watch.ts';
import { type Scheduler, startScheduler } from './runs/scheduler.ts';
import { createSyncService } from './runs/sync-service.ts';
import { startUpkeepLoop } from './runs/upkeep-loop.ts';
import { type RunWorker, startWorker } from './runs/worker.ts';
import { createLanguageModel } from './stores/search/language-model.ts';
import { systemClock, systemRandom } from './stores/system-clock.ts';
import { createRunTraces, traceRequests } from './tracing.ts';
import { version } from './version.ts';

export interface RunningServer {
  readonly chartsync: Chartsync;
  readonly url: string;
  readonly adminKey: string;
  /** Where a person finds the key. */
  readonly keyPlace: string;
  /** Stops accepting, lets active runs end for a while, closes everything; the database last. */
  stop(): Promise<void>;
}

export type Role = 'api' | 'worker' | 'all';

export interface ServeOptions {
  readonly config: Config;
  readonly database: RecordDatabase;
  /** api: only answers; worker: only performs runs, with the routes about its state; all (default): both. */
  readonly role?: Role;
  readonly onRunEnd?: (connection: Connection, result: RunResult) => void;
}

/** Where the build of the pages is, in a checkout as in the package. */
const WEB_BUILD = fileURLToPath(new URL('../web/build', import.meta.url));

const GRACE_MS = 30_000;
const HOUSEKEEPING = 'housekeeping';
const HOUSEKEEPING_MS = 3600_000;
/** Who was away for longer looks at everything again. */
const EVENTS_MS = 24 * 3600_000;

export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { config, role = 'all' } = options;
  let outages: DatabaseOutage | null = null;
  const logger = createLogger({ level: config.logLevel, onRefusal: () => outages?.refused() });
  const chartsync = await openChartsync(config, options.database);
  outages = tellOutages(chartsync, logger);
  try {
    await applyConfiguration(chartsync);
    const { key, place } = await adminKeyOf(config);
    const sessions = createSessions({
      store: chartsync.sessions,
      keys: chartsync.keys,
      adminKey: key,
      issuers: config.auth.oidc,
      clock: systemClock,
    });
    const rateLimits = await chartsync.openRateLimits();
    let ended = 0;
    let documents: DocumentService | null = null;
    let mirrors: MirrorWorker | null = null;
    let isElsewhere = false;
    const search = await chartsync.search({
      // A process that reads no documents never fills the index.
      claims: role !== 'api' && config.limits.documentsAtOnce > 0,
      trouble(error) {
        isElsewhere = error.code === 'search_other_home';
        if (isElsewhere) logger.error({ code: error.code }, `${error.message} ${error.remedy}`);
        else logger.warn({ code: error.code }, 'the search index is not ready; documents are found when it is');
      },
    });
    const watch = createRunWatch({ history: chartsync.history, clock: systemClock });
    const documentWatch = createDocumentWatch({ events: chartsync.documentEvents, clock: systemClock });
    const traces = createRunTraces();
    const service = createSyncService({
      clock: systemClock,
      plans: chartsync.inspections,
      onStart(connection, runId) {
        logger.info({ organization: connection.organizationId, connection: connection.id, run: runId }, 'run started');
        traces.begin(connection, runId);
      },
      onProgress: (progress) => traces.progress(progress),
      onEnd(connection, result) {
        watch.nudge();
        const { added, updated, moved, removed } = result.counts;
        // Most runs find nothing to do, and then there is nothing to look for.
        if (added + updated + moved + removed > 0) documents?.nudge();
        mirrors?.nudge();
        traces.end(result);
        ended++;
        logger.info(
          {
            organization: connection.organizationId,
            connection: connection.id,
            run: result.runId,
            state: result.state,
            outcome: result.outcome,
            counts: result.counts,
            code: result.error?.code,
            ms: result.finishedAt - result.startedAt,
          },
          'run ended',
        );
        options.onRunEnd?.(connection, result);
      },
    });
    const inspections = createInspections({
      store: chartsync.inspections,
      clock: systemClock,
      random: systemRandom,
      storesOf: (connection) =>
        storePortsOf(chartsync, connection, search.capabilities.available ? { desk: chartsync.desk, search } : null),
      contents: { ...chartsync, names: chartsync.contentNames },
      connections: chartsync.connections,
    });
    const works = role !== 'api';
    let worker: RunWorker | null = null;
    const helping = () => worker?.helping() ?? 0;
    const app = await createApp({
      services: {
        organizations: config.organizations.map(({ id, name, timeZone }) => ({ id, name, timeZone })),
        connections: chartsync.connections,
        configured: {
          settings: chartsync.live,
          retention: config.retention,
        },
        sync: service,
        helping,
        runs: chartsync.runs,
        runLog: chartsync.runLog,
        queue: chartsync.queue,
        history: chartsync.history,
        schedules: chartsync.schedules,
        scheduleText: { read: readSchedule, write: writeSchedule },
        watch,
        schedulerActive: config.scheduler,
        inspections,
        reports: chartsync.reports,
        runLists: chartsync.runLists,
        heldRecords: chartsync.heldRecords,
        clinic: chartsync.clinic,
        filesets: chartsync.filesets,
        owners: chartsync.owners,
        book: chartsync.book,
        consultations: chartsync.consultations,
        bookView: chartsync.bookView,
        bookings: chartsync.bookings,
        browsers: () => ({ ...chartsync.browsers.stats(), installed: chartsync.browserInstalled() }),
        blobs: chartsync.blobs,
        desk: chartsync.desk,
        deliveries: chartsync.deliveries,
        keptOn: (organizationId, id) => chartsync.remotes.get(`${organizationId}/${id}`)?.host ?? null,
        patients: chartsync.patients,
        unread: chartsync.unread,
        groups: chartsync.groups,
        migrations: chartsync.migrations,
        documentWatch,
        components: chartsync.components,
        search,
        languageModel: config.languageModel === null ? null : createLanguageModel(config.languageModel),
        consistency: chartsync.consistency,
        upkeep: chartsync.upkeep,
        scratch: join(config.home, 'scratch'),
        maxFileSize: config.limits.maxFileSize,
        keys: chartsync.keys,
        people: (organizationId) => chartsync.sessions.people(organizationId),
        signIn: createOidcSignIn({
          issuers: config.auth.oidc,
          store: chartsync.sessions,
          organizations: config.organizations.map(({ id }) => id),
          clock: systemClock,
        }),
        credentials: chartsync.credentials,
        audit: chartsync.audit,
        alerts: { ...alertPorts(chartsync), secrets: chartsync.alertSecrets },
        metrics: chartsync.metrics,
        databasePool: chartsync.databasePool,
        outboundWaitMs: chartsync.outboundWaitMs,
        checkDatabase: chartsync.checkDatabase,
      },
      role,
      web: await openWebApp(WEB_BUILD),
      componentOrigins: config.components.origins,
      instrument: traceRequests,
      access: accessOf(chartsync, { adminKey: key, sessions, rateLimits }),
      isTrustedProxy: createAddressList(config.auth.trustedProxies),
      version: await version(),
      logger,
    });
    // Whatever somebody has changed may have left work for the documents: it begins at once.
    app.server.on('request', (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') response.once('finish', () => documents?.nudge());
    });
    try {
      await listen(app, config);
    } catch (error) {
      await app.close();
      throw error;
    }
    worker = works
      ? await startWorker({
          queue: chartsync.queue,
          dispatcher: chartsync.dispatcher,
          runs: chartsync.runs,
          connections: chartsync.connections,
          refresh: (run) => chartsync.live.reach(run, run.settingsVersion),
          service,
          clock: systemClock,
          batches: chartsync.batches,
          helpersPerRun: config.limits.helpersPerRun,
          concurrency: config.limits.runsPerProcess,
          onError: (run, error) => logger.error({ run, code: error.code }, 'run could not be worked on'),
        })
      : null;
    // Documents, and the comparison at night, are left to processes that have the index.
    const reads = works && config.limits.documentsAtOnce > 0 && !isElsewhere;
    if (reads) documents = await startDocuments(chartsync, search, logger);
    if (works && chartsync.mirrors.length > 0) mirrors = keepMirrors(chartsync, logger);
    let seen = 0;
    const keepMemory = giveBackMemory(() => {
      // Runs may be shorter than the time between two looks.
      const busy = service.active.size > 0 || helping() > 0 || ended !== seen;
      seen = ended;
      return busy;
    });
    const scheduler = works && config.scheduler ? startSchedule(chartsync, logger) : null;
    const settings = followSettings(chartsync, logger);
    const guardian = guardDatabase(chartsync, options.database, logger);
    const alerts = works ? watchForAlerts(chartsync, logger) : null;
    const nightly = works && config.scheduler && !isElsewhere ? keepWatch(chartsync, search, logger) : null;
    const housekeeping = works ? keepHouse(chartsync, { sessions, rateLimits }, logger) : null;
    return {
      chartsync,
      url: `http://${config.server.host.includes(':') ? `[${config.server.host}]` : config.server.host}:${portOf(app)}`,
      adminKey: key,
      keyPlace: place,
      async stop() {
        keepMemory();
        await housekeeping?.stop();
        await guardian?.stop();
        await scheduler?.stop();
        await settings.stop();
        await alerts?.stop();
        // Whoever follows documents comes back to another process.
        documentWatch.close();
        await nightly?.stop();
        // Together: a caller that waits for a run's end keeps its connection open until the run has ended or is handed back.
        await Promise.all([
          (worker?.stop(GRACE_MS) ?? service.stop(GRACE_MS)).finally(() => watch.close()),
          app.close(),
          inspections.stop(),
          documents?.stop(),
          mirrors?.stop(),
        ]);
        await outages.stop();
        await chartsync.close();
      },
    };
  } catch (error) {
    await outages.stop();
    await chartsync.close();
    throw error;
  }
}

/** Says so at the start: whoever looks for runs that do not come must see whether they should. */
function startSchedule(chartsync: Chartsync, logger: ReturnType<typeof createLogger>): Scheduler {
  const scheduled = chartsync.connections.filter((c) => c.schedule !== null && !c.dryRun);
  logger.info({ counts: { connections: scheduled.length } }, 'schedule started');
  return startScheduler({
    connections: chartsync.connections,
    store: chartsync.schedules,
    queue: chartsync.queue,
    clock: systemClock,
    onError: (connection, error) =>
      logger.error({ connection: connection?.id, code: error.code }, 'scheduled run could not be asked for'),
  });
}

function watchForAlerts(chartsync: Chartsync, logger: ReturnType<typeof createLogger>) {
  return startAlerts({
    ...alertPorts(chartsync),
    organizations: chartsync.config.organizations.map(({ id }) => id),
    upkeep: chartsync.upkeep,
    audit: chartsync.audit,
    onError: (organization, error) =>
      logger.warn(
        { organization: organization ?? undefined, code: error.code },
        'an alert could not be sent or judged',
      ),
  });
}

function tellOutages(chartsync: Chartsync, logger: ReturnType<typeof createLogger>): DatabaseOutage {
  return watchOutages({
    check: chartsync.checkDatabase,
    clock: systemClock,
    onAway: () =>
      logger.error(
        { state: 'away', code: 'database_unavailable' },
        'the record database refuses; all that needs it waits',
      ),
    onStillAway: (ms, refusals) =>
      logger.error(
        { state: 'away', code: 'database_unavailable', ms, counts: { refusals } },
        'the record database still refuses',
      ),
    onBack: (ms) => logger.warn({ state: 'back', ms }, 'the record database answers again'),
  });
}

/** @returns null when the database is somebody else's to look after */
function guardDatabase(chartsync: Chartsync, { revive }: RecordDatabase, logger: ReturnType<typeof createLogger>) {
  if (revive === undefined) return null;
  return watchDatabase({
    check: chartsync.checkDatabase,
    revive,
    clock: systemClock,
    onRevived: () => logger.warn('the embedded PostgreSQL had ended; it was started again'),
    onError: () => logger.error('the embedded PostgreSQL has ended and could not be started again'),
  });
}

const SETTINGS_MS = 3000;

/** Other processes change settings too. A run looks again before it begins; the rest may be some seconds behind. */
function followSettings(chartsync: Chartsync, logger: ReturnType<typeof createLogger>): { stop(): Promise<void> } {
  const ended = new AbortController();
  let failing = false;
  const loop = (async () => {
    while (!ended.signal.aborted) {
      await systemClock.sleep(SETTINGS_MS, ended.signal).catch(() => undefined);
      if (ended.signal.aborted) return;
      try {
        await chartsync.live.refresh();
        failing = false;
      } catch (error) {
        if (!failing) logger.warn({ code: toSyncError(error).code }, 'changed settings could not be looked for');
        failing = true;
      }
    }
  })();
  return {
    async stop() {
      ended.abort();
      await loop;
    },
  };
}

function keepWatch(chartsync: Chartsync, search: SearchIndex, logger: ReturnType<typeof createLogger>) {
  const { config, connections, upkeep } = chartsync;
  return startNightly({
    ports: consistencyPorts(chartsync, search),
    upkeep,
    settings: config.consistency,
    organizations: config.organizations,
    connections,
    clock: systemClock,
    onError: (organization, error) =>
      logger.warn({ organization: organization ?? undefined, code: error.code }, 'the stores could not be compared'),
  });
}

function keepMirrors(chartsync: Chartsync, logger: ReturnType<typeof createLogger>): MirrorWorker {
  return startMirrors({
    records: chartsync.mirrorRecords,
    mirrors: chartsync.mirrors,
    clock: systemClock,
    onError: ({ key }, error) =>
      logger.warn(
        { organization: key.organizationId, connection: key.connectionId, code: error.code },
        'the mirrored tables could not be written; what has changed waits',
      ),
    onReplaced: ({ key }, rows) =>
      logger.warn(
        { organization: key.organizationId, connection: key.connectionId, rows },
        'the mirrored tables lack characters and have "?" for them: their columns should be utf8mb4',
      ),
  });
}

/** Logs tell how many and why, never which: a name of a document often is a patient's. */
function startDocuments(
  chartsync: Chartsync,
  search: SearchIndex,
  logger: ReturnType<typeof createLogger>,
): Promise<DocumentService> {
  return startDocumentService({
    config: chartsync.config,
    work: chartsync.documentWork,
    blobs: chartsync.blobs,
    deliveries: chartsync.deliveries,
    remotes: chartsync.remotes,
    search,
    desk: chartsync.desk,
    onFound: (organization, differences) =>
      logger.warn({ organization, differences }, 'the search index is not what the records say; it is set right'),
    groups: chartsync.groupWork,
    onEnd: (task, end) =>
      logger.debug({ organization: task.organizationId, state: end.status, code: end.code }, 'document done'),
    onError: (task, error) =>
      logger.warn({ organization: task?.organizationId, code: error.code }, 'a document could not be worked on'),
    onMissingLanguages: (languages) =>
      languages.length === 0
        ? logger.info('Tesseract has data for all ocrLanguages now')
        : logger.warn(
            `Tesseract has no data for ${languages.join(', ')}: scans are read without. Install it, or change ocrLanguages`,
          ),
  });
}

interface Entrance {
  readonly sessions: Sessions;
  readonly rateLimits: RateLimits;
}

function accessOf(
  chartsync: Chartsync,
  { adminKey, sessions, rateLimits }: Entrance & { readonly adminKey: string },
): Access {
  const { config, keys, audit } = chartsync;
  const { oidc, clientCertificates, trustedProxies } = config.auth;
  return createAccess({
    authenticate: createAuthenticator({
      adminKey,
      keys,
      sessions,
      components: chartsync.components,
      tokens: createTokens({ issuers: oidc, clock: systemClock }),
      certificates:
        clientCertificates === null ? null : createClientCertificates({ ...clientCertificates, trustedProxies }),
    }),
    sessions,
    rateLimits,
    audit,
    organizations: config.organizations.map((organization) => organization.id),
    certificateHeader: clientCertificates?.header ?? null,
  });
}

/** One replica for all of them. */
function keepHouse(chartsync: Chartsync, entrance: Entrance, logger: ReturnType<typeof createLogger>) {
  const tell = (organization: string | undefined, error: unknown) =>
    logger.warn({ organization, code: toSyncError(error).code }, 'housekeeping failed');
  return startUpkeepLoop({
    task: HOUSEKEEPING,
    everyMs: HOUSEKEEPING_MS,
    upkeep: chartsync.upkeep,
    clock: systemClock,
    random: systemRandom,
    async work(signal) {
      // What is wrong with one is no reason to keep things of the others.
      for (const { id } of chartsync.config.organizations) {
        await tidyOrganization(chartsync, id, signal).catch((error) => {
          signal.throwIfAborted();
          tell(id, error);
        });
      }
      await tidyCommon(chartsync, entrance);
    },
    onError: (error) => tell(undefined, error),
  });
}

async function tidyCommon(chartsync: Chartsync, { sessions, rateLimits }: Entrance): Promise<void> {
  await rateLimits.tidy();
  await sessions.tidy();
  await chartsync.components.tidy();
  await chartsync.documentEvents.forget(systemClock.now() - EVENTS_MS);
  const { auditMs } = chartsync.config.retention;
  if (auditMs !== null) await chartsync.audit.purge(systemClock.now() - auditMs);
}

async function listen(app: Awaited<ReturnType<typeof createApp>>, config: Config): Promise<void> {
  try {
    await app.listen({ host: config.server.host, port: config.server.port });
  } catch (error) {
    const trouble = LISTEN_TROUBLE[(error as { code?: string }).code ?? ''];
    throw trouble === undefined ? error : new Error(trouble(config.server), { cause: error });
  }
}

const noSuchAddress = ({ host }: Config['server']) =>
  `${host} is not an address of this machine. Correct HOST: 127.0.0.1 answers this machine alone, 0.0.0.0 every other one as well.`;

const LISTEN_TROUBLE: Readonly<Record<string, (server: Config['server']) => string>> = {
  EADDRINUSE: ({ port }) =>
    `Port ${port} is in use. Is Chartsync running already? Otherwise choose another one with PORT.`,
  EACCES: ({ port }) => `This user may not listen at port ${port}. Choose one from 1024 on with PORT.`,
  EADDRNOTAVAIL: noSuchAddress,
  ENOTFOUND: noSuchAddress,
  EAI_AGAIN: noSuchAddress,
};

function portOf(app: Awaited<ReturnType<typeof createApp>>): number {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The configured key, or one made at the first start and kept in the home folder. */
async function adminKeyOf(config: Config): Promise<{ key: string; place: string }> {
  if (config.adminKey !== null) return { key: config.adminKey, place: 'the one in CHARTSYNC_ADMIN_KEY' };
  const path = join(config.home, 'admin-key');
  const place = `in ${path}`;
  try {
    const key = (await readFile(path, 'utf8')).trim();
    if (key !== '') return { key, place };
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error;
  }
  const key = `cs_${randomBytes(24).toString('base64url')}`;
  const made = `${path}.${randomUUID()}`;
  await mkdir(config.home, { recursive: true });
  await writeFile(made, `${key}\n`, { mode: 0o600 });
  await chmod(made, 0o600);
  try {
    // Of several processes that start at one time all must take the same: the first that is there, whole.
    await link(made, path);
    return { key, place };
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
    const first = (await readFile(path, 'utf8')).trim();
    if (first !== '') return { key: first, place };
    await rename(made, path);
    return { key, place };
  } finally {
    await rm(made, { force: true });
  }
}
