/** Opens what the configuration says of each connection: its source, and what a run needs to know of it. Part of the wiring in `main.ts`. */
import { join } from 'node:path';
import type { CredentialVault } from './access/credentials.ts';
import type {
  ClinikoConnectionConfig,
  Config,
  ConnectionConfig,
  IdexxConnectionConfig,
  VsrxConnectionConfig,
} from './config/config.ts';
import { createClinikoSource } from './connectors/cliniko/source.ts';
import type { BrowserPool } from './connectors/idexx/browser-pool.ts';
import { createIdexxSource } from './connectors/idexx/source.ts';
import { sniffContentType } from './connectors/vsrx/content-type.ts';
import { createEhrDatabase } from './connectors/vsrx/database.ts';
import { createFileShare } from './connectors/vsrx/file-share.ts';
import { createStoredCredentialsDatabase } from './connectors/vsrx/stored-credentials.ts';
import { createTableMirror } from './connectors/vsrx/table-mirror.ts';
import { RECORD_STREAMS } from './domain/clinic.ts';
import { SyncError } from './domain/errors.ts';
import type { CalendarSource } from './ports/calendar-source.ts';
import type { ClinicSource } from './ports/clinic-source.ts';
import type { ConsultationSource } from './ports/consultation-source.ts';
import type { OutboundLimit } from './ports/outbound-limit.ts';
import type { PortalSessions } from './ports/portal-sessions.ts';
import type { BookConnection, FileConnection, RecordConnection } from './runs/connections.ts';
import type { Mirror } from './runs/mirror-tables.ts';
import { systemClock, systemRandom } from './stores/system-clock.ts';

/** Small files are held in memory while they are copied; a batch holds at most this much of each. */
const SMALL_FILE_SIZE = 1024 * 1024;

const whatEveryConnectionHas = (config: Config, connection: ConnectionConfig) => ({
  organizationId: connection.organizationId,
  id: connection.id,
  schedule: connection.schedule,
  timeZone: connection.timeZone,
  timeoutMs: connection.timeoutMs,
  dryRun: config.dryRun,
});

export function bookConnection(
  config: Config,
  connection: IdexxConnectionConfig,
  ports: BookConnection['ports'],
): BookConnection {
  const { organizationId, id: connectionId, settings } = connection;
  return {
    ...whatEveryConnectionHas(config, connection),
    connector: 'idexx',
    settings: {
      ...settings,
      organizationId,
      connectionId,
      datesAtOnce: config.portals.datesAtOnce,
      guard: config.deletionGuard,
    },
    ports,
  };
}

export function recordConnection(
  config: Config,
  connection: ClinikoConnectionConfig,
  ports: RecordConnection['ports'],
): RecordConnection {
  const { organizationId, id: connectionId } = connection;
  return {
    ...whatEveryConnectionHas(config, connection),
    connector: 'cliniko',
    fullCompareAt: connection.settings.fullCompareAt,
    region: () => ports.source.region(),
    settings: { organizationId, connectionId, guard: config.deletionGuard, retry: retryOf(config) },
    ports,
  };
}

const retryOf = (config: Config) => ({
  attempts: config.limits.retryAttempts,
  baseDelayMs: config.limits.retryDelayMs,
  maxDelayMs: 60_000,
});

export function fileConnection(
  config: Config,
  connection: VsrxConnectionConfig,
  ports: FileConnection['ports'],
): FileConnection {
  return {
    ...whatEveryConnectionHas(config, connection),
    connector: 'vsrx',
    modes: {
      deepEveryMs: connection.settings.modes.deepMs,
      checksumEveryMs: connection.settings.modes.checksumMs,
    },
    settings: {
      organizationId: connection.organizationId,
      connectionId: connection.id,
      activate: connection.settings.activate,
      guard: config.deletionGuard,
      filesPerBatch: config.limits.filesPerBatch,
      maxParallelUploads: config.limits.maxParallelUploads,
      fanOutUnits: config.limits.fanOutUnits,
      retry: retryOf(config),
    },
    ports,
  };
}

