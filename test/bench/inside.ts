/** Inside a measured process: times the work and prints the measurement as the last line of its output. */
import { readFileSync } from 'node:fs';

export interface InsideMeasurement {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

/** @returns the input that the parent process gave as its only argument */
export function subjectInput<T>(): T {
  return JSON.parse(process.argv[2] ?? '') as T;
}

/**
 * @param check looks at the result after the clock was stopped, and throws when the work was not done
 * @param more what else was measured; `cpuMs` is added to that of this process
 */
export async function measureInside<T>(
  work: () => Promise<T>,
  check: (result: T) => Promise<void> | void,
  more: () => { readonly cpuMs?: number; readonly [name: string]: unknown } = () => ({}),
): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const result = await work();
  const wallMs = performance.now() - startedAt;
  const cpu = process.cpuUsage(cpuBefore);
  await check(result);
  const { cpuMs: othersMs = 0, ...extra } = more();
  const measurement: InsideMeasurement = {
    ...extra,
    wallMs,
    cpuMs: (cpu.user + cpu.system) / 1000 + othersMs,
    peakBytes: peakOf('self') ?? process.resourceUsage().maxRSS * 1024,
  };
  process.stdout.write(`\n${JSON.stringify(measurement)}\n`);
}

/** Not `maxRSS` where it can be had: that one begins with the size of the process that forked this one. */
export function peakOf(pid: number | 'self'): number | null {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) * 1024 : null;
  } catch {
    return null;
  }
}
