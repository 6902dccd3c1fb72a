/**
 * `npm run simulate -- --seed S --runs N`: lets the real engine live through many histories of edits, faults and crashes and
 * checks after every step that nothing was lost, doubled, leaked or wrongly removed.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { addCoverage, type BatchResult, holes, shrink } from './batch.ts';
import { MUTANTS } from './mutants.ts';
import type { WorkerInput } from './worker.ts';

const USAGE = `npm run simulate [-- options]

  --seed S      first seed; each seed is one history. Default: a fresh one, which is printed
  --runs N      number of histories. Default 1000
  --path P      with --seed: replays the shrunk history that was printed
  --mutant M    with a planted bug: ${Object.keys(MUTANTS).join(', ')}
  --workers W   threads. Default: one for each core
  --json        the result as one line of JSON
  --help

Exit codes: 0 no rule was broken, 1 one was, 2 bad usage.`;

interface Options {
  readonly seed: number;
  readonly runs: number;
  readonly workers: number;
  readonly mutant: string | null;
  readonly path: string | null;
  readonly json: boolean;
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = read(args);
  if (typeof options === 'string') {
    if (options === '') console.log(USAGE);
    else console.error(`${options}\n\n${USAGE}`);
    return options === '' ? 0 : 2;
  }
  return options.path === null ? run(options) : replay(options, options.path);
}

/** @returns the options, a sentence about what is wrong with them, or nothing when help is wanted */
function read(args: readonly string[]): Options | string {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  let values: {
    seed?: string;
    runs?: string;
    workers?: string;
    mutant?: string;
    path?: string;
    json: boolean;
    help: boolean;
  };
  try {
    const known = { seed: text, runs: text, workers: text, mutant: text, path: text, json: flag, help: flag };
    ({ values } = parseArgs({ args: [...args], options: known }));
  } catch (error) {
    return (error as Error).message;
  }
  if (values.help) return '';
  const numbers = {
    seed: values.seed ?? String(randomInt(2 ** 31)),
    runs: values.runs ?? '1000',
    workers: values.workers ?? String(availableParallelism()),
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (!/^\d{1,10}$/.test(value) || (name !== 'seed' && Number(value) === 0))
      return `--${name} wants a whole number, not "${value}".`;
  }
  if (values.mutant !== undefined && !(values.mutant in MUTANTS)) return `There is no planted bug "${values.mutant}".`;
  if (values.path !== undefined && (values.seed === undefined || !/^\d+(:\d+)*$/.test(values.path)))
    return '--path wants what was printed, together with its --seed.';
  return {
    seed: Number(numbers.seed),
    runs: Number(numbers.runs),
    workers: Math.min(Number(numbers.workers), Number(numbers.runs)),
    mutant: values.mutant ?? null,
    path: values.path ?? null,
    json: values.json,
  };
}

async function replay(options: Options, path: string): Promise<number> {
  const shrunk = await shrink(options.seed, { mutant: mutantOf(options), path });
  if (options.json) console.log(JSON.stringify({ seed: options.seed, path, failure: shrunk }));
  else console.log(shrunk === null ? 'No rule is broken.' : `${shrunk.message}\n\n${shrunk.history}`);
  return shrunk === null ? 0 : 1;
}

async function run(options: Options): Promise<number> {
  const startedAt = performance.now();
  if (!options.json) console.log(`${options.runs} histories from seed ${options.seed}, in ${options.workers} threads`);
  const result = await inWorkers(options);
  const seconds = (performance.now() - startedAt) / 1000;
  const { failure } = result;
  const shrunk = failure === null ? null : await shrink(failure.seed, { mutant: mutantOf(options) });
  const perMinute = Math.round((result.histories / seconds) * 60);
  if (options.json) {
    const { histories, steps } = result;
    const coverage = Object.fromEntries([...result.coverage].sort());
    console.log(
      JSON.stringify({ seed: options.seed, histories, steps, seconds, perMinute, coverage, failure, shrunk }),
    );
    return failure === null ? 0 : 1;
  }
  console.log(coverageTable(result.coverage));
  const never = holes(result.coverage);
  if (never.length > 0) console.log(`Never met: ${never.join(', ')}`);
  console.log(
    `${result.histories.toLocaleString('en')} histories, ${result.steps.toLocaleString('en')} steps in ${seconds.toFixed(1)} s (${perMinute.toLocaleString('en')} histories a minute)`,
  );
  if (failure === null) {
    console.log('No rule was broken.');
    return 0;
  }
  const mutant = options.mutant === null ? '' : ` --mutant ${options.mutant}`;
  console.log(`\nSeed ${failure.seed} broke a rule: ${failure.message}\n`);
  if (shrunk !== null) {
    console.log(`The smallest history found: ${shrunk.message}\n${shrunk.history}\n`);
    console.log(`Replay: npm run simulate -- --seed ${failure.seed} --path ${shrunk.path}${mutant}`);
  } else console.log(`Replay: npm run simulate -- --seed ${failure.seed} --runs 1${mutant}`);
  return 1;
}

function mutantOf(options: Options) {
  return options.mutant === null ? null : MUTANTS[options.mutant]!;
}

async function inWorkers(options: Options): Promise<BatchResult> {
  const bar =
    process.stdout.isTTY && !options.json
      ? new SingleBar({ format: '{bar} {value}/{total}, {eta} s left', clearOnComplete: true })
      : null;
  bar?.start(options.runs, 0);
  const workers: Worker[] = [];
  const coverage = new Map<string, number>();
  let steps = 0;
  let histories = 0;
  let failure: BatchResult['failure'] = null;
  await Promise.all(
    Array.from({ length: options.workers }, (_, index) => {
      const count = Math.ceil((options.runs - index) / options.workers);
      const input: WorkerInput = { first: options.seed + index, step: options.workers, count, mutant: options.mutant };
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: input });
      workers.push(worker);
      return new Promise<void>((resolve, reject) => {
        worker.on('error', reject);
        worker.on('exit', () => resolve());
        worker.on('message', (message: { done: number; result?: BatchResult }) => {
          bar?.increment(message.done);
          if (message.result === undefined) return;
          steps += message.result.steps;
          histories += message.result.histories;
          addCoverage(coverage, message.result.coverage);
          if (message.result.failure === null) return;
          // The others need not go on.
          failure ??= message.result.failure;
          for (const other of workers) if (other !== worker) void other.terminate();
        });
      });
    }),
  ).finally(() => bar?.stop());
  return { steps, histories, coverage, failure };
}

function coverageTable(coverage: ReadonlyMap<string, number>): string {
  const kinds = ['fail', 'lose', 'late', 'crash-before', 'crash-after', 'repeat', 'cut-off'];
  const table = new Table({ head: ['step', ...kinds], style: { head: [], border: [], compact: true } });
  const methods = new Set([...coverage.keys()].map((key) => key.slice(0, key.lastIndexOf(' '))));
  for (const method of [...methods].sort())
    table.push([method, ...kinds.map((kind) => coverage.get(`${method} ${kind}`) ?? 0)]);
  return table.toString();
}
