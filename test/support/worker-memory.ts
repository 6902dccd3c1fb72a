/** How much memory the processes take that read documents, on Linux. */
import { readFileSync } from 'node:fs';
import { processorMs, residentBytes } from '../../src/documents/process-usage.ts';

/** The kernel remembers the most that a process had; only what its programs had beside it may be missed. */
const LOOK_EVERY_MS = 100;

export interface WorkerMemory {
  /** The most that one worker had, together with the programs that it started. Bytes. */
  readonly peakBytes: number;
  /** Workers that were seen. */
  readonly workers: number;
  /** User and system time of all of them, with the programs that they started. */
  readonly cpuMs: number;
}

/** @param pid of the process that starts the workers */
export function watchWorkers(pid: number): { stop(): WorkerMemory } {
  let peakBytes = 0;
  const cpu = new Map<number, number>();
  const look = (): void => {
    for (const worker of workersOf(pid)) {
      peakBytes = Math.max(peakBytes, residentBytes(worker) ?? 0, highWaterMark(worker));
      cpu.set(worker, Math.max(cpu.get(worker) ?? 0, processorMs(worker) ?? 0));
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    stop() {
      look();
      clearInterval(timer);
      return { peakBytes, workers: cpu.size, cpuMs: [...cpu.values()].reduce((sum, ms) => sum + ms, 0) };
    },
  };
}

export function workersOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`)
    .trim()
    .split(' ')
    .filter((child) => child !== '' && read(`/proc/${child}/cmdline`).includes('documents/worker.ts'))
    .map(Number);
}

function highWaterMark(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
