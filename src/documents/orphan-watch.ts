/** A thread that ends its process, and the programs that it started, when the parent process is gone. */
import { workerData } from 'node:worker_threads';

const CHECK_MS = 2_000;

setInterval(() => {
  if (process.ppid === workerData) return;
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.kill(process.pid, 'SIGKILL');
  }
}, CHECK_MS);
