/** The program of a worker process: gets jobs from its parent, one at a time, and answers each. */
import { writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { FromWorker, Job, MergeJob } from './job.ts';
import { processJob } from './process-job.ts';

/** The service goes first when there is little processor time. */
const PRIORITY = 5;
/** By then most of what a document needs was compiled. */
const KEEP_COMPILED_AFTER = 5;

let performed = 0;

function answer(message: FromWorker): void {
  process.send?.(message);
}

async function perform(job: Job | MergeJob): Promise<void> {
  // Programs that documents are given to keep their scratch and settings there.
  process.env.TMPDIR = job.workFolder;
  process.env.HOME = job.workFolder;
  try {
    const result =
      'files' in job
        ? await (await import('./merge-pdfs.ts')).mergePdfs(job)
        : await processJob(job, (readable) => answer({ kind: 'readable', result: readable }));
    answer({ kind: 'done', result });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    answer({ kind: 'failed', code: typeof code === 'string' ? code : null });
  }
  // Node keeps it at its end, and a worker is killed.
  if (++performed === KEEP_COMPILED_AFTER) flushCompileCache();
}

setPriority(PRIORITY);
try {
  // When the kernel runs out of memory, it shall end this process and not the service.
  writeFileSync('/proc/self/oom_score_adj', '800');
} catch {
  // There is no such file on other systems.
}
// Parsers leave promises behind that nobody waits for; what they reject with is not an answer.
process.on('unhandledRejection', () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', (message) => void perform(message as Job | MergeJob));
// A thread, because a document may keep this one from noticing that the parent is gone.
new Worker(new URL('./orphan-watch.ts', import.meta.url), { workerData: process.ppid }).unref();
answer({ kind: 'ready' });
