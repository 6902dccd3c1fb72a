import { SyncError } from '../../domain/errors.ts';

/** @throws SyncError `cancelled` */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal);
}

/**
 * Waits for the work or for the abort, whichever comes first: a call into a hung mount does not come back, and no caller
 * shall wait for it.
 *
 * @param discard frees a result that nobody waits for any more
 * @throws SyncError `cancelled`
 */
export function untilCancelled<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  discard: (result: T) => void = () => {},
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    let left = false;
    const leave = (): void => {
      left = true;
      reject(cancelled(signal));
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    work.then(
      (result) => {
        signal.removeEventListener('abort', leave);
        if (left) discard(result);
        else resolve(result);
      },
      (error) => {
        signal.removeEventListener('abort', leave);
        reject(error);
      },
    );
  });
}

function cancelled(signal: AbortSignal): SyncError {
  return new SyncError('cancelled', { cause: signal.reason });
}
