/** Examples: connections, what failed, what is held. */
import { ERROR_CATALOGUE } from '../../domain/errors.ts';
import {
  BEGUN,
  CONNECTION,
  DOCUMENT,
  ENDED,
  EXAMPLE_RUN,
  type Examples,
  HELD_SET,
  INSPECTION,
  NOW,
  PATIENT,
  REFERENCE,
  RUN,
} from './practice.ts';

const heldSet = {
  id: HELD_SET,
  connection_id: CONNECTION,
  connector: 'vsrx',
  sync_id: RUN,
  state: 'pending',
  reason: 'The source shows no items at all, and 1853 are stored.',
  items: 1853,
  created_at: ENDED,
  decided_at: null,
  decided_by: null,
  note: null,
};

const credentials = {
  connection_id: CONNECTION,
  stored: true,
  readable: true,
  key_id: '7d1f0c2a95e3b846',
  updated_at: NOW,
  updated_by: 'key examplekey000001',
};

const share = '6b0f8e2d4c917a53';

const inspection = {
  id: INSPECTION,
  connection_id: CONNECTION,
  kind: 'plan',
  state: 'done',
  mode: null,
  content: false,
  preview: null,
  asked_by: 'key examplekey000001',
  started_at: BEGUN,
  finished_at: ENDED,
  checked: 3,
  counts: { add: 1, remove: 1, move: 1, removed: 1, missing: 0, same: 1850 },
  complete: true,
  held: null,
  checksums: {},
  error: null,
};
const schedule = {
  schedule: { every: '10m' },
  configured: 'manual',
  by: 'person',
  updated_at: NOW,
  updated_by: 'key examplekey000001',
  time_zone: 'Australia/Sydney',
  next: [10, 20, 30, 40, 50].map((minutes) => `2026-03-03T09:${minutes}:00.000Z`),
};
const settings = {
  connector: 'vsrx',
  version: 2,
  settings: { database: 'mysql://ehr.riverside.example:3306/vsrx', activate: 'all', maxFileSize: 52_428_800 },
  fields: [
    {
      name: 'activate',
      title: 'Filesets that are copied',
      help: 'All of them; those that were activated here (recorded); or those that the source says are active.',
      expected: 'one of "all", "recorded", "source"',
      unit: null,
      schema: { enum: ['all', 'recorded', 'source'] },
      default: 'recorded',
      default_text: null,
      value: 'all',
      configured: 'recorded',
      from: 'person',
      changed_at: NOW,
      changed_by: 'key examplekey000001',
      fixed: null,
    },
  ],
  mistakes: [],
};
const line = {
  unit: PATIENT,
  reference: REFERENCE,
  document_uuid: DOCUMENT,
  sha256: null,
  message: null,
  code: null,
  remedy: null,
};

