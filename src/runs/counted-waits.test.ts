import { expect, test } from 'vitest';
import { countWaits } from './counted-waits.ts';

test('what requests are told to wait adds up; one that may go at once adds nothing', async () => {
  const answers = [0, 250, 500, 0];
  const blocked: number[] = [];
  const limit = countWaits({
    take: async () => answers.shift()!,
    block: async (_key, ms) => void blocked.push(ms),
  });
  const rule = { requests: 1, windowMs: 60_000, reserved: 0 };
  const told = [];
  while (answers.length > 0) told.push(await limit.take('user', rule, false));
  await limit.block('user', 1000);
  expect({ told, waited: limit.waitedMs(), blocked }).toEqual({ told: [0, 250, 500, 0], waited: 750, blocked: [1000] });
});
