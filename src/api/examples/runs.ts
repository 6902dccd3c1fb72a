/** Examples: runs – start them, follow them, see what was. */
import { ERROR_CATALOGUE } from '../../domain/errors.ts';
import {
  BEGUN,
  CONNECTION,
  COUNTS,
  ENDED,
  EXAMPLE_RUN,
  type Examples,
  NOW,
  ORGANIZATION,
  PATIENT,
  REFERENCE,
  RUN,
} from './practice.ts';

const started = { success: true, syncId: RUN, status: 'starting', statusUrl: `/api/v1/sync/progress/${RUN}` };

const fileMissing = 'The source has a record of this file but the share has no such file.';
const itemError = {
  timestamp: ENDED,
  operation: 'add',
  fileId: REFERENCE,
  fileName: '',
  error: fileMissing,
  code: 'file_missing',
  retryCount: 0,
  resolved: false,
};

const progress = {
  sync_id: RUN,
  organization_id: ORGANIZATION,
  connection_id: CONNECTION,
  status: 'running',
  progress_percentage: 62.5,
  current_step: 'Copying',
  current_step_number: 3,
  total_steps: 4,
  completed_steps: 2,
  started_at: BEGUN,
  completed_at: null,
  last_updated: NOW,
  estimated_completion: '2026-03-03T09:00:52.000Z',
  records_processed: 8,
  records_total: 16,
  current_operation: 'Copying',
  patients_found: 0,
  appointments_found: 0,
  active_patients_identified: 0,
  active_patients_stored: 0,
  partial_success: false,
  queued: false,
  counts: { ...COUNTS, added: 7, removed: 0, failed: 0, bytes: 2510400 },
  errors: [],
};

const cancelled = {
  message: 'Sync cancellation requested',
  sync_id: RUN,
  previous_status: 'running',
  timestamp: NOW,
};

const triggered = (message: string) => ({
  message,
  sync_started: true,
  organization_id: ORGANIZATION,
  sync_id: RUN,
  sync_ids: [RUN],
  not_started: [],
  timestamp: BEGUN,
});

const logLine = { step: null, code: null, message: null, unit: null, reference: null, counts: {} };

