/** Joins file, variables and defaults, and refuses what contradicts itself. */
import { join, resolve } from 'node:path';
import type { EverySchedule } from '../domain/schedule.ts';
import { resolveAlerts } from './alerts.ts';
import { resolveAuth } from './auth.ts';
import { resolveCliniko } from './cliniko.ts';
import type { Config, ConnectionConfig, OrganizationConfig, SearchConfig, StoresConfig } from './config.ts';
import { documentDefaults } from './documents.ts';
import { databaseOfVariables, type Variables } from './environment.ts';
import { resolveIdexx } from './idexx.ts';
import { resolveLanguageModel } from './language-model.ts';
import { type Mistake, type Path, pathText } from './mistake.ts';
import { parseDuration, parseSize, parseTimeOfDay } from './quantity.ts';
import { resolveSchedule } from './schedule-text.ts';
import type { ClinikoConnectionFile, ConfigFile, IdexxConnectionFile, VsrxConnectionFile } from './schema.ts';
import type { ConfigSource } from './source.ts';
import { resolveVsrx } from './vsrx.ts';

type OrganizationFile = NonNullable<ConfigFile['organizations']>[number];

/** The file without the list items that are not well formed. */
export type WellFormedFile = Omit<ConfigFile, 'organizations'> & {
  readonly organizations?: readonly (
    | (Omit<OrganizationFile, 'connections'> & {
        readonly connections?: readonly (
          | VsrxConnectionFile
          | ClinikoConnectionFile
          | IdexxConnectionFile
          | undefined
        )[];
      })
    | undefined
  )[];
};

export interface ResolveOptions {
  readonly file: WellFormedFile;
  readonly source: ConfigSource;
  readonly variables: Variables;
  readonly home: string;
  readonly fileName: string | null;
  /** Relative paths of the file begin here. */
  readonly folder: string;
  readonly mistakes: Mistake[];
  /** Settings in the place of those of the file. */
  readonly instead?: {
    readonly organizationId: string;
    readonly connectionId: string;
    readonly settings: Readonly<Record<string, unknown>>;
  };
}

type Report = (path: Path, message: string) => void;

const MINUTE = 60_000;
const AZURE_CONNECTION = /(^|;)\s*(AccountName|BlobEndpoint)=[^;]|(^|;)\s*UseDevelopmentStorage=true/i;

export function resolveConfig(options: ResolveOptions): Omit<Config, 'connectionSettings'> {
  const { file, source, variables, home, mistakes } = options;
  const report: Report = (path, message) => {
    mistakes.push({ path: pathText(path), place: source.place(path), message });
  };
  const { limits, retention } = file;
  const maxFileSize = limits?.maxFileSize ?? '50MiB';
  const size = typeof maxFileSize === 'number' ? maxFileSize : (parseSize(maxFileSize) ?? 0);
  const forever = (value: string) => (value === 'forever' ? null : parseDuration(value));
  const organizations = resolveOrganizations(options, size, report);
  return {
    home,
    file: options.fileName,
    server: { host: variables.HOST ?? '127.0.0.1', port: variables.PORT ?? 8420 },
    adminKey: variables.CHARTSYNC_ADMIN_KEY ?? null,
    encryptionKey: variables.CHARTSYNC_ENCRYPTION_KEY ?? null,
    encryptionKeysOld: variables.CHARTSYNC_ENCRYPTION_KEYS_OLD?.split(/[\s,]+/).filter(Boolean) ?? [],
    auth: resolveAuth({
      file: file.auth,
      variables,
      organizations: organizations.map((organization) => organization.id),
      mistake: (path, message) => report(['auth', ...path], message),
      variableMistake: (name, message) => mistakes.push({ path: name, place: 'environment', message }),
    }),
    alerts: resolveAlerts(
      file.alerts,
      variables,
      (path, message) => report(['alerts', ...path], message),
      (name, message) => mistakes.push({ path: name, place: 'environment', message }),
    ),
    databaseUrl: variables.DATABASE_URL ?? null,
    programPath: variables.PATH ?? '',
    ocrLanguages: file.ocrLanguages ?? ['eng'],
    logLevel: variables.SYNC_LOG_LEVEL ?? 'info',
    dryRun: variables.SYNC_DRY_RUN ?? false,
    scheduler: variables.ENABLE_SYNC_SCHEDULER ?? true,
    organizations,
    stores: resolveStores(options, report),
    languageModel: resolveLanguageModel(file.languageModel, {
      allowPrivate: variables.CHARTSYNC_ALLOW_PRIVATE_SOURCES ?? false,
      mistake: (path, message) => report(['languageModel', ...path], message),
    }),
    components: { origins: (file.components?.origins ?? []).map((origin) => new URL(origin).origin) },
    deletionGuard: { maxCount: 50, maxPercent: 10, minCount: 5, ...file.deletionGuard },
    consistency: {
      at: file.consistency?.at === 'never' ? null : parseTimeOfDay(file.consistency?.at ?? '02:30'),
      timeBoxMs: parseDuration(file.consistency?.timeBox ?? '2h') ?? 0,
      samplePercent: file.consistency?.samplePercent ?? 1,
    },
    limits: {
      maxFileSize: size,
      filesPerBatch: limits?.filesPerBatch ?? variables.SYNC_BATCH_SIZE ?? 50,
      maxParallelUploads: limits?.maxParallelUploads ?? 5,
      retryAttempts: limits?.retryAttempts ?? variables.SYNC_RETRY_ATTEMPTS ?? 3,
      retryDelayMs: parseDuration(limits?.retryDelay ?? `${variables.SYNC_RETRY_DELAY_MS ?? 5000}ms`) ?? 0,
      runsPerProcess: limits?.runsPerProcess ?? 8,
      fanOutUnits: limits?.fanOutUnits ?? 500,
      helpersPerRun: limits?.helpersPerRun ?? 4,
      documentsAtOnce: limits?.documentsAtOnce ?? 3,
      databaseConnections: limits?.databaseConnections ?? 10,
    },
    portals: {
      browsers: variables.BROWSER_POOL_SIZE ?? 2,
      chromium: variables.CHARTSYNC_CHROMIUM ?? null,
      datesAtOnce: variables.SYNC_CONCURRENCY ?? 3,
    },
    retention: {
      runsMs: forever(retention?.runs ?? '90d'),
      releasedBlobsMs: parseDuration(retention?.releasedBlobs ?? '30d') ?? 0,
      tombstonesMs: forever(retention?.tombstones ?? 'forever'),
      // Six years, leap days included.
      auditMs: forever(retention?.audit ?? '2192d'),
    },
  };
}

