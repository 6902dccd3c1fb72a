/**
 * One child process that reads documents, one at a time, and what keeps it within its limits.
 *
 * A parser of foreign bytes can crash, hang, or ask for all the memory there is. In a process of its own, which can be killed
 * at any moment, it does that to itself only.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SyncError } from '../domain/errors.ts';
import type { ProcessedDocument } from '../ports/document-content.ts';
import type { FromWorker, Job, MergeJob, Refused } from './job.ts';
import { residentBytes } from './process-usage.ts';
import { retryAdvice } from './refusal.ts';
import { memoryLimit, watchWork } from './work-watch.ts';

/** A busy machine starts a process slowly; one that takes longer than this does not start. */
const START_LIMIT_MS = 60_000;

const MEBIBYTE = 1024 * 1024;

/**
 * Node begins with a small heap, and what pictures and fonts take beside it makes it collect everything several times for each
 * document, which is half of the work. Without a limit of the young generation it grows by a hundred more and gains nothing by it:
 * the reader is then worn before it has read fifty documents. Megabytes; not used up, only waited for.
 */
const FIRST_HEAP = ['--initial-heap-size=160', '--min-semi-space-size=16', '--max-semi-space-size=16'];

/** The heap of Node needs some hundred megabytes less than the process. Node then ends by itself, sooner than the watchdog. */
const HEAP_SHARE = 0.75;

const LIKELY_MEMORY_SHARE = 0.5;

type JobAnswer = Extract<FromWorker, { kind: 'done' | 'failed' }>;

export interface WorkerProcessOptions {
  readonly memoryBytes: number;
  /** Folders of programs, for the environment of the child. */
  readonly searchPath: string;
}

export class WorkerProcess {
  readonly memoryBytes: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #ready: Promise<boolean>;
  #alive = true;
  #documents = 0;

  constructor(options: WorkerProcessOptions) {
    this.memoryBytes = options.memoryBytes;
    const heapMegabytes = Math.max(64, Math.floor((options.memoryBytes * HEAP_SHARE) / MEBIBYTE));
    // Compiling pdf.js takes longer than reading most documents. Node appends its version to the folder that it is given.
    const compiled = getCompileCacheDir();
    this.#child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), [], {
      execArgv: [`--max-old-space-size=${heapMegabytes}`, ...FIRST_HEAP, '--disable-warning=ExperimentalWarning'],
      // A group of its own, so that one signal ends it together with the programs that it started.
      detached: true,
      // Nothing secret of ours is within reach of a document that takes over its reader.
      env: {
        PATH: options.searchPath,
        LANG: 'C.UTF-8',
        OMP_THREAD_LIMIT: '1',
        MALLOC_ARENA_MAX: '2',
        ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: dirname(compiled) }),
      },
      // What parsers print may quote the document.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const { promise: exited, resolve: onExit } = Promise.withResolvers<void>();
    this.#exited = exited;
    this.#child.once('exit', () => {
      this.#alive = false;
      onExit();
    });
    this.#child.on('error', () => {
      // A process that could not be started has no `exit`.
      if (this.#child.pid === undefined) {
        this.#alive = false;
        onExit();
      }
    });
    this.#ready = this.#waitUntilReady();
  }

  get alive(): boolean {
    return this.#alive;
  }

  get documents(): number {
    return this.#documents;
  }

  /** Null where it cannot be measured. */
  get residentBytes(): number | null {
    return this.#child.pid === undefined ? null : residentBytes(this.#child.pid);
  }

  /**
   * @returns the answer of the worker, or the verdict about a worker that had to be killed or died
   * @throws SyncError `cancelled`; `unexpected` when the worker does not start
   */
  async run(job: Job | MergeJob, signal: AbortSignal): Promise<JobAnswer> {
    const ready = await this.#ready;
    if (signal.aborted) throw new SyncError('cancelled');
    if (!ready) {
      await this.kill();
      throw new SyncError('unexpected', { detail: 'A worker for documents did not start.' });
    }
    this.#documents++;
    const { promise, resolve, reject } = Promise.withResolvers<JobAnswer>();
    let readable: ProcessedDocument | null = null;
    let answered = false;
    const refuse = (code: Refused['code'], detail: string | null): void => {
      resolve({ kind: 'done', result: readable ?? refused(code, detail) });
    };
    const watch = watchWork(this.#child.pid!, job.limits, refuse);
    const onMessage = (message: unknown): void => {
      const answer = message as Exclude<FromWorker, { kind: 'ready' }>;
      if (answer.kind === 'readable') {
        readable = answer.result;
        watch.drawing();
        return;
      }
      answered = true;
      resolve(answer);
    };
    const onDeath = (code: number | null, by: NodeJS.Signals | null): void => {
      // Node aborts itself when its heap is full. Native code aborts too, but rarely with so much in use.
      const aborted = by === 'SIGABRT' || code === 134;
      if (aborted && watch.peakBytes > job.limits.memoryBytes * LIKELY_MEMORY_SHARE) {
        refuse('document_memory', memoryLimit(job.limits));
      } else refuse('document_reader_crashed', null);
    };
    const onAbort = (): void => reject(new SyncError('cancelled'));
    this.#child.on('message', onMessage).on('exit', onDeath);
    signal.addEventListener('abort', onAbort);
    try {
      this.#child.send(job, (error) => {
        if (error !== null) refuse('document_reader_crashed', null);
      });
      return await promise;
    } finally {
      watch.stop();
      this.#child.off('message', onMessage).off('exit', onDeath);
      signal.removeEventListener('abort', onAbort);
      // It may be in the middle of something: a late answer would be taken for that of the next document.
      if (!answered) await this.kill();
    }
  }

  /** Ends the process and all that it started; returns when it is gone. */
  async kill(): Promise<void> {
    const { pid } = this.#child;
    if (pid !== undefined) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // The whole group is gone already.
      }
    }
    await this.#exited;
  }

  async #waitUntilReady(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), START_LIMIT_MS);
    const onMessage = (): void => resolve(true);
    this.#child.once('message', onMessage);
    void this.#exited.then(() => resolve(false));
    const ready = await promise;
    clearTimeout(timer);
    this.#child.off('message', onMessage);
    return ready;
  }
}

function refused(code: Refused['code'], detail: string | null): Refused {
  return { verdict: 'refused', code, detail, retry: retryAdvice(code), missing: null, detectedType: null };
}
