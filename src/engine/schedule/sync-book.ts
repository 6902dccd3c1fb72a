/**
 * One run for a clinic's book: the clinic's settings, the dates of the window, then one comparison of the whole window.
 */
import { setImmediate } from 'node:timers/promises';
import { datesBetween, localDate } from '../../domain/clinic-day.ts';
import type { ReadEvidence } from '../../domain/completeness.ts';
import { SyncError } from '../../domain/errors.ts';
import type { PlannedItems } from '../../domain/planned-items.ts';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import type { RunMode, RunTrigger } from '../../domain/run.ts';
import type { CalendarClinic } from '../../ports/calendar-source.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { RunProgress } from '../../ports/run-store.ts';
import { nextTry } from '../failure-policy.ts';
import type { PlanOfRun } from '../keep-to-plan.ts';
import { type RunResult, type RunSession, type SessionOptions, type WorkResult, withRun } from '../run-session.ts';
import { clinicSettings } from './clinic-settings.ts';
import { lookUpKnown, readWindow, type WindowReads } from './read-window.ts';
import type { BookPorts, BookSettings } from './settings.ts';
import { CALENDAR_UNIT, type SettledWindow, type WindowPhase, type WindowResult, writeWindow } from './write-window.ts';

export interface BookSyncRequest {
  readonly trigger: RunTrigger;
  /** Default: from today on, `daysAhead` days. */
  readonly window?: DateWindow;
  /** The run was started with a plan, and does nothing else. */
  readonly keepTo?: PlanOfRun;
  readonly claimed?: SessionOptions['claimed'];
  readonly onStarted?: (runId: string) => void;
  readonly onProgress?: (progress: RunProgress & { readonly runId: string }) => void;
  readonly signal?: AbortSignal;
}

/** One run. @throws SyncError when the run could not begin; later errors are in the result */
export function syncBook(ports: BookPorts, settings: BookSettings, request: BookSyncRequest): Promise<RunResult> {
  return bookRun(ports, settings, { ...request, mode: 'calendar' }, async (session) => {
    const planned = (await request.keepTo?.()) ?? null;
    const { result, evidence } = await copyWindow(ports, settings, session, {
      urgent: request.trigger !== 'schedule',
      approved: new Set(),
      planned,
      ...(request.window === undefined ? {} : { window: request.window }),
    });
    // Another window than the usual one says nothing about the next usual one.
    const isUsual = request.window === undefined;
    const itemsInSource = result.completeItems;
    return { completeRead: isUsual && itemsInSource !== null ? { itemsInSource, evidence } : null };
  });
}

