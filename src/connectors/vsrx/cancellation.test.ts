import { describe, expect, it } from 'vitest';
import { untilCancelled } from './cancellation.ts';

describe('untilCancelled', () => {
  it('answers an abort while the work hangs, and frees its late result', async () => {
    const work = Promise.withResolvers<string>();
    const control = new AbortController();
    const freed: string[] = [];
    const result = untilCancelled(work.promise, control.signal, (late) => freed.push(late));
    control.abort();
    await expect(result).rejects.toMatchObject({ code: 'cancelled', action: 'stop' });
    work.resolve('late');
    await work.promise;
    expect(freed).toEqual(['late']);
  });

  it('swallows a late failure', async () => {
    const work = Promise.withResolvers<string>();
    await expect(untilCancelled(work.promise, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    work.reject(new Error('late'));
    await expect(work.promise).rejects.toThrow('late');
  });

  it('passes on result and failure, and frees nothing', async () => {
    const { signal } = new AbortController();
    const never = (): never => expect.fail('freed');
    expect(await untilCancelled(Promise.resolve(1), signal, never)).toBe(1);
    await expect(untilCancelled(Promise.reject(new Error('x')), signal, never)).rejects.toThrow('x');
    expect(await untilCancelled(Promise.resolve(2), undefined)).toBe(2);
  });
});
