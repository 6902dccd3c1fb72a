/**
 * Reads the dates of a window, a few at once, those that failed last time first. A date that fails leaves the others alone; when the
 * source is away, the rest is not asked for.
 *
 * Nothing is believed to be empty because an answer has no entries: where appointments are stored and none of them is shown, the source
 * is asked for some of them by their ids; and a window without a single entry is a mistake unless somebody has said otherwise. Staff
 * rosters are no entries: they are there on every day.
 *
 * When an appointment is missing where it was, or is on two dates, the dates that may have been read before it moved are read again; one
 * that is on none of them either is asked for by its id.
 */
import { isBlockId } from '../../domain/appointments.ts';
import { datesBetween, weekdayOf } from '../../domain/clinic-day.ts';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import type { DayFreshness } from '../../domain/freshness.ts';
import type { DateRead, DateWindow, StoredAppointment } from '../../domain/reconcile-appointments.ts';
import type { CalendarClinic, CalendarDay } from '../../ports/calendar-source.ts';
import type { RunSession } from '../run-session.ts';
import { createSightings } from './moved-while-read.ts';
import type { BookPorts, BookSettings } from './settings.ts';

export interface WindowReads {
  readonly reads: readonly DateRead[];
  readonly failures: ReadonlyMap<string, SyncError>;
  /** How the answers look; null: none had entries. */
  readonly shape: string | null;
  /** Texts that no state is known for, and how often. */
  readonly unknownStates: Readonly<Record<string, number>>;
  /** Stored ones from before the window that reach into it, were not shown, and are not there any more. By our id. */
  readonly gone: ReadonlySet<string>;
}

export interface ReadWindowOptions {
  readonly clinic: CalendarClinic;
  readonly window: DateWindow;
  readonly urgent: boolean;
  /** {@link lookUpKnown} of the window, begun a moment ago. */
  readonly known?: Promise<KnownWindow>;
  /** The next date has been read, well or not. */
  readonly onDate?: (read: DateRead) => void;
}

/** So many dates in a row without any answer: the others would fail as well. */
const GIVE_UP_AFTER = 3;
/** Stored appointments that are asked for one by one. */
const ASKED_FOR = 5;
/** Of those that began before the window, or that no date shows any more; the others are for the next run. */
const ASKED_FOR_BEFORE = 20;
/** Times that dates are read again because of moves; a calendar that moves on all the time waits for the next run. */
const MAX_ROUNDS = 3;
/** A window with fewer open days can well be empty. */
const OPEN_DAYS = 5;
const AWAY: ReadonlySet<string> = new Set(['source_unreachable', 'source_timeout', 'source_failed']);
/** Nobody can read any date with these. */
const HOPELESS: ReadonlySet<string> = new Set([
  'source_credentials',
  'second_factor_required',
  'credentials_missing',
  'credentials_unreadable',
  'encryption_key_missing',
  'browser_unavailable',
  'database_unavailable',
  'lease_lost',
]);
const MAX_TEXTS = 20;
const UNSETTLED = {
  source_incomplete: 'Appointments went on to other dates while they were read.',
  source_contract_changed: 'An id is on two dates at one time.',
} as const;

/** What is stored of a window before it is read. */
export interface KnownWindow {
  readonly stored: readonly StoredAppointment[];
  readonly freshness: readonly DayFreshness[];
}

export async function lookUpKnown(
  { book }: Pick<BookPorts, 'book'>,
  { organizationId, clinicId }: Pick<BookSettings, 'organizationId' | 'clinicId'>,
  window: DateWindow,
): Promise<KnownWindow> {
  const key = { organizationId, clinicId };
  const [stored, freshness] = await Promise.all([
    book.storedAppointments(key, window, []),
    book.freshness(key, window),
  ]);
  return { stored, freshness };
}

