/** Consultations that a complete list does not show any more: asked for by their ids, weighed by the guard, then hidden. */
import { judgeRead, type Removal } from '../../domain/completeness.ts';
import { CONSULTATION_UNIT, type StoredConsultation } from '../../domain/consultations.ts';
import { SyncError } from '../../domain/errors.ts';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import type { ConsultationList } from '../../ports/consultation-source.ts';
import { guard } from '../guard.ts';
import type { RunSession } from '../run-session.ts';
import type { BookPorts, BookSettings } from './settings.ts';

/** When more are absent, a person looks before they are asked for one by one … */
const ASKED_FOR = 100;
/** … but a few are: a list that leaves out what the portal has is not to be believed at all. */
const SAMPLE = 5;
const BATCH = 100;

export interface RemoveOptions {
  readonly list: ConsultationList;
  /** When its read began, epoch ms. */
  readonly startedAt: number;
  readonly window: DateWindow;
  readonly urgent: boolean;
  /** Ours, of those whose removal a person has approved. */
  readonly approved: ReadonlySet<string>;
  readonly stored: readonly StoredConsultation[];
  /** Those of the usual window wait for a person; about another one nobody is asked. */
  readonly mayHold: boolean;
}

/** @returns ids, ours, of those that are hidden now. @throws SyncError `source_incomplete` when the list cannot be believed */
export async function removeAbsentConsultations(
  ports: BookPorts,
  settings: BookSettings,
  session: RunSession,
  options: RemoveOptions,
): Promise<ReadonlySet<string>> {
  const { list, approved, stored } = options;
  const evidence = {
    startedAt: options.startedAt,
    finishedAt: ports.clock.now(),
    ended: true,
    itemsRead: list.consultations.length,
    itemsExpected: list.total,
    share: 'not-applicable',
    resumed: false,
  } as const;
  const read = judgeRead(evidence);
  if (!read.complete) throw new SyncError('source_incomplete', { detail: read.reason });
  const seen = new Set(list.consultations.map((c) => c.neoConsultationId));
  const live = stored.filter((s) => !s.deleted);
  const absent = live.filter((s) => !s.kept && !seen.has(s.reference));
  const isApproved = (s: StoredConsultation) => approved.has(s.documentUuid);
  const unasked = absent.filter((s) => !isApproved(s));
  const tooMany = unasked.length > ASKED_FOR;
  if (tooMany) await askForEach(ports, session, unasked.slice(0, SAMPLE), options);
  const asked = absent.filter((s) => isApproved(s) || !tooMany);
  const gone = await askForEach(ports, session, asked, options);
  const orders = gone.flatMap((one): Removal<StoredConsultation>[] => {
    const judgement = read.judge({ kind: 'absent', absence: 'gone', stored: one });
    return judgement.verdict === 'remove' ? [judgement.removal] : [];
  });
  const weighed = orders.filter((order) => !isApproved(order.stored));
  const counts = { removals: weighed.length, stored: live.length, inSource: list.total, inSourceBefore: null };
  const verdict = guard(counts, settings.guard);
  const reason = tooMany
    ? `${unasked.length} consultations are not listed any more: too many to ask for one by one.`
    : verdict.verdict === 'hold'
      ? verdict.reason
      : null;
  const waiting = reason === null ? [] : tooMany ? unasked : weighed.map((order) => order.stored);
  if (options.mayHold) {
    const items = waiting.map(({ documentUuid, reference }) => ({
      documentUuid,
      unit: CONSULTATION_UNIT,
      reference,
      absence: tooMany ? ('missing' as const) : ('gone' as const),
    }));
    const held = { unit: CONSULTATION_UNIT, reason: reason ?? '', evidence, items };
    await ports.runs.holdRemovals(session.fence, held, ports.clock.now());
  }
  session.count(options.mayHold ? { held: waiting.length } : { missing: waiting.length });
  return hide(ports, settings, session, reason === null ? orders : orders.filter((o) => isApproved(o.stored)));
}

/** @returns those that the source does not know any more */
async function askForEach(
  { source }: BookPorts,
  session: RunSession,
  asked: readonly StoredConsultation[],
  { window, urgent }: RemoveOptions,
): Promise<StoredConsultation[]> {
  const gone: StoredConsultation[] = [];
  for (const one of asked) {
    const date = await source.findConsultation(one.reference, { signal: session.signal, urgent });
    if (date === null) gone.push(one);
    // On another date now: the run that reads that date takes it over.
    else if (date >= window.from && date <= window.to) {
      throw new SyncError('source_incomplete', { detail: 'The list leaves out a consultation that the portal has.' });
    }
  }
  return gone;
}

async function hide(
  { consultations }: BookPorts,
  { clinicId }: BookSettings,
  session: RunSession,
  orders: readonly Removal<StoredConsultation>[],
): Promise<ReadonlySet<string>> {
  const hidden = new Set<string>();
  for (let start = 0; start < orders.length; start += BATCH) {
    session.signal.throwIfAborted();
    const batch = orders.slice(start, start + BATCH);
    for (const reference of await consultations.remove(session.fence, clinicId, batch)) hidden.add(reference);
  }
  session.count({ removed: hidden.size });
  return new Set(orders.filter((o) => hidden.has(o.stored.reference)).map((o) => o.stored.documentUuid));
}
