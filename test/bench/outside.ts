/** From outside: runs a contestant in a process of its own and measures it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COMPILE_CACHE } from '../support/cli.ts';
import type { Measurement } from './benchmark.ts';
import { type InsideMeasurement, peakOf } from './inside.ts';

export type SubjectName =
  | 'azure-loop'
  | 'cliniko-sync'
  | 'document-loop'
  | 'document-service'
  | 'folder-loop'
  | 'idexx-calls'
  | 'idexx-logins'
  | 'idexx-many'
  | 'idexx-pages'
  | 'idexx-sync'
  | 'patient-loop'
  | 'read-pages'
  | 'slot-counts'
  | 'stream-both'
  | 'sync';

/** As `bin/chartsync` starts it; the floors get the same. */
export const NODE_FLAGS = ['--max-semi-space-size=16', '--heap-growing-percent=60'];
export const NODE_ENVIRONMENT = { MALLOC_ARENA_MAX: '2', NODE_COMPILE_CACHE: COMPILE_CACHE };

/** Runs a file of `subjects/`, which measures itself. @throws Error with its output when it fails */
export async function runSubject<Extra = unknown>(name: SubjectName, input: unknown): Promise<Measurement & Extra> {
  const file = fileURLToPath(new URL(`./subjects/${name}.ts`, import.meta.url));
  const { stdout, processMs } = await runProcess(
    process.execPath,
    [...NODE_FLAGS, file, JSON.stringify(input)],
    NODE_ENVIRONMENT,
  );
  const last = stdout.trim().split('\n').at(-1) ?? '';
  return { ...(JSON.parse(last) as InsideMeasurement & Extra), processMs };
}

/** Any program. Its memory and CPU are looked at while it runs, so the last milliseconds are missing. */
export async function runProgram(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<Measurement> {
  const { processMs, cpuMs, peakBytes } = await runProcess(command, args, env, cwd);
  return { wallMs: processMs, processMs, cpuMs, peakBytes };
}

const LOOK_EVERY_MS = 20;
/** Of `/proc/<pid>/stat`, on every Linux. */
const TICK_MS = 10;

async function runProcess(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<{ stdout: string; processMs: number; cpuMs: number; peakBytes: number }> {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const endWithUs = (): boolean => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let cpuMs = 0;
  let peakBytes = 0;
  const look = setInterval(() => {
    if (child.pid === undefined) return;
    peakBytes = peakOf(child.pid) ?? peakBytes;
    cpuMs = cpuOf(child.pid) ?? cpuMs;
  }, LOOK_EVERY_MS);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    const processMs = performance.now() - startedAt;
    if (code !== 0) throw new Error(`${command} ${args[0] ?? ''} ended with ${signal ?? code}:\n${stderr}${stdout}`);
    return { stdout, processMs, cpuMs, peakBytes };
  } finally {
    clearInterval(look);
    process.removeListener('exit', endWithUs);
  }
}

function cpuOf(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold blanks.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return null;
  }
}
