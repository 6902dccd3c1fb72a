/** Memory and processor time of a process and everything that it started. */
import { readdirSync, readFileSync } from 'node:fs';

/** The unit of times in /proc is a hundredth of a second on every Linux. */
const TICK_MS = 10;

/**
 * Reads /proc synchronously: these files are made by the kernel at once and never wait for a disk.
 *
 * @returns bytes; null where the system has no /proc, or the process is gone
 */
export function residentBytes(pid: number): number | null {
  return sumOf(pid, ownBytes);
}

/**
 * Includes what the process has started and has ended again, as long as somebody waited for its end.
 *
 * @returns milliseconds of user and system time; null where the system has no /proc, or the process is gone
 */
export function processorMs(pid: number): number | null {
  return sumOf(pid, ownMs);
}

function sumOf(pid: number, own: (pid: number) => number | null): number | null {
  const first = own(pid);
  if (first === null) return null;
  let sum = first;
  // Node starts programs from its main thread, and has a dozen others.
  const pending = childrenOf(pid, String(pid));
  for (let child = pending.pop(); child !== undefined; child = pending.pop()) {
    sum += own(child) ?? 0;
    pending.push(...childrenOf(child));
  }
  return sum;
}

function ownBytes(pid: number): number | null {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** Fields 14 to 17 of proc_pid_stat(5): user and system time, its own and of ended children. */
function ownMs(pid: number): number | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === '') return null;
  // The name in brackets, the second field, may hold blanks.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0);
}

/** Each thread has its own list of the processes that it started. */
function childrenOf(pid: number, ...only: readonly string[]): number[] {
  const children: number[] = [];
  for (const thread of only.length > 0 ? only : list(`/proc/${pid}/task`)) {
    for (const child of read(`/proc/${pid}/task/${thread}/children`).split(' ')) {
      if (child.trim() !== '') children.push(Number(child));
    }
  }
  return children;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
