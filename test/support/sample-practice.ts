/** Sample practices on PostgreSQL, each made once in a test run and copied: to draw its scans takes longer than most tests. */
import { copyFile, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openPracticeDatabase } from '../../simulators/vsrx/database.ts';
import { createSamplePractice } from '../../simulators/vsrx/practice.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';
import { samplesFolder } from './samples-folder.ts';

export interface SampleOptions {
  readonly seed: number;
  readonly patients: number;
  readonly attachments: number;
  readonly deletedColumn: boolean;
}

/** Fills the folder with the practice's files. @returns a database with its rows */
export async function copySamplePractice(options: SampleOptions, filesFolder: string): Promise<TestDatabase> {
  const { deletedColumn, ...sizes } = options;
  const name = `practice_${sizes.seed}_${sizes.patients}_${sizes.attachments}${deletedColumn ? '_deleted' : ''}`;
  const original = join(samplesFolder(), name);
  const database = await testDatabase({
    template: {
      name,
      async fill(url) {
        await rm(original, { recursive: true, force: true });
        const source = openPracticeDatabase(url);
        await createSamplePractice({ ...sizes, filesFolder: original, database: source, schema: { deletedColumn } });
        await source.close();
      },
    },
  });
  await copyFolder(original, filesFolder);
  return database;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    await (entry.isDirectory() ? copyFolder(source, target) : copyOne(source, target));
  }
}

/** Longer than what the file with a hole begins with. */
const HEAD_BYTES = 4096;

async function copyOne(source: string, target: string): Promise<void> {
  const { size, blocks } = await stat(source);
  if (size <= 1024 * 1024 || blocks * 512 > size / 2) return copyFile(source, target);
  // The file that is too large is a header and then nothing: copied as it is, every test would write 50 MB.
  const [from, to] = await Promise.all([open(source), open(target, 'w')]);
  try {
    const { buffer } = await from.read(Buffer.alloc(HEAD_BYTES));
    await to.write(buffer);
    await to.truncate(size);
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
}
