/** Where the cluster's data lies, which port it had, and as whom it runs. Remembered in `<folder>/cluster.json`. */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { canEnter, isRoot, type SystemUser, unprivilegedUser } from './system-user.ts';

/** Used by root when the chosen folder lies where no other user gets in, e.g. below /root. */
export const SYSTEM_FOLDER = '/var/lib/chartsync';

const MAJOR = '18';

export interface Place {
  readonly data: string;
  /** Null: as ourselves. */
  readonly user: SystemUser | null;
  readonly port: number | null;
  readonly initialised: boolean;
}

interface Remembered {
  readonly data: string;
  readonly port: number;
}

/** @throws Error when the remembered data is gone: starting afresh would look like an empty practice. */
export async function findPlace(folder: string, systemFolder = SYSTEM_FOLDER): Promise<Place> {
  const remembered = await readJson<Remembered>(join(folder, 'cluster.json'));
  const data = remembered ? resolve(folder, remembered.data) : join(folder, 'data');
  if (await isInitialised(data)) return existing(folder, data, remembered?.port ?? null);
  if (remembered) {
    throw new Error(
      `The PostgreSQL data of ${folder} was in ${data}, but is not there any more. ` +
        `Bring it back (mount, backup), or delete ${join(folder, 'cluster.json')} to begin with an empty database.`,
    );
  }
  if (!isRoot()) return { data, user: null, port: null, initialised: false };

  const user = await unprivilegedUser();
  if (await canEnter(user, folder)) return { data, user, port: null, initialised: false };
  const fallback = join(
    systemFolder,
    createHash('sha256')
      .update(await realpath(folder))
      .digest('hex')
      .slice(0, 16),
  );
  await mkdir(fallback, { recursive: true, mode: 0o755 });
  await writeFile(join(fallback, 'belongs-to'), await realpath(folder));
  if (!(await canEnter(user, fallback))) {
    throw new Error(
      `PostgreSQL runs as user ${user.uid}, who can enter neither ${folder} nor ${fallback}. ` +
        'Set CHARTSYNC_HOME to a folder that everybody may enter.',
    );
  }
  const moved = join(fallback, 'data');
  if (await isInitialised(moved)) return existing(folder, moved, null);
  return { data: moved, user, port: null, initialised: false };
}

async function isInitialised(data: string): Promise<boolean> {
  const owner = await stat(data).catch(ifMissing(null));
  if (owner === null) return false;
  if (!isRoot() && owner.uid !== process.getuid?.()) {
    throw new Error(
      `The PostgreSQL data in ${data} belongs to user ${owner.uid}. Start Chartsync as that user or as root.`,
    );
  }
  return (await stat(join(data, 'PG_VERSION')).catch(ifMissing(null))) !== null;
}

async function existing(folder: string, data: string, port: number | null): Promise<Place> {
  const version = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  if (version !== MAJOR) {
    throw new Error(
      `The data in ${data} is of PostgreSQL ${version}, this is PostgreSQL ${MAJOR}. ` +
        'Back it up with the version of Chartsync that wrote it, and restore the backup here.',
    );
  }
  const belongsTo = await readFile(join(data, '..', 'belongs-to'), 'utf8').catch(ifMissing(null));
  if (belongsTo !== null && belongsTo !== (await realpath(folder))) {
    throw new Error(
      `${folder} is a copy: its PostgreSQL data in ${data} belongs to ${belongsTo}. ` +
        `Delete ${join(folder, 'cluster.json')} to begin with an empty database, then restore a backup.`,
    );
  }
  if (!isRoot()) return { data, user: null, port, initialised: true };
  const { uid, gid } = await stat(data);
  if (uid === 0) {
    throw new Error(
      `${data} belongs to root, but PostgreSQL does not run as root. Give it to another user (chown -R).`,
    );
  }
  return { data, user: { uid, gid }, port, initialised: true };
}

export async function rememberPlace(folder: string, data: string, port: number): Promise<void> {
  const inside = data === join(folder, 'data') ? 'data' : data;
  await writeWhole(join(folder, 'cluster.json'), `${JSON.stringify({ data: inside, port })}\n`, 0o644);
}

/** The superuser's password, made before the cluster is, readable by the owner of the folder only. */
export async function password(folder: string, initialised: boolean): Promise<string> {
  const file = join(folder, 'password');
  const known = (await readFile(file, 'utf8').catch(ifMissing('')))?.trim();
  if (known) return known;
  if (initialised) {
    throw new Error(`The password of the PostgreSQL data is missing: ${file}. Bring it back from a backup.`);
  }
  const made = randomBytes(24).toString('base64url');
  await writeWhole(file, made, 0o600);
  return made;
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, text, { mode });
  await chmod(unfinished, mode);
  await rename(unfinished, file);
}

async function readJson<T>(file: string): Promise<T | null> {
  const text = await readFile(file, 'utf8').catch(ifMissing(null));
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`${file} is damaged. It should say {"data": "data", "port": 5432}.`);
  }
}

/** A file that is there but cannot be read must not count as missing. */
function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
