import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { SyncError } from '../../domain/errors.ts';
import { databaseError, isSerializationFailure, LOST_CONNECTION } from './database-error.ts';

const { resolve } = createRequire(import.meta.url);
const withCode = (code: string) => Object.assign(new Error('Tessa Sample'), { code });

test.each(['08006', '57P01', '53300', '53100', '28P01', '3D000', '42P01', 'ECONNREFUSED', 'ETIMEDOUT'])(
  '%s is database_unavailable',
  (code) => {
    const error = databaseError(withCode(code));
    expect(error.code).toBe('database_unavailable');
    expect(error.message).not.toContain('Tessa');
  },
);

test('what of the way to the server is wrong is said', () => {
  expect(databaseError(withCode('ECONNREFUSED')).detail).toBe('Nothing listens at its port.');
  expect(databaseError(withCode('ENOTFOUND')).detail).toBe('The name of its host is not known.');
});

test('the unknown is unexpected, and a SyncError passes', () => {
  expect(databaseError(withCode('23505')).code).toBe('unexpected');
  expect(databaseError(new Error('x')).code).toBe('unexpected');
  const error = new SyncError('lease_lost');
  expect(databaseError(error)).toBe(error);
});

test('only what PostgreSQL asks to repeat is repeated', () => {
  expect(['40001', '40P01', '23505'].map((code) => isSerializationFailure(withCode(code)))).toEqual([
    true,
    true,
    false,
  ]);
  expect(isSerializationFailure(null)).toBe(false);
  expect(isSerializationFailure(new SyncError('unexpected', { cause: withCode('40001') }))).toBe(true);
  expect(isSerializationFailure(new SyncError('unexpected', { cause: withCode('23505') }))).toBe(false);
});

test('the texts of errors without a code are those of the driver', async () => {
  const [client, pool] = await Promise.all(
    ['pg/lib/client.js', 'pg-pool'].map((name) => readFile(resolve(name), 'utf8')),
  );
  for (const text of LOST_CONNECTION) {
    expect(`${client} ${pool}`.includes(`'${text}`), text).toBe(true);
    expect(databaseError(new Error(text)).code).toBe('database_unavailable');
  }
});
