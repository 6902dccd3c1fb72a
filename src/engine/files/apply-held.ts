/**
 * Applies a held set that a person approved: exactly that set, each item looked at again. What the source shows again, or
 * what is no longer missing, is kept.
 */
import { judgeRead, type Removal } from '../../domain/completeness.ts';
import { SyncError } from '../../domain/errors.ts';
import type { StoredDocument } from '../../ports/document-records.ts';
import { approvedSet } from '../approved-set.ts';
import { type RunResult, type RunSession, type SessionOptions, withRun } from '../run-session.ts';
import { removeStillAbsent } from './remove-items.ts';
import type { FilePorts, FileSettings } from './settings.ts';

const ITEMS_PER_BATCH = 200;

/** @throws SyncError `plan_stale` in the result when the set is not approved */
export function applyHeldSet(
  ports: FilePorts,
  settings: FileSettings,
  request: { readonly setId: string } & Pick<SessionOptions, 'claimed' | 'onProgress' | 'signal'>,
): Promise<RunResult> {
  return withRun(
    {
      runs: ports.runs,
      clock: ports.clock,
      totalSteps: 1,
      start: {
        organizationId: settings.organizationId,
        connectionId: settings.connectionId,
        mode: 'held',
        trigger: 'manual',
      },
      ...(request.claimed === undefined ? {} : { claimed: request.claimed }),
      ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
    async (session) => {
      await applyItems(ports, settings, session, request.setId);
      return { completeRead: null };
    },
  );
}

async function applyItems(ports: FilePorts, settings: FileSettings, session: RunSession, setId: string): Promise<void> {
  const found = approvedSet(await ports.runs.heldSet(settings.organizationId, setId), settings.connectionId);
  if (found === null) return;
  const read = judgeRead(found.set.evidence);
  if (!read.complete) throw new SyncError('source_incomplete', { detail: read.reason });
  session.step('Removing', found.items.length);
  await ports.source.check(session.signal);

  const held = new Map(found.items.map((item) => [item.documentUuid, item]));
  const removals: Removal<StoredDocument>[] = [];
  for await (const stored of ports.records.storedDocuments(settings, found.set.unit ?? undefined, session.signal)) {
    const item = held.get(stored.documentUuid);
    // Under another reference it is another item: the source moved it meanwhile.
    if (item === undefined || item.reference !== stored.reference) continue;
    const judgement = read.judge({ kind: 'absent', absence: item.absence, stored });
    if (judgement.verdict === 'remove') removals.push(judgement.removal);
  }
  const applied = new Set<string>();
  for (let i = 0; i < removals.length; i += ITEMS_PER_BATCH) {
    session.signal.throwIfAborted();
    const removed = await removeStillAbsent(ports, session, removals.slice(i, i + ITEMS_PER_BATCH));
    for (const uuid of removed) applied.add(uuid);
    session.count({ removed: removed.length });
    session.advance(Math.min(ITEMS_PER_BATCH, removals.length - i));
  }
  await ports.runs.completeHeldSet(
    session.fence,
    setId,
    found.items.map(({ documentUuid }) => ({ documentUuid, state: applied.has(documentUuid) ? 'applied' : 'kept' })),
  );
}
