/** What becomes of items that the source does not show any more and that no move used up. */
import type { Absence } from '../../domain/change-set.ts';
import type { Removal } from '../../domain/completeness.ts';
import type { StoredDocument } from '../../ports/document-records.ts';
import type { CopyContext, CopyInput } from './copy-context.ts';

/** Splits what moves left over into proven removals and items that are missing for the first time. */
export async function judgeAbsences(
  context: Pick<CopyContext, 'ports' | 'session'> & { readonly input: Pick<CopyInput, 'read' | 'orphans'> },
  absences: ReadonlyMap<string, readonly Absence<StoredDocument>[]>,
): Promise<ReadonlyMap<string, Removal<StoredDocument>[]>> {
  const { ports, session, input } = context;
  const removals = new Map<string, Removal<StoredDocument>[]>();
  if (!input.read.complete) return removals;
  const { read } = input;
  const add = (unit: string, removal: Removal<StoredDocument>) => {
    const list = removals.get(unit);
    if (list === undefined) removals.set(unit, [removal]);
    else list.push(removal);
  };
  const firstMissed: StoredDocument[] = [];
  for (const [unit, list] of absences) {
    if (input.orphans.has(unit)) continue;
    for (const absence of list) {
      if (absence.stored.uploaded) continue;
      const judgement = read.judge(absence);
      if (judgement.verdict === 'remove') add(unit, judgement.removal);
      else firstMissed.push(judgement.stored);
    }
  }
  if (firstMissed.length === 0) return removals;
  // A file that now belongs to another patient must not stay with this one until the next run.
  const presence = await ports.source.presence([...new Set(firstMissed.map((s) => s.reference))], session.signal);
  const missing: string[] = [];
  for (const stored of firstMissed) {
    const now = presence.get(stored.reference);
    const elsewhere = now?.state === 'present' && now.unit !== null && now.unit !== stored.unit;
    const judgement = elsewhere ? read.judge({ kind: 'absent', absence: 'reassigned', stored }) : null;
    if (judgement?.verdict === 'remove') add(stored.unit, judgement.removal);
    else if (now === undefined || now.state !== 'present') missing.push(stored.documentUuid);
  }
  if (missing.length > 0) {
    await ports.records.markMissing(session.fence, missing, ports.clock.now());
    session.count({ missing: missing.length });
  }
  return removals;
}
