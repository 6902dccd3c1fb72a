/** Where results are kept, and the comparison with the recorded ones. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { BenchmarkResult } from './benchmark.ts';
import type { Machine } from './machine.ts';

export interface NamedResult extends BenchmarkResult {
  readonly name: string;
  readonly title: string;
  readonly scale: Scale;
  readonly machine: Machine;
}

export type Scale = 'full' | 'quick';

/** Ratios by benchmark; the machine is told because a ratio depends on it less than seconds do, not not at all. */
export type Recorded = Readonly<Record<string, { readonly machine: Machine; readonly ratios: Ratios }>>;
type Ratios = Readonly<Record<string, number>>;

/** A ratio may be this part below the recorded one. */
export const MAX_FALL = 0.25;

export interface Fall {
  readonly ratio: string;
  readonly recorded: number;
  /** Null when it was not measured this time. */
  readonly measured: number | null;
}

/** Higher is better for every ratio. One that was not recorded has nothing to fall from. */
export function findFalls(recorded: Ratios, measured: Ratios): Fall[] {
  return Object.entries(recorded).flatMap(([ratio, before]) => {
    const now = measured[ratio];
    // Not a number is no proof that nothing fell.
    if (now !== undefined && now >= before * (1 - MAX_FALL)) return [];
    return [{ ratio, recorded: before, measured: now ?? null }];
  });
}

const FOLDER = new URL('./results/', import.meta.url);
const RECORDED = new URL('./recorded.json', import.meta.url);

export async function writeResult(result: NamedResult): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const suffix = result.scale === 'quick' ? '.quick' : '';
  await writeFile(new URL(`${result.name}${suffix}.json`, FOLDER), `${JSON.stringify(result, null, 2)}\n`);
}

/** @returns null when the benchmark was not run here yet */
export async function readResult(name: string): Promise<NamedResult | null> {
  try {
    return JSON.parse(await readFile(new URL(`${name}.json`, FOLDER), 'utf8')) as NamedResult;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return null;
    throw error;
  }
}

export async function readRecorded(): Promise<Recorded> {
  return JSON.parse(await readFile(RECORDED, 'utf8')) as Recorded;
}

export async function record(results: readonly NamedResult[]): Promise<void> {
  const before = await readRecorded().catch(() => ({}));
  const now = Object.fromEntries(results.map(({ name, machine, ratios }) => [name, { machine, ratios }]));
  await writeFile(RECORDED, `${JSON.stringify({ ...before, ...now }, null, 2)}\n`);
}
