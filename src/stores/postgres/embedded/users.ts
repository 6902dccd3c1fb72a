/** Which living processes use this PostgreSQL: one file per user in `<folder>/users`. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSameProcess, processIdentity } from './process-identity.ts';

const NAME = /^(\d+)-[0-9a-f]+$/;

/** Registers this process; a process that uses the cluster twice is registered twice. @returns the file to give back */
export async function registerUser(folder: string): Promise<string> {
  const users = join(folder, 'users');
  await mkdir(users, { recursive: true });
  const file = join(users, `${process.pid}-${randomUUID().slice(0, 8)}`);
  await writeFile(file, (await processIdentity(process.pid)) ?? 'unknown');
  return file;
}

/** @returns how many registered users live, and removes the files of those that do not */
export async function countLiveUsers(folder: string): Promise<number> {
  const users = join(folder, 'users');
  let live = 0;
  for (const name of await readdir(users).catch(() => [])) {
    const pid = Number(NAME.exec(name)?.[1]);
    const recorded = await readFile(join(users, name), 'utf8').catch(() => '');
    if (pid > 0 && recorded !== '' && (await isSameProcess(pid, recorded))) live++;
    else await rm(join(users, name), { force: true });
  }
  return live;
}
