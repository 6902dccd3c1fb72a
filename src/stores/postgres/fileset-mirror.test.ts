import { describe, expect, test } from 'vitest';
import type { ItemFailure } from '../../domain/run.ts';
import type { UnitResult } from '../../ports/document-records.ts';
import {
  nextFilesetErrors,
  nextSyncLog,
  readFilesetErrors,
  readSyncLog,
  touchedFilesetErrors,
  touchedSyncLog,
} from './fileset-mirror.ts';

const AT = '2024-01-15T10:30:00.000Z';

const NONE = new Map<string, number>();

function unit(more: Partial<UnitResult> = {}): UnitResult {
  return {
    unit: 'u',
    filesAdded: 0,
    filesDeleted: 0,
    filesUpdated: 0,
    filesMoved: 0,
    errors: [],
    outcome: 'success',
    ...more,
  };
}

function failure(operation: ItemFailure['operation'], reference = 'f1'): ItemFailure {
  return { unit: 'u', reference, operation, code: 'file_empty', action: 'skip', message: 'Empty.', fingerprint: null };
}

describe('syncLog', () => {
  const empty = { lastSyncAttempt: null, lastSuccessfulSync: null, syncHistory: [] };

  test.each([[null], [''], ['no json'], ['[]'], ['7'], ['null'], ['{"syncHistory":{},"lastSyncAttempt":5}']])(
    'starts anew from %j',
    (text) => {
      expect(readSyncLog(text)).toEqual(empty);
    },
  );

  test('keeps at most fifty entries, newest first, and what else is there', () => {
    let log = readSyncLog('{"syncStatus":{"x":1}}');
    for (let i = 1; i <= 60; i++) log = nextSyncLog(log, unit({ filesAdded: i }), AT, NONE);
    expect(log.syncHistory).toHaveLength(50);
    expect(log.syncHistory[0]).toMatchObject({ filesAdded: 60 });
    expect(log.syncHistory[49]).toMatchObject({ filesAdded: 11 });
    expect(readSyncLog(JSON.stringify(log))).toEqual(log);
    expect(log.syncStatus).toEqual({ x: 1 });
  });

  test.each([
    ['success', 'success', AT],
    ['partial', 'partial_failure', null],
    ['failed', 'failed', null],
  ] as const)('writes %s as %s', (outcome, status, lastSuccessfulSync) => {
    expect(nextSyncLog(empty, unit({ outcome }), AT, NONE)).toMatchObject({
      lastSyncAttempt: AT,
      lastSuccessfulSync,
      syncHistory: [{ status, operation: 'full_sync' }],
    });
  });

  test('whoever has a file that waits for its next try is not in step, and did not fail again', () => {
    const waits = new Map([['f1', 2]]);
    expect(nextSyncLog(empty, unit(), AT, waits)).toMatchObject({ lastSyncAttempt: AT, lastSuccessfulSync: null });
    const before = nextFilesetErrors(
      readFilesetErrors(null),
      unit({ outcome: 'failed', errors: [failure('add')] }),
      AT,
      waits,
    );
    expect(nextFilesetErrors(before, unit({ filesAdded: 1 }), AT, waits)).toMatchObject({
      lastSuccessfulSync: null,
      consecutiveFailures: 1,
      syncErrors: [{ fileId: 'f1', resolved: false }],
    });
  });

  test('a touch changes the times only', () => {
    const log = nextSyncLog(empty, unit({ outcome: 'failed' }), '2024-01-01T00:00:00.000Z', NONE);
    expect(touchedSyncLog(log, AT)).toEqual({ ...log, lastSyncAttempt: AT, lastSuccessfulSync: AT });
  });
});

describe('errors', () => {
  const empty = { syncErrors: [], lastSyncAttempt: null, lastSuccessfulSync: null, consecutiveFailures: 0 };

  test.each([[null], [undefined], ['text'], [7], [{}], [{ syncErrors: 'x', consecutiveFailures: '3' }]])(
    'starts anew from %j',
    (value) => {
      expect(readFilesetErrors(value)).toEqual(empty);
    },
  );

  test('reads all three shapes', () => {
    const script = { ...empty, syncErrors: [{ error: 'x' }], consecutiveFailures: 2 };
    expect(readFilesetErrors(script)).toEqual(script);
    expect(readFilesetErrors({ deletionErrors: [1] })).toEqual({ ...empty, deletionErrors: [1] });
    expect(readFilesetErrors([{ errorType: 'OTHER' }])).toEqual({
      ...empty,
      validationErrors: [{ errorType: 'OTHER' }],
    });
  });

  test('counts failures in a row, newest first, a thousand at most', () => {
    let errors = readFilesetErrors({ deletionErrors: [1] });
    for (let i = 1; i <= 1100; i++) {
      errors = nextFilesetErrors(errors, unit({ outcome: 'failed', errors: [failure('add', `f${i}`)] }), AT, NONE);
    }
    expect(errors.syncErrors).toHaveLength(1000);
    expect(errors.syncErrors[0]).toMatchObject({ fileId: 'f1100' });
    expect(errors).toMatchObject({ consecutiveFailures: 1100, deletionErrors: [1], lastSuccessfulSync: null });
    expect(nextFilesetErrors(errors, unit(), AT, NONE)).toEqual({
      ...empty,
      deletionErrors: [1],
      lastSyncAttempt: AT,
      lastSuccessfulSync: AT,
    });
    expect(touchedFilesetErrors(errors, AT)).toEqual(nextFilesetErrors(errors, unit(), AT, NONE));
  });

  test('each file is there once, with its retries, and what does not fail any more is resolved', () => {
    const failed = (...files: string[]) =>
      unit({ outcome: 'partial', errors: files.map((file) => failure('add', file)) });
    const first = nextFilesetErrors(
      readFilesetErrors(null),
      failed('f1', 'f2'),
      AT,
      new Map([
        ['f1', 1],
        ['f2', 1],
      ]),
    );
    expect(first.syncErrors).toMatchObject([
      { fileId: 'f1', retryCount: 0, resolved: false },
      { fileId: 'f2', retryCount: 0, resolved: false },
    ]);
    const second = nextFilesetErrors(first, failed('f2'), AT, new Map([['f2', 2]]));
    expect(second.syncErrors).toMatchObject([
      { fileId: 'f2', retryCount: 1, resolved: false },
      { fileId: 'f1', retryCount: 0, resolved: true },
    ]);
    // f1 fails again, f2 waits for its time.
    const third = nextFilesetErrors(
      second,
      failed('f1'),
      AT,
      new Map([
        ['f1', 1],
        ['f2', 2],
      ]),
    );
    expect(third.syncErrors).toMatchObject([
      { fileId: 'f1', retryCount: 0, resolved: false },
      { fileId: 'f2', retryCount: 1, resolved: false },
    ]);
  });

  test('knows the two operations of the documented shape only', () => {
    const operations = (['add', 'update', 'inspect', 'unit', 'delete'] as const).map((operation) => {
      const errors = nextFilesetErrors(
        readFilesetErrors(null),
        unit({ errors: [failure(operation)], outcome: 'partial' }),
        AT,
        NONE,
      );
      return (errors.syncErrors[0] as { operation: string }).operation;
    });
    expect(operations).toEqual(['add', 'add', 'add', 'add', 'delete']);
  });
});
