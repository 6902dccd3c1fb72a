import { RestError } from '@azure/storage-blob';
import { SyncError, toSyncError } from '../../domain/errors.ts';

/** Content that changed on its way. The last is Azurite's word for it. */
const CHANGED_IN_TRANSIT = new Set(['Md5Mismatch', 'Crc64Mismatch', 'InvalidOperation']);
/** Besides 5xx. A 404, 409 or 412 that reaches this place is a container or blob that another program works on. */
const PASSING = new Set([404, 408, 409, 412, 429]);

/** The service's error code (`BlobNotFound`); for an answer without body (HEAD) it stands in a header only. */
export function azureErrorCode(error: RestError): string | null {
  const header = error.response?.headers.get('x-ms-error-code');
  return header ?? (error.statusCode === undefined ? null : (error.code ?? null));
}

/** Whether the blob itself is absent; an absent container is another matter. */
export function isBlobAbsent(error: unknown): boolean {
  return error instanceof RestError && error.statusCode === 404 && azureErrorCode(error) === 'BlobNotFound';
}

/** It has another ETag by now, or is gone. */
export function isAnotherOne(error: unknown): boolean {
  return isBlobAbsent(error) || (error instanceof RestError && error.statusCode === 412);
}

export function isContainerAbsent(error: unknown): boolean {
  return error instanceof RestError && error.statusCode === 404 && azureErrorCode(error) === 'ContainerNotFound';
}

/** Whether a retention policy or legal hold of the container forbids any change of the blob. */
export function isImmutable(error: unknown): boolean {
  return error instanceof RestError && error.statusCode === 409 && azureErrorCode(error) === 'BlobImmutableDueToPolicy';
}

/** Turns what the SDK throws into a SyncError, by HTTP status and service code. */
export function toAzureError(error: unknown, signal?: AbortSignal): SyncError {
  if (error instanceof SyncError) return error;
  if (signal?.aborted) return new SyncError('cancelled', { cause: error });
  // The SDK reports a connection lost during a download, and our own time limit, as an abort.
  if (error instanceof Error && error.name === 'AbortError') return new SyncError('blob_unavailable', { cause: error });
  if (!(error instanceof RestError)) return toSyncError(error, 'blob_unavailable');

  const status = error.statusCode;
  if (status === undefined) return new SyncError('blob_unavailable', { cause: error });
  const code = azureErrorCode(error);
  const detail = code === null ? `HTTP status ${status}.` : `HTTP status ${status}, ${code}.`;
  if (status === 401 || status === 403) return new SyncError('blob_credentials', { detail, cause: error });
  if (isContainerAbsent(error)) return new SyncError('blob_unavailable', { action: 'stop', detail, cause: error });
  if (isBlobAbsent(error)) return new SyncError('blob_missing', { cause: error });
  const passing = status >= 500 || PASSING.has(status) || (code !== null && CHANGED_IN_TRANSIT.has(code));
  if (!passing) return new SyncError('unexpected', { detail, cause: error });
  const retryAfterMs = retryAfter(error);
  return new SyncError('blob_unavailable', {
    detail,
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** Milliseconds, from whichever header the service used. A date instead of seconds is not used by this service. */
function retryAfter(error: RestError): number | undefined {
  const headers = error.response?.headers;
  for (const [name, unitMs] of [
    ['x-ms-retry-after-ms', 1],
    ['retry-after-ms', 1],
    ['retry-after', 1000],
  ] as const) {
    const value = headers?.get(name);
    if (value !== undefined && /^\d{1,9}$/.test(value.trim())) return Number(value) * unitMs;
  }
  return undefined;
}
