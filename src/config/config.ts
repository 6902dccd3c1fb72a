/** What the rest of the program gets to see: complete, checked, frozen. Times in ms, sizes in bytes, paths absolute. */

import type { AccessSettings } from '../access/settings.ts';
import type { ClinikoSettings } from '../connectors/cliniko/settings.ts';
import type { IdexxSettings } from '../connectors/idexx/settings.ts';
import type { TableMapping } from '../connectors/vsrx/mapping.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { SettingField } from '../domain/setting-field.ts';

export interface Config {
  /** Folder for everything that Chartsync keeps on this machine. */
  readonly home: string;
  /** Null: there is none, everything is from the environment and defaults. */
  readonly file: string | null;
  readonly server: { readonly host: string; readonly port: number };
  /** Secret. Null: no administrator's key from outside. */
  readonly adminKey: string | null;
  /** Secret, 32 bytes in base64. */
  readonly encryptionKey: string | null;
  /** Secret. Former encryption keys, which still open what they sealed. */
  readonly encryptionKeysOld: readonly string[];
  readonly auth: AccessSettings;
  readonly alerts: AlertsConfig;
  /** Secret. Null: the embedded PostgreSQL in `home`. */
  readonly databaseUrl: string | null;
  /** Where programs such as LibreOffice are looked for, as in PATH. */
  readonly programPath: string;
  /** Tesseract's codes of the languages that scans are in. */
  readonly ocrLanguages: readonly string[];
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  /** Runs plan and write nothing. */
  readonly dryRun: boolean;
  /** False: nothing is run by itself, whatever the schedules say. */
  readonly scheduler: boolean;
  readonly organizations: readonly OrganizationConfig[];
  readonly connectionSettings: SettingsOfConnections;
  readonly stores: StoresConfig;
  /** Null: none, and passages are the answer. */
  readonly languageModel: LanguageModelConfig | null;
  /** Origins whose pages may hold the component and use the routes of one patient. */
  readonly components: { readonly origins: readonly string[] };
  readonly deletionGuard: { readonly maxCount: number; readonly maxPercent: number; readonly minCount: number };
  /** The comparison of all stores, once in a night. */
  readonly consistency: {
    /** Minutes after midnight at the organisation; null: never by itself. */
    readonly at: number | null;
    readonly timeBoxMs: number;
    /** Of the documents, those whose content is read and hashed. */
    readonly samplePercent: number;
  };
  readonly limits: LimitsConfig;
  readonly portals: PortalsConfig;
  readonly retention: {
    /** Null: for ever. */
    readonly runsMs: number | null;
    readonly releasedBlobsMs: number;
    /** Null: for ever. */
    readonly tombstonesMs: number | null;
    /** Null: for ever. */
    readonly auditMs: number | null;
  };
}

/** Settings of connections as they were given: for a form, and to be tried with values that people choose. */
export interface SettingsOfConnections {
  /** @param chosen name of a setting → its value. Null: there is no such connection */
  form(organizationId: string, connectionId: string, chosen: ChosenValues): readonly FormField[] | null;
  /** What must not be chosen at all. */
  refused(organizationId: string, connectionId: string, names: readonly string[]): readonly FieldMistake[];
  resolve(
    organizationId: string,
    connectionId: string,
    chosen: ChosenValues,
  ): { readonly connection: ConnectionConfig } | { readonly mistakes: readonly FieldMistake[] };
}

/** Null: as though the configuration did not say it. */
export type ChosenValues = Readonly<Record<string, unknown>>;

export interface FieldMistake {
  /** Of the setting. */
  readonly name: string;
  readonly message: string;
}

/** One setting as the configuration and what was chosen make it; who changed it is written elsewhere. */
export type FormField = Omit<SettingField, 'changedAt' | 'changedBy'>;

export interface AlertsConfig {
  /** Null: none is sent by e-mail. */
  readonly smtp: {
    readonly host: string;
    readonly port: number;
    readonly security: 'tls' | 'starttls' | 'none';
    readonly username: string | null;
    /** Secret. */
    readonly password: string | null;
    readonly from: string;
  } | null;
  /** Private addresses and ranges that webhooks may be sent to. */
  readonly allowedAddresses: readonly string[];
}

export interface OrganizationConfig {
  readonly id: string;
  readonly name: string;
  readonly timeZone: string;
  /** Runs of all its connections at one time, and how many may wait. */
  readonly maxConcurrentSyncs: number;
  readonly maxQueuedSyncs: number;
  readonly connections: readonly ConnectionConfig[];
}

export type ConnectionConfig = VsrxConnectionConfig | ClinikoConnectionConfig | IdexxConnectionConfig;

interface AnyConnectionConfig {
  readonly organizationId: string;
  readonly id: string;
  /** Null: only when somebody asks. */
  readonly schedule: Schedule | null;
  /** Zone of the schedule's wall time. */
  readonly timeZone: string;
  /** The longest that one run may take; null: no limit. */
  readonly timeoutMs: number | null;
  /** Failed runs in a row after which the schedule stops; null: never. */
  readonly pauseAfterFailures: number | null;
}

export interface ClinikoConnectionConfig extends AnyConnectionConfig {
  readonly connector: 'cliniko';
  /** Without secrets: may be stored and shown. */
  readonly settings: ClinikoSettings & {
    /** Minutes after midnight, in the connection's zone, of the nightly read of everything. Null: never by itself. */
    readonly fullCompareAt: number | null;
    readonly unavailableBlocks: boolean;
    /** Copy files of patients. */
    readonly attachments: boolean;
  };
  /** Secret. Null: stored ones are used. */
  readonly credentials: { readonly apiKey: string } | null;
}

