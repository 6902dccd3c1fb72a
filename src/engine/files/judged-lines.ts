/** What becomes of each change that a read found: a plan shows it, and a run that has a plan keeps to it. */

import type { PlannedItems } from '../../domain/planned-items.ts';
import type { SpooledLines } from '../../ports/change-spool.ts';
import { createPlanCheck, type PlannedDeed } from '../keep-to-plan.ts';
import { type ChangeLine, readLine } from './change-line.ts';
import type { ChangesRead } from './read-changes.ts';
import type { FilePorts } from './settings.ts';

/**
 * Of an item that is not in the source: `remove`, now; `missing`, for the first time, so it stays until another complete read misses
 * it; `stays`, because its patient is gone as well, a person brought it, or the read proves nothing.
 */
export type Fate = 'remove' | 'missing' | 'stays';

interface JudgedLine {
  readonly text: string;
  readonly line: ChangeLine;
  readonly fate: Fate | null;
}

/** So many are asked for at one time, and are in memory. */
const PORTION = 500;

type Judged = Pick<ChangesRead, 'read' | 'orphans'> & { readonly lines: Pick<SpooledLines, 'lines'> };

export async function* judgedLines(
  ports: Pick<FilePorts, 'source'>,
  changes: Judged,
  signal: AbortSignal,
): AsyncGenerator<JudgedLine> {
  let portion: JudgedLine[] = [];
  for await (const text of changes.lines.lines(signal)) {
    const line = readLine(text);
    portion.push({ text, line, fate: line.kind === 'absent' ? fateOf(line, changes) : null });
    if (portion.length < PORTION) continue;
    yield* withReassigned(ports, portion, signal);
    portion = [];
  }
  yield* withReassigned(ports, portion, signal);
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

/** As a run does: what belongs to another patient now must not stay with this one until the next run. */
async function* withReassigned(
  ports: Pick<FilePorts, 'source'>,
  portion: readonly JudgedLine[],
  signal: AbortSignal,
): AsyncGenerator<JudgedLine> {
  const references = portion.flatMap(({ line, fate }) =>
    line.kind === 'absent' && fate === 'missing' ? [line.stored.reference] : [],
  );
  const presence = references.length === 0 ? null : await ports.source.presence([...new Set(references)], signal);
  for (const judged of portion) {
    const { text, line, fate } = judged;
    if (line.kind !== 'absent' || fate !== 'missing') {
      yield judged;
      continue;
    }
    const now = presence?.get(line.stored.reference);
    const isElsewhere = now?.state === 'present' && now.unit !== null && now.unit !== line.stored.unit;
    yield isElsewhere ? { text, line: { ...line, absence: 'reassigned' }, fate: 'remove' } : judged;
  }
}
