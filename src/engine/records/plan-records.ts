/** The loop for records stopped before anything is written: what a run would do. Also the comparison of `verify`. */
import { isWithdrawn, type RecordStream } from '../../domain/clinic.ts';
import { SyncError } from '../../domain/errors.ts';
import type { RecordMode } from '../../domain/run.ts';
import { guard } from '../guard.ts';
import { compare, MAX_PASSES, PartCounts } from './read-stream.ts';
import { heldWhenMany } from './remove-absent.ts';
import type { RecordPorts, RecordSettings } from './settings.ts';
import { mayRemove, planOf, streamsOf } from './sync-records.ts';
import { isHiddenAsBefore } from './tell-refusals.ts';

export interface StreamPlan {
  readonly stream: RecordStream;
  readonly added: number;
  readonly updated: number;
  readonly same: number;
  /** Stored, and not in a read of everything; 0 when only changes were read. */
  readonly absent: number;
  /** Everything was read and the counts agree. */
  readonly complete: boolean;
  /** Why the removals would wait for a person; null: they would not. */
  readonly held: string | null;
}

export interface RecordDifference {
  readonly stream: RecordStream;
  readonly reference: string;
  readonly change: 'add' | 'update' | 'absent';
  /** An absent one that a run would leave: a person keeps it, or the mode removes nothing. */
  readonly stays?: true;
}

/** @param onDifference called for each record that differs. @throws SyncError what ended the read */
export async function planRecords(
  ports: RecordPorts,
  settings: RecordSettings,
  request: { readonly mode: RecordMode; readonly signal: AbortSignal },
  onDifference: (difference: RecordDifference) => void,
): Promise<readonly StreamPlan[]> {
  await ports.source.check(request.signal);
  const plans: StreamPlan[] = [];
  for (const stream of streamsOf(ports, request.mode)) {
    // As a run does: attendees matter only where there are groups.
    const newGroups = plans.find((plan) => plan.stream === 'group_appointments')?.added ?? 0;
    const isIdle = stream === 'attendees' && newGroups === 0;
    if (isIdle && (await ports.records.count(settings, 'group_appointments')) === 0) continue;
    plans.push(await planStream(ports, settings, stream, request, onDifference));
  }
  return plans;
}

async function planStream(
  ports: RecordPorts,
  settings: RecordSettings,
  stream: RecordStream,
  request: { readonly mode: RecordMode; readonly signal: AbortSignal },
  onDifference: (difference: RecordDifference) => void,
): Promise<StreamPlan> {
  const state = await ports.records.streamState(settings, stream);
  // Nothing is written, so nothing is gone on with.
  const { question, everything } = planOf(stream, { ...state, unfinished: null }, request.mode, ports.clock.now());
  const counts = { added: 0, updated: 0, same: 0 };
  const seen = new Set<string>();
  /** What the source shows and says to be no more: gone as well. */
  const withdrawn = new Set<string>();
  let parts = new PartCounts();
  // As a run does: what changed at the moment in which the read began may have come since, and only another pass tells.
  for (let pass = 1; ; pass++) {
    if (pass > 1) parts = new PartCounts(parts);
    for await (const page of ports.source.read(stream, question, { signal: request.signal, urgent: true })) {
      request.signal.throwIfAborted();
      const fresh = page.records.filter((record) => !seen.has(record.reference));
      if (!parts.add(page) && !page.last && page.records.length > 0) {
        throw new SyncError('source_incomplete', { detail: `List: ${stream}. A page brought nothing new.` });
      }
      for (const record of fresh) seen.add(record.reference);
      for (const record of fresh) if (isWithdrawn(record)) withdrawn.add(record.reference);
      const stored = await ports.records.find(
        settings,
        stream,
        fresh.map((record) => record.reference),
      );
      const { added, updated, same } = compare(fresh, stored);
      for (const { reference } of added) onDifference({ stream, reference, change: 'add' });
      for (const { reference } of updated) onDifference({ stream, reference, change: 'update' });
      counts.added += added.length;
      counts.updated += updated.length;
      counts.same += same;
    }
    if (!everything || parts.agree || pass >= MAX_PASSES) break;
  }
  const complete = everything && parts.agree && ports.source.showsEverything(stream);
  let absent = 0;
  let held: string | null = null;
  if (complete) {
    const refused = ports.source.refusals(stream);
    const weighed = { stored: 0, hidden: 0, removals: 0, unseen: 0 };
    for await (const record of ports.records.stored(settings, stream, request.signal)) {
      weighed.stored++;
      const isSeen = seen.has(record.reference);
      if (isSeen && !withdrawn.has(record.reference)) continue;
      if (!isSeen && isHiddenAsBefore(record, refused)) {
        weighed.hidden++;
        continue;
      }
      absent++;
      const stays = record.kept || !mayRemove(request.mode);
      if (!stays) {
        weighed.removals++;
        if (!isSeen) weighed.unseen++;
      }
      onDifference({ stream, reference: record.reference, change: 'absent', ...(stays ? { stays } : {}) });
    }
    const { removals, stored, hidden, unseen } = weighed;
    const inSource = seen.size + hidden;
    const allowed = guard({ removals, stored, inSource, inSourceBefore: state.completeItems }, settings.guard);
    const verdict = heldWhenMany(allowed, unseen);
    held = verdict.verdict === 'hold' ? verdict.reason : null;
  }
  return { stream, ...counts, absent, complete, held };
}
