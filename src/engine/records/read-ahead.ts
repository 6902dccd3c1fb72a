/** What a source delivers while its consumer is busy, several pieces at a time. */

/**
 * Reads `source` ahead of the consumer, at most `most` pieces, and hands over all that has come meanwhile: a slow consumer gets more at
 * once, a fast one each piece by itself. What came before an error is handed over before the error is thrown.
 *
 * @param open begins the reading; its signal aborts when the consumer stops early
 */
export async function* readAhead<T>(
  open: (stop: AbortSignal) => AsyncIterable<T>,
  most: number,
): AsyncGenerator<readonly T[]> {
  const stop = new AbortController();
  let waiting: T[] = [];
  let end: { readonly error: unknown } | { readonly error?: never } | null = null;
  let arrived = Promise.withResolvers<void>();
  let taken = Promise.withResolvers<void>();

  const reading = (async () => {
    try {
      for await (const piece of open(stop.signal)) {
        waiting.push(piece);
        arrived.resolve();
        while (waiting.length >= most && !stop.signal.aborted) {
          taken = Promise.withResolvers();
          await taken.promise;
        }
        if (stop.signal.aborted) break;
      }
      end = {};
    } catch (error) {
      end = { error };
    } finally {
      arrived.resolve();
    }
  })();

  try {
    for (;;) {
      await arrived.promise;
      const pieces = waiting;
      waiting = [];
      if (end === null) arrived = Promise.withResolvers();
      taken.resolve();
      if (pieces.length > 0) yield pieces;
      else if (end !== null) {
        if ('error' in end) throw (end as { readonly error: unknown }).error;
        return;
      }
    }
  } finally {
    stop.abort();
    taken.resolve();
    await reading;
  }
}
