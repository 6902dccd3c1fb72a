import { setImmediate as turn } from 'node:timers/promises';

/** Asks until the condition holds. @throws Error when it does not within `timeoutMs` */
export async function until(condition: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('What was waited for did not happen.');
    await turn();
  }
}
