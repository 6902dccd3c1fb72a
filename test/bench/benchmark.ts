/**
 * What a benchmark is: the product's work beside a floor (a bare loop that does only the unavoidable) or a peer, in the
 * same run on the same machine, so that the ratio says something where the seconds do not.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Services } from './services.ts';

/** One run of one contestant, in a process of its own. */
export interface Measurement {
  /** The work itself, inside the process. */
  readonly wallMs: number;
  /** From the start of the process to its end. */
  readonly processMs: number;
  /** User and system time of the process. */
  readonly cpuMs: number;
  /** Highest resident size of the process. */
  readonly peakBytes: number;
}

export type Role = 'subject' | 'floor' | 'peer';

export interface Series {
  readonly label: string;
  readonly role: Role;
  readonly rounds: readonly Measurement[];
  /** What one run works through, for the throughput. */
  readonly items: number;
}

export interface Promised {
  readonly text: string;
  readonly measured: string;
  readonly kept: boolean;
}

/** A line of points, drawn for the documentation. */
export interface Curve {
  readonly name: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly { readonly label: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

/** Figures that are no runs of contestants. */
export interface ReportTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface BenchmarkResult {
  readonly series: readonly Series[];
  /** Without a unit and higher is better: these are compared with the recorded ones. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly promises: readonly Promised[];
  readonly tables?: readonly ReportTable[];
  readonly curves?: readonly Curve[];
  readonly notes?: readonly string[];
}

export interface BenchmarkContext {
  readonly services: Services;
  /** Small sizes and one round: shows that the benchmark works, not how fast the product is. */
  readonly quick: boolean;
  log(sentence: string): void;
}

export interface Benchmark {
  readonly name: string;
  readonly title: string;
  run(context: BenchmarkContext): Promise<BenchmarkResult>;
}

export interface Contestant {
  readonly label: string;
  readonly role: Role;
  readonly items: number;
  run(): Promise<Measurement>;
}

/**
 * Runs all contestants in each round, beginning with another one each time: what else the machine does meanwhile meets
 * them alike.
 */
export async function runRounds(
  context: Pick<BenchmarkContext, 'log'>,
  rounds: number,
  contestants: readonly Contestant[],
): Promise<Series[]> {
  const measured = contestants.map((): Measurement[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contestants.length; i++) {
      const index = (round + i) % contestants.length;
      const contestant = contestants[index]!;
      // What others left for the disk to do must not be done in this one's time.
      await promisify(execFile)('sync');
      const result = await contestant.run();
      measured[index]![round] = result;
      const seconds = (result.wallMs / 1000).toFixed(2);
      context.log(`  round ${round + 1}/${rounds}  ${contestant.label}: ${seconds} s`);
    }
  }
  return contestants.map(({ label, role, items }, i) => ({ label, role, items, rounds: measured[i]! }));
}
