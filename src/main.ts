/**
 * Puts the parts together: the only file that sees all of them. Starts in order, closes in reverse.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type AlertSecrets, createAlertSecrets } from './access/alert-secrets.ts';
import { type ApiKeys, createApiKeys } from './access/api-keys.ts';
import { type ComponentTokens, createComponentTokens } from './access/component-tokens.ts';
import { type CredentialVault, createCredentialVault } from './access/credentials.ts';
import { createPortalSessions } from './access/portal-sessions.ts';
import type { RateLimits } from './access/rate-limit.ts';
import { createMailChannel } from './channels/mail.ts';
import { createWebhookChannel } from './channels/webhook.ts';
import type { Config } from './config/config.ts';
import { type BrowserPool, createBrowserPool } from './connectors/idexx/browser-pool.ts';
import { findChromium, startChromium } from './connectors/idexx/chromium.ts';
import {
  type OpenSearchOptions,
  openDestination,
  openSearchIndex,
  type RemoteTargets,
  remoteTargets,
  takeSearchHome,
} from './document-service.ts';
import { type LiveConnections, openLiveConnections } from './live-connections.ts';
import {
  bookConnection,
  fileConnection,
  openCliniko,
  openIdexx,
  openMirror,
  openVsrx,
  recordConnection,
} from './open-connections.ts';
import type { AlertChannels } from './ports/alert-channel.ts';
import type { AlertStore } from './ports/alert-store.ts';
import type { AuditLog } from './ports/audit-log.ts';
import type { BlobStore } from './ports/blob-store.ts';
import type { BookView } from './ports/book-view.ts';
import type { BookingDesk } from './ports/booking-desk.ts';
import type { ClinicReports } from './ports/clinic-reports.ts';
import type { ConnectionRegistry } from './ports/connection-registry.ts';
import type { ConsistencyStore } from './ports/consistency-store.ts';
import type { ConsultationBook } from './ports/consultation-book.ts';
import type { ContentNames } from './ports/content-names.ts';
import type { DocumentDeliveries } from './ports/document-deliveries.ts';
import type { DocumentDesk } from './ports/document-desk.ts';
import type { DocumentEvents } from './ports/document-events.ts';
import type { DocumentGroups, GroupWork } from './ports/document-groups.ts';
import type { DocumentRecords } from './ports/document-records.ts';
import type { DocumentWork } from './ports/document-work.ts';
import type { FilesetMigrations } from './ports/fileset-migrations.ts';
import type { FilesetOwners } from './ports/fileset-owners.ts';
import type { FilesetReports } from './ports/fileset-reports.ts';
import type { HeldRecords } from './ports/held-records.ts';
import type { InspectionStore } from './ports/inspection-store.ts';
import type { PatientDesk } from './ports/patient-desk.ts';
import type { Reports } from './ports/reports.ts';
import type { RetentionStore } from './ports/retention-store.ts';
import type { RunBatches } from './ports/run-batches.ts';
import type { RunHistory } from './ports/run-history.ts';
import type { RunLists } from './ports/run-lists.ts';
import type { RunLog } from './ports/run-log.ts';
import type { RunMetrics } from './ports/run-metrics.ts';
import type { RunDispatcher, RunQueue } from './ports/run-queue.ts';
import type { RunStore } from './ports/run-store.ts';
import type { ScheduleStore } from './ports/schedule-store.ts';
import type { SearchIndex } from './ports/search-index.ts';
import type { SessionStore } from './ports/session-store.ts';
import type { SlotBook } from './ports/slot-book.ts';
import type { MirrorRecords } from './ports/table-mirror.ts';
import type { UnreadDocuments } from './ports/unread-documents.ts';
import type { Upkeep } from './ports/upkeep.ts';
import type { AlertPorts } from './runs/alerts.ts';
import type { ConsistencyPorts } from './runs/check-consistency.ts';
import type { IndexPorts } from './runs/compare-index.ts';
import type { RemotePorts } from './runs/compare-remote.ts';
import { type Connection, type FileConnection, isKeyOf } from './runs/connections.ts';
import { countWaits } from './runs/counted-waits.ts';
import { type Tidied, tidy } from './runs/housekeeping.ts';
import { logRuns } from './runs/logged-runs.ts';
import type { Mirror } from './runs/mirror-tables.ts';
import type { StorePorts } from './runs/verify-stores.ts';
import { createFilesystemBlobStore } from './stores/blobs/filesystem.ts';
import { preparedBeforePut } from './stores/blobs/prepared.ts';
import { createAlertStore } from './stores/postgres/alert-store.ts';
import { createAttachmentRecords } from './stores/postgres/attachment-records.ts';
import { createAuditLog } from './stores/postgres/audit-log.ts';
import { createBookView } from './stores/postgres/book-view.ts';
import { createBookingDesk } from './stores/postgres/booking-desk.ts';
import { createClinicRecords } from './stores/postgres/clinic-records.ts';
import { createClinicReports } from './stores/postgres/clinic-reports.ts';
import { createComponentTokenStore } from './stores/postgres/component-token-store.ts';
import { createConnectionRegistry } from './stores/postgres/connection-registry.ts';
import { createConnectionSettingsStore } from './stores/postgres/connection-settings.ts';
import { createConsistencyStore } from './stores/postgres/consistency-store.ts';
import { createConsultationBook } from './stores/postgres/consultation-rows.ts';
import { createContentNames } from './stores/postgres/content-names.ts';
import { createCredentialStore } from './stores/postgres/credential-store.ts';
import { openDatabase } from './stores/postgres/database.ts';
import { createDatabaseProbe } from './stores/postgres/database-probe.ts';
import { createDocumentDeliveries } from './stores/postgres/document-deliveries.ts';
import { createDocumentDesk } from './stores/postgres/document-desk.ts';
import { createDocumentEvents } from './stores/postgres/document-events.ts';
import { createDocumentGroups } from './stores/postgres/document-groups.ts';
import { createDocumentRecords } from './stores/postgres/document-records.ts';
import { createDocumentWork } from './stores/postgres/document-work.ts';
import { createFilesetMigrations } from './stores/postgres/fileset-migrations.ts';
import { createFilesetOwners } from './stores/postgres/fileset-owners.ts';
import { createFilesetReports } from './stores/postgres/fileset-reports.ts';
import { createGroupWork } from './stores/postgres/group-work.ts';
import { createHeldRecords } from './stores/postgres/held-records.ts';
import { createInspectionStore } from './stores/postgres/inspection-store.ts';
import { createJobBoard } from './stores/postgres/job-board.ts';
import { createKeyStore } from './stores/postgres/key-store.ts';
import { migrateDatabase } from './stores/postgres/migrate.ts';
import { createMirrorRecords } from './stores/postgres/mirror-records.ts';
import { createOutboundLimit } from './stores/postgres/outbound-limit.ts';
import { createPatientDesk } from './stores/postgres/patient-desk.ts';
import { createRefusalStore, createSealedSessionStore } from './stores/postgres/portal-sessions.ts';
import { createReports } from './stores/postgres/reports.ts';
import { createRetentionStore } from './stores/postgres/retention-store.ts';
import { createRunBatches } from './stores/postgres/run-batches.ts';
import { createRunHistory } from './stores/postgres/run-history.ts';
import { createRunLists } from './stores/postgres/run-lists.ts';
import { createRunLog } from './stores/postgres/run-log.ts';
import { createRunMetrics } from './stores/postgres/run-metrics.ts';
import { createRunQueue } from './stores/postgres/run-queue.ts';
import { createRunStore } from './stores/postgres/run-store.ts';
import { createScheduleStore } from './stores/postgres/schedule-store.ts';
import { createSearchHomes } from './stores/postgres/search-homes.ts';
import { createSessionStore } from './stores/postgres/session-store.ts';
import { createSlotBook } from './stores/postgres/slot-book.ts';
import { startEmbeddedPostgres } from './stores/postgres/supervisor.ts';
import { createUnreadDocuments } from './stores/postgres/unread-documents.ts';
import { createUpkeep } from './stores/postgres/upkeep.ts';
import { announceWorker } from './stores/postgres/worker-presence.ts';
import { createFileSpool } from './stores/spool/file-spool.ts';
import { systemClock, systemRandom } from './stores/system-clock.ts';
import { version } from './version.ts';

// For commands that work on files and tables without an opened Chartsync.
export { withFolderLock } from './stores/postgres/embedded/folder-lock.ts';
export { areTablesOlder, migrateDatabase } from './stores/postgres/migrate.ts';
export { spooledFile, writeLines } from './stores/spool/file-spool.ts';

/** Before there is a configuration. @returns the browser's program; null: there is none */
export function findBrowser(env: Readonly<Record<string, string | undefined>>): string | null {
  return findChromium(env.CHARTSYNC_CHROMIUM?.trim() || null);
}

