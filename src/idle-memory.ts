/**
 * Gives memory back after work. V8 collects when it needs room; a service that rests after a large run would keep what that run
 * left behind for hours.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_MS = 5000;
/**
 * After so long a rest: a collection stops everything for some tens of milliseconds. The second one takes what is let go by
 * the first rest itself, such as connections that nobody used for half a minute.
 */
const REST_MS = [10_000, 45_000];

/** @param isBusy is anything at work? @returns ends it */
export function giveBackMemory(isBusy: () => boolean): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  let lastBusy = Date.now();
  let collected = 0;
  const timer = setInterval(() => {
    if (isBusy()) {
      lastBusy = Date.now();
      collected = 0;
    } else if (Date.now() - lastBusy >= (REST_MS[collected] ?? Number.POSITIVE_INFINITY)) {
      collected++;
      // The thorough kind also shrinks the young generation, which the plain one leaves at its fullest size.
      collect({ type: 'major', flavor: 'last-resort' });
    }
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
