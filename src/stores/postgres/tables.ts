/** Row types of the tables, as kysely needs them. The migrations are the truth; a test compares both. */
import type { ColumnType } from 'kysely';

type Timestamp = ColumnType<Date, Date | string, Date | string>;
type GeneratedTimestamp = ColumnType<Date, Date | string | undefined, Date | string>;
type NullableTimestamp = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type Generated<T> = ColumnType<T, T | undefined, T>;
type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;
type Json = ColumnType<unknown, string, string>;
type NullableJson = ColumnType<unknown, string | null | undefined, string | null>;
type GeneratedJson = ColumnType<unknown, string | undefined, string>;
/** bigint arrives as text from the driver. */
type Int8 = ColumnType<string, number | string, number | string>;
type GeneratedInt8 = ColumnType<string, number | string | undefined, number | string>;
type NullableInt8 = ColumnType<string | null, number | string | null | undefined, number | string | null>;

export interface Tables {
  organizations: {
    id: string;
    name: string;
    time_zone: Generated<string>;
    created_at: GeneratedTimestamp;
    updated_at: GeneratedTimestamp;
  };
  connections: {
    organization_id: string;
    id: string;
    connector: string;
    settings: GeneratedJson;
    schedule: NullableJson;
    state: Generated<'active' | 'paused' | 'removed'>;
    state_reason: Nullable<string>;
    created_at: GeneratedTimestamp;
    updated_at: GeneratedTimestamp;
    complete_read_items: NullableInt8;
    complete_read_at: NullableTimestamp;
    last_success_at: NullableTimestamp;
    consecutive_failures: Generated<number>;
    filesets_touched_at: NullableTimestamp;
  };
  connection_leases: {
    organization_id: string;
    connection_id: string;
    fence: GeneratedInt8;
    run_id: Nullable<string>;
    worker_id: NullableInt8;
    expires_at: NullableTimestamp;
  };
  sync_runs: {
    id: string;
    organization_id: string;
    connection_id: string;
    connector: string;
    mode: string;
    trigger: string;
    unit: Nullable<string>;
    state: string;
    outcome: Nullable<string>;
    step: Nullable<string>;
    total_steps: Generated<number>;
    completed_steps: Generated<number>;
    percentage: ColumnType<string, number | undefined, number | string>;
    items_processed: GeneratedInt8;
    items_total: NullableInt8;
    counts: GeneratedJson;
    error: NullableJson;
    cancel_requested_at: NullableTimestamp;
    started_at: GeneratedTimestamp;
    finished_at: NullableTimestamp;
  };
  sync_run_units: {
    organization_id: string;
    run_id: string;
    unit: string;
    outcome: string;
    counts: Json;
    errors: GeneratedJson;
    finished_at: Timestamp;
  };
  sync_failures: {
    id: Generated<string>;
    organization_id: string;
    connection_id: string;
    unit: string;
    reference: string;
    operation: string;
    code: string;
    message: string;
    attempts: Generated<number>;
    state: Generated<'waiting' | 'skipped'>;
    fingerprint: Nullable<string>;
    run_id: string;
    first_at: GeneratedTimestamp;
    last_at: GeneratedTimestamp;
    next_retry_at: NullableTimestamp;
  };
  held_sets: {
    id: string;
    organization_id: string;
    connection_id: string;
    run_id: string;
    unit: Nullable<string>;
    state: Generated<'pending' | 'approved' | 'rejected' | 'superseded' | 'applied'>;
    reason: string;
    evidence: Json;
    created_at: Timestamp;
    decided_at: NullableTimestamp;
    decided_by: Nullable<string>;
    note: Nullable<string>;
  };
  held_items: {
    organization_id: string;
    set_id: string;
    document_uuid: string;
    unit: string;
    reference: string;
    absence: 'deleted' | 'missing' | 'reassigned';
    state: Generated<'held' | 'applied' | 'kept'>;
  };
  silknote_patient_filesets: {
    silknotePatientUuid: string;
    organizationId: string;
    silknoteUserUuid: Generated<string>;
    activatedUse: Generated<boolean>;
    activatedUseTime: NullableTimestamp;
    patientName: Nullable<string>;
    patientDob: Nullable<string>;
    gender: Nullable<string>;
    vectorStoreJson: Nullable<string>;
    caseSummaryJson: Nullable<string>;
    summaryGenerationCount: Generated<number>;
    errors: NullableJson;
    syncLog: Nullable<string>;
    createdAt: GeneratedTimestamp;
    updatedAt: GeneratedTimestamp;
  };
  silknote_documents: {
    silknoteDocumentUuid: string;
    organizationId: string;
    patientUuid: string;
    clientFileId: Nullable<string>;
    originalName: string;
    vsrxReference: Nullable<string>;
    storedPath: Nullable<string>;
    status: Generated<string>;
    category: Nullable<string>;
    mimeType: Nullable<string>;
    sizeBytes: NullableInt8;
    pageCount: Nullable<number>;
    documentDate: Nullable<string>;
    uploadDate: NullableTimestamp;
    processedAt: NullableTimestamp;
    title: Nullable<string>;
    author: Nullable<string>;
    sourceSystem: Generated<string>;
    groupingStatus: Generated<string>;
    contentJson: Nullable<string>;
    alertsJson: Nullable<string>;
    connectionId: Nullable<string>;
    sha256: Nullable<string>;
    sourcePath: Nullable<string>;
    sourceFingerprint: Nullable<string>;
    sourceSize: NullableInt8;
    sourceModifiedAt: NullableInt8;
    missingSince: NullableTimestamp;
    keptSince: NullableTimestamp;
    deletedAt: NullableTimestamp;
    deletedReason: Nullable<string>;
    deletedByRun: Nullable<string>;
    createdAt: GeneratedTimestamp;
    updatedAt: GeneratedTimestamp;
  };
  connection_filesets: {
    organization_id: string;
    connection_id: string;
    unit: string;
  };
  blobs: {
    organization_id: string;
    sha256: string;
    size: Int8;
    references: Generated<number>;
    state: Generated<'wanted' | 'stored'>;
    touched_at: GeneratedTimestamp;
  };
  api_keys: {
    id: string;
    organization_id: string;
    name: string;
    hash: string;
    scopes: string[];
    created_at: GeneratedTimestamp;
    created_by: string;
    expires_at: NullableTimestamp;
    last_used_at: NullableTimestamp;
    revoked_at: NullableTimestamp;
    revoked_by: Nullable<string>;
    rotated_to: Nullable<string>;
  };
  connection_credentials: {
    organization_id: string;
    connection_id: string;
    key_id: string;
    nonce: Buffer;
    ciphertext: Buffer;
    updated_at: GeneratedTimestamp;
    updated_by: string;
  };
  audit_log: {
    id: Int8;
    organization_id: Nullable<string>;
    at: Timestamp;
    actor_kind: string;
    actor_id: string;
    action: string;
    subject_kind: Nullable<string>;
    subject_id: Nullable<string>;
    result: 'ok' | 'refused' | 'failed';
    request_id: Nullable<string>;
    details: GeneratedJson;
    previous_hash: string;
    hash: string;
  };
  audit_chain: {
    singleton: Generated<boolean>;
    last_id: Int8;
    last_hash: string;
    purged_id: Int8;
    purged_hash: string;
  };
  rate_limits: {
    key: string;
    points: Generated<number>;
    expire: NullableInt8;
  };
}