export interface Chartsync {
  readonly config: Config;
  readonly connections: readonly Connection[];
  /** The same with their settings, which people may change. */
  readonly live: LiveConnections;
  readonly registry: ConnectionRegistry;
  readonly runs: RunStore;
  readonly runLog: RunLog;
  readonly queue: RunQueue;
  readonly batches: RunBatches;
  readonly dispatcher: RunDispatcher;
  readonly history: RunHistory;
  readonly records: DocumentRecords;
  readonly inspections: InspectionStore;
  readonly reports: Reports;
  readonly runLists: RunLists;
  readonly heldRecords: HeldRecords;
  readonly clinic: ClinicReports;
  readonly filesets: FilesetReports;
  readonly owners: FilesetOwners;
  readonly book: SlotBook;
  readonly consultations: ConsultationBook;
  readonly bookView: BookView;
  readonly bookings: BookingDesk;
  readonly browsers: BrowserPool;
  /** Is there a browser that connections could log in with? */
  browserInstalled(): boolean;
  readonly schedules: ScheduleStore;
  readonly retained: RetentionStore;
  readonly blobs: BlobStore;
  readonly documentWork: DocumentWork;
  readonly deliveries: DocumentDeliveries;
  /** Document services on other machines, by `organisation/connection`. */
  readonly remotes: RemoteTargets;
  readonly consistency: ConsistencyStore;
  readonly upkeep: Upkeep;
  /** Of this process, while it lives. */
  readonly workerId: string;
  readonly mirrorRecords: MirrorRecords;
  /** Copies of our tables in the databases of sources. */
  readonly mirrors: readonly Mirror[];
  readonly desk: DocumentDesk;
  readonly contentNames: ContentNames;
  readonly documentEvents: DocumentEvents;
  readonly patients: PatientDesk;
  readonly unread: UnreadDocuments;
  readonly groups: DocumentGroups;
  readonly groupWork: GroupWork;
  readonly migrations: FilesetMigrations;
  /** Opened when it is first asked for: most commands need none, and its library takes a while to load. */
  search(options?: OpenSearchOptions): Promise<SearchIndex>;
  /** Before `search`: its place is where these records have their index from now on. */
  takeSearchHome(): Promise<void>;
  readonly keys: ApiKeys;
  readonly components: ComponentTokens;
  readonly sessions: SessionStore;
  readonly credentials: CredentialVault;
  readonly audit: AuditLog;
  /** Of a service: commands count nothing. */
  openRateLimits(): Promise<RateLimits>;
  readonly alerts: AlertStore;
  readonly alertChannels: AlertChannels;
  readonly alertSecrets: AlertSecrets;
  readonly metrics: RunMetrics;
  /** How long requests to outside systems had to wait for their limits. */
  outboundWaitMs(): number;
  databasePool(): { readonly total: number; readonly idle: number; readonly waiting: number };
  /** @returns how many runs wait; null: not known now. @throws when the record database does not answer within two seconds */
  checkDatabase(): Promise<number | null>;
  close(): Promise<void>;
}

