/** What each kind of inspection does with each kind of connection. Changes nothing, but for the repair of the index. */
import { SyncError, toSyncError } from '../domain/errors.ts';
import type { InspectionKind, InspectionOptions, InspectionResult } from '../domain/inspection.ts';
import type { FileMode, RecordMode } from '../domain/run.ts';
import type { ChangeLine } from '../engine/files/change-line.ts';
import { planFiles } from '../engine/files/plan-files.ts';
import { verifyFiles } from '../engine/files/verify-files.ts';
import { guard } from '../engine/guard.ts';
import { planRecords } from '../engine/records/plan-records.ts';
import { planBook } from '../engine/schedule/plan-book.ts';
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
import { checkMode, modeFor } from './modes.ts';
import { repairIndex } from './repair-index.ts';

export interface InspectionWork {
  readonly connection: Connection;
  readonly kind: InspectionKind;
  readonly options: InspectionOptions;
  /** Of a repair: the documents that its preview named; null: this is the preview. */
  readonly repaired: ReadonlySet<string> | null;
  /** Null: there is no index. */
  readonly index: IndexPorts | null;
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
  if (isFileConnection(connection)) return planOfFiles(work, connection, mode as FileMode);
  if (isBookConnection(connection)) return lookAtBook(work, connection);
  return lookAtRecords(work, connection, mode as RecordMode);
}

async function planOfFiles(
  { signal, advance }: InspectionWork,
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
    (change) => {
      advance(++looked);
      addChange(found, change);
    },
  );
  found.count('same', footer.compared.same);
  found.count('removed', removals);
  found.count('missing', firstMissed);
  const weighed = { removals, stored: footer.compared.storedItems, inSource: footer.compared.liveItems };
  const verdict = guard({ ...weighed, inSourceBefore: null }, settings.guard);
  return found.result({ held: verdict.verdict === 'hold' ? verdict.reason : null });
}

function addChange(found: Findings, change: ChangeLine): void {
  if (change.kind === 'back') return;
  if (change.kind === 'absent') {
    const { unit, reference, documentUuid } = change.stored;
    found.add({ what: 'remove', unit, reference, documentUuid, message: ABSENCES[change.absence] ?? null });
    return;
  }
  const { unit, reference } = change.item;
  const moved = change.kind === 'update' && change.item.path !== change.stored.path;
  const documentUuid = change.kind === 'add' ? null : change.stored.documentUuid;
  found.add({ what: moved ? 'move' : change.kind, unit, reference, documentUuid });
}

const ABSENCES: Readonly<Record<string, string>> = {
  deleted: 'Marked as deleted in the source.',
  missing: 'Not in the source any more.',
  gone: 'Not in the source any more, also when asked for by its id.',
  reassigned: 'It belongs to another patient now.',
};

async function lookAtRecords(
  { signal, advance }: InspectionWork,
  { ports, settings }: RecordConnection,
  mode: RecordMode,
): Promise<InspectionResult> {
  const found = createFindings();
  const words = { add: 'add', update: 'update', absent: 'remove' } as const;
  let looked = 0;
  const plans = await planRecords(ports, settings, { mode, signal }, ({ stream, reference, change }) => {
    advance(++looked);
    found.add({ what: words[change], unit: stream, reference });
  });
  found.count(
    'same',
    plans.reduce((sum, { same }) => sum + same, 0),
  );
  // Without everything read, nothing is said about what is gone: so also where only changes were asked for.
  return found.result({ complete: plans.every(({ complete }) => complete) });
}

async function lookAtBook(
  { signal, advance }: InspectionWork,
  { ports, settings }: BookConnection,
): Promise<InspectionResult> {
  const found = createFindings();
  const words = { add: 'add', restore: 'add', move: 'move', update: 'update', absent: 'remove' } as const;
  let looked = 0;
  const { same, failedDates } = await planBook(ports, settings, signal, ({ date, reference, change }) => {
    advance(++looked);
    found.add({ what: words[change], unit: date, reference });
  });
  found.count('same', same);
  return found.result({ complete: failedDates.length === 0 });
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
  if (!isFileConnection(connection)) return lookAtRecords(work, connection, 'comprehensive');
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