export const RUN_EXAMPLES: Examples = {
  syncRunLog: {
    answers: {
      200: {
        lines: [
          { ...logLine, id: 41, at: BEGUN, event: 'step', step: 'Reading' },
          {
            ...logLine,
            id: 42,
            at: ENDED,
            event: 'failed',
            code: 'file_missing',
            message: ERROR_CATALOGUE.file_missing.summary,
            unit: PATIENT,
            reference: REFERENCE,
          },
          { ...logLine, id: 43, at: ENDED, event: 'ended', step: 'partial', counts: { added: 12, failed: 1 } },
        ],
      },
    },
  },
  syncVsrx: {
    answers: {
      200: {
        success: true,
        syncId: RUN,
        status: 'completed',
        outcome: 'partial',
        counts: COUNTS,
        summary: {
          startTime: BEGUN,
          endTime: ENDED,
          duration: 48250,
          totalFilesets: 214,
          totalFilesAdded: 12,
          totalFilesDeleted: 2,
          totalErrors: 1,
          successfulSyncs: 213,
          partialSyncs: 1,
          failedSyncs: 0,
        },
        errors: [itemError],
      },
      202: started,
    },
  },
  syncVsrxPatient: {
    answers: {
      200: {
        success: true,
        syncId: RUN,
        status: 'partial',
        outcome: 'partial',
        counts: { ...COUNTS, added: 2, updated: 0, removed: 0, same: 9, bytes: 731904 },
        patientUuid: PATIENT,
        filesAdded: 2,
        filesDeleted: 0,
        errors: [itemError],
      },
      202: started,
    },
  },
  patientSyncStatus: {
    answers: {
      200: {
        patientUuid: PATIENT,
        lastSyncAttempt: ENDED,
        lastSuccessfulSync: '2026-03-02T09:00:51.000Z',
        consecutiveFailures: 1,
        status: 'partial',
        errors: [
          { id: '41', fileId: REFERENCE, code: 'file_missing', error: fileMissing, timestamp: ENDED, retryCount: 0 },
        ],
        counts: { sourceFiles: 12, documents: 11, blobs: 11, vectorStoreFiles: 11 },
        consistent: false,
        missing: [{ store: 'row', fileId: REFERENCE, error: fileMissing, code: 'file_missing' }],
        surplus: [],
      },
    },
  },
  syncTrigger: { answers: { 200: triggered('Sync started successfully') } },
  schedulerTrigger: { answers: { 200: triggered('Scheduled sync triggered successfully') } },
  syncStart: {
    answers: {
      200: {
        message: 'Sync started successfully in comprehensive mode',
        sync_id: RUN,
        sync_ids: [RUN],
        not_started: [],
        sync_mode: 'comprehensive',
        organization_id: ORGANIZATION,
        status: 'starting',
        started_at: BEGUN,
      },
    },
  },
  schedulerStatus: {
    answers: {
      200: {
        organization_id: ORGANIZATION,
        sync_running: false,
        last_sync_time: BEGUN,
        scheduler_active: true,
        message: 'Scheduler status retrieved successfully',
      },
    },
  },
  syncHistory: {
    answers: {
      200: {
        organization_id: ORGANIZATION,
        total_syncs: 730,
        successful_syncs: 721,
        failed_syncs: 6,
        last_sync_at: BEGUN,
        last_successful_sync_at: BEGUN,
        average_sync_duration_seconds: 51.4,
        recent_syncs: [EXAMPLE_RUN],
      },
    },
  },
  syncCleanup: { answers: { 200: { message: 'Cleaned up 1 stale sync', cleaned_syncs: 1, timestamp: NOW } } },
  syncRun: { answers: { 200: { run: EXAMPLE_RUN, previous: null } } },
  syncRunUnits: {
    answers: {
      200: {
        total: 1,
        units: [
          {
            unit: PATIENT,
            outcome: 'partial',
            added: 2,
            removed: 0,
            errors: [
              {
                reference: REFERENCE,
                operation: 'add',
                code: 'file_missing',
                message: fileMissing,
                remedy: ERROR_CATALOGUE.file_missing.remedy,
              },
            ],
            finished_at: ENDED,
          },
        ],
        next: null,
        causes: [{ code: 'file_missing', error: fileMissing, remedy: ERROR_CATALOGUE.file_missing.remedy, items: 1 }],
      },
    },
  },
  statistics: {
    answers: {
      200: {
        time_zone: 'Australia/Sydney',
        days: [
          { date: '2026-03-02', runs: 96, failed_runs: 1, items: 57, failures: 2 },
          { date: '2026-03-03', runs: 80, failed_runs: 0, items: 41, failures: 1 },
        ],
      },
    },
  },
  syncStatusOfOrganization: { answers: { 200: EXAMPLE_RUN } },
  activeSyncs: {
    answers: {
      200: {
        active_syncs: [
          {
            sync_id: RUN,
            organization_id: ORGANIZATION,
            connection_id: CONNECTION,
            status: 'running',
            progress_percentage: 62.5,
            current_step: 'Copying',
            started_at: BEGUN,
          },
        ],
        total_active: 1,
      },
    },
  },
  syncDashboard: {
    answers: {
      200: {
        organization_id: ORGANIZATION,
        current_sync: null,
        last_sync: EXAMPLE_RUN,
        patient_stats: {
          total_patients: 0,
          active_patients: 0,
          patients_with_upcoming: 0,
          patients_with_recent: 0,
          last_sync_time: null,
        },
        connections: [
          {
            connection_id: CONNECTION,
            connector: 'vsrx',
            state: 'active',
            state_reason: null,
            documents: 1853,
            patients: 214,
            open_failures: 1,
            held_items: 0,
            last_success_at: ENDED,
            consecutive_failures: 0,
          },
        ],
        sync_available: true,
      },
    },
  },
  syncProgress: { answers: { 200: progress } },
  syncStatus: { answers: { 200: progress } },
  cancelSync: { answers: { 200: cancelled } },
  forceCancelSync: { answers: { 200: cancelled } },
};
