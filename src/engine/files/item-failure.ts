/** Failures that concern one item: they are written down with it, and the run goes on. */
import { type ErrorCode, type SyncError, toSyncError } from '../../domain/errors.ts';
import type { ItemFailure } from '../../domain/run.ts';

export function failureOf(
  item: { readonly unit: string; readonly reference: string },
  operation: ItemFailure['operation'],
  error: SyncError,
  fingerprint: string | null,
): ItemFailure {
  return {
    unit: item.unit,
    reference: item.reference,
    operation,
    code: error.code,
    action: error.action,
    message: error.message,
    fingerprint,
  };
}

/** Codes of things that concern one item only; anything else ends the run and is tried by the next one. */
const ITEM_CODES: ReadonlySet<ErrorCode> = new Set([
  'file_missing',
  'file_path_refused',
  'file_not_regular',
  'file_unreadable',
  'file_too_large',
  'file_empty',
  'file_type_unsupported',
  'file_changed_while_read',
  'blob_corrupt',
]);

/** @returns the error when it is the item's own, @throws it when the whole run is concerned */
export function itemError(error: unknown): SyncError {
  const failure = toSyncError(error);
  if (ITEM_CODES.has(failure.code)) return failure;
  throw failure;
}
