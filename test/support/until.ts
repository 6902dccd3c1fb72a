import { setTimeout as pause } from 'node:timers/promises';

/** Soon after a change, without taking the processor from the one who makes it. */
const LONGEST_PAUSE_MS = 20;

/** Asks until the condition holds. @throws Error when it does not within `timeoutMs` */
export async function until(condition: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (let asked = 0; !(await condition()); asked++) {
    if (performance.now() > end) throw new Error('What was waited for did not happen.');
    await pause(Math.min(asked, LONGEST_PAUSE_MS));
  }
}
