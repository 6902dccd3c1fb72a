/** PostgreSQL refuses to run as root. Whom it runs as instead, and what that user can reach. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

export const isRoot = (): boolean => process.getuid?.() === 0;

/** The user `postgres` or `chartsync`, whichever exists; else `chartsync` is created. Only for root. */
export async function unprivilegedUser(): Promise<SystemUser> {
  const existing = (await lookUp('postgres')) ?? (await lookUp('chartsync'));
  if (existing) return existing;
  // The first is Debian's and Red Hat's command, the second Alpine's.
  await run('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', 'chartsync'])
    .catch(() => run('adduser', ['-S', '-D', '-H', 'chartsync']))
    .catch(() => undefined);
  const created = await lookUp('chartsync');
  if (created) return created;
  throw new Error(
    'PostgreSQL does not run as root, and no system user could be created for it. ' +
      'Create a user named "chartsync", start Chartsync as an ordinary user, or set DATABASE_URL.',
  );
}

async function lookUp(name: string): Promise<SystemUser | null> {
  try {
    const uid = Number((await run('id', ['-u', name])).stdout);
    const gid = Number((await run('id', ['-g', name])).stdout);
    return uid > 0 ? { uid, gid } : null;
  } catch {
    return null;
  }
}

/** Tried rather than computed: mode bits do not tell about access lists and mounts. */
export async function canEnter(user: SystemUser, folder: string): Promise<boolean> {
  return succeeds('/bin/sh', ['-c', 'cd "$0"', folder], user);
}

export async function canRun(user: SystemUser, program: string): Promise<boolean> {
  return succeeds(program, ['--version'], user);
}

async function succeeds(program: string, args: readonly string[], user: SystemUser): Promise<boolean> {
  try {
    await run(program, args, { ...user, cwd: '/', env: { LC_ALL: 'C' } });
    return true;
  } catch {
    return false;
  }
}
