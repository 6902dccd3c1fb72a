/**
 * What requests and answers look like. The OpenAPI document is made of these; the tests hold every answer to them.
 */
import { type TSchema, Type } from 'typebox';
import { findingsFields } from './run-findings.ts';

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const instant = (description: string) => Type.String({ description, format: 'date-time' });
const count = (description?: string) =>
  Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) });

export const ORGANIZATION_HEADER = 'x-organization-id';

export const SelectOrganization = Type.Object({
  [ORGANIZATION_HEADER]: Type.Optional(
    Type.String({ description: 'Organisation that the request is about; needed when there are several.' }),
  ),
});

export const RunCountsAnswer = Type.Object(
  {
    added: count(),
    updated: count(),
    moved: count(),
    removed: count(),
    same: count('Unchanged.'),
    failed: count(),
    waiting: count('Failed before; the next try has not come yet.'),
    skipped: count('A person said to skip them.'),
    held: count('Deletions that wait for a person.'),
    missing: count('Missing for the first time, kept.'),
    bytes: count('Copied.'),
  },
  { $id: 'RunCounts' },
);

const Outcome = Type.Enum(['success', 'partial', 'failed']);

export const Started = Type.Object(
  {
    success: Type.Literal(true),
    syncId: Type.String(),
    status: Type.Enum(['starting', 'queued'], { description: 'queued: other runs of the organisation come first.' }),
    statusUrl: Type.String({ description: 'Where the progress is.' }),
  },
  {
    description: 'The run has begun, or waits for its turn.',
  },
);

const ItemError = Type.Object(
  {
    timestamp: instant('When it happened.'),
    operation: Type.Enum(['add', 'delete']),
    fileId: Type.String({ description: 'Reference of the file in the source.' }),
    fileName: Type.String({ description: 'Always empty: file names often are names of patients.' }),
    error: Type.String(),
    code: Type.String(),
    retryCount: count(),
    resolved: Type.Boolean(),
  },
  { $id: 'ItemError' },
);

const ended = {
  success: Type.Literal(true),
  syncId: Type.String(),
  outcome: Outcome,
  counts: RunCountsAnswer,
  errors: Type.Array(ItemError),
};

export const RunSummaryAnswer = Type.Object(
  {
    ...ended,
    status: Type.Literal('completed'),
    summary: Type.Object({
      startTime: instant('Start of the run.'),
      endTime: nullable(instant('End of the run.')),
      duration: nullable(count('Milliseconds.')),
      totalFilesets: count(),
      totalFilesAdded: count(),
      totalFilesDeleted: count(),
      totalErrors: count(),
      successfulSyncs: count(),
      partialSyncs: count(),
      failedSyncs: count(),
    }),
  },
  { description: 'With wait=true: the run has ended.' },
);

export const PatientRunAnswer = Type.Object(
  {
    ...ended,
    status: Outcome,
    patientUuid: Type.String({ format: 'uuid' }),
    filesAdded: count(),
    filesDeleted: count(),
  },
  { description: 'With wait=true: the run has ended.' },
);

const StoreDifference = Type.Object({
  store: Type.Enum(['source', 'row', 'blob', 'index']),
  fileId: nullable(Type.String()),
  error: Type.String(),
  code: nullable(Type.String()),
});

export const PatientStatus = Type.Object(
  {
    patientUuid: Type.String({ format: 'uuid' }),
    lastSyncAttempt: nullable(instant('Last run that touched the fileset.')),
    lastSuccessfulSync: nullable(instant('Last one without an error.')),
    consecutiveFailures: count(),
    status: Type.Enum(['never_synced', 'success', 'partial']),
    errors: Type.Array(
      Type.Object({
        id: Type.String(),
        fileId: Type.String(),
        code: Type.String(),
        error: Type.String(),
        timestamp: instant('Last try.'),
        retryCount: count(),
      }),
    ),
    counts: Type.Object(
      {
        sourceFiles: nullable(count()),
        documents: nullable(count()),
        blobs: nullable(count()),
        vectorStoreFiles: nullable(count()),
      },
      { description: 'Null: not known now. Never zero because a store did not answer.' },
    ),
    consistent: Type.Union([Type.Boolean(), Type.Null()], {
      description: 'Null: a store did not answer, see sourceError and indexError.',
    }),
    missing: Type.Array(StoreDifference),
    surplus: Type.Array(StoreDifference),
    sourceError: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
    indexError: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
  },
  { description: 'What the stores hold of this patient, compared now.' },
);

export const Progress = Type.Object(
  {
    sync_id: Type.String(),
    organization_id: Type.String(),
    connection_id: Type.String(),
    status: Type.Enum(['starting', 'running', 'completed', 'failed', 'cancelled']),
    progress_percentage: Type.Number({ minimum: 0, maximum: 100 }),
    current_step: Type.String(),
    current_step_number: count(),
    total_steps: count(),
    completed_steps: count(),
    started_at: instant('Start.'),
    completed_at: nullable(instant('End.')),
    last_updated: instant('When all of this was so: the end of a run that has ended, else now.'),
    estimated_completion: nullable(instant('By the last runs of its kind and the speed so far.')),
    records_processed: count('Of the present step.'),
    records_total: nullable(count('Of the present step; null while unknown.')),
    current_operation: nullable(Type.String()),
    ...findingsFields,
    partial_success: Type.Boolean(),
    queued: Type.Boolean({ description: 'It waits for its turn; its status is starting.' }),
    counts: RunCountsAnswer,
    errors: Type.Array(Type.Object({ code: Type.String(), message: Type.String(), remedy: Type.String() })),
  },
  { description: 'Where the run is.' },
);

export const Cancelled = Type.Object(
  {
    message: Type.Enum(['Sync cancellation requested', 'Sync already completed']),
    sync_id: Type.String(),
    previous_status: Type.String({ description: 'Before the request.' }),
    status: Type.Optional(Type.String({ description: 'Final state of a run that has ended.' })),
    timestamp: instant('When it was asked.'),
  },
  { description: 'Asked to stop, or ended before.' },
);
