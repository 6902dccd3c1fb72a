/** Applies a held set of records that a person approved: exactly that set, each asked for again. */
import { RECORD_STREAMS, type RecordStream } from '../../domain/clinic.ts';
import { judgeRead, type Removal } from '../../domain/completeness.ts';
import { SyncError } from '../../domain/errors.ts';
import type { StoredRecord } from '../../ports/clinic-records.ts';
import { approvedSet } from '../approved-set.ts';
import { type RunResult, type RunSession, type SessionOptions, withRun } from '../run-session.ts';
import { stillThere } from './remove-absent.ts';
import type { RecordPorts, RecordSettings } from './settings.ts';

const ITEMS_PER_BATCH = 200;

/** @throws SyncError `plan_stale` in the result when the set is not approved */
export function applyHeldRecords(
  ports: RecordPorts,
  settings: RecordSettings,
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

async function applyItems(
  ports: RecordPorts,
  settings: RecordSettings,
  session: RunSession,
  setId: string,
): Promise<void> {
  const found = approvedSet(await ports.runs.heldSet(settings.organizationId, setId), settings.connectionId);
  if (found === null) return;
  const stream = RECORD_STREAMS.find((name) => name === found.set.unit);
  if (stream === undefined)
    throw new SyncError('plan_stale', { detail: 'The held set is of another kind of connection.' });
  const read = judgeRead(found.set.evidence);
  if (!read.complete) throw new SyncError('source_incomplete', { detail: read.reason });
  session.step('Removing', found.items.length);
  await ports.source.check(session.signal);
  const applied = new Set<string>();
  for (let i = 0; i < found.items.length; i += ITEMS_PER_BATCH) {
    session.signal.throwIfAborted();
    const items = found.items.slice(i, i + ITEMS_PER_BATCH);
    const stored = await ports.records.find(
      settings,
      stream,
      items.map((item) => item.reference),
    );
    const there = await stillThere(ports, session, stream, [...stored.values()], true);
    const removals = items.flatMap((item): Removal<StoredRecord>[] => {
      const record = stored.get(item.reference);
      // Before a crash it was removed on the same word.
      if (record?.removed === true) applied.add(item.reference);
      if (record === undefined || record.removed || record.documentUuid !== item.documentUuid) return [];
      if (there.has(item.reference)) return [];
      const absence = item.absence === 'deleted' ? 'deleted' : 'gone';
      const judgement = read.judge({ kind: 'absent', absence, stored: record });
      return judgement.verdict === 'remove' ? [judgement.removal] : [];
    });
    await clearReturned(ports, session, stream, [...there]);
    const removed = await ports.records.remove(session.fence, stream, removals, ports.clock.now());
    for (const reference of removed) applied.add(reference);
    session.count({ removed: removed.length });
    session.advance(items.length);
  }
  await ports.runs.completeHeldSet(
    session.fence,
    setId,
    found.items.map(({ documentUuid, reference }) => ({
      documentUuid,
      state: applied.has(reference) ? 'applied' : 'kept',
    })),
  );
}

async function clearReturned(
  ports: RecordPorts,
  session: RunSession,
  stream: RecordStream,
  references: readonly string[],
): Promise<void> {
  if (references.length > 0) await ports.records.clearMissing(session.fence, stream, references);
}
