/**
 * Brings the stored book of a clinic to what its calendar shows: slots, appointments, removals behind the guard, counts, conflicts.
 *
 * Every step is idempotent, so a run that was stopped anywhere is simply done again.
 */

import type { PlannedItems } from '../../domain/planned-items.ts';
import {
  type CompleteWindow,
  type DateRead,
  type DateWindow,
  judgeWindow,
  type PartialWindow,
  type ReconcilePlan,
  reconcile,
  type StoredAppointment,
} from '../../domain/reconcile-appointments.ts';
import type { Outcome } from '../../domain/run.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { Conflict, DateResult, DateSummary, SlotBook, SlotCounts } from '../../ports/slot-book.ts';
import type { GuardLimits } from '../guard.ts';
import { guardAsPlanned, type PlannedDeed, requirePlanned } from '../keep-to-plan.ts';

const BATCH = 100;

export type WindowPhase = 'slots_generated' | 'reconciling' | 'resolving_conflicts';

export interface WriteWindow {
  readonly book: SlotBook;
  readonly fence: Fence;
  readonly clinicId: string;
  readonly window: DateWindow;
  /** One for each date of the window; a date without one counts as not read. */
  readonly reads: readonly DateRead[];
  readonly guardLimits: GuardLimits;
  /** The slots of the window as they were generated from the same settings a moment ago; without them they are generated. */
  readonly slots?: SlotCounts;
  /** Appointments at the previous complete read of a window of this length; null: there was none. */
  readonly inSourceBefore: number | null;
  /** Holds, not confirmed bookings, may be moved out of a full slot. */
  readonly moveHolds: boolean;
  /** Stored ones from before the window that the source does not have any more. By our id. */
  readonly gone?: ReadonlySet<string>;
  /** Stored appointments whose removal a person has approved: the guard does not weigh them. By our id. */
  readonly approved?: ReadonlySet<string>;
  /** Over before anything is written; what is stored is looked at beside it. */
  readonly before?: Promise<unknown>;
  /** Nothing else is written; absent or null: the run has no plan. */
  readonly planned?: PlannedItems | null;
  readonly signal: AbortSignal;
  readonly onPhase?: (phase: WindowPhase) => void;
  /** The book is as the calendar: what is to be written down of that is, while conflicts are looked for. */
  readonly onSettled?: (settled: SettledWindow) => Promise<void>;
}

export type SettledWindow = Omit<WindowResult, 'conflicts'>;

export interface WindowResult {
  /** `partial`: dates are missing, or removals are held. `failed`: no date was read. */
  readonly outcome: Outcome;
  readonly slots: SlotCounts;
  readonly added: number;
  readonly updated: number;
  /** To another time or date. */
  readonly moved: number;
  readonly removed: number;
  /** Our ids of those. */
  readonly removedIds: ReadonlySet<string>;
  readonly same: number;
  readonly dates: readonly DateSummary[];
  readonly failedDates: readonly string[];
  /** Removals that a person must look at first; until then the appointments keep their places. */
  readonly held: { readonly reason: string; readonly appointments: readonly StoredAppointment[] } | null;
  /** Appointments in the window, when it was read completely: what the next guard is weighed against. */
  readonly completeItems: number | null;
  readonly conflicts: readonly Conflict[];
}

/** The unit of held removals, and of failures; a failure's reference is its date. */
export const CALENDAR_UNIT = 'calendar';

