/** PostgreSQL and socket failures as `SyncError`, by SQLSTATE or system code. */
import { SyncError, toSyncError } from '../../domain/errors.ts';

const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
  'ENOENT',
  'EAI_AGAIN',
]);

const SOCKET_DETAILS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens at its port.',
  ENOTFOUND: 'The name of its host is not known.',
  EAI_AGAIN: 'The name of its host is not known.',
};

/** The driver's own errors about a connection that is lost or cannot be had: it gives them no code. */
export const LOST_CONNECTION = [
  'Connection terminated',
  'Client has encountered a connection error',
  'Client was closed',
  'timeout exceeded when trying to connect',
  'timeout expired',
];

/** Somebody else was at the same rows: the same again may well work. @param error as it comes from the driver, or with such a cause */
export function isSerializationFailure(error: unknown): boolean {
  return [error, error instanceof Error ? error.cause : null].some((one) => {
    const code = codeOf(one);
    return code === '40001' || code === '40P01';
  });
}

/** A row with one of its keys is there already. @param error as it comes from the driver or from {@link databaseError} */
export function isDuplicate(error: unknown): boolean {
  return [error, error instanceof Error ? error.cause : null].some((one) => codeOf(one) === '23505');
}

/** What was to be locked was not free in time. @param error as it comes from the driver or from {@link databaseError} */
export function isLockTimeout(error: unknown): boolean {
  return [error, error instanceof Error ? error.cause : null].some((one) => codeOf(one) === '55P03');
}

export function databaseError(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const code = codeOf(error);
  if (code === '53100') return new SyncError('database_unavailable', { detail: 'Its disk is full.', cause: error });
  if (code === '28P01' || code === '28000') {
    return new SyncError('database_unavailable', { detail: 'It refused the user name or password.', cause: error });
  }
  if (code === '3D000') {
    return new SyncError('database_unavailable', { detail: 'There is no database of that name.', cause: error });
  }
  if (code === '42P01') {
    return new SyncError('database_unavailable', {
      detail: 'Its tables are missing; the next start of Chartsync makes them.',
      cause: error,
    });
  }
  if (code?.startsWith('08') || code?.startsWith('57P') || code?.startsWith('53')) {
    return new SyncError('database_unavailable', { cause: error });
  }
  if (code !== null && SOCKET_CODES.has(code)) {
    const detail = SOCKET_DETAILS[code];
    return new SyncError('database_unavailable', { ...(detail === undefined ? {} : { detail }), cause: error });
  }
  if (error instanceof Error && code === null && LOST_CONNECTION.some((text) => error.message.startsWith(text))) {
    return new SyncError('database_unavailable', { cause: error });
  }
  return toSyncError(error);
}

function codeOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
}

/** Runs what asks the database; failures come out as `SyncError`. */
export async function ask<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
  try {
    return await (typeof work === 'function' ? work() : work);
  } catch (error) {
    throw databaseError(error);
  }
}
