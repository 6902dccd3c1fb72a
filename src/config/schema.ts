/** The shape of `chartsync.yaml`. */
import { Cron } from 'croner';
import Type from 'typebox';
import { TableMappingSettings } from '../connectors/vsrx/mapping.ts';
import { Alerts } from './alerts.ts';
import { Auth } from './auth.ts';
import {
  checkedText,
  choice,
  closed,
  duration,
  durationOr,
  identifier,
  integer,
  number,
  size,
  switchOf,
  text,
  timeZone,
} from './leaf.ts';
import { parseTimeOfDay } from './quantity.ts';

const optional = Type.Optional;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const interval = () => duration(MINUTE, 7 * DAY, 'a time from 1m to 7d, such as 10m or 2h');

export const ScheduleShape = Type.Union(
  [
    closed({ every: interval() }),
    closed({
      every: interval(),
      between: checkedText('two different times of day, such as 08:00-18:00', (value) => parseWindow(value) !== null),
      on: optional(
        Type.Array(choice(WEEKDAYS), {
          minItems: 1,
          uniqueItems: true,
          description: 'a list of days, such as [mon, tue]',
        }),
      ),
      else: optional(durationOr('never', MINUTE, 7 * DAY, 'a time from 1m to 7d')),
    }),
    closed({ cron: checkedText('five cron fields, such as "0 2 * * *"', isCron) }),
    Type.Literal('manual'),
  ],
  { description: 'a schedule such as { every: 10m }, or manual' },
);

/** Minutes after midnight; null when it is not a window or has no length. */
export function parseWindow(value: string): { from: number; to: number } | null {
  const [from, to, more] = value.split('-').map((part) => parseTimeOfDay(part.trim()));
  if (from == null || to == null || more !== undefined) return null;
  return from === to || from === 1440 || to === 0 || (from === 0 && to === 1440) ? null : { from, to };
}

