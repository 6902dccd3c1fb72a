/** `ChangeSpool` on files, readable by the owner only: lines hold paths. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import type { ChangeSpool, SpooledLines, SpoolWriter } from '../../ports/change-spool.ts';

const LEFT_OVER_MS = 24 * 3600 * 1000;

/** @param options.folder created when absent; left-overs of killed processes older than a day are removed */
export function createFileSpool(options: { folder: string; newName: () => string }): ChangeSpool {
  return {
    async create() {
      await mkdir(options.folder, { recursive: true, mode: 0o700 });
      await removeLeftOvers(options.folder);
      const path = join(options.folder, `${options.newName()}.ndjson`);
      const writer = writeLines(path);
      return {
        write: writer.write,
        async end() {
          await writer.end();
          return spooledFile(path);
        },
        async discard() {
          await writer.end().catch(() => undefined);
          await rm(path, { force: true });
        },
      };
    },
  };
}

/** A file of lines for writing, mode 0600. Used for plan files too. */
export function writeLines(path: string): { write: SpoolWriter['write']; end(): Promise<void> } {
  const stream = createWriteStream(path, { mode: 0o600, highWaterMark: 1 << 20 });
  let failure: unknown;
  stream.on('error', (error) => {
    failure = error;
  });
  return {
    write(line) {
      if (failure !== undefined) throw spoolError(failure);
      if (stream.write(`${line}\n`)) return;
      return new Promise((resolve, reject) => {
        const onError = (error: unknown) => reject(spoolError(error));
        stream.once('error', onError);
        stream.once('drain', () => {
          stream.off('error', onError);
          resolve();
        });
      });
    },
    async end() {
      if (failure !== undefined) throw spoolError(failure);
      stream.end();
      await finished(stream).catch((error) => {
        throw spoolError(error);
      });
    },
  };
}

/** Lines of an existing file. `discard` removes it. */
export function spooledFile(path: string): SpooledLines {
  return {
    async *lines(signal) {
      const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 });
      let rest = '';
      try {
        for await (const chunk of stream) {
          signal?.throwIfAborted();
          // Not readline: it also breaks lines at U+2028, which file names may hold.
          const lines = (rest + chunk).split('\n');
          rest = lines.pop() ?? '';
          yield* lines;
        }
        if (rest !== '') yield rest;
      } catch (error) {
        throw spoolError(error);
      } finally {
        stream.destroy();
      }
    },
    discard: () => rm(path, { force: true }),
  };
}

function spoolError(error: unknown): SyncError {
  const code = (error as { code?: unknown }).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new SyncError('home_disk_full', { cause: error });
  return toSyncError(error);
}

async function removeLeftOvers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => null);
    if (info !== null && Date.now() - info.mtimeMs > LEFT_OVER_MS) await rm(path, { force: true });
  }
}
