/** One running PostgreSQL server: found by its pid file, started, stopped. */
import { spawn } from 'node:child_process';
import { chown, open, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSameProcess, processArguments, processIdentity } from './process-identity.ts';
import type { SystemUser } from './system-user.ts';

export interface Postmaster {
  readonly pid: number;
  readonly identity: string;
  readonly port: number;
  /** `ready`, `starting`, `stopping` or `standby`, as PostgreSQL writes it. */
  readonly status: string;
}

const POLL_MS = 10;
const START_TIMEOUT_MS = 120_000;
const FAST_TIMEOUT_MS = 30_000;
const IMMEDIATE_TIMEOUT_MS = 10_000;
const MAX_LOG_BYTES = 10 * 1024 * 1024;
/** No system gives this number to a process. */
const NO_PID = 2_147_483_646;

/** The server that owns `data`, or null. A pid file whose number was given to another program is made harmless. */
export async function findPostmaster(data: string): Promise<Postmaster | null> {
  const lines = await pidFile(data);
  const pid = Number(lines?.[0]);
  if (!lines || !(pid > 0)) return null;
  const identity = await processIdentity(pid);
  if (identity === null) return null;
  const args = await processArguments(pid);
  if (args !== null && !args.includes(data)) {
    // PostgreSQL would believe that this process is its predecessor. The file is not removed: its last line lets
    // PostgreSQL see whether backends of the predecessor still hold the data.
    const unfinished = join(data, `postmaster.pid.${process.pid}`);
    await writeFile(unfinished, [NO_PID, ...lines.slice(1)].join('\n'), { mode: 0o600 });
    const { uid, gid } = await stat(data);
    if (process.getuid?.() === 0) await chown(unfinished, uid, gid);
    await rename(unfinished, join(data, 'postmaster.pid'));
    return null;
  }
  return { pid, identity, port: Number(lines[3]), status: (lines[7] ?? 'starting').trim() };
}

async function pidFile(data: string): Promise<string[] | null> {
  try {
    return (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
  } catch {
    return null;
  }
}

/** Waits until a server that is starting, recovering or stopping has made up its mind. @returns null when it ended */
export async function settled(data: string, found: Postmaster): Promise<Postmaster | null> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (!(await isSameProcess(found.pid, found.identity))) return null;
    const now = await findPostmaster(data);
    if (now?.status === 'ready') return now;
    await sleep(POLL_MS);
  }
  throw new Error(
    `PostgreSQL (process ${found.pid}) has been busy starting or stopping for ${START_TIMEOUT_MS / 1000} s.`,
  );
}

export interface StartOptions {
  readonly postgres: string;
  readonly data: string;
  readonly user: SystemUser | null;
  readonly port: number | null;
  readonly logFile: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Starts the server and returns when it accepts connections. @throws Error with the end of its log */
export async function startPostmaster(options: StartOptions): Promise<Postmaster> {
  const recoverUntil = Date.now() + 10_000;
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? options.port : null);
    const result = await tryStart(options, port);
    if (typeof result !== 'string') return result;
    // Somebody else may have taken the port meanwhile; and after a kill of the server its backends need a moment to leave.
    if (attempt < 3 || ((await pidFile(options.data)) !== null && Date.now() < recoverUntil)) {
      await sleep(100 * Math.min(attempt, 5));
      continue;
    }
    throw new Error(`PostgreSQL did not start.\n${result}`);
  }
}

async function tryStart(options: StartOptions, port: number): Promise<Postmaster | string> {
  const { data, user, logFile } = options;
  if (((await stat(logFile).catch(() => null))?.size ?? 0) > MAX_LOG_BYTES) await truncate(logFile);
  const log = await open(logFile, 'a', 0o600);
  const logStart = (await log.stat()).size;
  try {
    const settings = { ...SETTINGS, ...options.settings, port: String(port) };
    const child = spawn(
      options.postgres,
      ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      {
        // Its own session: Ctrl-C in the terminal must reach us, not PostgreSQL while we still write to it.
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        cwd: '/',
        // Nothing of our environment: PG* variables would change what is started, secrets would be readable in /proc.
        env: { LC_ALL: 'C' },
        ...(user ?? {}),
      },
    );
    let ended: string | null = null;
    child.on('error', (error) => {
      ended = error.message;
    });
    child.on('exit', (code, signal) => {
      ended ??= `It ended with ${signal ?? `exit code ${code}`}.`;
    });
    child.unref();
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (ended === null && Date.now() < deadline) {
      const found = await findPostmaster(data);
      if (found?.pid === child.pid && found?.status === 'ready') return found;
      await sleep(POLL_MS);
    }
    if (ended === null) child.kill('SIGQUIT');
    const text = (await readFile(logFile)).subarray(logStart).toString('utf8').trim();
    return `${ended ?? `It was not ready after ${START_TIMEOUT_MS / 1000} s.`}\n${text.slice(-2000)}`.trim();
  } finally {
    await log.close();
  }
}

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // A socket in /tmp would be one more door, and collide between clusters.
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Statements and details of errors contain values of rows, and those are personal data.
  log_min_messages: 'fatal',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  logging_collector: 'off',
  // A first copy writes a gigabyte within a minute or two: with the defaults each checkpoint makes it write whole pages again.
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  shared_buffers: '256MB',
};

async function freePort(wanted: number | null): Promise<number> {
  for (const port of wanted === null ? [0] : [wanted, 0]) {
    const found = await new Promise<number | null>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(null));
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address ? address.port : null));
      });
    });
    if (found !== null) return found;
  }
  throw new Error('This machine gives no free port on 127.0.0.1 to PostgreSQL.');
}

/** Fast shutdown (open transactions are rolled back, everything is written); when that hangs, immediate shutdown. */
export async function stopPostmaster(server: Pick<Postmaster, 'pid' | 'identity'>): Promise<void> {
  const steps = [
    ['SIGINT', FAST_TIMEOUT_MS],
    ['SIGQUIT', IMMEDIATE_TIMEOUT_MS],
  ] as const;
  for (const [signal, timeoutMs] of steps) {
    if (!(await isSameProcess(server.pid, server.identity))) return;
    process.kill(server.pid, signal);
    if (await endsWithin(server, timeoutMs)) return;
  }
  throw new Error(`PostgreSQL (process ${server.pid}) does not stop. Its data stays safe; look at its log.`);
}

export async function endsWithin(server: Pick<Postmaster, 'pid' | 'identity'>, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (await isSameProcess(server.pid, server.identity)) {
    if (Date.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
