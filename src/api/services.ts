/** What the routes work with. */
import type { AlertSecrets } from '../access/alert-secrets.ts';
import type { ApiKeys } from '../access/api-keys.ts';
import type { ComponentTokens } from '../access/component-tokens.ts';
import type { CredentialVault } from '../access/credentials.ts';
import type { OidcSignIn } from '../access/oidc-sign-in.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { BookView } from '../ports/book-view.ts';
import type { BookingDesk } from '../ports/booking-desk.ts';
import type { ClinicReports } from '../ports/clinic-reports.ts';
import type { ConnectionSettings } from '../ports/connection-settings.ts';
import type { ConsistencyStore } from '../ports/consistency-store.ts';
import type { ConsultationBook } from '../ports/consultation-book.ts';
import type { DocumentDeliveries } from '../ports/document-deliveries.ts';
import type { DocumentDesk } from '../ports/document-desk.ts';
import type { DocumentGroups } from '../ports/document-groups.ts';
import type { FilesetMigrations } from '../ports/fileset-migrations.ts';
import type { FilesetOwners } from '../ports/fileset-owners.ts';
import type { FilesetReports } from '../ports/fileset-reports.ts';
import type { HeldRecords } from '../ports/held-records.ts';
import type { LanguageModel } from '../ports/language-model.ts';
import type { PatientDesk } from '../ports/patient-desk.ts';
import type { Reports } from '../ports/reports.ts';
import type { RunHistory } from '../ports/run-history.ts';
import type { RunLists } from '../ports/run-lists.ts';
import type { RunLog } from '../ports/run-log.ts';
import type { RunMetrics } from '../ports/run-metrics.ts';
import type { RunQueue } from '../ports/run-queue.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { ScheduleStore } from '../ports/schedule-store.ts';
import type { SearchIndex } from '../ports/search-index.ts';
import type { Person } from '../ports/session-store.ts';
import type { SlotBook } from '../ports/slot-book.ts';
import type { UnreadDocuments } from '../ports/unread-documents.ts';
import type { Upkeep } from '../ports/upkeep.ts';
import type { AlertPorts } from '../runs/alerts.ts';
import type { Connection } from '../runs/connections.ts';
import type { DocumentWatch } from '../runs/document-watch.ts';
import type { Inspections } from '../runs/inspections.ts';
import type { RunWatch } from '../runs/run-watch.ts';
import type { SyncService } from '../runs/sync-service.ts';

/** As people know it. */
export interface NamedOrganization {
  readonly id: string;
  readonly name: string;
  /** IANA zone. */
  readonly timeZone: string;
}

export interface ApiServices {
  /** The configured ones. */
  readonly organizations: readonly NamedOrganization[];
  readonly connections: readonly Connection[];
  /** What the configuration says, without secrets. */
  readonly configured: {
    readonly settings: ConnectionSettings;
    /** In ms; null: for ever. */
    readonly retention: {
      readonly runsMs: number | null;
      readonly releasedBlobsMs: number;
      readonly tombstonesMs: number | null;
      readonly auditMs: number | null;
    };
  };
  readonly sync: SyncService;
  /** Runs of other processes that this one helps with. */
  readonly helping: () => number;
  readonly runs: RunStore;
  readonly runLog: Pick<RunLog, 'read'>;
  readonly queue: RunQueue;
  readonly history: RunHistory;
  readonly schedules: ScheduleStore;
  /** Schedules in the words of the configuration. */
  readonly scheduleText: {
    read(value: unknown): { readonly schedule: Schedule | null } | { readonly mistakes: readonly string[] };
    write(schedule: Schedule | null): unknown;
  };
  readonly watch: RunWatch;
  /** Does this installation run anything by itself? */
  readonly schedulerActive: boolean;
  readonly inspections: Inspections;
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
  /** Browsers of this process. */
  readonly browsers: () => {
    readonly total: number;
    readonly inUse: number;
    readonly available: number;
    readonly installed: boolean;
  };
  readonly blobs: BlobStore;
  readonly desk: DocumentDesk;
  readonly deliveries: Pick<DocumentDeliveries, 'ofDocument'>;
  /** Host of the document service that keeps the documents of a connection; null: they are kept here. */
  readonly keptOn: (organizationId: string, connectionId: string | null) => string | null;
  readonly patients: PatientDesk;
  readonly unread: UnreadDocuments;
  readonly groups: DocumentGroups;
  readonly migrations: FilesetMigrations;
  readonly documentWatch: DocumentWatch;
  readonly components: ComponentTokens;
  readonly search: SearchIndex;
  /** Null: none is configured. */
  readonly languageModel: LanguageModel | null;
  readonly consistency: ConsistencyStore;
  readonly upkeep: Upkeep;
  /** Folder for uploads on their way into the blob store. */
  readonly scratch: string;
  readonly maxFileSize: number;
  readonly keys: ApiKeys;
  /** Who signed in at an issuer. */
  readonly people: (organizationId: string) => Promise<readonly Person[]>;
  /** At issuers, for people at a browser. */
  readonly signIn: OidcSignIn;
  readonly credentials: CredentialVault;
  readonly audit: AuditLog;
  readonly alerts: AlertPorts & { readonly secrets: AlertSecrets };
  readonly metrics: RunMetrics;
  /** Connections of this process to the record database. */
  readonly databasePool: () => { readonly total: number; readonly idle: number; readonly waiting: number };
  /** How long requests to outside systems had to wait for their limits, since the process began. */
  readonly outboundWaitMs: () => number;
  /** @returns how many runs wait; null: not known now. @throws when the database does not answer within two seconds */
  readonly checkDatabase: () => Promise<number | null>;
}

/** IANA zone of an organisation. */
export function timeZoneOf({ organizations }: Pick<ApiServices, 'organizations'>, organizationId: string): string {
  return organizations.find(({ id }) => id === organizationId)?.timeZone ?? 'UTC';
}
