/** Looks at something, or makes it durable, for everybody who has asked until it begins. */

/**
 * Work that has begun may miss what was done since, but one that waits to begin serves everybody who asks until then. So of each key
 * at most one runs and one waits.
 *
 * @param work what a caller needs to have begun after its call
 */
export function afterNow<T>(work: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const running = new Map<string, Promise<T>>();
  const waiting = new Map<string, Promise<T>>();

  function start(key: string): Promise<T> {
    const run = work(key).finally(() => running.delete(key));
    running.set(key, run);
    return run;
  }

  return (key) => {
    const current = running.get(key);
    if (!current) return start(key);
    let next = waiting.get(key);
    if (!next) {
      const afterCurrent = (): Promise<T> => {
        waiting.delete(key);
        return start(key);
      };
      next = current.then(afterCurrent, afterCurrent);
      waiting.set(key, next);
    }
    return next;
  };
}
