/**
 * Time limit, abort and clean ending of a session, the same for every driver.
 *
 * A session that failed in any way is never given back to its pool: nobody knows what state the connection is in.
 */
import { SyncError } from '../../domain/errors.ts';
import type { EhrSession, SourceRows } from './ehr-session.ts';

export interface RawSession {
  run(sql: string, values: readonly unknown[]): Promise<SourceRows>;
  /** Ends the transaction and gives the connection back. */
  release(): Promise<void>;
  /** Closes the connection without a word. */
  drop(): void;
  /** Asks the server, over another connection, to stop the statement in work. */
  stopStatement(): void;
  classify(error: unknown): SyncError;
}

export function guardSession(
  raw: RawSession,
  limits: { readonly queryTimeoutMs: number },
  signal: AbortSignal | undefined,
): EhrSession {
  let state: 'open' | 'ended' | 'destroyed' = 'open';
  let busy = false;
  let failure: SyncError | null = null;
  // Of the statement in work. One promise for all statements would keep every answer in memory until the end.
  let interrupt: ((reason: SyncError) => void) | null = null;

  function destroy(reason: SyncError): void {
    if (state !== 'open') return;
    state = 'destroyed';
    failure = reason;
    signal?.removeEventListener('abort', onAbort);
    if (busy) raw.stopStatement();
    raw.drop();
    interrupt?.(reason);
  }
  const onAbort = () => destroy(new SyncError('cancelled'));
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();

  async function limited<T>(work: () => Promise<T>): Promise<T> {
    if (failure) throw failure;
    if (state === 'ended') throw new SyncError('unexpected', { detail: 'The session has ended.' });
    busy = true;
    const timer = setTimeout(() => destroy(new SyncError('source_timeout')), limits.queryTimeoutMs);
    try {
      return await new Promise<T>((resolve, reject) => {
        interrupt = reject;
        work().then(resolve, reject);
      });
    } catch (error) {
      // The first cause counts: a dropped connection fails for a reason of its own.
      const reason = failure ?? raw.classify(error);
      busy = false;
      destroy(reason);
      throw reason;
    } finally {
      interrupt = null;
      busy = false;
      clearTimeout(timer);
    }
  }

  return {
    query: (sql, values = []) => limited(() => raw.run(sql, values)),
    async end() {
      if (state === 'ended') return;
      await limited(() => raw.release());
      state = 'ended';
      signal?.removeEventListener('abort', onAbort);
    },
    destroy: () => destroy(new SyncError('cancelled')),
  };
}
