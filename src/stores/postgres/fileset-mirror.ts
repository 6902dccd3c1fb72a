/**
 * What other applications read in a fileset's `syncLog` and `errors` columns. The truth is in our run tables; these are
 * mirrors in the documented shapes, written on success as well as on failure.
 *
 * `errors` has three shapes in the field: the sync script's object, the delete endpoint's object, and an array written by
 * the vector-store check. All are read; the script's shape is written, other keys of an object are kept, and an array
 * is kept under `validationErrors`.
 */
import { retriesOf } from '../../domain/run.ts';
import type { UnitResult } from '../../ports/document-records.ts';

const MAX_HISTORY = 50;
const MAX_ERRORS = 1000;

interface SyncLog {
  [key: string]: unknown;
  lastSyncAttempt: string | null;
  lastSuccessfulSync: string | null;
  syncHistory: unknown[];
}

interface FilesetErrors {
  [key: string]: unknown;
  syncErrors: unknown[];
  lastSyncAttempt: string | null;
  lastSuccessfulSync: string | null;
  consecutiveFailures: number;
}

/** Accepts text of any age; anything unreadable starts a new log. */
export function readSyncLog(text: string | null): SyncLog {
  const value = parse(text);
  const object = isObject(value) ? value : {};
  return {
    ...object,
    lastSyncAttempt: textOrNull(object.lastSyncAttempt),
    lastSuccessfulSync: textOrNull(object.lastSuccessfulSync),
    syncHistory: Array.isArray(object.syncHistory) ? object.syncHistory : [],
  };
}

export function readFilesetErrors(value: unknown): FilesetErrors {
  const empty = { syncErrors: [], lastSyncAttempt: null, lastSuccessfulSync: null, consecutiveFailures: 0 };
  if (Array.isArray(value)) return { ...empty, validationErrors: value };
  if (!isObject(value)) return empty;
  return {
    ...value,
    syncErrors: Array.isArray(value.syncErrors) ? value.syncErrors : [],
    lastSyncAttempt: textOrNull(value.lastSyncAttempt),
    lastSuccessfulSync: textOrNull(value.lastSuccessfulSync),
    consecutiveFailures: typeof value.consecutiveFailures === 'number' ? value.consecutiveFailures : 0,
  };
}

/** @param at ISO instant of the end of the unit. @param tries of files that still fail: whoever has one is not in step */
export function nextSyncLog(
  before: SyncLog,
  unit: UnitResult,
  at: string,
  tries: ReadonlyMap<string, number>,
): SyncLog {
  const entry = {
    timestamp: at,
    operation: 'full_sync',
    status: unit.outcome === 'partial' ? 'partial_failure' : unit.outcome,
    filesAdded: unit.filesAdded,
    filesDeleted: unit.filesDeleted,
    errors: unit.errors.map((e) => ({ fileId: e.reference, error: e.message, timestamp: at })),
  };
  return {
    ...before,
    lastSyncAttempt: at,
    lastSuccessfulSync: unit.outcome === 'success' && tries.size === 0 ? at : before.lastSuccessfulSync,
    syncHistory: [entry, ...before.syncHistory].slice(0, MAX_HISTORY),
  };
}

/** @param tries how often each file was tried that still fails, by its reference */
export function nextFilesetErrors(
  before: FilesetErrors,
  unit: UnitResult,
  at: string,
  tries: ReadonlyMap<string, number>,
): FilesetErrors {
  const success = unit.outcome === 'success' && tries.size === 0;
  const fresh = unit.errors.map((e) => ({
    timestamp: at,
    operation: e.operation === 'delete' ? 'delete' : 'add',
    fileId: e.reference,
    fileName: '',
    error: e.message,
    retryCount: retriesOf(tries.get(e.reference)),
    resolved: false,
  }));
  const again = new Set<unknown>(fresh.map(({ fileId }) => fileId));
  const older = before.syncErrors.flatMap((entry) => {
    if (!isObject(entry) || typeof entry.fileId !== 'string') return [entry];
    return again.has(entry.fileId) ? [] : [{ ...entry, resolved: !tries.has(entry.fileId) }];
  });
  return {
    ...before,
    syncErrors: success ? [] : [...fresh, ...older].slice(0, MAX_ERRORS),
    lastSyncAttempt: at,
    lastSuccessfulSync: success ? at : before.lastSuccessfulSync,
    // What waits for its next try did not fail again.
    consecutiveFailures: success ? 0 : before.consecutiveFailures + (unit.outcome === 'success' ? 0 : 1),
  };
}

/** After a complete read that left nothing to do for the patient. */
export function touchedSyncLog(before: SyncLog, at: string): SyncLog {
  return { ...before, lastSyncAttempt: at, lastSuccessfulSync: at };
}

export function touchedFilesetErrors(before: FilesetErrors, at: string): FilesetErrors {
  return { ...before, syncErrors: [], lastSyncAttempt: at, lastSuccessfulSync: at, consecutiveFailures: 0 };
}

function parse(text: string | null): unknown {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