function isCron(value: string): boolean {
  if (value.trim().split(/\s+/).length !== 5) return false;
  try {
    // A day that no month has, such as 31 February, never comes.
    return new Cron(value, { paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

const DATABASE_PROTOCOLS = new Set(['mysql:', 'mariadb:', 'postgres:', 'postgresql:']);

export function isDatabaseUrl(value: string, protocols: ReadonlySet<string> = DATABASE_PROTOCOLS): boolean {
  const url = URL.parse(value);
  return url !== null && protocols.has(url.protocol) && url.hostname !== '' && /^\/[^/]+$/.test(url.pathname);
}

const insideBase = (value: string) =>
  value !== '' &&
  !/^[/\\]|\\|\0/.test(value) &&
  !value.split('/').some((segment) => segment === '..' || segment === '.');

const timeout = () => duration(100, 60 * MINUTE, 'a time from 100ms to 60m, such as 60s');

const VsrxSettings = closed({
  database: optional(
    checkedText(
      'a URL such as mysql://user:password@host:3306/database (also mariadb:, postgres:); special characters of the password percent-encoded',
      isDatabaseUrl,
    ),
  ),
  fileBasePath: optional(text('the path of the folder that paths in the source begin at')),
  mapping: optional(TableMappingSettings),
  activate: optional(choice(['all', 'recorded', 'source'])),
  pathPrefixes: optional(
    Type.Array(
      checkedText(
        'a folder below fileBasePath with "/" at the end, such as notes/',
        (v) => insideBase(v) && v.endsWith('/'),
      ),
      { description: 'a list of folders below fileBasePath; an empty list allows all', uniqueItems: true },
    ),
  ),
  shareMarker: optional(
    checkedText('the name of a file below fileBasePath that is there whenever the share is', insideBase),
  ),
  sourceTimeZone: optional(timeZone()),
  modes: optional(
    closed({
      deep: optional(durationOr('never', MINUTE, 366 * DAY, 'a time from 1m to 366d')),
      checksum: optional(durationOr('never', MINUTE, 366 * DAY, 'a time from 1m to 366d')),
    }),
  ),
  maxFileSize: optional(maxFileSize()),
  timeouts: optional(closed({ connect: optional(timeout()), query: optional(timeout()), file: optional(timeout()) })),
  mirrorTables: optional(switchOf()),
});

function maxFileSize() {
  return size(5 * 1024 ** 3, 'a size from 1B to 5GiB, such as 50MiB');
}

function pauseAfterFailures() {
  return Type.Union([integer(1, 1_000_000), Type.Literal('never')], {
    description: 'a number of failed runs in a row, or never',
  });
}

const Documents = Type.Union(
  [
    closed({ kind: Type.Literal('here') }),
    closed({
      kind: Type.Literal('remote'),
      endpoint: optional(
        checkedText('the address of the document service, such as https://documents.example.org', isHttpUrl),
      ),
      apiKey: optional(text('the key of the document service', /^[\x21-\x7e]{8,4096}$/)),
      organization: optional(identifier()),
      send: optional(choice(['original', 'pdf'])),
      timeout: optional(timeout()),
    }),
  ],
  { discriminator: 'kind' },
);

const VsrxConnection = closed({
  id: identifier(),
  connector: Type.Literal('vsrx'),
  schedule: optional(ScheduleShape),
  timeout: optional(durationOr('none', SECOND, 7 * DAY, 'a time from 1s to 7d, such as 2h')),
  pauseAfterFailures: optional(pauseAfterFailures()),
  settings: optional(VsrxSettings),
  credentials: optional(
    closed({ username: text('the user name for the database'), password: text('the password for the database') }),
  ),
  documents: optional(Documents),
});

const ClinikoSettings = closed({
  baseUrl: optional(checkedText('an http: or https: URL such as http://127.0.0.1:8501/v1', isHttpUrl)),
  contactEmail: optional(
    checkedText('an e-mail address that Cliniko can write to', (v) => /^[^\s@()<>]+@[^\s@()<>]+\.[^\s@()<>]+$/.test(v)),
  ),
  requestsPerMinute: optional(
    Type.Union([integer(1, 1000), Type.Literal('unlimited')], {
      description: 'a whole number from 1 to 1000, or unlimited (stand-ins only)',
    }),
  ),
  timeout: optional(timeout()),
  fullCompareAt: optional(
    checkedText('a time of day such as 02:00, or never', (v) => v === 'never' || (parseTimeOfDay(v) ?? 1440) < 1440),
  ),
  notes: optional(switchOf()),
  unavailableBlocks: optional(switchOf()),
  attachments: optional(switchOf()),
  attachmentHosts: optional(
    Type.Array(text('the name of a host such as files.example.com', /^(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+$/), {
      maxItems: 20,
    }),
  ),
});

const ClinikoConnection = closed({
  id: identifier(),
  connector: Type.Literal('cliniko'),
  schedule: optional(ScheduleShape),
  timeout: optional(durationOr('none', SECOND, 7 * DAY, 'a time from 1s to 7d, such as 2h')),
  pauseAfterFailures: optional(pauseAfterFailures()),
  settings: optional(ClinikoSettings),
  credentials: optional(closed({ apiKey: text('an API key of Cliniko', /^[\x21-\x7e]{8,200}$/) })),
});

export function isHttpUrl(value: string): boolean {
  const url = URL.parse(value);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === ''
  );
}

const timeOfDay = (description: string) => checkedText(description, (v) => parseTimeOfDay(v) !== null);
const days = () =>
  Type.Array(choice(WEEKDAYS), { minItems: 1, uniqueItems: true, description: 'a list of days, such as [mon, tue]' });

const IdexxSettings = closed({
  portalUrl: optional(checkedText('the address of the portal, such as https://us.idexxneo.com', isOrigin)),
  clinicId: optional(text('the UUID of the clinic', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)),
  timeZone: optional(timeZone()),
  daysAhead: optional(integer(1, 60)),
  staleAfter: optional(duration(MINUTE, 7 * DAY, 'a time from 1m to 7d, such as 60m')),
  alarmAfter: optional(duration(MINUTE, 7 * DAY, 'a time from 1m to 7d, such as 4h')),
  slotMinutes: optional(integer(1, 120)),
  capacity: optional(integer(1, 100)),
  rooms: optional(
    Type.Array(text('the name or id of a calendar column'), {
      minItems: 1,
      description: 'a list of names or ids of calendar columns',
      uniqueItems: true,
    }),
  ),
  breaks: optional(
    Type.Array(
      closed({
        name: text('the name of the break'),
        from: timeOfDay('a time of day such as 12:00'),
        to: timeOfDay('a time of day such as 13:00'),
        on: days(),
      }),
      { description: 'a list of breaks' },
    ),
  ),
  moveHolds: optional(switchOf()),
  emptyCalendar: optional(choice(['doubted', 'believed'])),
  settingsMaxAge: optional(durationOr('none', SECOND, DAY, 'a time from 1s to 1d, such as 30m')),
  consultations: optional(
    closed({
      every: duration(MINUTE, 7 * DAY, 'a time from 1m to 7d, such as 60m'),
      daysBack: optional(integer(0, 59)),
    }),
  ),
  timeout: optional(timeout()),
});

const IdexxConnection = closed({
  id: identifier(),
  connector: Type.Literal('idexx'),
  schedule: optional(ScheduleShape),
  timeout: optional(durationOr('none', SECOND, 7 * DAY, 'a time from 1s to 7d, such as 5m')),
  pauseAfterFailures: optional(pauseAfterFailures()),
  settings: optional(IdexxSettings),
  credentials: optional(
    closed({
      companyId: text('the company id of the portal'),
      username: text('the user name for the portal'),
      password: text('the password for the portal'),
    }),
  ),
});

function isOrigin(value: string): boolean {
  return isHttpUrl(value) && URL.parse(value)?.pathname === '/';
}

const Organization = closed({
  id: identifier(),
  name: optional(text('the name of the organisation')),
  timeZone: optional(timeZone()),
  maxConcurrentSyncs: optional(integer(1, 1000)),
  maxQueuedSyncs: optional(integer(0, 10_000)),
  connections: optional(
    Type.Array(Type.Union([VsrxConnection, ClinikoConnection, IdexxConnection], { discriminator: 'connector' }), {
      description: 'a list of connections',
    }),
  ),
});

const httpUrl = () =>
  checkedText('the address of a service, such as https://api.openai.com/v1, without user name and password', isHttpUrl);

const Search = Type.Union(
  [
    closed({
      kind: Type.Literal('lancedb'),
      folder: optional(text('the path of a folder')),
      embeddings: optional(
        closed({
          endpoint: httpUrl(),
          apiKey: optional(text('the key of the endpoint')),
          model: text('the name of a model'),
          dimensions: integer(1, 16_384),
        }),
      ),
    }),
    closed({
      kind: Type.Literal('openai'),
      apiKey: text('the key of the service'),
      endpoint: optional(httpUrl()),
      apiVersion: optional(text('a version such as 2024-05-01-preview', /^[0-9a-z-]{1,32}$/)),
    }),
    closed({ kind: Type.Literal('none') }),
  ],
  { discriminator: 'kind' },
);

const LanguageModel = closed({
  endpoint: httpUrl(),
  // It goes into a header: another character would fail there, with the key in the error.
  apiKey: optional(text('the key of the endpoint', /^[\x21-\x7e]{1,4096}$/)),
  model: text('the name of a model', /^[\x21-\x7e]{1,200}$/),
  timeout: optional(duration(SECOND, 5 * MINUTE, 'a time from 1s to 5m, such as 60s')),
  maxPassages: optional(integer(1, 50)),
});

const Stores = closed({
  blobs: optional(
    Type.Union(
      [
        closed({ kind: Type.Literal('filesystem'), folder: optional(text('the path of a folder')) }),
        closed({
          kind: Type.Literal('azure'),
          connectionString: optional(text('a connection string of Azure Storage')),
          container: optional(
            text(
              'the name of a container: 3 to 63 small letters, digits and single "-"',
              /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/,
            ),
          ),
        }),
      ],
      { discriminator: 'kind' },
    ),
  ),
  search: optional(Search),
});

export const ConfigFile = closed({
  organizations: optional(Type.Array(Organization, { description: 'a list of organisations' })),
  stores: optional(Stores),
  languageModel: optional(LanguageModel),
  auth: optional(Auth),
  alerts: optional(Alerts),
  components: optional(
    closed({
      origins: optional(
        Type.Array(checkedText('an origin such as https://ehr.riverside.example, without a path', isOrigin), {
          description: 'a list of origins whose pages may hold the component',
          uniqueItems: true,
        }),
      ),
    }),
  ),
  deletionGuard: optional(
    closed({
      maxCount: optional(integer(0, 1_000_000_000)),
      maxPercent: optional(number(0, 100)),
      minCount: optional(integer(0, 1_000_000_000)),
    }),
  ),
  limits: optional(
    closed({
      maxFileSize: optional(maxFileSize()),
      filesPerBatch: optional(integer(1, 1000)),
      maxParallelUploads: optional(integer(1, 64)),
      retryAttempts: optional(integer(1, 20)),
      retryDelay: optional(duration(0, 10 * MINUTE, 'a time up to 10m, such as 5s')),
      databaseConnections: optional(integer(2, 200)),
      maxConcurrentSyncs: optional(integer(1, 1000)),
      maxQueuedSyncs: optional(integer(0, 10_000)),
      runsPerProcess: optional(integer(1, 1000)),
      fanOutUnits: optional(integer(1, 1_000_000_000)),
      helpersPerRun: optional(integer(0, 1000)),
      documentsAtOnce: optional(integer(0, 64)),
      pauseAfterFailures: optional(pauseAfterFailures()),
    }),
  ),
  ocrLanguages: optional(
    Type.Array(text('a language as Tesseract names it, such as eng or chi_sim', /^[a-z]{3}(_[A-Za-z]{2,12}){0,2}$/), {
      minItems: 1,
      maxItems: 10,
      uniqueItems: true,
      description: 'a list of languages as Tesseract names them, such as [eng, ita]',
    }),
  ),
  consistency: optional(
    closed({
      at: optional(
        checkedText(
          'a time of day such as 02:30, or never',
          (v) => v === 'never' || (parseTimeOfDay(v) ?? 1440) < 1440,
        ),
      ),
      timeBox: optional(duration(MINUTE, DAY, 'a time from 1m to 24h, such as 2h')),
      samplePercent: optional(number(0, 100)),
    }),
  ),
  retention: optional(
    closed({
      runs: optional(durationOr('forever', DAY, 36_525 * DAY, 'a time from 1d, such as 90d')),
      releasedBlobs: optional(duration(0, 3660 * DAY, 'a time up to 3660d, such as 7d')),
      tombstones: optional(durationOr('forever', DAY, 36_525 * DAY, 'a time from 1d, such as 730d')),
      audit: optional(durationOr('forever', DAY, 36_525 * DAY, 'a time from 1d, such as 2192d')),
    }),
  ),
});
/** What `settings` of a connection may hold, by connector. */
export const SETTINGS_SHAPES = { vsrx: VsrxSettings, cliniko: ClinikoSettings, idexx: IdexxSettings } as const;

export type ConfigFile = Type.Static<typeof ConfigFile>;
export type IdexxConnectionFile = Type.Static<typeof IdexxConnection>;
export type ClinikoConnectionFile = Type.Static<typeof ClinikoConnection>;
export type VsrxConnectionFile = Type.Static<typeof VsrxConnection>;
export type ScheduleFile = Type.Static<typeof ScheduleShape>;
