/** What a complete read of a list did not contain: asked for once more by its id, weighed by the guard, then hidden. */
import { isWithdrawn, type RecordStream } from '../../domain/clinic.ts';
import { type CompleteRead, judgeRead, type Removal } from '../../domain/completeness.ts';
import type { PlannedItems } from '../../domain/planned-items.ts';
import type { StoredRecord } from '../../ports/clinic-records.ts';
import type { GuardVerdict } from '../guard.ts';
import { guardAsPlanned, requirePlanned } from '../keep-to-plan.ts';
import type { RunSession } from '../run-session.ts';
import type { StreamRead } from './read-stream.ts';
import type { RecordPorts, RecordSettings } from './settings.ts';
import { isHiddenAsBefore } from './tell-refusals.ts';

export interface RemoveOptions {
  /** The read went on where another one stopped. */
  readonly resumed: boolean;
  readonly itemsBefore: number | null;
  readonly mayRemove: boolean;
  readonly urgent: boolean;
  /** Nothing else is removed; null: the run has no plan. */
  readonly planned: PlannedItems | null;
}

/** More than so many are not asked for one by one: the guard holds them, and each is asked for when a person approves. */
const ASKED_FOR = 500;
const REMOVALS_PER_BATCH = 200;

/** @throws SyncError `plan_differs`. @returns whether the read proved what is absent, and how many were hidden */
export async function removeAbsent(
  ports: RecordPorts,
  settings: RecordSettings,
  session: RunSession,
  stream: RecordStream,
  read: StreamRead,
  options: RemoveOptions,
): Promise<{ complete: boolean; removed: number }> {
  const judged = judgeRead({
    startedAt: read.startedAt,
    finishedAt: read.finishedAt,
    ended: true,
    itemsRead: read.agrees ? read.seen.size : -1,
    itemsExpected: read.total,
    share: 'not-applicable',
    resumed: options.resumed,
  });
  // What the source refuses to show may not be absent.
  if (!judged.complete || !ports.source.showsEverything(stream)) return { complete: false, removed: 0 };
  if (!options.mayRemove) return { complete: true, removed: 0 };
  let stored = 0;
  let hidden = 0;
  const refused = ports.source.refusals(stream);
  const absent: StoredRecord[] = [];
  const withdrawn: StoredRecord[] = [];
  for await (const record of ports.records.stored(settings, stream, session.signal)) {
    stored++;
    if (record.kept) continue;
    if (!read.seen.has(record.reference)) {
      if (isHiddenAsBefore(record, refused)) hidden++;
      else absent.push(record);
    } else if (read.withdrawn.has(record.reference)) withdrawn.push(record);
  }
  const { removals, missing } = await judgeAbsent(ports, session, stream, judged, absent, options.urgent);
  for (const stored of withdrawn) {
    const judgement = judged.judge({ kind: 'absent', absence: 'deleted', stored });
    if (judgement.verdict === 'remove') removals.push(judgement.removal);
  }
  requirePlanned(
    options.planned,
    removals.map((removal) => ({ what: 'remove', unit: stream, reference: removal.stored.reference })),
    stream,
  );
  const now = ports.clock.now();
  if (missing.length > 0) await ports.records.markMissing(session.fence, stream, missing, now);
  session.count({ missing: missing.length });
  const weighed = guardAsPlanned(
    options.planned,
    stream,
    // Weighed against what was there before this read.
    {
      removals: removals.length,
      stored: Math.max(removals.length, stored - read.counts.added),
      inSource: read.total + hidden,
      inSourceBefore: options.itemsBefore,
    },
    settings.guard,
  );
  const verdict = removals.length > 0 ? heldWhenMany(weighed, absent.length) : weighed;
  const held = verdict.verdict === 'hold' ? removals : [];
  await ports.runs.holdRemovals(
    session.fence,
    {
      unit: stream,
      reason: verdict.verdict === 'hold' ? verdict.reason : '',
      evidence: judged.evidence,
      items: held.map((removal) => ({
        documentUuid: removal.stored.documentUuid,
        unit: stream,
        reference: removal.stored.reference,
        absence: removal.absence,
      })),
    },
    now,
  );
  session.count({ held: held.length });
  if (verdict.verdict === 'hold') return { complete: true, removed: 0 };
  let removed = 0;
  for (let i = 0; i < removals.length; i += REMOVALS_PER_BATCH) {
    session.signal.throwIfAborted();
    const batch = removals.slice(i, i + REMOVALS_PER_BATCH);
    removed += (await ports.records.remove(session.fence, stream, batch, ports.clock.now())).length;
  }
  session.count({ removed });
  return { complete: true, removed };
}

/** Nobody has asked for each of so many by its id: a person looks first. */
export function heldWhenMany(weighed: GuardVerdict, absent: number): GuardVerdict {
  if (absent <= ASKED_FOR || weighed.verdict === 'hold') return weighed;
  return { verdict: 'hold', reason: `${absent} records are absent: too many to ask for one by one.` };
}

async function judgeAbsent(
  ports: RecordPorts,
  session: RunSession,
  stream: RecordStream,
  read: CompleteRead,
  absent: readonly StoredRecord[],
  urgent: boolean,
): Promise<{ removals: Removal<StoredRecord>[]; missing: string[] }> {
  const asked = absent.length <= ASKED_FOR;
  const there = asked ? await stillThere(ports, session, stream, absent, urgent) : new Set<string>();
  const removals: Removal<StoredRecord>[] = [];
  const missing: string[] = [];
  for (const stored of absent) {
    // The paging drifted past it.
    if (there.has(stored.reference)) continue;
    const judgement = read.judge({ kind: 'absent', absence: asked ? 'gone' : 'missing', stored });
    if (judgement.verdict === 'remove') removals.push(judgement.removal);
    else missing.push(stored.reference);
  }
  return { removals, missing };
}

/** Asks the source for each by its id. @returns those that it has, and does not say to be no more */
export async function stillThere(
  ports: RecordPorts,
  session: RunSession,
  stream: RecordStream,
  records: readonly StoredRecord[],
  urgent: boolean,
): Promise<ReadonlySet<string>> {
  if (records.length === 0) return new Set();
  const found = await ports.source.confirm(
    stream,
    records.map((record) => record.reference),
    { signal: session.signal, urgent },
  );
  return new Set(found.filter((record) => !isWithdrawn(record)).map((record) => record.reference));
}
