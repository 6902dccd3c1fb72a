/** What one test run shares: a folder for its PostgreSQL server, which is stopped and removed at the end. */
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { findPlace } from '../../src/stores/postgres/embedded/place.ts';
import { findPostmaster, stopPostmaster } from '../../src/stores/postgres/embedded/postmaster.ts';
import { isSameProcess, processIdentity } from '../../src/stores/postgres/embedded/process-identity.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresFolder: string;
  }
}

const PREFIX = 'chartsync-test-postgres-';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers();
  const base = await mkdtemp(join(tmpdir(), PREFIX));
  await chmod(base, 0o711);
  await writeFile(join(base, 'owner'), `${process.pid} ${await processIdentity(process.pid)}`);
  project.provide('postgresFolder', join(base, 'cluster'));
  return () => remove(base);
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
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const base = join(tmpdir(), name);
    const owner = /^(\d+) (.+)$/.exec(await readFile(join(base, 'owner'), 'utf8').catch(() => ''));
    if (owner && !(await isSameProcess(Number(owner[1]), owner[2] ?? ''))) await remove(base).catch(() => undefined);
  }
}
