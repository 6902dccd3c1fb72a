/**
 * What a read of a clinic's calendar changes in its stored book.
 *
 * The whole window of dates is compared at once, by the source's id: an appointment that changed its date is one update, not a
 * removal on one day and an addition on another. A stored appointment that was not read may be removed only when every date of
 * the window was read completely, since what a complete date lacks may have moved to a failed one. As with other reads
 * (`completeness.ts`), whoever holds a {@link PartialWindow} cannot express a removal.
 */
import { appointmentHash, type CalendarAppointment, type CalendarState } from './appointments.ts';
import { datesBetween } from './clinic-day.ts';
import type { ErrorCode } from './errors.ts';
import type { Interval } from './slots.ts';

/** Clinic-local dates, both included. */
export interface DateWindow {
  readonly from: string;
  readonly to: string;
}

export type DateRead =
  /** The source answered with all that the date holds. `readAt`: when the call began, epoch ms. */
  | {
      readonly date: string;
      readonly state: 'complete';
      readonly readAt: number;
      readonly appointments: readonly CalendarAppointment[];
    }
  | { readonly date: string; readonly state: 'failed'; readonly code: ErrorCode };

export interface StoredAppointment extends Interval {
  readonly id: string;
  readonly neoAppointmentId: string;
  readonly date: string;
  readonly status: CalendarState;
  readonly hash: string;
  /** Removed earlier; it comes back when the source shows it again. */
  readonly deleted: boolean;
  /** Since when reads of its date have been missing it, epoch ms. */
  readonly unconfirmedSince: number | null;
  /** A person said that it stays although the source does not show it. */
  readonly kept?: boolean;
}

const proof: unique symbol = Symbol('complete window');

/** The order to remove one stored appointment. Only {@link CompleteWindow.remove} makes one. */
export class AppointmentRemoval {
  readonly stored: StoredAppointment;

  constructor(token: typeof proof, stored: StoredAppointment) {
    if (token !== proof) throw new TypeError('A removal needs a complete window.');
    this.stored = stored;
  }
}

interface WindowRead {
  readonly window: DateWindow;
  readonly reads: readonly DateRead[];
}

export class CompleteWindow implements WindowRead {
  readonly complete = true;
  readonly window: DateWindow;
  readonly reads: readonly DateRead[];

  constructor(token: typeof proof, read: WindowRead) {
    if (token !== proof) throw new TypeError('Use judgeWindow.');
    this.window = read.window;
    this.reads = read.reads;
  }

  remove(stored: StoredAppointment): AppointmentRemoval {
    return new AppointmentRemoval(proof, stored);
  }
}

export class PartialWindow implements WindowRead {
  readonly complete = false;
  readonly window: DateWindow;
  readonly reads: readonly DateRead[];
  /** Dates that failed or were not read at all. */
  readonly missing: readonly string[];

  constructor(read: WindowRead, missing: readonly string[]) {
    this.window = read.window;
    this.reads = read.reads;
    this.missing = missing;
  }
}

/** A date that was read twice counts as its last read. */
export function judgeWindow(window: DateWindow, reads: readonly DateRead[]): CompleteWindow | PartialWindow {
  const last = new Map(reads.map((read) => [read.date, read]));
  const read = { window, reads: [...last.values()] };
  const missing = datesBetween(window.from, window.to).filter((date) => last.get(date)?.state !== 'complete');
  return missing.length === 0 ? new CompleteWindow(proof, read) : new PartialWindow(read, missing);
}

/** `move`: another time or date, whatever else changed. `restore`: it had been removed. */
export type AppointmentChange = 'add' | 'restore' | 'move' | 'update' | 'same';

export function changeOf(stored: StoredAppointment | undefined, now: CalendarAppointment): AppointmentChange {
  if (stored === undefined) return 'add';
  if (stored.deleted) return 'restore';
  if (stored.hash === appointmentHash(now)) return 'same';
  const sameTime = stored.date === now.date && stored.startsAt === now.startsAt && stored.endsAt === now.endsAt;
  return sameTime ? 'update' : 'move';
}

export interface ReconcilePlan {
  /** New and changed appointments, in the order in which they were read. */
  readonly writes: readonly { readonly change: AppointmentChange; readonly appointment: CalendarAppointment }[];
  /** Unchanged ones. */
  readonly same: number;
  /** Ids of unchanged ones that had been missing. */
  readonly confirmed: readonly string[];
  /** Stored on a date that was read completely, and not read on any: removed with these orders or, without them, marked. */
  readonly absent: readonly StoredAppointment[];
  readonly removals: readonly AppointmentRemoval[];
  /** Distinct appointments that were read for the window. */
  readonly inSource: number;
  /** Live appointments that were stored for the window. */
  readonly stored: number;
}

/**
 * @param stored every appointment, removed ones included, that reaches into the window or has an id that was read
 * @param gone ids, ours, of those from before the window that were not read and that the source does not have any more
 */
export function reconcile(
  read: CompleteWindow | PartialWindow,
  stored: readonly StoredAppointment[],
  gone: ReadonlySet<string> = new Set(),
): ReconcilePlan {
  const byId = new Map(stored.map((s) => [s.neoAppointmentId, s]));
  const fetched = new Map<string, CalendarAppointment>();
  const completeDates = new Set<string>();
  // Over midnight, or moved while we read: it comes twice, and what was asked for later is newer, whichever answer came first.
  const complete = read.reads.filter((date) => date.state === 'complete').sort((a, b) => a.readAt - b.readAt);
  for (const date of complete) {
    completeDates.add(date.date);
    for (const appointment of date.appointments) fetched.set(appointment.neoAppointmentId, appointment);
  }
  const changes = [...fetched.values()].map((appointment) => ({
    change: changeOf(byId.get(appointment.neoAppointmentId), appointment),
    appointment,
  }));
  const same = changes.filter((c) => c.change === 'same').map((c) => byId.get(c.appointment.neoAppointmentId)!);
  const inWindow = (date: string) => date >= read.window.from && date <= read.window.to;
  const live = stored.filter((s) => !s.deleted && inWindow(s.date));
  // One that began before the window stands on none of its dates: a calendar may show it only where it begins.
  const before = stored.filter((s) => !s.deleted && s.date < read.window.from && gone.has(s.id));
  const absent = [...before, ...live.filter((s) => completeDates.has(s.date))].filter(
    (s) => !fetched.has(s.neoAppointmentId),
  );
  return {
    writes: changes.filter((c) => c.change !== 'same'),
    same: same.length,
    confirmed: same.filter((s) => s.unconfirmedSince !== null).map((s) => s.id),
    absent,
    removals: read.complete ? absent.filter((s) => s.kept !== true).map((s) => read.remove(s)) : [],
    inSource: [...fetched.values()].filter((a) => inWindow(a.date)).length,
    stored: live.length,
  };
}
