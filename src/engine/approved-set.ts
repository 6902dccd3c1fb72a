/** What a person approved for removal, for the run that applies it. */
import { SyncError } from '../domain/errors.ts';
import type { RunStore } from '../ports/run-store.ts';

type Found = NonNullable<Awaited<ReturnType<RunStore['heldSet']>>>;

/**
 * @returns null: another run has applied it, e.g. because somebody approved it twice; nothing is left to do
 * @throws SyncError `plan_stale` when the set is not approved
 */
export function approvedSet(found: Found | null, connectionId: string): Found | null {
  if (found?.set.connectionId === connectionId) {
    if (found.set.state === 'approved') return found;
    if (found.set.state === 'applied') return null;
  }
  throw new SyncError('plan_stale', { detail: 'The held set is not approved.' });
}
