/**
 * First half of the loop: read the source in one snapshot, compare it with what is stored, and spool what differs.
 *
 * Nothing is changed here. The result carries the proof of how complete the read was.
 */
import { type CompleteRead, judgeRead, type PartialRead } from '../../domain/completeness.ts';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import type { FileMode, RunCounts } from '../../domain/run.ts';
import type { SpooledLines } from '../../ports/change-spool.ts';
import type { StoredDocument } from '../../ports/document-records.ts';
import type { FilesetSelection, SourceFile } from '../../ports/ehr-database.ts';
import type { OpenFailure } from '../../ports/run-store.ts';
import { type Compared, compare } from '../compare.ts';
import { type ChangeLine, writeLine } from './change-line.ts';
import type { FilePorts, FileSettings } from './settings.ts';

export interface ReadRequest {
  readonly mode: FileMode;
  readonly unit?: string;
  /** Also items whose next try has not come yet: a person asked. */
  readonly retryAll: boolean;
}

export interface ChangesRead {
  readonly read: CompleteRead | PartialRead;
  readonly compared: Compared;
  readonly lines: SpooledLines;
  readonly counts: Pick<RunCounts, 'same' | 'waiting' | 'skipped'>;
  /** Lines by kind; their sum is the work to do. */
  readonly changes: {
    readonly add: number;
    readonly update: number;
    readonly inspect: number;
    readonly absent: number;
  };
  /** Units with something to copy or to look at. */
  readonly units: number;
  /** Units whose patient the source has no more: their documents are kept. */
  readonly orphans: ReadonlySet<string>;
  /** Source rows without a patient UUID. */
  readonly unlinkable: number;
  readonly failures: ReadonlyMap<string, OpenFailure>;
  /** Failures whose item the source no longer lists. */
  readonly settledFailures: readonly { readonly unit: string; readonly reference: string }[];
}

export interface SourceRead extends ChangesRead {
  /** Whose files were read. */
  readonly selection: FilesetSelection;
}

export function failureKey(item: { readonly unit: string; readonly reference: string }): string {
  return `${item.unit} ${item.reference}`;
}

/** @throws SyncError `share_unavailable`, `fileset_not_activated`, `source_order` and the source's errors */
export async function readChanges(
  ports: FilePorts,
  settings: FileSettings,
  request: ReadRequest,
  signal: AbortSignal,
  onRows?: (rows: number) => void,
): Promise<SourceRead> {
  const startedAt = ports.clock.now();
  const shareBefore = await ports.share.probe(signal);
  if (shareBefore === null) throw new SyncError('share_unavailable');

  const selection = await select(ports, settings, request.unit);
  const failures = new Map(
    (await ports.runs.openFailures(settings, request.unit)).map((failure) => [failureKey(failure), failure]),
  );
  const unsettled = new Set(failures.keys());
  const writer = await ports.spool.create();
  try {
    const sourceRead = ports.source.readFiles(selection, signal);
    const stored = storedOf(ports, settings, selection, request.unit, signal);
    const counts = { same: 0, waiting: 0, skipped: 0 };
    const changes = { add: 0, update: 0, inspect: 0, absent: 0 };
    const emptied = new Set<string>();
    let rows = 0;
    let units = 0;
    let lastUnit: string | null = null;

    /** True while an earlier failure of the unchanged item has to wait. */
    function mustWait(item: SourceFile): boolean {
      if (failures.size === 0) return false;
      const failure = failures.get(failureKey(item));
      if (failure === undefined) return false;
      unsettled.delete(failureKey(item));
      if (failure.fingerprint !== item.fingerprint) return false;
      if (failure.state === 'skipped') {
        counts.skipped++;
        return true;
      }
      if (request.retryAll) return false;
      const due = failure.nextRetryAt === null ? Number.POSITIVE_INFINITY : Date.parse(failure.nextRetryAt);
      if (due <= startedAt) return false;
      counts.waiting++;
      return true;
    }

    const put = (line: ChangeLine) => writer.write(writeLine(line));
    const compared = await compare<SourceFile, StoredDocument>({
      source: counted(sourceRead, () => {
        if (++rows % 5000 === 0) onRows?.(rows);
      }),
      stored,
      signal,
      classify(item, document) {
        if (item.fingerprint !== document.fingerprint) return 'update';
        // A failed inspection is tried again like a failed copy, whatever the mode.
        if (failures.has(failureKey(item))) return 'inspect';
        return request.mode === 'quick' ? 'same' : 'inspect';
      },
      seen(document) {
        counts.same++;
        if (wasAway(document)) return put({ kind: 'back', stored: document });
      },
      emit(change) {
        if (change.kind === 'absent') {
          if (change.absence === 'missing') emptied.add(change.stored.unit);
          // A person decided to keep it; held again only after the source has shown it once more.
          if (change.stored.kept) return;
          // It stays, and is told only because a moved file may be found in it.
          if (!change.stored.uploaded) changes.absent++;
          return put(change);
        }
        emptied.delete(change.item.unit);
        // Seen is seen, whatever becomes of its content: else the next miss would already count as the second one.
        const back =
          change.kind !== 'add' && wasAway(change.stored) ? put({ kind: 'back', stored: change.stored }) : undefined;
        if (mustWait(change.item)) return back;
        changes[change.kind]++;
        // In order: a unit's items follow each other.
        if (change.item.unit !== lastUnit) units++;
        lastUnit = change.item.unit;
        return back === undefined ? put(change) : back.then(() => put(change));
      },
    });
    const summary = sourceRead.summary();
    const shareAfter = await ports.share.probe(signal);
    const read = judgeRead({
      startedAt,
      finishedAt: ports.clock.now(),
      ended: true,
      itemsRead: summary.rowsRead,
      itemsExpected: summary.rowsExpected,
      share: { before: shareBefore, after: shareAfter },
      resumed: false,
    });
    const orphans = emptied.size > 0 ? await ports.source.absentPatients([...emptied], signal) : new Set<string>();
    return {
      selection,
      read,
      compared,
      lines: await writer.end(),
      counts,
      changes,
      units,
      orphans,
      unlinkable: summary.unlinkable,
      failures,
      settledFailures: [...unsettled].map((key) => {
        const failure = failures.get(key)!;
        return { unit: failure.unit, reference: failure.reference };
      }),
    };
  } catch (error) {
    await writer.discard();
    throw toSyncError(error);
  }
}

function wasAway(document: StoredDocument): boolean {
  return document.missingSince !== null || document.kept;
}

async function select(ports: FilePorts, settings: FileSettings, unit: string | undefined): Promise<FilesetSelection> {
  if (settings.activate === 'all') return unit === undefined ? 'all' : new Set([unit]);
  const activated =
    settings.activate === 'recorded'
      ? await ports.records.activatedFilesets(settings.organizationId)
      : await ports.source.activatedPatients();
  if (unit === undefined) return activated;
  if (!activated.has(unit)) throw new SyncError('fileset_not_activated');
  return new Set([unit]);
}

/** Documents of filesets that are not selected (any more) are nobody's business in this run. */
async function* storedOf(
  ports: FilePorts,
  settings: FileSettings,
  selection: FilesetSelection,
  unit: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<StoredDocument> {
  for await (const document of ports.records.storedDocuments(settings, unit, signal)) {
    if (typeof selection === 'string' || selection.has(document.unit)) yield document;
  }
}

async function* counted<T>(items: AsyncIterable<T>, tick: () => void): AsyncGenerator<T> {
  for await (const item of items) {
    tick();
    yield item;
  }
}
