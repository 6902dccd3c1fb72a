import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { type BlobInfo, isBlobName } from '../../ports/blob-store.ts';
import { throwIfCancelled } from './content-check.ts';
import { systemCode } from './filesystem-error.ts';

const CONCURRENT_STATS = 16;

/**
 * Pages of blobs whose names begin with `prefix`, in byte order. Holds the names of one shard (1/256 of an organisation)
 * and one page.
 */
export async function* listBlobFiles(options: {
  readonly folder: string;
  readonly prefix: string;
  readonly pageSize: number;
  readonly signal?: AbortSignal | undefined;
}): AsyncGenerator<readonly BlobInfo[]> {
  const { folder, prefix, pageSize, signal } = options;
  const limit = pLimit(CONCURRENT_STATS);

  async function infoOf(name: string): Promise<BlobInfo | null> {
    const found = await ifPresent(stat(blobPath(folder, name)));
    return found?.isFile() ? { name, size: found.size } : null;
  }

  let pending: string[] = [];
  async function page(names: readonly string[]): Promise<BlobInfo[]> {
    throwIfCancelled(signal);
    const infos = await Promise.all(names.map((name) => limit(infoOf, name)));
    return infos.filter((info) => info !== null);
  }

  for await (const names of shardsOf(folder, prefix)) {
    throwIfCancelled(signal);
    pending.push(...names);
    while (pending.length >= pageSize) {
      yield await page(pending.slice(0, pageSize));
      pending = pending.slice(pageSize);
    }
  }
  if (pending.length > 0) yield await page(pending);
}

async function* shardsOf(folder: string, prefix: string): AsyncGenerator<string[]> {
  // With the slash, because `a-b/` comes before `a/` although `a` comes before `a-b`.
  const organizations = (await readdir(folder)).map((id) => `${id}/`).sort();
  for (const organization of organizations.filter((id) => related(id, prefix))) {
    const shards = (await ifPresent(readdir(join(folder, organization)))) ?? [];
    for (const shard of shards.sort().filter((digits) => related(organization + digits, prefix))) {
      const hashes = (await ifPresent(readdir(join(folder, organization, shard)))) ?? [];
      yield hashes
        .filter((sha256) => sha256.startsWith(shard))
        .map((sha256) => organization + sha256)
        .filter((name) => name.startsWith(prefix) && isBlobName(name))
        .sort();
    }
  }
}

/** Whether names that begin with `start` can begin with `prefix`. */
function related(start: string, prefix: string): boolean {
  return start.startsWith(prefix) || prefix.startsWith(start);
}

function blobPath(folder: string, name: string): string {
  const slash = name.indexOf('/');
  return join(folder, name.slice(0, slash), name.slice(slash + 1, slash + 3), name.slice(slash + 1));
}

/** Null for what was deleted meanwhile or is no folder: someone else's file is not ours to list. */
async function ifPresent<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