export const CONNECTION_EXAMPLES: Examples = {
  connectionSettings: { answers: { 200: settings } },
  changeConnectionSettings: {
    body: { version: 2, change: { activate: 'all' }, forget: ['shareMarker'] },
    answers: { 200: { ...settings, version: 3 } },
  },
  retention: {
    answers: { 200: { runs_days: 90, released_contents_days: 30, tombstones_days: null, audit_days: 2192 } },
  },
  connectionSchedule: { answers: { 200: schedule } },
  previewSchedule: {
    body: { schedule: { every: '10m' } },
    answers: { 200: { valid: true, mistakes: [], next: schedule.next } },
  },
  chooseSchedule: { body: { schedule: { every: '10m' } }, answers: { 200: schedule } },
  forgetSchedule: {
    answers: {
      200: { ...schedule, schedule: 'manual', by: 'configuration', updated_at: null, updated_by: null, next: [] },
    },
  },
  beginInspection: { body: { kind: 'plan' }, answers: { 202: { id: INSPECTION } } },
  inspections: { answers: { 200: { inspections: [inspection] } } },
  inspection: {
    answers: {
      200: {
        ...inspection,
        lines: [
          { ...line, what: 'add', document_uuid: null },
          { ...line, what: 'move' },
          { ...line, what: 'remove', message: 'Not in the source any more.' },
        ],
      },
    },
  },
  cancelInspection: { answers: { 200: { message: 'It is asked to stop', id: INSPECTION } } },
  connections: {
    answers: {
      200: {
        connections: [
          {
            id: CONNECTION,
            connector: 'vsrx',
            state: 'active',
            state_reason: null,
            documents: 1853,
            patients: 214,
            appointments: 0,
            open_failures: 1,
            held_items: 0,
            last_success_at: ENDED,
            freshness_seconds: 252,
            next_run_at: '2026-03-03T09:15:00.000Z',
            consecutive_failures: 0,
            running_sync_id: null,
            modes: ['quick', 'deep', 'checksum'],
            last_run: EXAMPLE_RUN,
          },
        ],
      },
    },
  },
  pauseConnection: {
    body: { reason: 'The server moves on Saturday.' },
    answers: { 200: { message: 'Connection paused', connection_id: CONNECTION } },
  },
  resumeConnection: { answers: { 200: { message: 'Connection resumed', connection_id: CONNECTION } } },
  credentialsPresence: { answers: { 200: credentials } },
  storeCredentials: { body: { username: 'chartsync', password: 'the password' }, answers: { 200: credentials } },
  removeCredentials: {
    answers: {
      200: { ...credentials, stored: false, readable: false, key_id: null, updated_at: null, updated_by: null },
    },
  },
  failures: {
    answers: {
      200: {
        failures: [
          {
            id: '41',
            connection_id: CONNECTION,
            patient_uuid: PATIENT,
            reference: REFERENCE,
            operation: 'add',
            code: 'file_missing',
            error: 'The source has a record of this file but the share has no such file.',
            remedy: ERROR_CATALOGUE.file_missing.remedy,
            attempts: 1,
            state: 'waiting',
            first_at: ENDED,
            last_at: ENDED,
            next_retry_at: '2026-03-03T09:05:48.250Z',
          },
        ],
        next: null,
        causes: [
          {
            code: 'file_missing',
            error: 'The source has a record of this file but the share has no such file.',
            remedy: ERROR_CATALOGUE.file_missing.remedy,
            items: 1,
          },
        ],
      },
    },
  },
  retryItem: { answers: { 200: { success: true, id: '41' } } },
  skipItem: { answers: { 200: { success: true, id: '41' } } },
  decideFailures: { body: { ids: ['41', '42'], decision: 'retry' }, answers: { 200: { decided: 2 } } },
  startConnection: { body: { mode: 'deep' }, answers: { 202: { sync_id: RUN, status: 'starting' } } },
  connectionRuns: { answers: { 200: { runs: [EXAMPLE_RUN] } } },
  retryFailures: {
    body: { sync_id: RUN },
    answers: { 202: { retried: 1, sync_id: RUN } },
  },
  listConsistencyReports: {
    answers: {
      200: {
        reports: [
          {
            id: '12',
            started_at: '2026-03-03T15:30:00.000Z',
            finished_at: '2026-03-03T15:41:12.000Z',
            patients: 412,
            documents: 3170,
            sampled: 31,
            unknown: 0,
            unlisted: 0,
            consistent: false,
            differences: [{ store: 'blob', kind: 'missing', count: 1 }],
          },
        ],
      },
    },
  },
  listConsistencyDifferences: {
    answers: {
      200: {
        differences: [
          {
            store: 'blob',
            kind: 'missing',
            message: 'The document has no blob.',
            connection_id: 'riverside-vsrx',
            patient_uuid: PATIENT,
            reference: REFERENCE,
            document_uuid: DOCUMENT,
            sha256: null,
            code: 'blob_missing',
          },
        ],
        next: null,
      },
    },
  },
  heldSets: { answers: { 200: { held: [heldSet], next: null } } },
  heldSet: {
    answers: {
      200: {
        set: heldSet,
        evidence: {
          startedAt: Date.parse(BEGUN),
          finishedAt: Date.parse(BEGUN) + 12_400,
          ended: true,
          itemsRead: 0,
          itemsExpected: 0,
          share: { before: share, after: share },
          resumed: false,
        },
        items: [
          { document_uuid: DOCUMENT, patient_uuid: PATIENT, reference: REFERENCE, absence: 'missing', state: 'held' },
        ],
        next: null,
      },
    },
  },
  heldRecord: {
    answers: {
      200: {
        id: DOCUMENT,
        list: 'attendees',
        name: 'Back class',
        starts_at: BEGUN,
        ends_at: null,
        time_zone: 'Australia/Sydney',
        status: 'booked',
        patient_name: null,
        client_name: null,
        practitioner: 'Robin Sample',
        business: 'Sample Street',
        patient_id: PATIENT,
        size_bytes: null,
      },
    },
  },
  approveHeldSet: {
    body: { note: 'The practice archived these on purpose.' },
    answers: { 200: { message: 'Deletion started', set_id: HELD_SET, items: 1853, sync_id: RUN } },
  },
  rejectHeldSet: {
    body: { note: 'The source was restored from an old copy.' },
    answers: { 200: { message: 'The documents are kept', set_id: HELD_SET, items: 1853, sync_id: null } },
  },
};