function resolveOrganizations(options: ResolveOptions, maxFileSize: number, report: Report): OrganizationConfig[] {
  const { file, variables, mistakes, folder } = options;
  const database = databaseOfVariables(variables, mistakes);
  const fileBasePath = variables.VSRX_FILE_BASE_PATH ?? null;
  const documents = documentDefaults(variables, mistakes);
  // Without a file the variables of a VSRX installation are one connection by themselves.
  const fromVariables = options.fileName === null && (database !== null || fileBasePath !== null);
  const organizations: WellFormedFile['organizations'] = fromVariables
    ? [{ id: 'default', name: 'Default', connections: [{ id: 'vsrx', connector: 'vsrx' }] }]
    : file.organizations;

  const organizationIds = new Map<string, Path>();
  const connectionIds = new Map<string, Path>();
  const resolved: OrganizationConfig[] = [];
  for (const [i, organization] of (organizations ?? []).entries()) {
    if (!organization) continue;
    const path: Path = ['organizations', i];
    refuseTwice(organizationIds, organization.id, [...path, 'id'], report);
    const connections: ConnectionConfig[] = [];
    for (const [j, given] of (organization.connections ?? []).entries()) {
      if (!given) continue;
      const { instead } = options;
      const connection =
        instead?.organizationId === organization.id && instead.connectionId === given.id
          ? ({ ...given, settings: instead.settings } as typeof given)
          : given;
      const at: Path = [...path, 'connections', j];
      // Commands name a connection by its id alone.
      refuseTwice(connectionIds, connection.id, [...at, 'id'], report);
      const { schedule } = connection;
      const common = {
        organizationId: organization.id,
        organizationTimeZone: organization.timeZone ?? null,
        schedule: schedule === undefined ? defaultSchedule(variables) : resolveSchedule(schedule),
        timeoutMs: timeoutOf(connection.timeout, variables),
        pauseAfterFailures: orNever(connection.pauseAfterFailures ?? file.limits?.pauseAfterFailures),
      };
      const mistake = (inside: Path, message: string) => {
        if (fromVariables) mistakes.push({ path: variableOf(inside), place: 'environment', message });
        else report([...at, ...inside], message);
      };
      const complete =
        connection.connector === 'cliniko'
          ? resolveCliniko(
              connection,
              { ...common, allowPrivate: variables.CHARTSYNC_ALLOW_PRIVATE_SOURCES ?? false },
              mistake,
            )
          : connection.connector === 'idexx'
            ? resolveIdexx(
                connection,
                {
                  ...common,
                  allowPrivate: variables.CHARTSYNC_ALLOW_PRIVATE_SOURCES ?? false,
                  requestsPerSecond: variables.IDEXX_RATE_LIMIT ?? 10,
                },
                mistake,
              )
            : resolveVsrx(connection, { ...common, database, fileBasePath, maxFileSize, documents, folder }, mistake);
      if (complete) connections.push(complete);
    }
    const { id, name = id, timeZone = 'UTC' } = organization;
    resolved.push({
      id,
      name,
      timeZone,
      maxConcurrentSyncs:
        organization.maxConcurrentSyncs ?? file.limits?.maxConcurrentSyncs ?? variables.MAX_CONCURRENT_SYNCS ?? 2,
      maxQueuedSyncs: organization.maxQueuedSyncs ?? file.limits?.maxQueuedSyncs ?? 10,
      connections,
    });
  }
  return resolved;
}