export function openCliniko(
  config: Config,
  connection: ClinikoConnectionConfig,
  { vault, limit, version }: { vault: CredentialVault; limit: OutboundLimit; version: string },
): ClinicSource {
  const { settings, credentials } = connection;
  const key = { organizationId: connection.organizationId, connectionId: connection.id };
  return createClinikoSource({
    settings,
    streams: RECORD_STREAMS.filter((stream) => {
      if (stream === 'unavailable_blocks') return settings.unavailableBlocks;
      return stream === 'patient_attachments' ? settings.attachments : true;
    }),
    // What the configuration says counts; what it leaves out may be stored.
    apiKey: async () => credentials?.apiKey ?? (await vault.open(key))?.credentials.apiKey ?? null,
    version,
    retry: { attempts: config.limits.retryAttempts, delayMs: config.limits.retryDelayMs },
    limit,
    clock: systemClock,
    random: systemRandom,
    contents: {
      folder: join(config.home, 'scratch'),
      maxBytes: config.limits.maxFileSize,
      contentType: sniffContentType,
    },
  });
}

export function openIdexx(
  config: Config,
  connection: IdexxConnectionConfig,
  services: {
    vault: CredentialVault;
    limit: OutboundLimit;
    version: string;
    browsers: BrowserPool;
    sessions: PortalSessions;
  },
): CalendarSource & ConsultationSource {
  const { settings, credentials } = connection;
  const key = { organizationId: connection.organizationId, connectionId: connection.id };
  return createIdexxSource({
    key,
    settings,
    // What the configuration says counts; what it leaves out may be stored.
    async credentials() {
      if (credentials !== null) return credentials;
      const { companyId, username, password } = (await services.vault.open(key))?.credentials ?? {};
      return companyId === undefined || username === undefined || password === undefined
        ? null
        : { companyId, username, password };
    },
    version: services.version,
    retry: { attempts: config.limits.retryAttempts, delayMs: config.limits.retryDelayMs },
    browsers: services.browsers,
    sessions: services.sessions,
    limit: services.limit,
    clock: systemClock,
    random: systemRandom,
  });
}

export function openVsrx(config: Config, connection: VsrxConnectionConfig, vault: CredentialVault) {
  const { settings } = connection;
  const url = connection.credentials.databaseUrl;
  const open = (completeUrl: string) =>
    createEhrDatabase({
      url: completeUrl,
      mapping: {
        ...settings.mapping,
        fileToPatient: settings.mapping.fileToPatient.map(([from, to]) => [nameOf(from), nameOf(to)]),
      },
      connectTimeoutMs: settings.timeouts.connectMs,
      queryTimeoutMs: settings.timeouts.queryMs,
      checkActivation: settings.activate === 'source',
    });
  const key = { organizationId: connection.organizationId, connectionId: connection.id };
  return {
    // What the configuration says counts; what it leaves out may be stored.
    source:
      new URL(url).password !== ''
        ? open(url)
        : createStoredCredentialsDatabase({
            url,
            open,
            async credentials() {
              const stored = await vault.open(key);
              const { username, password } = stored?.credentials ?? {};
              return stored === null || username === undefined || password === undefined
                ? null
                : { username, password, version: stored.version };
            },
          }),
    share: createFileShare({
      basePath: settings.fileBasePath,
      prefixes: settings.pathPrefixes,
      marker: settings.shareMarker,
      maxFileSize: Math.min(settings.maxFileSize, config.limits.maxFileSize),
      smallFileSize: SMALL_FILE_SIZE,
    }),
  };
}

/** Null: the connection has no copy of our tables. */
export function openMirror(connection: ConnectionConfig, vault: CredentialVault): Mirror | null {
  if (connection.connector !== 'vsrx' || !connection.settings.mirrorTables) return null;
  const { settings } = connection;
  const key = { organizationId: connection.organizationId, connectionId: connection.id };
  const tables = createTableMirror({
    activation: settings.activate === 'source' ? 'source' : 'ours',
    connectTimeoutMs: settings.timeouts.connectMs,
    queryTimeoutMs: settings.timeouts.queryMs,
    async url() {
      const url = new URL(connection.credentials.databaseUrl);
      if (url.password !== '') return url.href;
      const { username, password } = (await vault.open(key))?.credentials ?? {};
      if (username === undefined || password === undefined) throw new SyncError('credentials_missing');
      url.username = encodeURIComponent(username);
      url.password = encodeURIComponent(password);
      return url.href;
    },
  });
  return { key, tables };
}

function nameOf(column: { table: string; column: string }): string {
  return `${column.table}.${column.column}`;
}
