/** Floor of a first copy to Azure Blob Storage: read, SHA-256, MD5, one upload; nothing is recorded. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { measureInside, subjectInput } from '../inside.ts';
import { filesBelow } from './files-below.ts';

export interface AzureLoopInput {
  readonly folder: string;
  readonly files: number;
  readonly connectionString: string;
  readonly container: string;
  readonly concurrency: number;
}

const input = subjectInput<AzureLoopInput>();
const container = BlobServiceClient.fromConnectionString(input.connectionString).getContainerClient(input.container);
await container.createIfNotExists();

await measureInside(
  async () => {
    const files = await filesBelow(input.folder);
    let next = 0;
    let done = 0;
    const work = async () => {
      for (let path = files[next++]; path !== undefined; path = files[next++]) {
        const bytes = await readFile(path);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        await container.getBlockBlobClient(`bench/${sha256}`).upload(bytes, bytes.byteLength, {
          conditions: { ifNoneMatch: '*' },
          transactionalContentMD5: createHash('md5').update(bytes).digest(),
          metadata: { sha256 },
        });
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
