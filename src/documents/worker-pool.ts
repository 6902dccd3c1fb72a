/** A few workers, used again and again: a start takes longer than most documents. */
import { mkdir, rm } from 'node:fs/promises';
import { SyncError } from '../domain/errors.ts';
import type { FromWorker, Job, MergeJob, Refused } from './job.ts';
import { WorkerProcess } from './worker-process.ts';

export interface WorkerPoolOptions {
  /** Workers at a time. */
  readonly workers: number;
  /** Documents after which a worker is replaced: parsers leak a little. */
  readonly documentsPerWorker: number;
  /** A worker that keeps more than this between two documents is replaced. Bytes. */
  readonly idleMemoryBytes: number;
  /** A worker that has had nothing to do for so long is ended: it holds some hundred megabytes. */
  readonly idleMs: number;
  readonly searchPath: string;
}

/** What would start with less is read again another time. */
const LEAST_SECOND_READ_MS = 10_000;

type Answer = Extract<FromWorker, { kind: 'done' | 'failed' }>;
interface Refusal {
  readonly kind: 'done';
  readonly result: Refused;
}

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  /** Each with the timer that ends it. */
  readonly #idle: { readonly worker: WorkerProcess; readonly timer: NodeJS.Timeout }[] = [];
  readonly #busy = new Set<WorkerProcess>();
  readonly #waiting: Array<() => void> = [];
  readonly #closing = new AbortController();
  #places: number;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#places = options.workers;
  }

  /** @throws SyncError `cancelled` by `signal` or by {@link close}; what {@link WorkerProcess.run} throws */
  async run(job: Job | MergeJob, signal: AbortSignal): Promise<Answer> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    await this.#takePlace(either);
    try {
      const worker = await this.#worker(job.limits.memoryBytes);
      const used = worker.documents > 0;
      const until = Date.now() + job.limits.timeMs;
      const answer = await this.#runIn(worker, job, either);
      const timeMs = until - Date.now();
      // What others have left there is not to be the fault of this document: a refusal is that of a worker of its own. Both
      // together take no longer than one may: others wait behind it.
      if (!used || !wantedMemory(answer)) return answer;
      if (timeMs < LEAST_SECOND_READ_MS) return { ...answer, result: { ...answer.result, retry: 'once' } };
      const trouble = await emptied(job.workFolder);
      if (trouble !== null) return { kind: 'failed', code: trouble };
      const again = { ...job, limits: { ...job.limits, timeMs } };
      return await this.#runIn(this.#newWorker(job.limits.memoryBytes), again, either);
    } finally {
      this.#givePlaceBack();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all([...idle.map(({ worker }) => worker), ...this.#busy].map((worker) => worker.kill()));
  }

  async #runIn(worker: WorkerProcess, job: Job | MergeJob, signal: AbortSignal): Promise<Answer> {
    this.#busy.add(worker);
    let whole = false;
    try {
      const answer = await worker.run(job, signal);
      whole = answer.kind === 'done' && !wantedMemory(answer);
      return answer;
    } finally {
      this.#busy.delete(worker);
      if (whole) await this.#keepOrEnd(worker);
      else await worker.kill();
    }
  }

  /** An idle one with the same memory: the limit of the heap is given at the start. */
  async #worker(memoryBytes: number): Promise<WorkerProcess> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (idle.worker.alive && idle.worker.memoryBytes === memoryBytes) return idle.worker;
      await idle.worker.kill();
    }
    return this.#newWorker(memoryBytes);
  }

  #newWorker(memoryBytes: number): WorkerProcess {
    return new WorkerProcess({ memoryBytes, searchPath: this.#options.searchPath });
  }

  async #keepOrEnd(worker: WorkerProcess): Promise<void> {
    const worn =
      worker.documents >= this.#options.documentsPerWorker ||
      (worker.residentBytes ?? 0) > this.#options.idleMemoryBytes ||
      this.#closing.signal.aborted;
    if (worker.alive && !worn) this.#keep(worker);
    else await worker.kill();
  }

  #keep(worker: WorkerProcess): void {
    const timer = setTimeout(() => {
      const index = this.#idle.findIndex((idle) => idle.worker === worker);
      if (index !== -1) this.#idle.splice(index, 1);
      void worker.kill();
    }, this.#options.idleMs);
    timer.unref();
    this.#idle.push({ worker, timer });
  }

  async #takePlace(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new SyncError('cancelled');
    if (this.#places > 0) {
      this.#places--;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      const index = this.#waiting.indexOf(resolve);
      // Not waiting any more means that the place is ours, and `run` sees the abort itself.
      if (index === -1) return;
      this.#waiting.splice(index, 1);
      reject(new SyncError('cancelled'));
    };
    this.#waiting.push(resolve);
    signal.addEventListener('abort', onAbort);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #givePlaceBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#places++;
    else next();
  }
}

/** @returns the code of what the system refused; null: it is empty */
async function emptied(folder: string): Promise<string | null> {
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { mode: 0o700 });
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}

function wantedMemory(answer: Answer): answer is Refusal {
  return answer.kind === 'done' && answer.result.verdict === 'refused' && answer.result.code === 'document_memory';
}
