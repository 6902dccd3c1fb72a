/** Performs one task about a document and writes down how it ended: done, refused, or to be tried again. */
import { type ErrorCode, type SyncError, toSyncError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { DocumentTask, DocumentWork } from '../ports/document-work.ts';
import type { createDocumentSteps } from './document-steps.ts';

export interface TaskHandlerOptions {
  readonly clock: Clock;
  readonly work: DocumentWork;
  readonly perform: ReturnType<typeof createDocumentSteps>;
  readonly onEnd?: (task: DocumentTask, end: { readonly status: string; readonly code?: string }) => void;
  /** @param task null: no task could be had */
  readonly onError?: (task: DocumentTask | null, error: SyncError) => void;
}

/** Longer than the time that a document has and the one that it waits for, shorter than a lease. */
const TASK_MS = 780_000;
/** Failures that say something about the document: after so many it is left alone. */
const ATTEMPTS = 5;
const SECOND_TRY_MS = 30_000;
const LONGEST_DELAY_MS = 900_000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** A store or a disk is away: that ends by itself or by a person, and says nothing about the document. */
const ABOUT_STORES: ReadonlySet<ErrorCode> = new Set([
  'database_unavailable',
  'blob_unavailable',
  'blob_credentials',
  'blob_disk_full',
  'home_disk_full',
  'search_unavailable',
  'search_other_home',
  'search_credentials',
  'search_disk_full',
  'embeddings_unavailable',
  'embeddings_mismatch',
  'remote_unavailable',
  'remote_credentials',
]);

/** It would end in the same way. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set([
  'search_refused',
  'blob_missing',
  'blob_corrupt',
  'remote_refused',
  'remote_unnamed',
  'unit_not_linkable',
]);

/** @param ended aborted when the process stops: what is at work is given back */
export function createTaskHandler(
  options: TaskHandlerOptions,
  ended: AbortSignal,
): (task: DocumentTask) => Promise<void> {
  const { work } = options;

  async function handle(task: DocumentTask): Promise<void> {
    const signal = AbortSignal.any([ended, AbortSignal.timeout(TASK_MS)]);
    try {
      const end = await options.perform(task, signal);
      if (end.status === 'again') await work.tryAgain(task, { afterMs: SECOND_TRY_MS, code: end.code, counts: true });
      else await work.finish(task, end);
      options.onEnd?.(task, end);
    } catch (error) {
      await writeDown(task, toSyncError(error));
    }
  }

  /** Until it is written: a database that is away would leave the document untouched for as long as the lease lasts. */
  async function writeDown(task: DocumentTask, error: SyncError): Promise<void> {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      const wasEnded = ended.aborted;
      try {
        await failed(task, error);
        return;
      } catch (failure) {
        const { code } = toSyncError(failure);
        // Somebody else has it.
        if (code === 'lease_lost') return;
        options.onError?.(task, toSyncError(failure));
        // Its lease ends with the process.
        if (code !== 'database_unavailable' || wasEnded) return;
      }
      await options.clock.sleep(waitMs, ended).catch(() => undefined);
    }
  }

  async function failed(task: DocumentTask, error: SyncError): Promise<void> {
    if (ended.aborted) return work.giveBack(task);
    // Somebody else has it.
    if (error.code === 'lease_lost') return;
    options.onError?.(task, error);
    if (ABOUT_STORES.has(error.code)) {
      const afterMs = error.retryAfterMs ?? Math.min(1000 * 2 ** Math.min(task.delays, 20), LONGEST_DELAY_MS);
      return work.tryAgain(task, { afterMs, code: error.code, counts: false });
    }
    const hopeless = HOPELESS.has(error.code) || error.code.startsWith('document_');
    // What was removed must come out of the index: that is never given up.
    if (task.document !== null && (hopeless || task.attempts >= ATTEMPTS)) {
      return work.finish(task, { status: 'error', code: error.code });
    }
    const afterMs = Math.min(1000 * 4 ** Math.min(task.attempts, 10), LONGEST_DELAY_MS);
    return work.tryAgain(task, { afterMs, code: error.code, counts: true });
  }

  return handle;
}
