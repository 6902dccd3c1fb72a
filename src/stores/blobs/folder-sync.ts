import { open } from 'node:fs/promises';

/** Makes the entries of a folder durable. Resolves after an fsync that began after the call. */
export type SyncFolder = (path: string) => Promise<void>;

/**
 * An fsync of a folder that has begun may miss entries made since, but one that waits to begin serves everybody who asks
 * until then. So per folder at most one runs and one waits.
 */
export function createFolderSync(): SyncFolder {
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  function start(path: string): Promise<void> {
    const run = fsyncFolder(path).finally(() => running.delete(path));
    running.set(path, run);
    return run;
  }

  return (path) => {
    const current = running.get(path);
    if (!current) return start(path);
    let next = waiting.get(path);
    if (!next) {
      const afterCurrent = (): Promise<void> => {
        waiting.delete(path);
        return start(path);
      };
      next = current.then(afterCurrent, afterCurrent);
      waiting.set(path, next);
    }
    return next;
  };
}

async function fsyncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
