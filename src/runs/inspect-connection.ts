/** What each kind of inspection does with each kind of connection. Changes nothing, but for the repair of the index. */
import { SyncError, toSyncError } from '../domain/errors.ts';
import type { InspectionKind, InspectionOptions, InspectionResult } from '../domain/inspection.ts';
import type { PlannedItemsWriter } from '../domain/planned-items.ts';
import type { FileMode, RecordMode } from '../domain/run.ts';
import type { ChangeLine } from '../engine/files/change-line.ts';
import { deedOf, type Fate } from '../engine/files/judged-lines.ts';
import { planFiles } from '../engine/files/plan-files.ts';
import { verifyFiles } from '../engine/files/verify-files.ts';
import { guard } from '../engine/guard.ts';
import { DOCUMENTS_UNIT } from '../engine/records/bring-attachments.ts';
import { planRecords } from '../engine/records/plan-records.ts';
import { streamsOf } from '../engine/records/sync-records.ts';
import { planBook } from '../engine/schedule/plan-book.ts';
import { CALENDAR_UNIT } from '../engine/schedule/write-window.ts';
import { compareIndex, type IndexPorts } from './compare-index.ts';
import {
  type BookConnection,
  type Connection,
  type FileConnection,
  isBookConnection,
  isFileConnection,
  type RecordConnection,
} from './connections.ts';
import { createFindings, type Findings } from './inspection-findings.ts';
import { checkMode, hasPlan, modeFor } from './modes.ts';
import { repairIndex } from './repair-index.ts';

export interface InspectionWork {
  readonly connection: Connection;
  readonly kind: InspectionKind;
  readonly options: InspectionOptions;
  /** Of a repair: the documents that its preview named; null: this is the preview. */
  readonly repaired: ReadonlySet<string> | null;
  /** Null: there is no index. */
  readonly index: IndexPorts | null;
  /** Takes what a plan shows, all of it: a run that is started with the plan keeps to that. */
  readonly planned: PlannedItemsWriter;
  readonly signal: AbortSignal;
  /** Items looked at so far. */
  readonly advance: (checked: number) => void;
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
  if (isPlan && ports.attachments !== null && streamsOf(ports, mode).includes('patient_attachments')) {
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
  const { connection, options, signal, advance, index } = work;
  if (isBookConnection(connection)) return lookAtBook(work, connection);
  if (!isFileConnection(connection)) return lookAtRecords(work, connection, 'comprehensive', false);
  const found = createFindings();
  const { ports, settings } = connection;
  const stores = await verifyFiles(
    ports,
    settings,
    { content: options.content, signal, onProgress: advance },
    ({ kind, store, unit, reference, documentUuid, code, message }) =>
      found.add({ what: `${kind} ${store}`, unit, reference, documentUuid, code, message }),
  );
  const compared =
    index === null ? null : await compareIndex(index, { ...scopeOf(connection), patientUuid: null, signal });
  for (const difference of compared?.differences ?? []) found.add(indexLine(difference));
  found.count('source items', stores.sourceItems);
  found.count('documents', stores.documents);
  found.count('blobs', stores.blobs);
  if (compared !== null) found.count('indexed', compared.entries);
  const { rows, blobs } = stores.checksums ?? {};
  return found.result({
    complete: stores.complete,
    checksums: { ...(rows === undefined ? {} : { row: rows }), ...(blobs === undefined ? {} : { blob: blobs }) },
  });
}

/** What `verify` found in the index, set right; only what was said before, each looked at again at that moment. */
async function repair({ connection, index, repaired, signal, advance }: InspectionWork): Promise<InspectionResult> {
  if (!isFileConnection(connection) || index === null) throw new SyncError('search_off');
  const found = createFindings();
  const scope = { ...scopeOf(connection), signal };
  const { differences } = await compareIndex(index, { ...scope, patientUuid: null });
  let done = 0;
  for (const difference of differences) {
    signal.throwIfAborted();
    if (repaired === null) {
      const message = difference.kind === 'surplus' ? 'Would be taken out of the index.' : 'Would be indexed again.';
      found.add({ ...indexLine(difference), message });
    } else if (repaired.has(difference.documentUuid)) {
      const result = await repairIndex(index, scope, difference);
      found.add({ ...indexLine(difference), what: result, message: DONE[result] });
    }
    advance(++done);
  }
  return found.result();
}

const DONE = {
  asked: 'It is being indexed again.',
  removed: 'It was taken out of the index.',
  settled: 'It was right by then.',
} as const;

function scopeOf({ organizationId }: Connection) {
  return { organizationId };
}

function indexLine(difference: { kind: string; patientUuid: string; documentUuid: string; message: string }) {
  const { kind, patientUuid, documentUuid, message } = difference;
  return { what: `${kind} index`, unit: patientUuid, documentUuid, message };
}