const PAUSE_AFTER_FAILURES = 20;

function orNever(value: number | 'never' | undefined): number | null {
  return value === 'never' ? null : (value ?? PAUSE_AFTER_FAILURES);
}

/** A first copy may take hours: without a setting there is no limit. */
function timeoutOf(given: string | undefined, variables: Variables): number | null {
  if (given === undefined) return variables.SYNC_TIMEOUT_MS ?? null;
  return given === 'none' ? null : parseDuration(given);
}

function variableOf(inside: Path): string {
  return inside.includes('fileBasePath') ? 'VSRX_FILE_BASE_PATH' : 'VSRX_MYSQL_CONNECTION_STRING';
}

function refuseTwice(seen: Map<string, Path>, id: string, path: Path, report: Report): void {
  if (id === '') return;
  const first = seen.get(id);
  if (first) report(path, `"${id}" is the id of ${pathText(first.slice(0, -1))} already`);
  else seen.set(id, path);
}

function defaultSchedule(variables: Variables): EverySchedule | null {
  if (variables.ENABLE_AUTO_SYNC === false) return null;
  const minutes = variables.AUTO_SYNC_INTERVAL_MINUTES ?? variables.SYNC_INTERVAL_MINUTES ?? 30;
  return { kind: 'every', everyMs: minutes * MINUTE };
}

function resolveSearch({ file, home, folder }: ResolveOptions, report: Report): SearchConfig {
  const search = file.stores?.search;
  if (search === undefined) return { kind: 'lancedb', folder: join(home, 'search'), embeddings: null };
  if (!('kind' in search) || search.kind === 'none') return { kind: 'none' };
  if (search.kind === 'lancedb') {
    const chosen = search.folder === undefined ? join(home, 'search') : resolve(folder, search.folder);
    const { embeddings } = search;
    return {
      kind: 'lancedb',
      folder: chosen,
      embeddings: embeddings === undefined ? null : { ...embeddings, apiKey: embeddings.apiKey ?? null },
    };
  }
  const { apiKey, endpoint = null, apiVersion = null } = search;
  if (apiVersion !== null && endpoint === null) {
    const message = 'is missing: apiVersion belongs to a resource of Azure, such as https://name.openai.azure.com';
    report(['stores', 'search', 'endpoint'], message);
  }
  return { kind: 'openai', apiKey, endpoint, apiVersion };
}

function resolveStores(options: ResolveOptions, report: Report): StoresConfig {
  const { file, variables, home, folder } = options;
  const search = resolveSearch(options, report);
  const connectionOfVariables = variables.AZURE_STORAGE_CONNECTION_STRING;
  const blobs =
    file.stores?.blobs ?? (connectionOfVariables ? { kind: 'azure' as const } : { kind: 'filesystem' as const });
  if (blobs.kind === 'filesystem') {
    const chosen = 'folder' in blobs ? blobs.folder : undefined;
    return { blobs: { kind: 'filesystem', folder: chosen ? resolve(folder, chosen) : join(home, 'blobs') }, search };
  }
  const connectionString =
    ('connectionString' in blobs ? blobs.connectionString : undefined) ?? connectionOfVariables ?? '';
  if (!AZURE_CONNECTION.test(connectionString)) {
    const message =
      'expected a connection string of Azure Storage (DefaultEndpointsProtocol=…;AccountName=…;AccountKey=…)';
    report(['stores', 'blobs', 'connectionString'], connectionString === '' ? `is missing: ${message}` : message);
  }
  const container = ('container' in blobs ? blobs.container : undefined) ?? variables.AZURE_STORAGE_CONTAINER_NAME;
  return { blobs: { kind: 'azure', connectionString, container: container ?? 'documents' }, search };
}
