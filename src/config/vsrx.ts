/** A VSRX connection of the file, completed by the environment's variables and defaults. */
import { resolve } from 'node:path';
import { resolveMapping, type TableMapping } from '../connectors/vsrx/mapping.ts';
import { SyncError } from '../domain/errors.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { VsrxConnectionConfig } from './config.ts';
import { type DocumentDefaults, resolveDocuments } from './documents.ts';
import type { Path } from './mistake.ts';
import { parseDuration, parseSize } from './quantity.ts';
import type { VsrxConnectionFile } from './schema.ts';

const DEFAULT_PREFIXES = ['notes/'];
const DEFAULT_DEEP = '1d';
const DEFAULT_TIMEOUT = '60s';

export interface VsrxDefaults {
  readonly organizationId: string;
  /** Null: the file names none. */
  readonly organizationTimeZone: string | null;
  readonly schedule: Schedule | null;
  readonly timeoutMs: number | null;
  readonly pauseAfterFailures: number | null;
  readonly database: string | null;
  readonly fileBasePath: string | null;
  readonly maxFileSize: number;
  readonly documents: DocumentDefaults;
  /** Relative paths begin here. */
  readonly folder: string;
}

/** @returns null when something is missing or contradicts, which `mistake` has been told */
export function resolveVsrx(
  connection: Omit<VsrxConnectionFile, 'schedule' | 'timeout' | 'pauseAfterFailures'>,
  defaults: VsrxDefaults,
  mistake: (path: Path, message: string) => void,
): VsrxConnectionConfig | null {
  const settings = connection.settings ?? {};
  const given = settings.database ?? defaults.database;
  const fileBasePath = settings.fileBasePath ?? defaults.fileBasePath;
  if (given === null) {
    mistake(['settings', 'database'], 'is missing: expected a URL such as mysql://user:password@host:3306/database');
  }
  if (fileBasePath === null) {
    mistake(
      ['settings', 'fileBasePath'],
      'is missing: expected the path of the folder that paths in the source begin at',
    );
  }
  const mapping = mappingOf(settings, defaults, mistake);
  if (settings.mirrorTables === true && given !== null && !/^(mysql|mariadb):/.test(given)) {
    mistake(['settings', 'mirrorTables'], 'is for a source database of MySQL or MariaDB');
  }
  const documents = resolveDocuments(connection.documents, defaults.documents, mistake);
  const url = given === null ? null : new URL(given);
  if (url && connection.credentials) {
    if (url.username !== '' || url.password !== '') {
      mistake(['credentials'], 'the database URL has a user name or password already; give them once');
    }
    url.username = encodeURIComponent(connection.credentials.username);
    url.password = encodeURIComponent(connection.credentials.password);
  }
  if (url === null || fileBasePath === null || mapping === null) return null;
  const databaseUrl = url.href;
  url.username = '';
  url.password = '';
  url.search = '';
  url.hash = '';
  const orNever = (value: string | undefined, fallback: string) =>
    (value ?? fallback) === 'never' ? null : parseDuration(value ?? fallback);
  const time = (value: string | undefined) => parseDuration(value ?? DEFAULT_TIMEOUT) ?? 0;
  const { maxFileSize = defaults.maxFileSize } = settings;
  return {
    organizationId: defaults.organizationId,
    id: connection.id,
    connector: 'vsrx',
    schedule: defaults.schedule,
    timeZone: defaults.organizationTimeZone ?? 'UTC',
    timeoutMs: defaults.timeoutMs,
    pauseAfterFailures: defaults.pauseAfterFailures,
    settings: {
      database: url.href,
      fileBasePath: resolve(defaults.folder, fileBasePath),
      mapping,
      activate: settings.activate ?? 'recorded',
      pathPrefixes: settings.pathPrefixes ?? DEFAULT_PREFIXES,
      shareMarker: settings.shareMarker ?? null,
      modes: {
        deepMs: orNever(settings.modes?.deep, DEFAULT_DEEP),
        checksumMs: orNever(settings.modes?.checksum, 'never'),
      },
      maxFileSize: typeof maxFileSize === 'number' ? maxFileSize : (parseSize(maxFileSize) ?? 0),
      timeouts: {
        connectMs: time(settings.timeouts?.connect),
        queryMs: time(settings.timeouts?.query),
        fileMs: time(settings.timeouts?.file),
      },
      documents: documents?.remote ?? null,
      mirrorTables: settings.mirrorTables ?? false,
    },
    credentials: { databaseUrl, documentsApiKey: documents?.apiKey ?? null },
  };
}

function mappingOf(
  settings: NonNullable<VsrxConnectionFile['settings']>,
  defaults: VsrxDefaults,
  mistake: (path: Path, message: string) => void,
): TableMapping | null {
  const mapping = settings.mapping ?? 'vsrx';
  const ownZone = typeof mapping === 'object' ? mapping.sourceTimeZone : undefined;
  const zone = settings.sourceTimeZone ?? ownZone ?? defaults.organizationTimeZone ?? undefined;
  if (settings.sourceTimeZone !== undefined && ownZone !== undefined && settings.sourceTimeZone !== ownZone) {
    mistake(['settings', 'sourceTimeZone'], 'differs from mapping.sourceTimeZone; give it once');
  }
  try {
    return resolveMapping(mapping, zone);
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    mistake(['settings', 'mapping'], error.detail ?? error.message);
    return null;
  }
}
