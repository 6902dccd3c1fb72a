import { expect, test } from 'vitest';
import { passagesOf } from './indexed-passages.ts';

const page = { number: 1, text: 'The knee has healed. '.repeat(100_000) };

test('others have their turn while a long page is cut', async () => {
  let turns = 0;
  let done = false;
  const others = (): void => {
    turns++;
    if (!done) setImmediate(others);
  };
  setImmediate(others);
  const passages = await passagesOf([page]);
  done = true;
  expect(passages.length).toBeGreaterThan(2000);
  expect(turns).toBeGreaterThan(10);
});

test('cutting a long page ends when it is cancelled', async () => {
  const ended = new AbortController();
  const cutting = passagesOf([page], ended.signal);
  setImmediate(() => ended.abort());
  await expect(cutting).rejects.toMatchObject({ code: 'cancelled' });
});