export interface IdexxConnectionConfig extends AnyConnectionConfig {
  readonly connector: 'idexx';
  /** Without secrets: may be stored and shown. */
  readonly settings: IdexxSettings & {
    /** UUID in lower case. */
    readonly clinicId: string;
    readonly daysAhead: number;
    readonly staleAfterMinutes: number;
    readonly alarmAfterMinutes: number;
    /** Null: what the portal says. */
    readonly slotMinutes: number | null;
    /** Places at one time; null: one for each calendar column that counts. */
    readonly capacity: number | null;
    /** Names or ids of calendar columns; null: all count. */
    readonly rooms: readonly string[] | null;
    /** Null: as they are stored. `days`: 0 = Sunday. */
    readonly breaks:
      | readonly {
          readonly name: string;
          readonly from: string;
          readonly to: string;
          readonly days: readonly number[];
        }[]
      | null;
    /** Holds, not confirmed bookings, may be moved out of a full slot. */
    readonly moveHolds: boolean;
    /** A window without a single entry is taken as it is. */
    readonly believeEmpty: boolean;
    readonly consultationDaysBack: number;
    /** Null: only when somebody asks. */
    readonly consultationsEveryMs: number | null;
  };
  /** Secret. Null: stored ones are used. */
  readonly credentials: { readonly companyId: string; readonly username: string; readonly password: string } | null;
}

export interface VsrxConnectionConfig extends AnyConnectionConfig {
  readonly connector: 'vsrx';
  /** Without secrets: may be stored and shown. */
  readonly settings: VsrxSettings;
  /** Secret. */
  readonly credentials: { readonly databaseUrl: string; readonly documentsApiKey: string | null };
}

export interface VsrxSettings {
  /** URL without user name, password and parameters. */
  readonly database: string;
  readonly fileBasePath: string;
  readonly mapping: TableMapping;
  readonly activate: 'all' | 'recorded' | 'source';
  /** Each ends with "/". Empty: all paths below the base. */
  readonly pathPrefixes: readonly string[];
  /** File below `fileBasePath`. */
  readonly shareMarker: string | null;
  /** How old the last deep or checksum run may be before a scheduled run becomes one. Null: never by itself. */
  readonly modes: { readonly deepMs: number | null; readonly checksumMs: number | null };
  readonly maxFileSize: number;
  readonly timeouts: { readonly connectMs: number; readonly queryMs: number; readonly fileMs: number };
  /** Null: the documents are for this service. */
  readonly documents: RemoteDocumentsConfig | null;
  /** Keep the silknote tables of the source's database in step. */
  readonly mirrorTables: boolean;
}

/** A document service on another machine. */
export interface RemoteDocumentsConfig {
  readonly endpoint: string;
  readonly organization: string | null;
  /** `pdf`: what is none is sent as PDF. */
  readonly send: 'original' | 'pdf';
  readonly timeoutMs: number;
}

export interface StoresConfig {
  readonly blobs:
    | { readonly kind: 'filesystem'; readonly folder: string }
    /** `connectionString` is secret. */
    | { readonly kind: 'azure'; readonly connectionString: string; readonly container: string };
  readonly search: SearchConfig;
}

export type SearchConfig =
  | {
      readonly kind: 'lancedb';
      readonly folder: string;
      /** `apiKey` is secret; null for an endpoint that wants none. Null without embeddings: only words are compared. */
      readonly embeddings: {
        readonly endpoint: string;
        readonly apiKey: string | null;
        readonly model: string;
        readonly dimensions: number;
      } | null;
    }
  /** `apiKey` is secret. */
  | {
      readonly kind: 'openai';
      readonly apiKey: string;
      readonly endpoint: string | null;
      readonly apiVersion: string | null;
    }
  | { readonly kind: 'none' };

/** Passages of documents are sent there. */
export interface LanguageModelConfig {
  readonly endpoint: string;
  /** Secret; null for an endpoint that wants none. */
  readonly apiKey: string | null;
  readonly model: string;
  /** For one answer, whatever is tried for it. */
  readonly timeoutMs: number;
  /** Sent with one question. */
  readonly maxPassages: number;
}

/** For all connections of this process that log in to a portal. */
export interface PortalsConfig {
  readonly browsers: number;
  /** Program of the browser; null: where it usually is. */
  readonly chromium: string | null;
  /** Dates of one clinic that are read at one time. */
  readonly datesAtOnce: number;
}

export interface LimitsConfig {
  readonly maxFileSize: number;
  readonly filesPerBatch: number;
  readonly maxParallelUploads: number;
  /** Tries in all, the first included. */
  readonly retryAttempts: number;
  readonly retryDelayMs: number;
  /** Runs of one process at one time, those that it helps with included. */
  readonly runsPerProcess: number;
  /** A file run with work in more units than this is shared with other processes. */
  readonly fanOutUnits: number;
  /** Processes beside its own that may copy for one run. */
  readonly helpersPerRun: number;
  /** Documents of one organisation whose content is read at one time; 0: no content is read. */
  readonly documentsAtOnce: number;
  /** Connections of one process to the record database. */
  readonly databaseConnections: number;
}
