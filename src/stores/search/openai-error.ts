import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';
import { SyncError } from '../../domain/errors.ts';
import { wantedPause } from './wanted-pause.ts';

/** Besides 5xx: a 404 or 409 that reaches this place is a store that another process has just taken away. */
const PASSING = new Set([404, 408, 409, 429]);

export function isAbsent(error: unknown): boolean {
  return error instanceof OpenAI.NotFoundError;
}

/** Turns what the client throws into a SyncError, by HTTP status. */
export function toOpenAiError(error: unknown, signal?: AbortSignal): unknown {
  if (error instanceof SyncError || error instanceof TypeError) return error;
  if (signal?.aborted || error instanceof APIUserAbortError) return new SyncError('cancelled', { cause: error });
  if (error instanceof APIConnectionError) return new SyncError('search_unavailable', { cause: error });
  if (!(error instanceof APIError)) return new SyncError('unexpected', { cause: error });
  const { status } = error;
  if (status === undefined) return new SyncError('search_unavailable', { cause: error });
  const detail = `HTTP status ${status}.`;
  if (status === 401 || status === 403) return new SyncError('search_credentials', { detail, cause: error });
  if (status < 500 && !PASSING.has(status)) return new SyncError('search_refused', { detail, cause: error });
  return new SyncError('search_unavailable', { detail, cause: error, ...wantedPause(error.headers) });
}

/** The answer, or null when what was asked for is not there. */
export async function unlessAbsent<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
