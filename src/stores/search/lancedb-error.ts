import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../../domain/errors.ts';
import { throwIfCancelled, unlessCancelled } from './cancelled.ts';

const TRIES = 5;
const FIRST_PAUSE_MS = 25;
const FULL_BYTES = 16 * 1024 * 1024;

/**
 * Runs work that may be repeated as often as one likes. The library gives no codes that tell a lost race between processes
 * from a lost disk, so everything is tried again a few times; what is left is told by looking at the disk.
 *
 * @param folder null when the index is not in a folder of this machine
 */
export async function attempting<T>(
  folder: string | null,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    throwIfCancelled(signal);
    try {
      return await unlessCancelled(signal, work());
    } catch (error) {
      // A SyncError says itself what to do, and a mistake of ours is not one of the index.
      if (error instanceof SyncError || error instanceof TypeError || error instanceof ReferenceError) throw error;
      if (tried === TRIES) throw await toLanceError(error, folder);
    }
    // Uneven, so that those who lost a race do not meet again.
    await unlessCancelled(signal, sleep(FIRST_PAUSE_MS * 2 ** tried * (0.5 + Math.random())));
  }
}

async function toLanceError(error: unknown, folder: string | null): Promise<SyncError> {
  const disk = folder === null ? null : await statfs(folder).catch(() => null);
  if (disk !== null && disk.bavail * disk.bsize < FULL_BYTES)
    return new SyncError('search_disk_full', { cause: error });
  return new SyncError('search_unavailable', { cause: error });
}
