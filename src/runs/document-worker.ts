/** Takes tasks about documents and does them, a few at a time for each organisation, in every process that works. */
import { type ErrorCode, type SyncError, toSyncError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { DocumentContent } from '../ports/document-content.ts';
import type { DocumentTask, DocumentWork } from '../ports/document-work.ts';
import type { createDocumentSteps } from './document-steps.ts';

export interface DocumentWorkerOptions {
  readonly work: DocumentWork;
  readonly perform: ReturnType<typeof createDocumentSteps>;
  readonly content: DocumentContent;
  readonly clock: Clock;
  /** Of one organisation at one time, in all processes together. */
  readonly perOrganization: number;
  /** At one time in this process. */
  readonly perProcess: number;
  readonly onEnd?: (task: DocumentTask, end: { readonly status: string; readonly code?: string }) => void;
  /** @param task null: no task could be had */
  readonly onError?: (task: DocumentTask | null, error: SyncError) => void;
}

export interface DocumentWorker {
  /** Looks for tasks now instead of a little later. */
  nudge(): void;
  /** Ends what is at work and gives it back. */
  stop(): Promise<void>;
}

const LOOK_MS = 1000;
const PROGRAMS_MS = 60_000;
/** Longer than all limits of one document together, shorter than a lease. */
const TASK_MS = 300_000;
/** Failures that say something about the document: after so many it is left alone. */
const ATTEMPTS = 5;
const SECOND_TRY_MS = 30_000;
const LONGEST_DELAY_MS = 900_000;

/** A store or a disk is away: that ends by itself or by a person, and says nothing about the document. */
const ABOUT_STORES: ReadonlySet<ErrorCode> = new Set([
  'database_unavailable',
  'blob_unavailable',
  'blob_credentials',
  'blob_disk_full',
  'home_disk_full',
  'search_unavailable',
  'search_credentials',
  'search_disk_full',
  'embeddings_unavailable',
  'embeddings_mismatch',
]);

export function startDocumentWorker(options: DocumentWorkerOptions): DocumentWorker {
  const { work, clock, content } = options;
  const ended = new AbortController();
  const atWork = new Set<Promise<void>>();
  let wake = Promise.withResolvers<void>();
  let programsAt = Number.NEGATIVE_INFINITY;

  async function handle(task: DocumentTask): Promise<void> {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(TASK_MS)]);
    try {
      const end = await options.perform(task, signal);
      if (end.status === 'again') await work.tryAgain(task, { afterMs: SECOND_TRY_MS, code: end.code, counts: true });
      else await work.finish(task, end);
      options.onEnd?.(task, end);
    } catch (error) {
      await failed(task, toSyncError(error)).catch((failure) => options.onError?.(task, toSyncError(failure)));
    }
  }

  async function failed(task: DocumentTask, error: SyncError): Promise<void> {
    if (ended.signal.aborted) return work.giveBack(task);
    // Somebody else has it.
    if (error.code === 'lease_lost') return;
    options.onError?.(task, error);
    if (ABOUT_STORES.has(error.code)) {
      const afterMs = error.retryAfterMs ?? Math.min(1000 * 2 ** Math.min(task.delays, 20), LONGEST_DELAY_MS);
      return work.tryAgain(task, { afterMs, code: error.code, counts: false });
    }
    const hopeless = error.code === 'search_refused' || error.code === 'blob_missing' || error.code === 'blob_corrupt';
    // What was removed must come out of the index: that is never given up.
    if (task.document !== null && (hopeless || task.attempts >= ATTEMPTS)) {
      return work.finish(task, { status: 'error', code: error.code });
    }
    const afterMs = Math.min(1000 * 4 ** Math.min(task.attempts, 10), LONGEST_DELAY_MS);
    return work.tryAgain(task, { afterMs, code: error.code, counts: true });
  }

  async function look(): Promise<void> {
    if (clock.now() - programsAt >= PROGRAMS_MS) {
      programsAt = clock.now();
      await work.askForRefused(content.installed());
    }
    for (const organizationId of await work.due()) {
      const take = options.perProcess - atWork.size;
      if (take <= 0 || ended.signal.aborted) return;
      for (const task of await work.claim(organizationId, options.perOrganization, take)) {
        const done: Promise<void> = handle(task).finally(() => {
          atWork.delete(done);
          wake.resolve();
        });
        atWork.add(done);
      }
    }
  }

  const loop = (async () => {
    while (!ended.signal.aborted) {
      wake = Promise.withResolvers<void>();
      await look().catch((error) => options.onError?.(null, toSyncError(error)));
      const pause = new AbortController();
      await Promise.race([
        wake.promise,
        clock.sleep(LOOK_MS, AbortSignal.any([ended.signal, pause.signal])).catch(() => undefined),
      ]);
      pause.abort();
    }
  })();

  return {
    nudge: () => wake.resolve(),
    async stop() {
      ended.abort();
      wake.resolve();
      await loop;
      await Promise.allSettled(atWork);
    },
  };
}