/** The frame that all runs for a book share. */
export function bookRun(
  ports: BookPorts,
  settings: BookSettings,
  request: Omit<BookSyncRequest, 'window'> & { readonly mode: RunMode },
  work: (session: RunSession) => Promise<WorkResult>,
): Promise<RunResult> {
  const { organizationId, connectionId } = settings;
  return withRun(
    {
      runs: ports.runs,
      clock: ports.clock,
      totalSteps: request.mode === 'calendar' ? 5 : 3,
      start: { organizationId, connectionId, mode: request.mode, trigger: request.trigger },
      ...(request.claimed === undefined ? {} : { claimed: request.claimed }),
      ...(request.onStarted === undefined ? {} : { onStarted: request.onStarted }),
      ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
    work,
  );
}

/** Today where the clinic is, and the days after it. */
export function usualWindow(settings: Pick<BookSettings, 'timeZone' | 'daysAhead'>, now: number): DateWindow {
  const from = localDate(now, settings.timeZone);
  const to = new Date(Date.parse(`${from}T00:00:00Z`) + (settings.daysAhead - 1) * 86_400_000);
  return { from, to: to.toISOString().slice(0, 10) };
}

export interface CopyOptions {
  readonly urgent: boolean;
  readonly window?: DateWindow;
  /** Stored appointments whose removal a person has approved. */
  readonly approved: ReadonlySet<string>;
  /** Nothing else is written; absent or null: the run has no plan. */
  readonly planned?: PlannedItems | null;
}

/** What comes when a phase of writing is reached. */
const STEP_AFTER: Readonly<Partial<Record<WindowPhase, string>>> = {
  slots_generated: 'Writing the book',
  resolving_conflicts: 'Resolving conflicts',
};

/** Reads the window and brings the book to it. */
export async function copyWindow(
  ports: BookPorts,
  settings: BookSettings,
  session: RunSession,
  options: CopyOptions,
): Promise<{ readonly result: WindowResult; readonly evidence: ReadEvidence }> {
  const { source, book, clock } = ports;
  const { fence, signal } = session;
  const { clinicId } = settings;
  session.step('Logging in', null);
  // Most sessions are live: what is stored is looked up in the meantime.
  const early = knownNow(ports, settings, options.window);
  const clinic = await source.clinic({ signal, urgent: options.urgent });
  const startedAt = clock.now();
  const window = options.window ?? usualWindow(settings, startedAt);
  const isEarlyEnough = startedAt - early.at < EARLY_MS && early.window.from === window.from;

  session.step('Reading the calendar', datesBetween(window.from, window.to).length);
  // The portal takes longest: it is asked while the book is made ready for what it answers.
  const unready = new AbortController();
  // The first questions leave before that: what they wait for has the database to itself.
  const asked = isEarlyEnough ? early.known.catch(() => undefined) : Promise.resolve();
  const ready = asked
    .then(setImmediate)
    .then(() => prepare(ports, settings, fence, { clinic, window, isUsual: options.window === undefined }));
  ready.catch((error) => unready.abort(error));
  const progress = latestOf(async (date: string) => {
    await ready;
    await book.noteProgress(fence, clinicId, date);
  });
  const reading: Pick<RunSession, 'signal' | 'advance'> = {
    signal: AbortSignal.any([signal, unready.signal]),
    advance: (items) => session.advance(items),
  };
  const read = await readWindow(ports, settings, reading, {
    clinic,
    window,
    urgent: options.urgent,
    ...(isEarlyEnough ? { known: early.known } : {}),
    onDate: ({ date }) => progress.tell(date),
  }).catch(async (error) => {
    await Promise.allSettled([ready, progress.end()]);
    // Slots that were just made must not look free where appointments are stored.
    await book.settle(fence, clinicId, window).catch(() => undefined);
    throw error;
  });
  const { before, slots } = await ready;
  // Beside the first look at what is stored: neither waits for the other.
  const noted = Promise.all([progress.end(), book.configure(fence, clinicId, clinicSettings(clinic, settings, read))]);
  // Told to who writes.
  noted.catch(() => undefined);
  const finishedAt = clock.now();

  session.step('Generating the slots', null);
  const evidenceOf = (settled: SettledWindow): ReadEvidence => ({
    startedAt,
    finishedAt,
    ended: settled.failedDates.length === 0,
    itemsRead: settled.completeItems ?? 0,
    itemsExpected: settled.completeItems ?? 0,
    share: 'not-applicable',
    resumed: false,
  });
  const result = await writeWindow({
    book,
    fence,
    clinicId,
    window,
    slots,
    before: noted,
    reads: read.reads,
    guardLimits: settings.guard,
    inSourceBefore: before?.itemsInSource ?? null,
    moveHolds: settings.moveHolds,
    approved: options.approved,
    planned: options.planned ?? null,
    gone: read.gone,
    signal,
    onPhase(phase) {
      const step = STEP_AFTER[phase];
      if (step !== undefined) session.step(step, null);
    },
    async onSettled(settled) {
      const { added, updated, moved, removed, same, failedDates, held } = settled;
      session.count({ added, updated, moved, removed, same });
      session.count({ failed: failedDates.length, held: held?.appointments.length ?? 0 });
      await noteFailures(ports, session, read, window);
      // A read with holes says nothing about what waits for a person.
      const isWhole = settled.completeItems !== null && options.window === undefined;
      if (isWhole) await hold(ports, session, held, evidenceOf(settled));
    },
  });
  return { result, evidence: evidenceOf(result) };
}

/** After a login what is stored is looked up once more: people may have decided something meanwhile. */
const EARLY_MS = 1000;

function knownNow(ports: BookPorts, settings: BookSettings, asked: DateWindow | undefined) {
  const at = ports.clock.now();
  const window = asked ?? usualWindow(settings, at);
  const known = lookUpKnown(ports, settings, window);
  // Told to who reads the window.
  known.catch(() => undefined);
  return { at, window, known };
}

/** @returns the last complete read, of a usual window, and the slots: they depend on the clinic's settings alone */
async function prepare(
  { book, runs }: BookPorts,
  settings: BookSettings,
  fence: Fence,
  {
    clinic,
    window,
    isUsual,
  }: { readonly clinic: CalendarClinic; readonly window: DateWindow; readonly isUsual: boolean },
) {
  await book.configure(fence, settings.clinicId, clinicSettings(clinic, settings, null));
  await book.beginWindow(fence, settings.clinicId, window);
  const slots = await book.regenerate(fence, settings.clinicId, window);
  return { before: isUsual ? await runs.lastCompleteRead(settings) : null, slots };
}

/** One write at a time, of the newest value only: the next date is not waited with for it, and at the end none is begun. */
function latestOf<T>(write: (value: T) => Promise<void>) {
  let waiting: { readonly value: T } | null = null;
  let writing: Promise<void> = Promise.resolve();
  let ended = false;
  const flush = async () => {
    const next = waiting;
    waiting = null;
    if (next !== null && !ended) await write(next.value);
  };
  return {
    tell(value: T): void {
      const isQueued = waiting !== null;
      waiting = { value };
      if (isQueued) return;
      writing = writing.then(flush);
      // Told to whoever waits for the end.
      writing.catch(() => undefined);
    },
    end(): Promise<void> {
      ended = true;
      return writing;
    },
  };
}

async function hold(
  { runs, clock }: BookPorts,
  session: RunSession,
  held: WindowResult['held'],
  evidence: ReadEvidence,
): Promise<void> {
  const items = (held?.appointments ?? []).map((appointment) => ({
    documentUuid: appointment.id,
    unit: CALENDAR_UNIT,
    reference: appointment.neoAppointmentId,
    absence: 'gone' as const,
  }));
  await runs.holdRemovals(
    session.fence,
    { unit: CALENDAR_UNIT, reason: held?.reason ?? '', evidence, items },
    clock.now(),
  );
}

/** Failed dates stand among the failures of the connection until they are read, or past. */
async function noteFailures(
  { runs, clock }: BookPorts,
  session: RunSession,
  read: WindowReads,
  window: DateWindow,
): Promise<void> {
  const { organizationId, connectionId } = session.fence;
  const failures = [...read.failures];
  const now = clock.now();
  if (failures.length > 0) {
    await runs.recordFailures(
      session.fence,
      failures.map(([date, { code, action, message }]) => ({
        unit: CALENDAR_UNIT,
        reference: date,
        operation: 'unit',
        code,
        action,
        message,
        fingerprint: null,
        nextRetryAt: nextTry(code, 1, now),
      })),
    );
  }
  const open = await runs.openFailures({ organizationId, connectionId }, CALENDAR_UNIT);
  const over = open.filter(({ reference }) => reference < window.from || isRead(read, reference));
  if (over.length === 0) return;
  await runs.resolveFailures(
    session.fence,
    over.map(({ reference }) => ({ unit: CALENDAR_UNIT, reference })),
  );
}

function isRead(read: WindowReads, date: string): boolean {
  return read.reads.some((day) => day.date === date && day.state === 'complete');
}

/** A window as the unit of a run, `YYYY-MM-DD..YYYY-MM-DD`. */
export const unitOf = (window: DateWindow) => `${window.from}..${window.to}`;

/** @throws SyncError `settings_invalid` when it is none, or has more dates */
export function windowOf(unit: string, mostDates = 60): DateWindow {
  const [, from, to] = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(unit) ?? [];
  const days =
    from === undefined || to === undefined ? Number.NaN : (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
  if (from === undefined || to === undefined || !(days >= 1 && days <= mostDates)) {
    throw new SyncError('settings_invalid', { detail: `A window has from 1 to ${mostDates} dates.` });
  }
  return { from, to };
}