/** @throws SyncError when no date can be read, and why */
export async function readWindow(
  ports: BookPorts,
  settings: BookSettings,
  session: Pick<RunSession, 'signal' | 'advance'>,
  options: ReadWindowOptions,
): Promise<WindowReads> {
  const { window, clinic } = options;
  const context = { signal: session.signal, urgent: options.urgent };
  const { stored, freshness } = await (options.known ?? lookUpKnown(ports, settings, window));
  const failedBefore = new Set(freshness.filter((day) => day.failedAt !== null).map((day) => day.date));
  const dates = datesBetween(window.from, window.to);
  const waiting = [...dates.filter((date) => failedBefore.has(date)), ...dates.filter((d) => !failedBefore.has(d))];
  const days = new Map<string, CalendarDay>();
  const failures = new Map<string, SyncError>();
  let away = 0;
  let hopeless: SyncError | null = null;
  // What a person keeps although the calendar does not show it is known to be missing.
  const sightings = createSightings(
    stored.filter((a) => !a.deleted && a.kept !== true && a.date >= window.from && a.date <= window.to),
  );
  let events = 0;
  const saidAt = new Map<string, string | null>();
  /** There is nothing more to learn about where they are. */
  const settled = new Set<string>();
  let canTellDates = true;

  async function readOne(date: string): Promise<DateRead> {
    try {
      if (away >= GIVE_UP_AFTER) throw new SyncError('source_unreachable', { detail: 'Other dates had no answer.' });
      const began = events++;
      const day = await ports.source.readDate(date, clinic, context);
      const ended = events++;
      await doubtEmptiness(day, date);
      away = 0;
      days.set(date, day);
      sightings.note({ date, began, ended, appointments: day.appointments });
      return { date, state: 'complete', readAt: day.readAt, appointments: day.appointments };
    } catch (error) {
      session.signal.throwIfAborted();
      const failure = toSyncError(error);
      if (HOPELESS.has(failure.code)) hopeless ??= failure;
      if (AWAY.has(failure.code)) away++;
      failures.set(date, failure);
      // Nor does what it answered before.
      days.delete(date);
      sightings.drop(date);
      return { date, state: 'failed', code: failure.code };
    }
  }

  async function doubtEmptiness(day: CalendarDay, date: string): Promise<void> {
    const shown = new Set(day.appointments.map((a) => a.neoAppointmentId));
    const known = stored.filter((a) => !a.deleted && a.date === date && a.status !== 'cancelled');
    // Blocks come from elsewhere than visits, and can be all that is left.
    const visits = known.filter((a) => !isBlockId(a.neoAppointmentId));
    // About visits the source can say more.
    const all = [...visits, ...known.filter((a) => isBlockId(a.neoAppointmentId))];
    const there = shown.size === 0 ? all : visits.some((a) => shown.has(a.neoAppointmentId)) ? [] : visits;
    for (const { neoAppointmentId } of there.slice(0, ASKED_FOR)) {
      if ((await ports.source.find(neoAppointmentId, date, context)) === 'there') {
        throw new SyncError('source_contract_changed', {
          action: 'fail',
          detail: 'The calendar shows none of a date for which the portal still has appointments.',
        });
      }
    }
  }

  const reads: DateRead[] = [];
  const readAll = async (waiting: string[], onDate: (read: DateRead) => void) => {
    const work = async () => {
      for (let date = waiting.shift(); date !== undefined && hopeless === null; date = waiting.shift()) {
        const read = await readOne(date);
        reads.push(read);
        onDate(read);
      }
    };
    await Promise.all(Array.from({ length: settings.datesAtOnce }, work));
    if (hopeless !== null) throw hopeless;
  };
  await readAll(waiting, (read) => {
    session.advance(1);
    options.onDate?.(read);
  });
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const suspects = sightings.readAgain();
    const again = suspects.length > 0 ? suspects : await whereMissingAre();
    if (again.length === 0) break;
    await readAll([...again], () => undefined);
  }
  const unsettled = new Map(sightings.unsettled());
  for (const date of await whereMissingAre()) unsettled.set(date, 'source_incomplete');
  for (const [date, why] of unsettled) {
    if (failures.has(date)) continue;
    const failure = new SyncError(why, { action: 'fail', detail: UNSETTLED[why] });
    failures.set(date, failure);
    reads.push({ date, state: 'failed', code: why });
  }
  // A date that was read twice counts as its last read.
  const last = new Map(reads.map((read) => [read.date, read]));
  const [first] = failures.values();
  // Days that happen to be empty do not show that answers with entries are understood.
  const understood = [...last.values()].some(({ date, state }) => state === 'complete' && days.get(date)!.rows > 0);
  if (!understood && first !== undefined) throw toStop(first);
  refuseEmptyWindow([...days], clinic, settings);
  const shapes = new Set([...days.values()].flatMap((day) => (day.shape === null ? [] : [day.shape])));
  if (shapes.size > 1) {
    throw new SyncError('source_contract_changed', {
      detail: `Answers of one run look different: ${[...shapes].join('; ')}.`,
    });
  }
  const gone = failures.size === 0 ? await goneBefore() : new Set<string>();
  return {
    reads: [...last.values()],
    failures,
    shape: [...shapes][0] ?? null,
    unknownStates: textsOf([...days.values()]),
    gone,
  };

  /**
   * One may go past every reading: each that no date shows is asked for by its id. When it still is not shown where it is said to be,
   * after that date was read again, the calendar is believed.
   *
   * @returns dates on which some are now
   */
  async function whereMissingAre(): Promise<readonly string[]> {
    // Nothing is removed then anyway.
    if (failures.size > 0) return [];
    const found = new Set<string>();
    const missing = sightings.missing().filter((id) => !isBlockId(id) && !settled.has(id));
    for (const id of missing.slice(0, ASKED_FOR_BEFORE)) {
      const date = canTellDates ? await dateNow(id) : null;
      if (date === null || date === saidAt.get(id) || !days.has(date)) settled.add(id);
      else found.add(date);
      saidAt.set(id, date);
    }
    return [...found].sort();
  }

  async function dateNow(neoAppointmentId: string): Promise<string | null> {
    try {
      return await ports.source.dateOf(neoAppointmentId, context);
    } catch {
      // Its dates were read completely: that counts when nothing more can be learnt.
      session.signal.throwIfAborted();
      canTellDates = false;
      return null;
    }
  }

  /** They stand on none of the dates that were read, and some calendars show an entry only where it begins: so each is asked for. */
  async function goneBefore(): Promise<Set<string>> {
    const shown = new Set([...days.values()].flatMap((day) => day.appointments.map((a) => a.neoAppointmentId)));
    const before = stored.filter((a) => !a.deleted && a.date < window.from && !shown.has(a.neoAppointmentId));
    const found = new Set<string>();
    for (const { id, neoAppointmentId, date } of before.slice(0, ASKED_FOR_BEFORE)) {
      try {
        if ((await ports.source.find(neoAppointmentId, date, context)) === 'elsewhere') found.add(id);
      } catch {
        // Not known is not gone.
        session.signal.throwIfAborted();
      }
    }
    return found;
  }
}

/** Of all dates: then the connection cannot be worked on. */
function toStop(failure: SyncError): SyncError {
  return new SyncError(failure.code, failure.detail === undefined ? {} : { detail: failure.detail });
}

function refuseEmptyWindow(
  days: readonly (readonly [string, CalendarDay])[],
  clinic: CalendarClinic,
  settings: BookSettings,
): void {
  if (settings.believeEmpty || days.some(([, day]) => day.appointments.length > 0)) return;
  const open = days.filter(([date]) => (clinic.hours[weekdayOf(date)] ?? []).length > 0);
  if (open.length < OPEN_DAYS) return;
  throw new SyncError('source_contract_changed', {
    detail: `The calendar shows nothing on ${open.length} open days; if that is so, set emptyCalendar: believed.`,
  });
}

function textsOf(days: readonly CalendarDay[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const text of days.flatMap((day) => day.unknownStates)) {
    const name = text.slice(0, 60);
    if (counts.has(name) || counts.size < MAX_TEXTS) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
