import { expect, test } from 'vitest';
import { afterNow } from './after-now.ts';

test('who asks while it runs waits for one more, together with all others who do', async () => {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const look = afterNow(async (key: string) => {
    begun.push(key);
    const number = begun.length;
    await new Promise<void>((resolve) => ends.push(resolve));
    return number;
  });
  const first = look('a');
  const others = [look('a'), look('a'), look('a')];
  const elsewhere = look('b');
  expect(begun).toEqual(['a', 'b']);
  for (const end of ends.splice(0)) end();
  expect(await first).toBe(1);
  expect(await elsewhere).toBe(2);
  await expect.poll(() => begun).toEqual(['a', 'b', 'a']);
  const last = look('a');
  for (const end of ends.splice(0)) end();
  expect(await Promise.all(others)).toEqual([3, 3, 3]);
  await expect.poll(() => begun.length).toBe(4);
  for (const end of ends.splice(0)) end();
  expect(await last).toBe(4);
});

test('what fails is tried anew by the next one', async () => {
  let tries = 0;
  const look = afterNow(async () => {
    tries++;
    if (tries === 1) throw new Error('away');
    return tries;
  });
  const failing = look('a');
  const next = look('a');
  await expect(failing).rejects.toThrow('away');
  expect(await next).toBe(2);
});
