/** The histories that every `npm test` lives through, and the proof that the rules see the bugs they are for. */
import { randomInt } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { historyOf, holes, runSeeds, seedsFrom, shrink } from './batch.ts';
import { FOUND_BY, MUTANTS } from './mutants.ts';
import { runHistory } from './run-history.ts';
import { REGRESSIONS } from './seeds.ts';

test('five thousand fixed histories break no rule, and every fault meets every step', {
  timeout: 900_000,
}, async () => {
  const result = await runSeeds(seedsFrom(1, 5000));
  expect(result).toMatchObject({ histories: 5000, failure: null });
  expect(holes(result.coverage)).toEqual([]);
});

test('nor do a thousand fresh ones', async () => {
  const first = randomInt(2 ** 31);
  console.log(`Fresh histories from seed ${first}`);
  const { failure } = await runSeeds(seedsFrom(first, 1000));
  if (failure === null) return;
  const shrunk = await shrink(failure.seed, { timeLimitMs: 30_000 });
  throw new Error(
    `Seed ${failure.seed} broke a rule: ${failure.message}\n${shrunk?.history}\n` +
      `Replay: npm run simulate -- --seed ${failure.seed} --path ${shrunk?.path}`,
  );
});

test.each(REGRESSIONS)('$why', async ({ history }) => {
  expect((await runHistory(history)).violations).toEqual([]);
});

test('one seed is one history, whenever it is run', async () => {
  for (const seed of seedsFrom(5, 20)) {
    const [first, second] = [await runHistory(historyOf(seed)), await runHistory(historyOf(seed))];
    expect(second).toMatchObject({ trace: first.trace, steps: first.steps });
  }
  const [a, b] = [await runHistory(historyOf(7)), await runHistory(historyOf(8))];
  expect(a.trace).not.toBe(b.trace);
});

describe('a planted bug', () => {
  test.each(Object.keys(MUTANTS))('%s is found', async (name) => {
    const { failure, histories } = await runSeeds(seedsFrom(1, 5000), {
      mutant: MUTANTS[name]!,
      rules: FOUND_BY[name]!,
    });
    expect(failure).not.toBeNull();
    console.log(`${name}: found at history ${histories}`);
  });

  test('shrinks to a history that replays by its path', async () => {
    const mutant = MUTANTS['early-release']!;
    const { failure } = await runSeeds(seedsFrom(1, 5000), { mutant });
    const shrunk = await shrink(failure!.seed, { mutant, attempts: 400 });
    expect(shrunk!.history.split('\n').length).toBeLessThan(40);
    const replayed = await shrink(failure!.seed, { mutant, path: shrunk!.path });
    expect(replayed).toMatchObject({ history: shrunk!.history, message: shrunk!.message });
    expect(await shrink(failure!.seed, { path: shrunk!.path })).toBeNull();
  });
});
