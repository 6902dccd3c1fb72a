/** Floor of a first copy to a folder: read, SHA-256, write, fsync, rename; nothing is recorded, folders are not fsynced. */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { measureInside, subjectInput } from '../inside.ts';
import { filesBelow } from './files-below.ts';

export interface FolderLoopInput {
  readonly folder: string;
  readonly files: number;
  readonly target: string;
  readonly concurrency: number;
}

const input = subjectInput<FolderLoopInput>();
const temporary = join(input.target, '.tmp');
await mkdir(temporary, { recursive: true });
for (let shard = 0; shard < 256; shard++) await mkdir(join(input.target, shard.toString(16).padStart(2, '0')));

await measureInside(
  async () => {
    const files = await filesBelow(input.folder);
    let next = 0;
    let done = 0;
    const work = async () => {
      for (let path = files[next++]; path !== undefined; path = files[next++]) {
        const bytes = await readFile(path);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const from = join(temporary, sha256);
        const handle = await open(from, 'wx', 0o600);
        await handle.writeFile(bytes);
        await handle.sync();
        await handle.close();
        await rename(from, join(input.target, sha256.slice(0, 2), sha256));
        done++;
      }
    };
    await Promise.all(Array.from({ length: input.concurrency }, work));
    return done;
  },
  (done) => {
    if (done !== input.files) throw new Error(`${done} files were copied instead of ${input.files}`);
  },
);
