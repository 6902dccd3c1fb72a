/** Is a process still the one that was meant? A number alone does not say: the system gives it out again. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * @returns a text that no other process on this machine ever has, `unknown` when the process lives but the system hides its
 * start time, or null when there is no such process (a zombie counts as none).
 */
export async function processIdentity(pid: number): Promise<string | null> {
  if (!isAlive(pid)) return null;
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

/** Does `recorded`, an earlier answer of {@link processIdentity}, still live under `pid`? */
export async function isSameProcess(pid: number, recorded: string): Promise<boolean> {
  const now = await processIdentity(pid);
  return now !== null && (now === recorded || now === 'unknown' || recorded === 'unknown');
}

/** The arguments with which a living process was started, joined by blanks; null when unknown. */
export async function processArguments(pid: number): Promise<string | null> {
  try {
    if (process.platform === 'linux') {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim() || null;
    }
    return (await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout.trim() || null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function linuxIdentity(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may itself contain blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    // Start time counts from boot, so two boots of one machine can repeat both numbers.
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    return `${boot}/${fields[19]}`;
  } catch {
    return isAlive(pid) ? 'unknown' : null;
  }
}

async function psIdentity(pid: number): Promise<string | null> {
  try {
    const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env: { LC_ALL: 'C' } });
    const [state, ...start] = stdout.trim().split(/\s+/);
    if (state === undefined || state.startsWith('Z')) return null;
    return start.join(' ');
  } catch {
    return isAlive(pid) ? 'unknown' : null;
  }
}
