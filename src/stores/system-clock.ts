/** The machine's clock and chance. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { SyncError } from '../domain/errors.ts';
import type { Clock, Random } from '../ports/clock.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw new SyncError('cancelled', { cause: error });
    }
  },
};

export const systemRandom: Random = { next: Math.random, uuid: randomUUID };
