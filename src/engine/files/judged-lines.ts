/** What becomes of each change that a read found: a plan shows it, and a run that has a plan keeps to it. */

import type { PlannedItems } from '../../domain/planned-items.ts';
import type { SpooledLines } from '../../ports/change-spool.ts';
import type { StoredDocument } from '../../ports/document-records.ts';
import { createPlanCheck, type PlannedDeed } from '../keep-to-plan.ts';
import { type ChangeLine, readLine } from './change-line.ts';
import type { ChangesRead } from './read-changes.ts';
import type { FilePorts } from './settings.ts';

/**
 * Of an item that is not in the source: `remove`, now; `missing`, for the first time, so it stays until another complete read misses
 * it; `stays`, because its patient is gone as well, a person brought it, or the read proves nothing.
 */
export type Fate = 'remove' | 'missing' | 'stays';

type Judged = Pick<ChangesRead, 'read' | 'orphans'> & { readonly lines: Pick<SpooledLines, 'lines'> };

export async function* judgedLines(
  ports: Pick<FilePorts, 'source'>,
  changes: Judged,
  signal: AbortSignal,
): AsyncGenerator<{ readonly text: string; readonly line: ChangeLine; readonly fate: Fate | null }> {
  const reassigned = await reassignedOf(ports, changes, signal);
  for await (const text of changes.lines.lines(signal)) {
    const line = readLine(text);
    if (line.kind !== 'absent') {
      yield { text, line, fate: null };
      continue;
    }
    const fate = fateOf(line, changes);
    // As a run does: what belongs to another patient now must not stay with this one until the next run.
    if (fate !== 'missing' || !reassigned.has(line.stored.documentUuid)) yield { text, line, fate };
    else yield { text, line: { ...line, absence: 'reassigned' }, fate: 'remove' };
  }
}

/** What a plan shows of a change; null: nothing that would be done. */
export function deedOf(line: ChangeLine, fate: Fate | null): PlannedDeed | null {
  if (line.kind === 'back') return null;
  if (line.kind === 'absent') {
    const { unit, reference } = line.stored;
    return fate === 'remove' ? { what: 'remove', unit, reference } : null;
  }
  const { unit, reference, path } = line.item;
  const isMove = line.kind === 'update' && path !== line.stored.path;
  return { what: isMove ? 'move' : line.kind, unit, reference };
}

/** Before anything is changed. @throws SyncError `plan_differs` */
export async function keepToPlan(
  ports: Pick<FilePorts, 'source'>,
  changes: Judged,
  planned: PlannedItems,
  signal: AbortSignal,
): Promise<void> {
  const check = createPlanCheck(planned);
  for await (const { line, fate } of judgedLines(ports, changes, signal)) {
    const deed = deedOf(line, fate);
    if (deed !== null) check.look(deed);
  }
  check.settle();
}

function fateOf(line: ChangeLine & { readonly kind: 'absent' }, { read, orphans }: Judged): Fate {
  if (!read.complete || orphans.has(line.stored.unit) || line.stored.uploaded) return 'stays';
  return read.judge(line).verdict === 'remove' ? 'remove' : 'missing';
}

/** Our ids of those that are missing for the first time here, and are another patient's. */
async function reassignedOf(
  ports: Pick<FilePorts, 'source'>,
  changes: Judged,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const missing: StoredDocument[] = [];
  if (!changes.read.complete) return new Set();
  for await (const text of changes.lines.lines(signal)) {
    const line = readLine(text);
    if (line.kind === 'absent' && fateOf(line, changes) === 'missing') missing.push(line.stored);
  }
  if (missing.length === 0) return new Set();
  const presence = await ports.source.presence([...new Set(missing.map(({ reference }) => reference))], signal);
  const found = missing.filter(({ unit, reference }) => {
    const now = presence.get(reference);
    return now?.state === 'present' && now.unit !== null && now.unit !== unit;
  });
  return new Set(found.map(({ documentUuid }) => documentUuid));
}
