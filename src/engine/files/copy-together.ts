/**
 * Shares the copying of a large run with other processes and closes it: what the batches left open is judged here, by the one
 * that made the read and sees the whole.
 */
import type { Absence } from '../../domain/change-set.ts';
import type { Removal } from '../../domain/completeness.ts';
import type { RunCounts } from '../../domain/run.ts';
import type { StoredDocument, UnitResult } from '../../ports/document-records.ts';
import type { BatchesProgress } from '../../ports/run-batches.ts';
import type { RunSession } from '../run-session.ts';
import { type BatchResult, writeBatches } from './batch-text.ts';
import { copyBatches, type SharedPorts } from './copy-batches.ts';
import type { CopyInput } from './copy-context.ts';
import type { Copied } from './copy-items.ts';
import { judgeAbsences } from './judge-absences.ts';
import type { FileSettings } from './settings.ts';

/** How often to look what the others have done. */
const LOOK_MS = 250;
const UNITS_PER_TRANSACTION = 200;
/** Counted by the transactions of all processes. */
const COUNTED = ['added', 'updated', 'moved'] as const;

export async function copyTogether(
  ports: SharedPorts,
  settings: FileSettings,
  session: RunSession,
  input: Omit<CopyInput, 'judge' | 'limits'>,
): Promise<Copied> {
  const { batches, clock } = ports;
  const { fence, signal } = session;
  await batches.offer(fence, () => writeBatches(input, settings.filesPerBatch, signal));

  let told = 0;
  // A process before us may have worked on the run.
  const before = writtenOf((await batches.progress(fence)).effects);
  const look = async (): Promise<BatchesProgress> => {
    const progress = await batches.progress(fence);
    countEffects(session, progress.effects);
    // A batch that is at work counts by what was written of it.
    const done = Math.max(told, progress.itemsDone, writtenOf(progress.effects) - before);
    session.advance(done - told);
    told = done;
    return progress;
  };
  const ended = new AbortController();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(LOOK_MS, ended.signal).catch(() => undefined);
      // Only for people; what must be known is asked for where it is needed.
      if (!ended.signal.aborted) await look().catch(() => undefined);
    }
  })();
  try {
    await copyBatches(ports, settings, {
      as: 'owner',
      fence,
      signal,
      // Others are still at work: one of them may die and leave its batch to us.
      async onIdle(stop) {
        if ((await batches.progress(fence)).open === 0) return false;
        await clock.sleep(LOOK_MS, stop);
        return true;
      },
    });
  } catch (error) {
    // Also a run that was cancelled says what it has done, as far as it can be asked.
    await eachResult(ports, session, async ({ counts }) => countBatch(session, counts))
      .then(look)
      .then(({ effects }) => countEffects(session, effects))
      .catch(() => undefined);
    throw error;
  } finally {
    ended.abort();
    await watching;
  }
  const { effects } = await look();
  return closeBatches(ports, session, input, effects);
}

async function eachResult(
  ports: SharedPorts,
  session: RunSession,
  work: (result: BatchResult) => Promise<void>,
): Promise<void> {
  for await (const text of ports.batches.results(session.fence)) await work(JSON.parse(text) as BatchResult);
}

function countBatch(session: RunSession, counts: BatchResult['counts']): void {
  const uncounted = Object.entries(counts).filter(([name]) => !(COUNTED as readonly string[]).includes(name));
  session.count(Object.fromEntries(uncounted));
}

function writtenOf(effects: Partial<RunCounts>): number {
  return COUNTED.reduce((sum, name) => sum + (effects[name] ?? 0), 0);
}

/** A process that died after a commit told nobody: the transactions know. */
function countEffects(session: RunSession, effects: Partial<RunCounts>): void {
  const counts = session.counts();
  session.count(Object.fromEntries(COUNTED.map((name) => [name, (effects[name] ?? 0) - counts[name]])));
}

/** Brings together what the batches counted and left open. */
async function closeBatches(
  ports: SharedPorts,
  session: RunSession,
  input: Pick<CopyInput, 'read' | 'orphans'>,
  effects: Partial<RunCounts>,
): Promise<Copied> {
  const removals = new Map<string, Removal<StoredDocument>[]>();
  const openUnits = new Map<string, UnitResult>();
  let units = new Map<string, { result: UnitResult; absences: readonly Absence<StoredDocument>[] }>();

  async function judge(): Promise<void> {
    const absences = new Map([...units].map(([unit, { absences }]) => [unit, absences]));
    const judged = await judgeAbsences({ ports, session, input }, absences);
    const finished: UnitResult[] = [];
    for (const [unit, { result }] of units) {
      const proven = judged.get(unit);
      if (proven === undefined) {
        finished.push(result);
      } else {
        removals.set(unit, proven);
        openUnits.set(unit, result);
      }
    }
    if (finished.length > 0) await ports.records.finishUnits(session.fence, finished, ports.clock.now());
    units = new Map();
  }

  await eachResult(ports, session, async ({ counts, open }) => {
    session.signal.throwIfAborted();
    countBatch(session, counts);
    for (const unit of open) units.set(unit.result.unit, unit);
    if (units.size >= UNITS_PER_TRANSACTION) await judge();
  });
  if (units.size > 0) await judge();
  countEffects(session, effects);
  return { removals, openUnits, unjudged: new Map() };
}