export interface RecordDatabase {
  readonly url: string;
  /** Of a database beside ours on the embedded server; null when the database is not embedded. */
  urlOf(name: string): Promise<string> | null;
  /** Starts the embedded server again when it has died. Absent when the database is not embedded. @returns whether it had to */
  readonly revive?: () => Promise<boolean>;
  close(): Promise<void>;
}

/** The embedded server, or what `DATABASE_URL` names. @param log hears what takes long */
export async function openRecordDatabase(
  config: Pick<Config, 'databaseUrl' | 'home'>,
  log: (sentence: string) => void,
): Promise<RecordDatabase> {
  if (config.databaseUrl !== null) return { url: config.databaseUrl, urlOf: () => null, close: async () => undefined };
  const server = await startEmbeddedPostgres({ folder: join(config.home, 'postgres'), log });
  try {
    await server.ensureDatabase('chartsync');
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: server.url('chartsync'),
    urlOf: async (name) => {
      await server.ensureDatabase(name);
      return server.url(name);
    },
    revive: server.revive,
    close: () => server.stop(),
  };
}

/** @param database opened by the caller, closed with the result */
export async function openChartsync(config: Config, database: RecordDatabase): Promise<Chartsync> {
  const closers: (() => Promise<void>)[] = [() => database.close()];
  const close = async () => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop())
      await closer().catch(() => undefined);
  };
  try {
    await migrateDatabase(database.url);
    const records = openDatabase({ url: database.url, poolSize: config.limits.databaseConnections });
    closers.push(() => records.close());
    const probe = createDatabaseProbe(database.url);
    closers.push(async () => probe.close());
    const presence = await announceWorker({ url: database.url, lost: records.lost });
    closers.push(() => presence.close());
    const blobs = preparedBeforePut(await openBlobs(config));
    closers.push(() => blobs.close());

    const documentRecords = createDocumentRecords(records);
    const keys = { current: config.encryptionKey, old: config.encryptionKeysOld };
    const credentials = createCredentialVault({ store: createCredentialStore(records), keys });
    const board = createJobBoard(database.url, records.lost);
    closers.push(() => board.close());
    const work = { database: records, board, random: systemRandom, workerId: presence.workerId };
    const runLog = createRunLog(records);
    closers.push(() => runLog.close());
    const runs = logRuns(createRunStore(work), { log: runLog, clock: systemClock });
    const batches = createRunBatches(work);
    const spool = createFileSpool({ folder: join(config.home, 'spool'), newName: randomUUID });
    const clinicRecords = createClinicRecords(records);
    const limit = countWaits(createOutboundLimit(records));
    const homes = createSearchHomes(records);
    let index: Promise<SearchIndex> | undefined;
    const openIndex = (options: OpenSearchOptions = {}) => {
      index ??= openSearchIndex(config, homes, options);
      return index;
    };
    closers.push(async () => (await index)?.close());
    const programVersion = await version();
    const book = createSlotBook(records);
    const consultations = createConsultationBook(records);
    const sessions = createPortalSessions({
      store: createSealedSessionStore(records),
      refusals: createRefusalStore(records),
      keys,
      clock: systemClock,
    });
    const browsers = createBrowserPool({
      size: config.portals.browsers,
      start: () => startChromium(config.portals.chromium),
      clock: systemClock,
    });
    closers.push(() => browsers.close());
    const files = { wanted: createAttachmentRecords(records), documents: documentRecords, blobs };
    const apiKeys = createApiKeys({ store: createKeyStore(records), clock: systemClock });
    const alerts = createAlertStore(records);
    const remotes = remoteTargets(config);
    const elsewhere = [...remotes.keys()];
    const documentWork = createDocumentWork({ database: records, workerId: presence.workerId, elsewhere });
    const deliveries = createDocumentDeliveries(records);
    const mirrors = config.organizations
      .flatMap((organization) => organization.connections)
      .flatMap((connection) => openMirror(connection, credentials) ?? []);
    for (const mirror of mirrors) closers.push(() => mirror.tables.close());
    const common = { clock: systemClock, random: systemRandom, runs };
    const live = await openLiveConnections({
      config,
      store: createConnectionSettingsStore(records),
      open(connection): Connection {
        if (connection.connector === 'cliniko') {
          const source = openCliniko(config, connection, { vault: credentials, limit, version: programVersion });
          closers.push(() => source.close());
          const attachments = connection.settings.attachments ? files : null;
          return recordConnection(config, connection, { ...common, source, records: clinicRecords, attachments });
        }
        if (connection.connector === 'idexx') {
          const services = { vault: credentials, limit, version: programVersion, browsers, sessions };
          const source = openIdexx(config, connection, services);
          closers.push(() => source.close());
          return bookConnection(config, connection, { ...common, source, book, consultations });
        }
        const key = { organizationId: connection.organizationId, connectionId: connection.id };
        const search = () => openIndex();
        const destination = openDestination({ config, work: documentWork, blobs, deliveries, remotes, search }, key);
        const opened = openVsrx(config, connection, credentials);
        closers.push(() => opened.source.close());
        return fileConnection(config, connection, {
          ...common,
          ...opened,
          blobs,
          batches,
          records: documentRecords,
          spool,
          ...(destination === null ? {} : { destination }),
        });
      },
    });
    return {
      config,
      connections: live.list,
      live,
      registry: createConnectionRegistry(records),
      runs,
      runLog,
      queue: createRunQueue(work),
      batches,
      dispatcher: board,
      history: createRunHistory(records),
      records: documentRecords,
      inspections: createInspectionStore(records),
      reports: createReports(records),
      runLists: createRunLists(records),
      heldRecords: createHeldRecords(records),
      clinic: createClinicReports(records),
      owners: createFilesetOwners(records),
      filesets: createFilesetReports(records, { releasedMs: config.retention.releasedBlobsMs }),
      book,
      consultations,
      bookView: createBookView(records),
      bookings: createBookingDesk({ database: records, random: systemRandom }),
      browsers,
      browserInstalled: () => findChromium(config.portals.chromium) !== null,
      schedules: createScheduleStore(records),
      retained: createRetentionStore(records),
      blobs,
      documentWork,
      deliveries,
      remotes,
      consistency: createConsistencyStore(records),
      upkeep: createUpkeep(records),
      workerId: presence.workerId,
      mirrorRecords: createMirrorRecords(records),
      mirrors,
      desk: createDocumentDesk(records, { elsewhere }),
      contentNames: createContentNames(records),
      documentEvents: createDocumentEvents(records),
      patients: createPatientDesk(records),
      unread: createUnreadDocuments(records, { elsewhere }),
      groups: createDocumentGroups(records),
      groupWork: createGroupWork({ database: records, workerId: presence.workerId }),
      migrations: createFilesetMigrations(records),
      search: openIndex,
      takeSearchHome: () => takeSearchHome(config, homes),
      keys: apiKeys,
      components: createComponentTokens({
        store: createComponentTokenStore(records),
        keys: apiKeys,
        clock: systemClock,
      }),
      sessions: createSessionStore(records),
      credentials,
      audit: createAuditLog(records),
      async openRateLimits() {
        const { createRateLimits } = await import('./access/rate-limit.ts');
        return createRateLimits({ pool: records.pool, settings: config.auth.rateLimits });
      },
      alerts,
      alertChannels: {
        webhook: createWebhookChannel({ allowedAddresses: config.alerts.allowedAddresses, version: programVersion }),
        mail: config.alerts.smtp === null ? null : createMailChannel(config.alerts.smtp),
      },
      alertSecrets: createAlertSecrets({ store: alerts, keys }),
      metrics: createRunMetrics(records),
      outboundWaitMs: limit.waitedMs,
      databasePool: () => {
        const { totalCount, idleCount, waitingCount } = records.pool;
        return { total: totalCount, idle: idleCount, waiting: waitingCount };
      },
      checkDatabase: probe.ask,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Makes the registry say what the configuration says. */
export async function applyConfiguration(chartsync: Chartsync): ReturnType<ConnectionRegistry['apply']> {
  const { organizations } = chartsync.config;
  const changes = await chartsync.registry.apply(
    organizations,
    chartsync.live.configured().map((connection) => ({
      organizationId: connection.organizationId,
      connectionId: connection.id,
      connector: connection.connector,
      settings: connection.settings,
      schedule: connection.schedule,
      pauseAfterFailures: connection.pauseAfterFailures,
    })),
  );
  await chartsync.mirrorRecords.configure(chartsync.mirrors.map((mirror) => mirror.key));
  return changes;
}

/** Null: the documents of the connection are for this machine. */
export function remotePortsOf(chartsync: Chartsync, connection: FileConnection): RemotePorts | null {
  const target = chartsync.remotes.get(`${connection.organizationId}/${connection.id}`);
  if (target === undefined) return null;
  const { deliveries, desk } = chartsync;
  return { deliveries, desk, remote: target.remote, hashesDiffer: target.send === 'pdf' };
}

/** What a verification compares with the source besides records and contents. */
export function storePortsOf(chartsync: Chartsync, connection: FileConnection, index: IndexPorts | null): StorePorts {
  const { mirrorRecords: records, mirrors } = chartsync;
  const mirror = mirrors.find(({ key }) => isKeyOf(connection, key));
  return {
    index,
    remote: remotePortsOf(chartsync, connection),
    mirror: mirror === undefined ? null : { records, mirror },
  };
}

export function alertPorts(chartsync: Chartsync): AlertPorts {
  const { alerts: store, alertChannels: channels, alertSecrets } = chartsync;
  return { store, channels, secret: alertSecrets.open, clock: systemClock };
}

/** For the comparison of all stores. */
export function consistencyPorts(chartsync: Chartsync, search: SearchIndex): ConsistencyPorts {
  return {
    store: chartsync.consistency,
    desk: chartsync.desk,
    records: chartsync.records,
    blobs: chartsync.blobs,
    search,
    clock: systemClock,
    holder: chartsync.workerId,
    remoteOf: (connection) => remotePortsOf(chartsync, connection),
  };
}

/** Removes what is kept only for a time, see `runs/housekeeping.ts`. */
export function tidyOrganization(chartsync: Chartsync, organizationId: string, signal?: AbortSignal): Promise<Tidied> {
  const { records, retained, blobs, bookings, config } = chartsync;
  const options = { records, retained, blobs, bookings, clock: systemClock, retention: config.retention };
  return tidy(options, organizationId, signal);
}

async function openBlobs(config: Config): Promise<BlobStore> {
  const { blobs } = config.stores;
  if (blobs.kind !== 'azure') return createFilesystemBlobStore({ folder: blobs.folder });
  // Its library has hundreds of files, and most commands would wait for nothing.
  const { createAzureBlobStore } = await import('./stores/blobs/azure.ts');
  return createAzureBlobStore({ connectionString: blobs.connectionString, container: blobs.container });
}
