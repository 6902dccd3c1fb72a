/** A few histories for mutation testing; `npm test` lives through thousands. */
import { expect, test } from 'vitest';
import { runSeeds, seedsFrom } from './batch.ts';

test.each([1, 21, 41, 61, 81])('twenty histories from seed %i', async (first) => {
  expect((await runSeeds(seedsFrom(first, 20))).failure).toBeNull();
});
