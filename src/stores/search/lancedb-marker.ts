/**
 * A file beside the tables. A folder whose disk is not mounted looks like an index that has nothing: without the file nobody
 * may believe that a removed document has left it.
 */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncError } from '../../domain/errors.ts';

const NAME = '.chartsync-search';

export async function leaveMarker(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, NAME), '');
}

/** @throws SyncError `search_unavailable` */
export async function assertMarker(folder: string): Promise<void> {
  try {
    await access(join(folder, NAME));
  } catch (cause) {
    throw new SyncError('search_unavailable', { detail: 'Its folder is not what it was at the start.', cause });
  }
}
