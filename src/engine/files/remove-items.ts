/**
 * Second half of the loop, part two: proven removals. The guard weighs them together; each is looked up in the source once
 * more at the moment of acting.
 */
import type { Removal } from '../../domain/completeness.ts';
import type { PlannedItems } from '../../domain/planned-items.ts';
import type { StoredDocument, UnitResult } from '../../ports/document-records.ts';
import { guardAsPlanned } from '../keep-to-plan.ts';
import type { RunSession } from '../run-session.ts';
import type { Copied } from './copy-items.ts';
import type { FilePorts, FileSettings } from './settings.ts';

export interface RemoveInput extends Pick<Copied, 'removals' | 'openUnits'> {
  readonly stored: number;
  readonly inSource: number;
  readonly inSourceBefore: number | null;
  /** Set for a run of one unit. */
  readonly unit: string | null;
  /** The read was complete: also "nothing to hold" is news about the pending set. */
  readonly complete: boolean;
  /** Removals that it does not show are left to the next run; null: the run has no plan. */
  readonly planned: PlannedItems | null;
}

const REMOVALS_PER_BATCH = 200;

export async function removeItems(
  ports: FilePorts,
  settings: FileSettings,
  session: RunSession,
  input: RemoveInput,
): Promise<void> {
  const { planned } = input;
  const all = [...input.removals.values()].flat().filter(({ stored: { unit, reference } }) => {
    return planned === null || planned.has({ what: 'remove', unit, reference });
  });
  const verdict = guardAsPlanned(
    planned,
    '',
    { removals: all.length, stored: input.stored, inSource: input.inSource, inSourceBefore: input.inSourceBefore },
    settings.guard,
  );
  const held = verdict.verdict === 'hold' ? all : [];
  if (input.complete) {
    const evidence = all[0]?.evidence;
    await ports.runs.holdRemovals(
      session.fence,
      {
        unit: input.unit,
        reason: verdict.verdict === 'hold' ? verdict.reason : '',
        evidence: evidence ?? NO_EVIDENCE,
        items: held.map((removal) => ({
          documentUuid: removal.stored.documentUuid,
          unit: removal.stored.unit,
          reference: removal.stored.reference,
          absence: removal.absence,
        })),
      },
      ports.clock.now(),
    );
  }
  if (held.length > 0) session.count({ held: held.length });

  const deleted = new Map<string, number>();
  if (verdict.verdict === 'allow') {
    for (let i = 0; i < all.length; i += REMOVALS_PER_BATCH) {
      session.signal.throwIfAborted();
      const batch = all.slice(i, i + REMOVALS_PER_BATCH);
      const removed = new Set(await removeStillAbsent(ports, session, batch));
      for (const removal of batch) {
        if (!removed.has(removal.stored.documentUuid)) continue;
        deleted.set(removal.stored.unit, (deleted.get(removal.stored.unit) ?? 0) + 1);
      }
      session.count({ removed: removed.size });
      session.advance(batch.length);
    }
  }
  const results = [...input.openUnits.values()].map((unit): UnitResult => {
    const filesDeleted = deleted.get(unit.unit) ?? 0;
    const outcome = unit.outcome === 'failed' && filesDeleted > 0 ? 'partial' : unit.outcome;
    return { ...unit, filesDeleted, outcome };
  });
  for (let i = 0; i < results.length; i += REMOVALS_PER_BATCH) {
    await ports.records.finishUnits(session.fence, results.slice(i, i + REMOVALS_PER_BATCH), ports.clock.now());
  }
}

/** Never stored: an empty list of items withdraws the pending set. */
const NO_EVIDENCE = {
  startedAt: 0,
  finishedAt: 0,
  ended: true,
  itemsRead: 0,
  itemsExpected: 0,
  share: 'not-applicable',
  resumed: false,
} as const;

/** @returns uuids of the documents that were removed; those that are back in the source stay */
export async function removeStillAbsent(
  ports: FilePorts,
  session: RunSession,
  removals: readonly Removal<StoredDocument>[],
): Promise<readonly string[]> {
  const presence = await ports.source.presence([...new Set(removals.map((r) => r.stored.reference))], session.signal);
  const still = removals.filter((removal) => {
    const now = presence.get(removal.stored.reference);
    return now === undefined || now.state !== 'present' || (now.unit !== null && now.unit !== removal.stored.unit);
  });
  if (still.length === 0) return [];
  return ports.records.removeDocuments(session.fence, still, ports.clock.now());
}
