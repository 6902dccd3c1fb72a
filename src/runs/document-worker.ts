/** Takes tasks about documents and does them, a few at a time for each organisation, in every process that works. */
import { toSyncError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { DocumentProgram } from '../ports/document-content.ts';
import type { DocumentTask, DocumentWork } from '../ports/document-work.ts';
import { createTaskHandler, type TaskHandlerOptions } from './document-task.ts';

export interface DocumentWorkerOptions extends TaskHandlerOptions {
  readonly work: DocumentWork;
  /** That are there now, with all that they need. */
  readonly programs: () => Promise<ReadonlySet<DocumentProgram>>;
  readonly clock: Clock;
  /** Of one organisation at one time, in all processes together. */
  readonly perOrganization: number;
  /** At one time in this process. */
  readonly perProcess: number;
  /**
   * Of these, how many are being read or wait for it. More than a few would wait behind slow ones until their own time is
   * up, and be blamed for it.
   */
  readonly reading: number;
}

export interface DocumentWorker {
  /** Looks for tasks now instead of a little later. */
  nudge(): void;
  /** The document of this task was read; what is left to do keeps no other one from being read. */
  wasRead(task: DocumentTask): void;
  /** Whether others of the organisation are being read in this process. */
  othersFollow(task: DocumentTask): boolean;
  /** Ends what is at work and gives it back. */
  stop(): Promise<void>;
}

/** For what other processes have stored: this one's own runs and requests say so at once. */
const LOOK_MS = 2000;
const PROGRAMS_MS = 60_000;

export function startDocumentWorker(options: DocumentWorkerOptions): DocumentWorker {
  const { work, clock, programs } = options;
  const ended = new AbortController();
  const handle = createTaskHandler(options, ended.signal);
  const atWork = new Set<Promise<void>>();
  /** By lease: whoever tells of a task may have a copy of it. */
  const unread = new Map<DocumentTask['lease'], DocumentTask>();
  let wake = Promise.withResolvers<void>();
  let served = '';
  let programsAt = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    if (clock.now() - programsAt >= PROGRAMS_MS) {
      programsAt = clock.now();
      await work.askForRefused(await programs());
    }
    for (const organizationId of inTurn(await work.due(), served)) {
      const take = Math.min(options.perProcess - atWork.size, options.reading - unread.size);
      if (take <= 0 || ended.signal.aborted) return;
      for (const task of await work.claim(organizationId, options.perOrganization, take)) {
        served = organizationId;
        unread.set(task.lease, task);
        const done: Promise<void> = handle(task).finally(() => {
          unread.delete(task.lease);
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
    othersFollow: ({ organizationId, lease }) =>
      [...unread.values()].some((other) => other.lease !== lease && other.organizationId === organizationId),
    wasRead(task) {
      unread.delete(task.lease);
      wake.resolve();
    },
    async stop() {
      ended.abort();
      wake.resolve();
      await loop;
      await Promise.allSettled(atWork);
    },
  };
}

/** After the one that was served last: whoever has a hundred thousand documents takes no more places than anybody else. */
function inTurn(organizations: readonly string[], served: string): readonly string[] {
  return [...organizations.filter((id) => id > served), ...organizations.filter((id) => id <= served)];
}