/** @throws SyncError `plan_differs` before an appointment is written; the slots follow the clinic's hours by then, and are counted */
export async function writeWindow(options: WriteWindow): Promise<WindowResult> {
  const { book, fence, clinicId, window, signal } = options;
  signal.throwIfAborted();
  const slots = options.slots ?? (await book.regenerate(fence, clinicId, window));
  options.onPhase?.('slots_generated');

  const read = judgeWindow(window, options.reads);
  const ids = read.reads.flatMap((r) => (r.state === 'complete' ? r.appointments.map((a) => a.neoAppointmentId) : []));
  const key = { organizationId: fence.organizationId, clinicId };
  const [stored] = await Promise.all([book.storedAppointments(key, window, ids), options.before]);
  const plan = reconcile(read, stored, options.gone);
  const planned = options.planned ?? null;
  if (planned !== null) {
    try {
      requirePlanned(planned, deedsOf(plan));
    } catch (error) {
      // The slots were made anew for the clinic's hours: they must not look free where appointments are.
      await book.settle(fence, clinicId, window).catch(() => undefined);
      throw error;
    }
  }
  options.onPhase?.('reconciling');
  for (const batch of batchesOf(plan.writes)) {
    signal.throwIfAborted();
    await book.writeAppointments(
      fence,
      clinicId,
      batch.map((w) => w.appointment),
    );
  }
  const { removed, held } = await removeAbsent(options, plan);

  signal.throwIfAborted();
  const dates = summaries(read, plan, removed);
  await book.settle(fence, clinicId, window, { results: resultsOf(read), dates });
  options.onPhase?.('resolving_conflicts');

  const count = (...changes: string[]) => plan.writes.filter((w) => changes.includes(w.change)).length;
  const failedDates = read.complete ? [] : read.missing;
  const nothingRead = !read.reads.some((r) => r.state === 'complete');
  const settled: SettledWindow = {
    outcome: nothingRead ? 'failed' : failedDates.length > 0 || held !== null ? 'partial' : 'success',
    slots,
    added: count('add', 'restore'),
    updated: count('update'),
    moved: count('move'),
    removed: removed.size,
    removedIds: removed,
    same: plan.same,
    dates,
    failedDates,
    held,
    completeItems: read.complete ? plan.inSource : null,
  };
  // Both are over before the run ends, however one of them ends.
  const [found, told] = await Promise.allSettled([
    book.findConflicts(fence, clinicId, window, { moveHolds: options.moveHolds }),
    options.onSettled?.(settled),
  ]);
  if (found.status === 'rejected') throw found.reason;
  if (told.status === 'rejected') throw told.reason;
  return { ...settled, conflicts: found.value };
}

function* deedsOf(plan: ReconcilePlan): Generator<PlannedDeed> {
  const words = { add: 'add', restore: 'add', move: 'move', update: 'update', same: null } as const;
  for (const { change, appointment } of plan.writes) {
    const what = words[change];
    if (what !== null) yield { what, unit: appointment.date, reference: appointment.neoAppointmentId };
  }
  for (const { stored } of plan.removals) {
    yield { what: 'remove', unit: stored.date, reference: stored.neoAppointmentId };
  }
}

/** What may not be removed stays where it is, marked, and keeps its place. */
async function removeAbsent(options: WriteWindow, plan: ReconcilePlan) {
  const { book, fence, clinicId, signal } = options;
  const isApproved = (id: string) => options.approved?.has(id) === true;
  const weighed = plan.removals.filter((r) => !isApproved(r.stored.id));
  const verdict = guardAsPlanned(
    options.planned ?? null,
    CALENDAR_UNIT,
    {
      removals: weighed.length,
      stored: plan.stored,
      inSource: plan.inSource,
      inSourceBefore: options.inSourceBefore,
    },
    options.guardLimits,
  );
  const allowed = verdict.verdict === 'allow';
  const removals = allowed ? plan.removals : plan.removals.filter((r) => isApproved(r.stored.id));
  const removed = new Set<string>();
  for (const batch of batchesOf(removals)) {
    signal.throwIfAborted();
    for (const id of await book.removeAppointments(fence, clinicId, batch)) removed.add(id);
  }
  const ordered = new Set(removals.map((r) => r.stored.id));
  const missed = plan.absent.map((a) => a.id).filter((id) => !ordered.has(id));
  if (missed.length + plan.confirmed.length > 0) {
    await book.markUnconfirmed(fence, clinicId, { missed, confirmed: plan.confirmed });
  }
  const held =
    verdict.verdict === 'hold' ? { reason: verdict.reason, appointments: weighed.map((r) => r.stored) } : null;
  return { removed, held };
}

function* batchesOf<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += BATCH) yield items.slice(start, start + BATCH);
}

function resultsOf(read: CompleteWindow | PartialWindow): DateResult[] {
  return read.reads.map((r) =>
    r.state === 'complete' ? { date: r.date, state: 'complete', readAt: r.readAt } : { ...r },
  );
}

function summaries(
  read: CompleteWindow | PartialWindow,
  plan: ReconcilePlan,
  removed: ReadonlySet<string>,
): DateSummary[] {
  const dates: DateSummary[] = read.reads.map((r) => {
    const of = (...changes: string[]) =>
      plan.writes.filter((w) => w.appointment.date === r.date && changes.includes(w.change)).length;
    return {
      date: r.date,
      state: r.state,
      found: r.state === 'complete' ? r.appointments.length : 0,
      added: of('add', 'restore'),
      updated: of('update', 'move'),
      removed: plan.absent.filter((a) => a.date === r.date && removed.has(a.id)).length,
    };
  });
  const known = new Set(dates.map((d) => d.date));
  const notRead = read.complete ? [] : read.missing.filter((date) => !known.has(date));
  const none = { found: 0, added: 0, updated: 0, removed: 0 };
  dates.push(...notRead.map((date) => ({ date, state: 'not_read' as const, ...none })));
  return dates.sort((a, b) => (a.date < b.date ? -1 : 1));
}
