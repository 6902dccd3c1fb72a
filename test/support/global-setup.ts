/** What one test run shares: a PostgreSQL server and samples that are made once. All of it goes at the end. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { findPlace } from '../../src/stores/postgres/embedded/place.ts';
import { findPostmaster, stopPostmaster } from '../../src/stores/postgres/embedded/postmaster.ts';
import { isSameProcess, processIdentity } from '../../src/stores/postgres/embedded/process-identity.ts';
import { SAMPLES_VARIABLE } from './samples-folder.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresFolder: string;
  }
}

const PREFIX = 'chartsync-test-postgres-';
const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 4 * 1024 ** 3;

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers();
  const inMemory = await isRoomInMemory();
  const base = await mkdtemp(join(inMemory ? MEMORY : tmpdir(), PREFIX));
  await chmod(base, 0o711);
  await writeFile(join(base, 'owner'), `${process.pid} ${await processIdentity(process.pid)}`);
  project.provide('postgresFolder', join(base, 'cluster'));
  process.env[SAMPLES_VARIABLE] = join(base, 'samples');
  if (inMemory) {
    // The processes of tests take it from here.
    process.env.TMPDIR = join(base, 'tmp');
    await mkdir(process.env.TMPDIR);
    await chmod(process.env.TMPDIR, 0o1777);
  }
  return () => remove(base);
}

/** Databases come and go, each of hundreds of files, and so do folders: on a disk that is a third of the work of many tests. */
async function isRoomInMemory(): Promise<boolean> {
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '');
  const options = new RegExp(`^\\S+ ${MEMORY} tmpfs (\\S+)`, 'm').exec(mounts)?.[1]?.split(',');
  // Where nobody else can enter the checkout, PostgreSQL's programs are copied beside its data.
  if (options === undefined || options.includes('noexec')) return false;
  const { bavail, bsize } = await statfs(MEMORY);
  return bavail * bsize >= ENOUGH_BYTES;
}

/** Whoever may still be registered: the run is over. */
async function remove(base: string): Promise<void> {
  const cluster = join(base, 'cluster');
  const place = await findPlace(cluster).catch(() => null);
  const server = place && (await findPostmaster(place.data));
  if (server) await stopPostmaster(server);
  await rm(base, { recursive: true, force: true });
}

/** A killed test run cannot stop its server: the next one does. */
async function removeLeftovers(): Promise<void> {
  const folders = await Promise.all(
    [tmpdir(), MEMORY].map(async (folder) =>
      (await readdir(folder).catch(() => []))
        .filter((name) => name.startsWith(PREFIX))
        .map((name) => join(folder, name)),
    ),
  );
  for (const base of folders.flat()) {
    const owner = /^(\d+) (.+)$/.exec(await readFile(join(base, 'owner'), 'utf8').catch(() => ''));
    if (owner && !(await isSameProcess(Number(owner[1]), owner[2] ?? ''))) await remove(base).catch(() => undefined);
  }
}
