/** The file of `plan --out`. It appears whole or not at all: a plan that fails leaves an earlier one in place. */
import { open, rename, rm, stat } from 'node:fs/promises';
import type { SpoolWriter } from '../ports/change-spool.ts';
import { UsageError } from './context.ts';

export interface PlanFile {
  readonly write: SpoolWriter['write'];
  end(): Promise<void>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

/** @throws UsageError when no file can be written there */
export async function createPlanFile(path: string): Promise<PlanFile> {
  const unfinished = `${path}.part`;
  try {
    const there = await stat(path).catch(() => null);
    if (there?.isDirectory()) throw new UsageError(`${path} is a folder. Name a file for the plan.`);
    await rm(unfinished, { force: true });
    await (await open(unfinished, 'wx', 0o600)).close();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`The plan cannot be written to ${path} (${(error as NodeJS.ErrnoException).code}).`);
  }
  const { writeLines } = await import('../main.ts');
  const lines = writeLines(unfinished);
  return {
    write: lines.write,
    async end() {
      await lines.end();
      await rename(unfinished, path);
    },
    async discard() {
      await lines.end().catch(() => undefined);
      await rm(unfinished, { force: true });
    },
  };
}
