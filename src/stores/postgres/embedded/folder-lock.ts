/** One process at a time works on a folder. The lock is the operating system's: it ends with the process, however it ends. */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

const SQLITE_BUSY = 5;
const POLL_MS = 20;

/**
 * Runs `work` while holding the lock file `path` (created when missing, stays behind empty).
 * @throws Error `busy` when another process holds it for longer than `timeoutMs`
 */
export async function withFolderLock<T>(
  path: string,
  { timeoutMs, busy }: { readonly timeoutMs: number; readonly busy: string },
  work: () => Promise<T>,
): Promise<T> {
  const lock = await acquire(path, timeoutMs, busy);
  try {
    return await work();
  } finally {
    lock.close();
  }
}

async function acquire(path: string, timeoutMs: number, busy: string): Promise<DatabaseSync> {
  const deadline = Date.now() + timeoutMs;
  const lock = open(path);
  for (;;) {
    try {
      lock.exec('BEGIN EXCLUSIVE');
      return lock;
    } catch (error) {
      if ((error as { errcode?: number }).errcode === SQLITE_BUSY && Date.now() < deadline) {
        await sleep(POLL_MS);
        continue;
      }
      lock.close();
      if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw unusable(path, error);
      throw new Error(busy);
    }
  }
}

function open(path: string): DatabaseSync {
  try {
    // Node has no file locks of its own; SQLite's are real ones. Its own waiting would block the event loop, so it is off.
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw unusable(path, error);
  }
}

/** SQLite's own words name no file: "unable to open database file". */
function unusable(path: string, cause: unknown): Error {
  const user = process.getuid?.() ?? 'of this process';
  return new Error(
    `${path} cannot be opened or written. Give user ${user}, as whom Chartsync runs, the right to write to its folder, ` +
      'and look whether the disk is full or can only be read.',
    { cause },
  );
}
