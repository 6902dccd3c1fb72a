/**
 * A file beside the tables. A folder whose disk is not mounted looks like an index that has nothing: without the file nobody
 * may believe that a removed document has left it.
 */
import { randomUUID } from 'node:crypto';
import { access, constants, copyFile, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncError } from '../../domain/errors.ts';

const NAME = '.chartsync-search';
const ID = '.chartsync-search-id';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function leaveMarker(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, NAME), '');
  await makeId(folder);
}

/** @throws SyncError `search_unavailable` */
export async function assertMarker(folder: string): Promise<void> {
  try {
    await access(join(folder, NAME));
  } catch (cause) {
    throw new SyncError('search_unavailable', { detail: 'Its folder is not what it was at the start.', cause });
  }
}

/**
 * Which folder it is: the same for all processes that share it. Made with the marker only, never later: a mount point whose disk
 * is away must not become another folder.
 * @throws SyncError `search_unavailable`
 */
export async function folderId(folder: string): Promise<string> {
  const id = await readId(join(folder, ID));
  if (id === null) throw new SyncError('search_unavailable', { detail: 'Its folder is not what it was at the start.' });
  return id;
}

async function makeId(folder: string): Promise<void> {
  const file = join(folder, ID);
  if ((await readId(file)) !== null) return;
  const own = join(folder, `${ID}-${randomUUID()}`);
  await writeFile(own, randomUUID());
  try {
    // Another process may be the first one. Where a file system has no links, a copy is as good.
    await link(own, file)
      .catch((error) => (isThere(error) ? undefined : copyFile(own, file, constants.COPYFILE_EXCL)))
      .catch((error) => (isThere(error) ? undefined : Promise.reject(error)));
    // Half of one, from a process that was killed.
    if ((await readId(file)) === null) await rename(own, file);
  } finally {
    await rm(own, { force: true });
  }
}

async function readId(file: string): Promise<string | null> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    return UUID.test(text) ? text : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function isThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EEXIST';
}
