/**
 * One run for what a clinic wrote down about visits: every page of the window, then one comparison by the source's ids. Each belongs to
 * the appointment whose id it names; the others are in quarantine and stand among the failures of the connection until an id says
 * where they belong, or a person skips them.
 */

import { localDate } from '../../domain/clinic-day.ts';
import { CONSULTATION_UNIT, type Consultation, consultationFingerprint } from '../../domain/consultations.ts';
import { SyncError } from '../../domain/errors.ts';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import type { QuarantinedConsultation } from '../../ports/consultation-book.ts';
import type { HeldItem, HeldSet } from '../../ports/run-store.ts';
import type { RunResult, RunSession } from '../run-session.ts';
import { clinicSettings } from './clinic-settings.ts';
import { removeAbsentConsultations } from './remove-consultations.ts';
import type { BookPorts, BookSettings } from './settings.ts';
import { type BookSyncRequest, bookRun, copyWindow, usualWindow } from './sync-book.ts';

const BATCH = 100;
/** Of one run: half a year, and today. */
export const MOST_CONSULTATION_DATES = 181;

/** One run. @throws SyncError when the run could not begin; later errors are in the result */
export function syncConsultations(
  ports: BookPorts,
  settings: BookSettings,
  request: BookSyncRequest,
): Promise<RunResult> {
  return bookRun(ports, settings, { ...request, mode: 'consultations' }, async (session) => {
    await copyConsultations(ports, settings, session, {
      window: request.window ?? consultationWindow(settings, ports.clock.now()),
      urgent: request.trigger !== 'schedule',
      approved: new Set(),
      mayHold: request.window === undefined,
    });
    // It says nothing about the calendar.
    return { completeRead: null };
  });
}

/** The days before today, and today. */
export function consultationWindow(
  settings: Pick<BookSettings, 'timeZone' | 'consultationDaysBack'>,
  now: number,
): DateWindow {
  const { from: to } = usualWindow({ timeZone: settings.timeZone, daysAhead: 1 }, now);
  const first = new Date(Date.parse(`${to}T00:00:00Z`) - settings.consultationDaysBack * 86_400_000);
  return { from: first.toISOString().slice(0, 10), to };
}

interface CopyOptions {
  readonly window: DateWindow;
  readonly urgent: boolean;
  readonly approved: ReadonlySet<string>;
  readonly mayHold: boolean;
}

/** @returns ids, ours, of those that it removed */
async function copyConsultations(
  ports: BookPorts,
  settings: BookSettings,
  session: RunSession,
  options: CopyOptions,
): Promise<ReadonlySet<string>> {
  const { source, consultations, book } = ports;
  const { fence, signal } = session;
  const { clinicId } = settings;
  const context = { signal, urgent: options.urgent };
  session.step('Logging in', null);
  const clinic = await source.clinic(context);
  const key = { organizationId: settings.organizationId, clinicId };
  // What a run for the calendar knows about the clinic is more.
  if ((await book.clinic(key)) === null) {
    await book.configure(fence, clinicId, clinicSettings(clinic, settings, null));
  }
  await book.beginWindow(fence, clinicId, options.window);

  session.step('Reading the consultations', null);
  const startedAt = ports.clock.now();
  const list = await source.readConsultations(options.window, context, () => session.advance(1));
  const references = list.consultations.map((c) => c.neoConsultationId);
  const stored = await consultations.stored(key, options.window, references);

  const known = new Map(stored.map((s) => [s.reference as string, s]));
  const isSame = (c: Consultation) => {
    const before = known.get(c.neoConsultationId);
    return before !== undefined && !before.deleted && before.fingerprint === consultationFingerprint(c);
  };
  const changed = list.consultations.filter((c) => !isSame(c));
  session.step('Writing the consultations', changed.length);
  for (let start = 0; start < changed.length; start += BATCH) {
    signal.throwIfAborted();
    const batch = changed.slice(start, start + BATCH);
    session.count(await consultations.write(fence, clinicId, batch));
    session.advance(batch.length);
  }
  session.count({ same: list.total - changed.length });
  const seen = new Set(references);
  const returned = stored.filter((s) => s.kept && seen.has(s.reference)).map((s) => s.reference);
  if (returned.length > 0) await consultations.seenAgain(fence, clinicId, returned);
  const removed = await removeAbsentConsultations(ports, settings, session, { ...options, startedAt, list, stored });
  const unlinked = await consultations.link(fence, clinicId);
  const earlier = await earlierDates(ports, settings, session, options.window, unlinked);
  for (const window of earlier) {
    await copyWindow(ports, settings, session, { urgent: options.urgent, approved: new Set(), window });
  }
  if (earlier.length > 0) await book.beginWindow(fence, clinicId, options.window);
  const quarantined = earlier.length > 0 ? await consultations.link(fence, clinicId) : unlinked;
  await tellQuarantined(ports, session, options.window, quarantined);
  return removed;
}

