/** A run for a clinic's book stopped before anything is written: what it would do. Also the comparison of `verify`. */
import { judgeWindow, reconcile } from '../../domain/reconcile-appointments.ts';
import { guard } from '../guard.ts';
import { readWindow } from './read-window.ts';
import type { BookPorts, BookSettings } from './settings.ts';
import { usualWindow } from './sync-book.ts';

export interface BookPlan {
  readonly from: string;
  readonly to: string;
  readonly added: number;
  readonly updated: number;
  readonly moved: number;
  readonly same: number;
  /** Stored on dates that were read, and not shown any more. */
  readonly absent: number;
  readonly failedDates: readonly string[];
  /** Why the removals would wait for a person; null: they would not. */
  readonly held: string | null;
}

export interface BookDifference {
  readonly date: string;
  readonly reference: string;
  readonly change: 'add' | 'restore' | 'move' | 'update' | 'absent';
  /** An absent one that a run would leave: a person keeps it, or not every date could be read. */
  readonly stays?: true;
}

/** @param onDifference called for each appointment that differs. @throws SyncError what ended the read */
export async function planBook(
  ports: BookPorts,
  settings: BookSettings,
  signal: AbortSignal,
  onDifference: (difference: BookDifference) => void,
): Promise<BookPlan> {
  const clinic = await ports.source.clinic({ signal, urgent: true });
  const window = usualWindow(settings, ports.clock.now());
  const session = { signal, advance: () => undefined };
  const { reads, gone } = await readWindow(ports, settings, session, { clinic, window, urgent: true });
  const judged = judgeWindow(window, reads);
  const ids = reads.flatMap((r) => (r.state === 'complete' ? r.appointments.map((a) => a.neoAppointmentId) : []));
  const plan = reconcile(judged, await ports.book.storedAppointments(settings, window, ids), gone);
  for (const { change, appointment } of plan.writes) {
    if (change !== 'same') onDifference({ date: appointment.date, reference: appointment.neoAppointmentId, change });
  }
  const removed = new Set(plan.removals.map(({ stored }) => stored.id));
  for (const { id, date, neoAppointmentId } of plan.absent) {
    const stays = removed.has(id) ? {} : { stays: true as const };
    onDifference({ date, reference: neoAppointmentId, change: 'absent', ...stays });
  }
  const before = await ports.runs.lastCompleteRead(settings);
  const { stored, inSource } = plan;
  const weighed = { removals: removed.size, stored, inSource, inSourceBefore: before?.itemsInSource ?? null };
  const verdict = guard(weighed, settings.guard);
  const count = (...changes: string[]) => plan.writes.filter((w) => changes.includes(w.change)).length;
  return {
    ...window,
    added: count('add', 'restore'),
    updated: count('update'),
    moved: count('move'),
    same: plan.same,
    absent: plan.absent.length,
    failedDates: judged.complete ? [] : judged.missing,
    held: verdict.verdict === 'hold' ? verdict.reason : null,
  };
}
