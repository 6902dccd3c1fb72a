import { open } from 'node:fs/promises';
import { afterNow } from '../after-now.ts';

/** Makes the entries of a folder durable. Resolves after an fsync that began after the call. */
export type SyncFolder = (path: string) => Promise<void>;

export function createFolderSync(): SyncFolder {
  return afterNow(fsyncFolder);
}

async function fsyncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
