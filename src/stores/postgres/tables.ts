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

/** The last columns of every table of `0005_clinic_records.sql`. */
interface CopiedRecord {
  id: string;
  organization_id: string;
  connection_id: string;
  source_created_at: NullableTimestamp;
  source_updated_at: NullableTimestamp;
  last_synced_at: Timestamp;
  fingerprint: string;
  missing_since: NullableTimestamp;
  kept_since: NullableTimestamp;
  removed_at: NullableTimestamp;
  removed_reason: Nullable<string>;
  removed_by_run: Nullable<string>;
  deleted_at: NullableTimestamp;
  created_at: GeneratedTimestamp;
  updated_at: GeneratedTimestamp;
}

export interface Tables {
  web_sessions: {
    hash: string;
    key_id: Nullable<string>;
    key_proof: Nullable<string>;
    created_at: GeneratedTimestamp;
    used_at: GeneratedTimestamp;
  };
  organizations: {
    id: string;
    name: string;
    time_zone: Generated<string>;
    created_at: GeneratedTimestamp;
    updated_at: GeneratedTimestamp;
    max_running: Generated<number>;
    max_queued: Generated<number>;
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
    paused_by: Nullable<'person' | 'failures'>;
    paused_at: NullableTimestamp;
    last_failure_at: NullableTimestamp;
    last_failure_code: Nullable<string>;
    mode_completed: GeneratedJson;
    pause_after_failures: Nullable<number>;
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
    priority: Generated<number>;
    queued_at: GeneratedTimestamp;
    job_id: Nullable<string>;
    dispatched_at: NullableTimestamp;
    attempt: Generated<number>;
    request: GeneratedJson;
    effects: GeneratedJson;
  };
  run_totals: {
    organization_id: string;
    connection_id: string;
    state: string;
    outcome: string;
    runs: GeneratedInt8;
    seconds: Generated<number>;
    buckets: string[];
    items: GeneratedJson;
  };
  workers: {
    id: Int8;
    started_at: GeneratedTimestamp;
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
    absence: 'deleted' | 'missing' | 'gone' | 'reassigned';
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
  patients: CopiedRecord & {
    cliniko_patient_id: string;
    name: Nullable<string>;
    email: Nullable<string>;
    phone: Nullable<string>;
    contact_type: Generated<string>;
    title: Nullable<string>;
    first_name: Nullable<string>;
    last_name: Nullable<string>;
    preferred_first_name: Nullable<string>;
    phones: GeneratedJson;
    birth_date: NullableTimestamp;
    sex: Nullable<string>;
    gender_identity: Nullable<string>;
    address: NullableJson;
    time_zone: Nullable<string>;
    old_reference_id: Nullable<string>;
    archived_at: NullableTimestamp;
    merged_at: NullableTimestamp;
    merged_into: Nullable<string>;
    survivor: Nullable<string>;
    is_active: Generated<boolean>;
    activity_status: Generated<string>;
    recent_appointment_count: Generated<number>;
    upcoming_appointment_count: Generated<number>;
    total_appointment_count: Generated<number>;
    first_appointment_date: NullableTimestamp;
    last_appointment_date: NullableTimestamp;
    next_appointment_time: NullableTimestamp;
    next_appointment_type: Nullable<string>;
    primary_appointment_type: Nullable<string>;
    recent_appointments: GeneratedJson;
    upcoming_appointments: GeneratedJson;
    activity_until: NullableTimestamp;
  };
  appointments: CopiedRecord & {
    cliniko_appointment_id: string;
    kind: 'individual' | 'group';
    patient_id: Nullable<string>;
    cliniko_patient_id: Nullable<string>;
    appointment_date: Timestamp;
    ends_at: NullableTimestamp;
    status: string;
    type: Nullable<string>;
    notes: Nullable<string>;
    cliniko_practitioner_id: Nullable<string>;
    cliniko_business_id: Nullable<string>;
    cliniko_appointment_type_id: Nullable<string>;
    cancelled_at: NullableTimestamp;
    cancellation_reason: Nullable<number>;
    archived_at: NullableTimestamp;
    max_attendees: Nullable<number>;
    metadata: GeneratedJson;
  };
  appointment_attendees: CopiedRecord & {
    cliniko_attendee_id: string;
    cliniko_appointment_id: Nullable<string>;
    patient_id: Nullable<string>;
    cliniko_patient_id: Nullable<string>;
    status: string;
    cancelled_at: NullableTimestamp;
    cancellation_reason: Nullable<number>;
    archived_at: NullableTimestamp;
  };
  practitioners: CopiedRecord & {
    cliniko_practitioner_id: string;
    title: Nullable<string>;
    first_name: Nullable<string>;
    last_name: Nullable<string>;
    display_name: Nullable<string>;
    designation: Nullable<string>;
    active: boolean;
  };
  businesses: CopiedRecord & {
    cliniko_business_id: string;
    name: Nullable<string>;
    address: NullableJson;
    time_zone: Nullable<string>;
    archived_at: NullableTimestamp;
  };
  appointment_types: CopiedRecord & {
    cliniko_appointment_type_id: string;
    name: Nullable<string>;
    category: Nullable<string>;
    duration_minutes: Nullable<number>;
    max_attendees: Nullable<number>;
    archived_at: NullableTimestamp;
  };
  unavailable_blocks: CopiedRecord & {
    cliniko_block_id: string;
    starts_at: Timestamp;
    ends_at: NullableTimestamp;
    cliniko_practitioner_id: Nullable<string>;
    cliniko_business_id: Nullable<string>;
    repeated_from: Nullable<string>;
    archived_at: NullableTimestamp;
  };
  stream_states: {
    organization_id: string;
    connection_id: string;
    stream: string;
    cursor_at: NullableTimestamp;
    read_ms: GeneratedInt8;
    unfinished: NullableJson;
    complete_items: NullableInt8;
    complete_at: NullableTimestamp;
  };
  activity_due: {
    organization_id: string;
    connection_id: string;
    cliniko_patient_id: string;
  };
  outbound_limits: {
    key: string;
    sent: Generated<string[]>;
    blocked_until: GeneratedInt8;
    touched_at: GeneratedTimestamp;
  };
}
