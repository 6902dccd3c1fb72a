/** Runs the command line as a user does: another process, its output and its exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const STACK = /^\s+at .+:\d+:\d+|node:internal/m;
/** As in bin/chartsync. */
export const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/chartsync', import.meta.url));
/** What bin/chartsync gives to Node and to the allocator: memory is measured as users have it. */
const NODE_FLAGS = ['--max-semi-space-size=16', '--heap-growing-percent=60'];
const ALLOCATOR = { MALLOC_ARENA_MAX: '2' };
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of `--json`. */
  readonly lines: readonly Record<string, unknown>[];
}

export interface CliProcess {
  readonly child: ChildProcess;
  /** The first line of this type, when it was printed; rejects when the process ended before. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it waits for
  printed(type: string): Promise<any>;
  readonly result: Promise<CliResult>;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs another one, e.g. `['setpriv', '--inh-caps=…']`: it gets Node and its arguments. */
  readonly through?: readonly string[];
  /** Standard input; default: none. */
  readonly input?: string;
}

export function startCli(args: readonly string[], options: CliOptions): CliProcess {
  const [program, ...before] = [...(options.through ?? []), process.execPath];
  const child = spawn(program!, [...before, ...NODE_FLAGS, MAIN, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE, ...ALLOCATOR, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(options.input);
  let stdout = '';
  let stderr = '';
  const waiting = new Set<{ type: string; resolve: (line: object) => void; reject: (error: Error) => void }>();
  const lineOf = (type: string): object | null => {
    // What comes after the last end of a line is not all of a line.
    const line = stdout
      .split('\n')
      .slice(0, -1)
      .find((l) => l.includes(`"type":"${type}"`));
    return line === undefined ? null : JSON.parse(line);
  };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const waiter of waiting) {
      const line = lineOf(waiter.type);
      if (line !== null) {
        waiting.delete(waiter);
        waiter.resolve(line);
      }
    }
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const result = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const waiter of waiting) waiter.reject(new Error(`Ended before "${waiter.type}": ${stderr}`));
      try {
        resolve(resultOf({ code, signal, stdout, stderr }));
      } catch (error) {
        reject(error);
      }
    });
  });
  return {
    child,
    printed(type) {
      const line = lineOf(type);
      if (line !== null) return Promise.resolve(line);
      return new Promise((resolve, reject) => waiting.add({ type, resolve, reject }));
    },
    result,
  };
}

/** A service, ready. */
export async function startService(options: CliOptions): Promise<{ process: CliProcess; url: string }> {
  const process = startCli(['serve', '--json'], options);
  const { url } = await process.printed('ready');
  return { process, url };
}

export function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return startCli(args, options).result;
}

/** @throws Error when a stack trace was printed: whatever happens, a user is told in sentences. */
export function resultOf(ended: Omit<CliResult, 'lines'>): CliResult {
  const said = `${ended.stdout}${ended.stderr}`;
  if (STACK.test(said)) throw new Error(`A stack trace was printed:\n${said}`);
  return { ...ended, lines: jsonLines(ended.stdout) };
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
