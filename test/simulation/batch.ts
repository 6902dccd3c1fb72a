/** Many histories, one after another: one seed is one history. */
import fc from 'fast-check';
import { type History, histories, tell } from './history.ts';
import type { Mutant } from './ports.ts';
import { runHistory } from './run-history.ts';

export interface BatchResult {
  readonly histories: number;
  readonly steps: number;
  /** How often each fault hit each method. */
  readonly coverage: ReadonlyMap<string, number>;
  /** The first that broke a rule; nothing after it was run. */
  readonly failure: { readonly seed: number; readonly message: string } | null;
}

export function historyOf(seed: number): History {
  return fc.sample(histories, { seed, numRuns: 1 })[0]!;
}

export async function runSeeds(
  seeds: Iterable<number>,
  options: {
    readonly mutant?: Mutant | null;
    /** Only these count. */
    readonly rules?: readonly string[];
    readonly onHistory?: () => void;
  } = {},
): Promise<BatchResult> {
  const coverage = new Map<string, number>();
  let count = 0;
  let steps = 0;
  for (const seed of seeds) {
    const ended = await runHistory(historyOf(seed), options.mutant ?? null, options.rules ?? null);
    count++;
    steps += ended.steps;
    addCoverage(coverage, ended.coverage);
    options.onHistory?.();
    const [first] = ended.violations;
    if (first !== undefined) return { histories: count, steps, coverage, failure: { seed, message: first.message } };
  }
  return { histories: count, steps, coverage, failure: null };
}

export function addCoverage(sum: Map<string, number>, more: Iterable<readonly [string, number]>): void {
  for (const [key, count] of more) sum.set(key, (sum.get(key) ?? 0) + count);
}

export interface Shrunk {
  readonly message: string;
  readonly history: string;
  /** Replays it, together with the seed. */
  readonly path: string;
}

/**
 * Makes the history of a seed as small as it can while it still breaks a rule.
 * @param path of a shrunk history: replays just that one
 * @param attempts in place of a limit of time: the same history however slow the machine is
 * @returns null when no rule is broken
 */
export async function shrink(
  seed: number,
  options: {
    readonly mutant?: Mutant | null;
    readonly path?: string;
    readonly timeLimitMs?: number;
    readonly attempts?: number;
  } = {},
): Promise<Shrunk | null> {
  let attempts = options.attempts ?? Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(histories, async (history) => {
    // The rest, which is not tried, is taken for no smaller one.
    if (attempts-- <= 0) return;
    const [first] = (await runHistory(history, options.mutant ?? null)).violations;
    if (first !== undefined) throw first;
  });
  const details = await fc.check(property, {
    seed,
    numRuns: 1,
    ...(options.attempts === undefined ? { interruptAfterTimeLimit: options.timeLimitMs ?? 60_000 } : {}),
    ...(options.path === undefined ? {} : { path: options.path, endOnFailure: true }),
  });
  if (details.counterexample === null) return null;
  return {
    message: details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance),
    history: tell(details.counterexample[0]),
    path: details.counterexamplePath ?? '0',
  };
}

export function* seedsFrom(first: number, count: number, step = 1): Generator<number> {
  for (let i = 0; i < count; i++) yield first + i * step;
}

/** Kinds of faults that a step of a port can meet. */
const KINDS = ['fail', 'lose', 'crash-before', 'crash-after'];
/** Steps that change something: their messages may also come late, or twice. */
const WRITE =
  /^(?:blobs\.(?:put|delete)|runs\.(?:start|finish|heartbeat|progress|hold\w+|decide\w+|complete\w+|record\w+|resolve\w+)|records\.(?:reserve|record|mark|clear|remove|finish|touch)\w+)$/;

/** Pairs of method and fault that never met, among the methods that were called under faults at all. */
export function holes(coverage: ReadonlyMap<string, number>): string[] {
  const methods = new Set([...coverage.keys()].map((key) => key.slice(0, key.lastIndexOf(' '))));
  return [...methods]
    .flatMap((method) =>
      [...KINDS, ...(WRITE.test(method) ? ['late', 'repeat'] : [])].map((kind) => `${method} ${kind}`),
    )
    .filter((key) => !coverage.has(key));
}
