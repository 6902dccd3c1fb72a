import { describe, expect, test } from 'vitest';
import { ERROR_CATALOGUE, type ErrorCode, SyncError, toSyncError } from './errors.ts';

describe('the catalogue', () => {
  test.each(Object.entries(ERROR_CATALOGUE))('%s says what happened and what to do, in sentences', (code, entry) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(entry.summary).toMatch(/^[A-Z].*\.$/);
    expect(entry.remedy).toMatch(/^[A-Z].*\.$/);
    expect(['retry', 'skip', 'fail', 'stop']).toContain(entry.action);
  });
});

describe('SyncError', () => {
  test('takes action and texts from the catalogue', () => {
    const error = new SyncError('file_missing');
    expect(error).toMatchObject({ name: 'SyncError', code: 'file_missing', action: 'skip' });
    expect(error.message).toBe(ERROR_CATALOGUE.file_missing.summary);
    expect(error.remedy).toBe(ERROR_CATALOGUE.file_missing.remedy);
    expect(error.retryAfterMs).toBeUndefined();
  });

  test('adds a detail, and may act otherwise than the catalogue', () => {
    const error = new SyncError('blob_missing', { action: 'retry', retryAfterMs: 5, detail: 'Row 7.' });
    expect(error).toMatchObject({ action: 'retry', retryAfterMs: 5, detail: 'Row 7.' });
    expect(error.message).toBe(`${ERROR_CATALOGUE.blob_missing.summary} Row 7.`);
  });

  test('does not show the text of its cause', () => {
    const error = new SyncError('unexpected', { cause: new Error('Tessa Sample') });
    expect(`${error.message} ${error.remedy} ${JSON.stringify(error)}`).not.toContain('Tessa');
  });
});

describe('toSyncError', () => {
  test('tells of the unknown what it was and where, and nothing of its text', () => {
    const thrown = Object.assign(new TypeError('Jane Sample at /src/secret.ts:1 was not found'), { code: '23505' });
    expect(toSyncError(thrown).detail).toMatch(/^TypeError 23505 at domain\/errors\.test\.ts:\d+\.$/);
    expect(toSyncError(Object.assign(new Error('x'), { name: 'Jane Sample', code: 'jane' })).detail).toMatch(
      /^Error at domain\/errors\.test\.ts:\d+\.$/,
    );
    expect(toSyncError('Jane Sample').detail).toBeUndefined();
  });

  const named = (name: string) => Object.assign(new Error('x'), { name });

  test.each<[string, unknown, ErrorCode]>([
    ['an aborted signal', AbortSignal.abort().reason, 'cancelled'],
    ['a timeout', named('TimeoutError'), 'cancelled'],
    ['an unknown error', new Error('x'), 'unexpected'],
    ['a text', 'x', 'unexpected'],
    ['nothing', undefined, 'unexpected'],
  ])('makes of %s', (_, thrown, code) => {
    const error = toSyncError(thrown);
    expect(error).toMatchObject({ code });
    expect(error.cause).toBe(thrown);
  });

  test('passes SyncErrors on and takes another fallback', () => {
    const error = new SyncError('file_empty');
    expect(toSyncError(error)).toBe(error);
    expect(toSyncError(new Error('x'), 'blob_unavailable').code).toBe('blob_unavailable');
    expect(toSyncError(named('AbortError'), 'blob_unavailable').code).toBe('cancelled');
  });
});
