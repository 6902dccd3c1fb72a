/**
 * Removes the appointments or consultations of an approved set. The calendar is read once more: only a complete read can order a removal, and what has
 * come back stays.
 */
import { CONSULTATION_UNIT } from '../../domain/consultations.ts';
import { SyncError } from '../../domain/errors.ts';
import { approvedSet } from '../approved-set.ts';
import type { RunResult, SessionOptions } from '../run-session.ts';
import type { BookPorts, BookSettings } from './settings.ts';
import { bookRun, copyWindow } from './sync-book.ts';
import { applyHeldConsultations } from './sync-consultations.ts';
import { CALENDAR_UNIT } from './write-window.ts';

/** @throws SyncError `plan_stale` in the result when the set is not approved */
export function applyHeldBook(
  ports: BookPorts,
  settings: BookSettings,
  request: { readonly setId: string; readonly claimed?: SessionOptions['claimed']; readonly signal?: AbortSignal },
): Promise<RunResult> {
  return bookRun(ports, settings, { ...request, mode: 'held', trigger: 'manual' }, async (session) => {
    const found = approvedSet(await ports.runs.heldSet(settings.organizationId, request.setId), settings.connectionId);
    if (found === null) return { completeRead: null };
    if (found.set.unit === CONSULTATION_UNIT) {
      await applyHeldConsultations(ports, settings, session, found);
      return { completeRead: null };
    }
    if (found.set.unit !== CALENDAR_UNIT) {
      throw new SyncError('plan_stale', { detail: 'The held set is of another kind of connection.' });
    }
    const approved = new Set(found.items.map((item) => item.documentUuid));
    const { result, evidence } = await copyWindow(ports, settings, session, { urgent: true, approved });
    if (result.completeItems === null) {
      throw new SyncError('source_incomplete', { detail: 'Not every date could be read; the set stays approved.' });
    }
    await ports.runs.completeHeldSet(
      session.fence,
      request.setId,
      found.items.map(({ documentUuid }) => ({
        documentUuid,
        state: result.removedIds.has(documentUuid) ? 'applied' : 'kept',
      })),
    );
    return { completeRead: { itemsInSource: result.completeItems, evidence } };
  });
}
