/** What each kind of inspection does with each kind of connection. Changes nothing, but for a repair. */
import { SyncError, toSyncError } from '../domain/errors.ts';
import type { InspectionKind, InspectionResult } from '../domain/inspection.ts';
import type { PlannedItemsWriter } from '../domain/planned-items.ts';
import type { FileMode, RecordMode } from '../domain/run.ts';
import type { ChangeLine } from '../engine/files/change-line.ts';
import { deedOf, type Fate } from '../engine/files/judged-lines.ts';
import { planFiles } from '../engine/files/plan-files.ts';
import { guard } from '../engine/guard.ts';
import { DOCUMENTS_UNIT } from '../engine/records/bring-attachments.ts';
import { planRecords } from '../engine/records/plan-records.ts';
import { streamsOf } from '../engine/records/sync-records.ts';
import { planBook } from '../engine/schedule/plan-book.ts';
import { CALENDAR_UNIT } from '../engine/schedule/write-window.ts';
import {
  type BookConnection,
  type FileConnection,
  isBookConnection,
  isFileConnection,
  type RecordConnection,
} from './connections.ts';
import { createFindings, type Findings } from './inspection-findings.ts';
import { checkMode, hasPlan, modeFor } from './modes.ts';
import { type RepairWork, repair } from './repair-connection.ts';
import { verifyStores } from './verify-stores.ts';

export interface InspectionWork extends RepairWork {
  readonly kind: InspectionKind;
  /** Takes what a plan shows, all of it: a run that is started with the plan keeps to that. */
  readonly planned: PlannedItemsWriter;
}

/** @throws SyncError what ended it */
export function inspect(work: InspectionWork): Promise<InspectionResult> {
  switch (work.kind) {
    case 'plan':
      return plan(work);
    case 'test':
      return test(work);
    case 'verify':
      return verify(work);
    case 'repair':
      return repair(work);
  }
}

function plan(work: InspectionWork): Promise<InspectionResult> {
  const { connection, options } = work;
  const mode = options.mode === null ? modeFor(connection, 'changes') : checkMode(connection, options.mode);
  if (!hasPlan(mode)) throw new SyncError('settings_invalid', { detail: `There is no plan for the mode "${mode}".` });
  if (isFileConnection(connection)) return planOfFiles(work, connection, mode as FileMode);
  if (isBookConnection(connection)) return lookAtBook(work, connection);
  return lookAtRecords(work, connection, mode as RecordMode, true);
}

async function planOfFiles(
  { signal, advance, planned }: InspectionWork,
  connection: FileConnection,
  mode: FileMode,
): Promise<InspectionResult> {
  const { ports, settings } = connection;
  const found = createFindings();
  let looked = 0;
  const { footer, removals, firstMissed } = await planFiles(
    ports,
    settings,
    { mode, signal },
    () => undefined,
    (change, fate) => {
      advance(++looked);
      addChange(found, change, fate);
      const deed = deedOf(change, fate);
      if (deed !== null) planned.add(deed);
    },
  );
  found.count('same', footer.compared.same);
  found.count('removed', removals);
  found.count('missing', firstMissed);
  const weighed = { removals, stored: footer.compared.storedItems, inSource: footer.compared.liveItems };
  const before = await ports.runs.lastCompleteRead(settings);
  const verdict = guard({ ...weighed, inSourceBefore: before?.itemsInSource ?? null }, settings.guard);
  if (verdict.verdict === 'hold') planned.add({ what: 'hold', unit: '', reference: '' });
  return found.result({ held: verdict.verdict === 'hold' ? verdict.reason : null });
}

function addChange(found: Findings, change: ChangeLine, fate: Fate | null): void {
  if (change.kind === 'back') return;
  if (change.kind === 'absent') {
    const { unit, reference, documentUuid } = change.stored;
    const message = (fate === null || fate === 'remove' ? ABSENCES[change.absence] : STAYS[fate]) ?? null;
    found.add({ what: 'remove', unit, reference, documentUuid, message });
    return;
  }
  const deed = deedOf(change, fate);
  const documentUuid = change.kind === 'add' ? null : change.stored.documentUuid;
  if (deed !== null) found.add({ ...deed, documentUuid });
}

const STAYS: Readonly<Record<Exclude<Fate, 'remove'>, string>> = {
  missing: 'Missing for the first time: it stays until the next complete read misses it too.',
  stays: 'It stays: its patient is not in the source any more, or the source could not be read to its end.',
};

const ABSENCES: Readonly<Record<string, string>> = {
  deleted: 'Marked as deleted in the source.',
  missing: 'Not in the source any more.',
  gone: 'Not in the source any more, also when asked for by its id.',
  reassigned: 'It belongs to another patient now.',
};