/**
 * Dates before today whose calendar is to be read as well: runs for the calendar begin with today, so the appointments of earlier visits
 * may never have been seen. Those that were told of before were looked for then.
 */
async function earlierDates(
  { runs, clock }: BookPorts,
  settings: BookSettings,
  session: RunSession,
  window: DateWindow,
  unlinked: readonly QuarantinedConsultation[],
): Promise<DateWindow[]> {
  const { organizationId, connectionId } = session.fence;
  const today = localDate(clock.now(), settings.timeZone);
  const open = await runs.openFailures({ organizationId, connectionId }, CONSULTATION_UNIT);
  const told = new Set(open.map((failure) => failure.reference));
  const dates = unlinked
    .filter((q) => q.reason === 'appointment_unknown' && !told.has(q.reference))
    .map((q) => q.date)
    .filter((date) => date >= window.from && date <= window.to && date < today);
  return consecutive([...new Set(dates)].sort());
}

/** Sorted dates as windows without gaps. */
function consecutive(dates: readonly string[]): DateWindow[] {
  const windows: DateWindow[] = [];
  for (const date of dates) {
    const last = windows.at(-1);
    if (last !== undefined && Date.parse(date) - Date.parse(last.to) === 86_400_000) {
      windows[windows.length - 1] = { from: last.from, to: date };
    } else windows.push({ from: date, to: date });
  }
  return windows;
}

/** A run that could not say where something belongs is not a success, until a person says that it may stay so. */
async function tellQuarantined(
  { runs }: BookPorts,
  session: RunSession,
  window: DateWindow,
  quarantined: readonly QuarantinedConsultation[],
): Promise<void> {
  const { organizationId, connectionId } = session.fence;
  const open = await runs.openFailures({ organizationId, connectionId }, CONSULTATION_UNIT);
  const before = new Map(open.map((failure) => [failure.reference, failure]));
  const fingerprintOf = (q: QuarantinedConsultation) => q.neoAppointmentId ?? 'none';
  const wasTold = (q: QuarantinedConsultation) => before.get(q.reference)?.fingerprint === fingerprintOf(q);
  const { code, action, message } = new SyncError('consultation_unlinked');
  await runs.recordFailures(
    session.fence,
    quarantined
      .filter((q) => !wasTold(q))
      .map((q) => ({
        unit: CONSULTATION_UNIT,
        reference: q.reference,
        operation: 'inspect',
        code,
        action,
        message,
        fingerprint: fingerprintOf(q),
        nextRetryAt: null,
      })),
  );
  const still = new Set(quarantined.map((q) => q.reference));
  await runs.resolveFailures(
    session.fence,
    open.filter((f) => !still.has(f.reference)).map(({ unit, reference }) => ({ unit, reference })),
  );
  const here = quarantined.filter((q) => q.date >= window.from && q.date <= window.to);
  const skipped = here.filter((q) => wasTold(q) && before.get(q.reference)?.state === 'skipped').length;
  session.count({ failed: here.length - skipped, skipped });
}

/** Reads the window of the set once more, and removes what a person approved and the portal still does not know. */
export async function applyHeldConsultations(
  ports: BookPorts,
  settings: BookSettings,
  session: RunSession,
  { set, items }: { readonly set: HeldSet; readonly items: readonly HeldItem[] },
): Promise<void> {
  const removed = await copyConsultations(ports, settings, session, {
    window: consultationWindow(settings, set.evidence.startedAt),
    urgent: true,
    approved: new Set(items.map((item) => item.documentUuid)),
    mayHold: false,
  });
  await ports.runs.completeHeldSet(
    session.fence,
    set.id,
    items.map(({ documentUuid }) => ({ documentUuid, state: removed.has(documentUuid) ? 'applied' : 'kept' })),
  );
}
