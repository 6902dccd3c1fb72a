/** A share of the histories, in a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { runSeeds, seedsFrom } from './batch.ts';
import { MUTANTS } from './mutants.ts';

export interface WorkerInput {
  readonly first: number;
  readonly step: number;
  readonly count: number;
  readonly mutant: string | null;
}

const { first, step, count, mutant } = workerData as WorkerInput;
const port = parentPort!;
let done = 0;
const result = await runSeeds(seedsFrom(first, count, step), {
  mutant: mutant === null ? null : MUTANTS[mutant]!,
  onHistory() {
    if (++done % 50 === 0) port.postMessage({ done: 50 });
  },
});
port.postMessage({ done: done % 50, result });
