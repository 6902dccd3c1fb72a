/** Resident memory of a process and everything that it started. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Reads /proc synchronously: these files are made by the kernel at once and never wait for a disk.
 *
 * @returns bytes; null where the system has no /proc, or the process is gone
 */
export function residentBytes(pid: number): number | null {
  const own = ownBytes(pid);
  if (own === null) return null;
  let sum = own;
  // Node starts programs from its main thread, and has a dozen others.
  const pending = childrenOf(pid, String(pid));
  for (let child = pending.pop(); child !== undefined; child = pending.pop()) {
    sum += ownBytes(child) ?? 0;
    pending.push(...childrenOf(child));
  }
  return sum;
}

function ownBytes(pid: number): number | null {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
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