async function lookAtRecords(
  { signal, advance, planned }: InspectionWork,
  { ports, settings }: RecordConnection,
  mode: RecordMode,
  isPlan: boolean,
): Promise<InspectionResult> {
  const found = createFindings();
  const words = { add: 'add', update: 'update', absent: 'remove' } as const;
  let looked = 0;
  const plans = await planRecords(ports, settings, { mode, signal }, ({ stream, reference, change, stays }) => {
    advance(++looked);
    const item = { what: words[change], unit: stream, reference };
    // A plan says what a run would do; a comparison, what differs.
    if (isPlan && stays) return;
    found.add(item);
    planned.add(item);
  });
  const held = plans.filter((plan) => plan.held !== null);
  for (const { stream } of held) planned.add({ what: 'hold', unit: stream, reference: '' });
  // Also of a comparison: an attachment without its document is a difference.
  if (ports.attachments !== null && streamsOf(ports, mode).includes('patient_attachments')) {
    for (let after = ''; ; ) {
      const wanted = await ports.attachments.wanted.wanted(settings, after, WANTED_PER_LOOK);
      const last = wanted.at(-1);
      if (last === undefined) break;
      after = last.reference;
      for (const { reference } of wanted) {
        signal.throwIfAborted();
        found.add({ what: 'bring', unit: DOCUMENTS_UNIT, reference });
        planned.add({ what: 'bring', unit: DOCUMENTS_UNIT, reference });
      }
    }
  }
  found.count(
    'same',
    plans.reduce((sum, { same }) => sum + same, 0),
  );
  // Without everything read, nothing is said about what is gone: so also where only changes were asked for.
  const complete = plans.every((plan) => plan.complete);
  const reasons = held.map((plan) => `${plan.stream.replaceAll('_', ' ')}: ${plan.held}`);
  return found.result({ complete, held: isPlan && reasons.length > 0 ? reasons.join(' ') : null });
}

const WANTED_PER_LOOK = 500;

async function lookAtBook(
  { kind, signal, advance, planned }: InspectionWork,
  { ports, settings }: BookConnection,
): Promise<InspectionResult> {
  const found = createFindings();
  const words = { add: 'add', restore: 'add', move: 'move', update: 'update', absent: 'remove' } as const;
  let looked = 0;
  const isPlan = kind === 'plan';
  const { same, failedDates, held } = await planBook(ports, settings, signal, (difference) => {
    const { date, reference, change, stays } = difference;
    advance(++looked);
    if (isPlan && stays) return;
    const item = { what: words[change], unit: date, reference };
    found.add(item);
    planned.add(item);
  });
  if (held !== null) planned.add({ what: 'hold', unit: CALENDAR_UNIT, reference: '' });
  found.count('same', same);
  return found.result({ complete: failedDates.length === 0, held: isPlan ? held : null });
}

/** Each part by itself: what exactly failed matters. */
async function test({ connection, signal }: InspectionWork): Promise<InspectionResult> {
  const found = createFindings();
  const step = async (what: string, work: () => Promise<string>) => {
    try {
      found.add({ what, message: await work() });
    } catch (error) {
      signal.throwIfAborted();
      const failure = toSyncError(error);
      const message = [failure.message, failure.detail].filter(Boolean).join(' ');
      found.add({ what, message, code: failure.code });
    }
    found.count(`${what}`, 1);
  };
  if (isFileConnection(connection)) {
    const { source, share, blobs } = connection.ports;
    await step('source', async () => {
      await source.check(signal);
      return 'It answers, takes the user, and fits the mapping.';
    });
    await step('share', async () => {
      if ((await share.probe(signal)) === null) throw new SyncError('share_unavailable');
      return 'It is mounted.';
    });
    await step('blobs', async () => {
      await blobs.prepare(signal);
      return 'It can be written to.';
    });
  } else if (isBookConnection(connection)) {
    await step('source', async () => {
      const { responseMs } = await connection.ports.source.check(signal);
      return `The portal lets us in (${responseMs} ms).`;
    });
  } else {
    await step('source', async () => {
      const { responseMs, region } = await connection.ports.source.check(signal);
      return `It accepts the key (${region}, ${responseMs} ms).`;
    });
  }
  return found.result();
}

async function verify(work: InspectionWork): Promise<InspectionResult> {
  const { connection, options, signal, advance, storesOf } = work;
  if (isBookConnection(connection)) return lookAtBook(work, connection);
  if (!isFileConnection(connection)) return lookAtRecords(work, connection, 'comprehensive', false);
  const found = createFindings();
  const stores = storesOf(connection);
  const request = { unit: null, content: options.content, signal, onProgress: advance };
  const verified = await verifyStores(connection, stores, request, ({ kind, store, ...ids }) =>
    found.add({ what: `${kind} ${store}`, ...ids }),
  );
  found.count('source items', verified.sourceItems);
  found.count('documents', verified.documents);
  found.count('blobs', verified.blobs);
  if (verified.indexed !== null) found.count('indexed', verified.indexed);
  if (verified.remote !== null) found.count('remote', verified.remote);
  // Each as it should be, but for those that are named.
  if (stores.mirror !== null) found.count('mirrored', verified.documents);
  const { rows, blobs } = verified.checksums ?? {};
  return found.result({
    complete: verified.complete,
    checksums: { ...(rows === undefined ? {} : { row: rows }), ...(blobs === undefined ? {} : { blob: blobs }) },
  });
}
