/**
 * Second half of the loop, part one: bring content and records of added and changed items into the stores.
 *
 * Order for each item, so that a crash leaves only work to repeat: the content is announced, then stored under its hash,
 * then the record appears in one transaction. Units are worked on whole, several at a time.
 */
import pLimit from 'p-limit';
import type { Absence } from '../../domain/change-set.ts';
import type { CompleteRead, PartialRead, Removal } from '../../domain/completeness.ts';
import { type ErrorCode, SyncError, toSyncError } from '../../domain/errors.ts';
import type { ItemFailure, RunCounts } from '../../domain/run.ts';
import { blobName } from '../../ports/blob-store.ts';
import type { SpooledLines } from '../../ports/change-spool.ts';
import type { DocumentWrite, StoredDocument, UnitResult } from '../../ports/document-records.ts';
import type { ReadFile } from '../../ports/file-share.ts';
import type { OpenFailure } from '../../ports/run-store.ts';
import { nextTry } from '../failure-policy.ts';
import { withRetry } from '../retry.ts';
import type { RunSession } from '../run-session.ts';
import { type ChangeLine, type ItemLine, readLine, unitOf } from './change-line.ts';
import { failureKey } from './read-changes.ts';
import type { FilePorts, FileSettings } from './settings.ts';

export interface CopyInput {
  readonly lines: SpooledLines;
  readonly read: CompleteRead | PartialRead;
  readonly orphans: ReadonlySet<string>;
  readonly failures: ReadonlyMap<string, OpenFailure>;
  /** Inspected items are hashed, not only looked at. */
  readonly rehash: boolean;
}

export interface Copied {
  /** Proven removals that no move used up, by unit. */
  readonly removals: ReadonlyMap<string, readonly Removal<StoredDocument>[]>;
  /** Results of units that still have removals: written after these. */
  readonly openUnits: ReadonlyMap<string, UnitResult>;
}

/** Batches under way at once: some are read or recorded while another one keeps all uploads busy. */
const BATCHES_IN_FLIGHT = 6;
const PARALLEL_READS = 8;

export async function copyItems(
  ports: FilePorts,
  settings: FileSettings,
  session: RunSession,
  input: CopyInput,
): Promise<Copied> {
  const context: CopyContext = {
    ports,
    settings,
    session,
    input,
    reads: pLimit(PARALLEL_READS),
    uploads: pLimit(settings.maxParallelUploads),
    removals: new Map(),
    openUnits: new Map(),
  };
  const inFlight = new Set<Promise<void>>();
  let failure: unknown;
  for await (const batch of batches(input.lines.lines(session.signal), settings.filesPerBatch)) {
    if (failure !== undefined) break;
    session.signal.throwIfAborted();
    const work: Promise<void> = copyBatch(context, batch)
      .catch((error) => {
        failure ??= error;
      })
      .finally(() => inFlight.delete(work));
    inFlight.add(work);
    if (inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(inFlight);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
  return { removals: context.removals, openUnits: context.openUnits };
}

interface CopyContext {
  readonly ports: FilePorts;
  readonly settings: FileSettings;
  readonly session: RunSession;
  readonly input: CopyInput;
  readonly reads: ReturnType<typeof pLimit>;
  readonly uploads: ReturnType<typeof pLimit>;
  readonly removals: Map<string, Removal<StoredDocument>[]>;
  readonly openUnits: Map<string, UnitResult>;
}

interface UnitLines {
  readonly unit: string;
  readonly lines: ChangeLine[];
}

/** Whole units, until they hold about `size` lines. */
async function* batches(lines: AsyncIterable<string>, size: number): AsyncGenerator<UnitLines[]> {
  let batch: UnitLines[] = [];
  let count = 0;
  for await (const text of lines) {
    const line = readLine(text);
    const last = batch.at(-1);
    if (last?.unit === unitOf(line)) {
      last.lines.push(line);
    } else {
      if (count >= size) {
        yield batch;
        batch = [];
        count = 0;
      }
      batch.push({ unit: unitOf(line), lines: [line] });
    }
    count++;
  }
  if (batch.length > 0) yield batch;
}

/** What happened in one unit of a batch. */
class UnitTally {
  added = 0;
  updated = 0;
  moved = 0;
  readonly errors: ItemFailure[] = [];
}

async function copyBatch(context: CopyContext, batch: readonly UnitLines[]): Promise<void> {
  const { ports, session, settings } = context;
  const tallies = new Map(batch.map((unit) => [unit.unit, new UnitTally()]));
  const absences = new Map(batch.map((unit) => [unit.unit, absencesOf(unit)]));

  const back = batch.flatMap((unit) =>
    unit.lines.flatMap((line) => (line.kind === 'back' ? line.stored.documentUuid : [])),
  );
  if (back.length > 0) await ports.records.clearMissing(session.fence, back);

  const items = batch.flatMap((unit) =>
    unit.lines.filter((line): line is ItemLine => line.kind !== 'absent' && line.kind !== 'back'),
  );
  for (let i = 0; i < items.length; i += settings.filesPerBatch) {
    await copyChunk(context, items.slice(i, i + settings.filesPerBatch), tallies, absences);
  }

  const judged = await judgeAbsences(context, absences);
  const finished: UnitResult[] = [];
  for (const { unit } of batch) {
    const tally = tallies.get(unit)!;
    if (context.input.orphans.has(unit)) {
      tally.errors.push(failureOf({ unit, reference: '' }, 'unit', new SyncError('unit_orphaned'), null));
    }
    const result = unitResult(unit, tally);
    const removals = judged.get(unit);
    if (removals === undefined) {
      finished.push(result);
    } else {
      context.removals.set(unit, removals);
      context.openUnits.set(unit, result);
    }
  }
  if (finished.length > 0) await ports.records.finishUnits(session.fence, finished, ports.clock.now());
}

function absencesOf(unit: UnitLines): Absence<StoredDocument>[] {
  return unit.lines.filter((line): line is Absence<StoredDocument> => line.kind === 'absent');
}

function unitResult(unit: string, tally: UnitTally): UnitResult {
  const done = tally.added + tally.updated + tally.moved;
  return {
    unit,
    filesAdded: tally.added,
    filesUpdated: tally.updated,
    filesMoved: tally.moved,
    filesDeleted: 0,
    errors: tally.errors,
    outcome: tally.errors.length === 0 ? 'success' : done > 0 ? 'partial' : 'failed',
  };
}

interface Prepared {
  readonly line: ItemLine;
  readonly file: ReadFile;
}

async function copyChunk(
  context: CopyContext,
  lines: readonly ItemLine[],
  tallies: ReadonlyMap<string, UnitTally>,
  absences: ReadonlyMap<string, Absence<StoredDocument>[]>,
): Promise<void> {
  const { session } = context;
  const failed: ItemFailure[] = [];
  const fail = (line: ItemLine, error: SyncError) => {
    const operation = line.kind === 'add' ? 'add' : line.kind;
    failed.push(failureOf(line.item, operation, error, line.item.fingerprint));
  };
  const unchanged: ItemLine[] = [];
  const prepared: Prepared[] = [];
  const stored: Prepared[] = [];
  try {
    await all(
      lines.map((line) =>
        context.reads(async () => {
          try {
            const file = await readItem(context, line);
            if (file === null) unchanged.push(line);
            else prepared.push({ line, file });
          } catch (error) {
            fail(line, itemError(error));
          }
        }),
      ),
    );
    // The order in which reads happen to end must not decide which of two equal files gets a moved document.
    const order = new Map(lines.map((line, index) => [line, index]));
    prepared.sort((a, b) => order.get(a.line)! - order.get(b.line)!);

    if (prepared.length > 0) {
      await storeContents(context, prepared, (entry, error) => {
        if (error === null) stored.push(entry);
        else fail(entry.line, error);
      });
    }
    stored.sort((a, b) => order.get(a.line)! - order.get(b.line)!);
    if (stored.length > 0) await recordItems(context, stored, tallies, absences);
  } finally {
    await Promise.all(prepared.map((entry) => entry.file.close()));
  }

  if (unchanged.length > 0) session.count({ same: unchanged.length });
  for (const failure of failed) tallies.get(failure.unit)!.errors.push(failure);
  await settleFailures(context, [...unchanged, ...stored.map((entry) => entry.line)], failed);
  session.advance(lines.length);
}

/** @returns null when the item needs no copy */
async function readItem(context: CopyContext, line: ItemLine): Promise<ReadFile | null> {
  const { ports, session, settings, input } = context;
  const path = line.item.path;
  if (path === null || path === '') throw new SyncError('file_missing', { detail: 'The source names no path.' });
  const retry = { clock: ports.clock, random: ports.random, signal: session.signal };
  return withRetry(
    async () => {
      if (line.kind === 'inspect' && !input.rehash) {
        const stat = await ports.share.stat(path, session.signal);
        if (stat.size === line.stored.sourceSize && stat.modifiedAt === line.stored.sourceModifiedAt) return null;
      }
      const file = await ports.share.read(path, session.signal);
      if (line.kind !== 'inspect' || file.sha256 !== line.stored.sha256) return file;
      const unchanged =
        file.size === line.stored.sourceSize &&
        file.modifiedAt === line.stored.sourceModifiedAt &&
        (!input.rehash || (await contentIsThere(context, file)));
      if (!unchanged) return file;
      await file.close();
      return null;
    },
    settings.retry,
    retry,
  );
}

async function contentIsThere(context: CopyContext, file: ReadFile): Promise<boolean> {
  const { ports, settings, session } = context;
  const info = await ports.blobs.stat(blobName(settings.organizationId, file.sha256), session.signal);
  return info !== null && info.size === file.size;
}

/** Puts each content that is not there yet, once for equal contents. Errors of the store end the run. */
async function storeContents(
  context: CopyContext,
  prepared: readonly Prepared[],
  onDone: (entry: Prepared, error: SyncError | null) => void,
): Promise<void> {
  const { ports, session, settings, input } = context;
  const states = await ports.records.reserveBlobs(
    session.fence,
    prepared.map((entry) => ({ sha256: entry.file.sha256, size: entry.file.size })),
  );
  const puts = new Map<string, Promise<void>>();
  await all(
    prepared.map(async (entry) => {
      const { sha256 } = entry.file;
      // A hash run trusts no row: the content may have been lost behind it.
      if (states.get(sha256) === 'stored' && !input.rehash) return onDone(entry, null);
      let put = puts.get(sha256);
      if (put === undefined) {
        put = context.uploads(() => putContent(entry));
        puts.set(sha256, put);
      }
      try {
        await put;
        onDone(entry, null);
      } catch (error) {
        onDone(entry, itemError(error));
      }
    }),
  );

  async function putContent(entry: Prepared): Promise<void> {
    await withRetry(
      () => ports.blobs.put(blobName(settings.organizationId, entry.file.sha256), entry.file, session.signal),
      settings.retry,
      { clock: ports.clock, random: ports.random, signal: session.signal },
    );
    session.count({ bytes: entry.file.size });
  }
}

async function recordItems(
  context: CopyContext,
  entries: readonly Prepared[],
  tallies: ReadonlyMap<string, UnitTally>,
  absences: ReadonlyMap<string, Absence<StoredDocument>[]>,
): Promise<void> {
  const { ports, session, settings, input } = context;
  const taken: { unit: string; absence: Absence<StoredDocument> }[] = [];
  const writes = entries.map((entry): DocumentWrite => {
    const write = documentWrite(entry, ports.random.uuid());
    if (entry.line.kind !== 'add') return write;
    // Same patient, same content, and the old reference is gone: the source replaced its row, the document moved. A
    // partial read does not prove that it is gone.
    const candidates = absences.get(write.unit) ?? [];
    const index = candidates.findIndex(
      (absence) => absence.stored.sha256 === write.sha256 && (input.read.complete || absence.absence === 'deleted'),
    );
    if (index < 0) return write;
    const [absence] = candidates.splice(index, 1);
    taken.push({ unit: write.unit, absence: absence! });
    return { ...write, replaces: absence!.stored.documentUuid };
  });
  let results: Awaited<ReturnType<typeof ports.records.recordDocuments>>;
  try {
    results = await withRetry(
      async () => {
        try {
          return await ports.records.recordDocuments(session.fence, writes);
        } catch (error) {
          // The announcement expired while a long copy ran and the content was cleared away: store it again.
          if (toSyncError(error).code === 'blob_missing') await storeAgain(context, entries);
          throw error;
        }
      },
      settings.retry,
      { clock: ports.clock, random: ports.random, signal: session.signal },
    );
  } catch (error) {
    for (const { unit, absence } of taken) absences.get(unit)!.push(absence);
    throw error;
  }
  const counts: Partial<Record<keyof RunCounts, number>> = {};
  results.forEach((result, index) => {
    const tally = tallies.get(writes[index]!.unit)!;
    if (result !== 'same') tally[result]++;
    counts[result] = (counts[result] ?? 0) + 1;
  });
  session.count(counts);
}

async function storeAgain(context: CopyContext, entries: readonly Prepared[]): Promise<void> {
  const failures: SyncError[] = [];
  await storeContents({ ...context, input: { ...context.input, rehash: true } }, entries, (_, error) => {
    if (error !== null) failures.push(error);
  });
  if (failures[0] !== undefined) throw failures[0];
}

function documentWrite({ line, file }: Prepared, documentUuid: string): DocumentWrite {
  const { item } = line;
  const path = item.path!;
  return {
    documentUuid,
    unit: item.unit,
    reference: item.reference,
    fingerprint: item.fingerprint,
    path,
    originalName: path.slice(path.lastIndexOf('/') + 1),
    title: item.description,
    uploadedAt: item.uploadedAt,
    ownerUuid: item.ownerUuid,
    patientName: item.patientName,
    sha256: file.sha256,
    sizeBytes: file.size,
    mimeType: file.mimeType,
    sourceSize: file.size,
    sourceModifiedAt: file.modifiedAt,
  };
}

/** Splits what moves left over into proven removals and items that are missing for the first time. */
async function judgeAbsences(
  context: CopyContext,
  absences: ReadonlyMap<string, readonly Absence<StoredDocument>[]>,
): Promise<ReadonlyMap<string, Removal<StoredDocument>[]>> {
  const { ports, session, input } = context;
  const removals = new Map<string, Removal<StoredDocument>[]>();
  if (!input.read.complete) return removals;
  const { read } = input;
  const add = (unit: string, removal: Removal<StoredDocument>) => {
    const list = removals.get(unit);
    if (list === undefined) removals.set(unit, [removal]);
    else list.push(removal);
  };
  const firstMissed: StoredDocument[] = [];
  for (const [unit, list] of absences) {
    if (input.orphans.has(unit)) continue;
    for (const absence of list) {
      const judgement = read.judge(absence);
      if (judgement.verdict === 'remove') add(unit, judgement.removal);
      else firstMissed.push(judgement.stored);
    }
  }
  if (firstMissed.length === 0) return removals;
  // A file that now belongs to another patient must not stay with this one until the next run.
  const presence = await ports.source.presence([...new Set(firstMissed.map((s) => s.reference))], session.signal);
  const missing: string[] = [];
  for (const stored of firstMissed) {
    const now = presence.get(stored.reference);
    const elsewhere = now?.state === 'present' && now.unit !== null && now.unit !== stored.unit;
    const judgement = elsewhere ? read.judge({ kind: 'absent', absence: 'reassigned', stored }) : null;
    if (judgement?.verdict === 'remove') add(stored.unit, judgement.removal);
    else if (now === undefined || now.state !== 'present') missing.push(stored.documentUuid);
  }
  if (missing.length > 0) {
    await ports.records.markMissing(session.fence, missing, ports.clock.now());
    session.count({ missing: missing.length });
  }
  return removals;
}

async function settleFailures(
  context: CopyContext,
  done: readonly ItemLine[],
  failed: readonly ItemFailure[],
): Promise<void> {
  const { ports, session, input } = context;
  const healed = done.map((line) => line.item).filter((item) => input.failures.has(failureKey(item)));
  if (healed.length > 0) await ports.runs.resolveFailures(session.fence, healed);
  if (failed.length === 0) return;
  session.count({ failed: failed.length });
  const now = ports.clock.now();
  await ports.runs.recordFailures(
    session.fence,
    failed.map((failure) => {
      const attempts = (input.failures.get(failureKey(failure))?.attempts ?? 0) + 1;
      return { ...failure, nextRetryAt: nextTry(failure.code, attempts, now) };
    }),
  );
}

export function failureOf(
  item: { readonly unit: string; readonly reference: string },
  operation: ItemFailure['operation'],
  error: SyncError,
  fingerprint: string | null,
): ItemFailure {
  return {
    unit: item.unit,
    reference: item.reference,
    operation,
    code: error.code,
    action: error.action,
    message: error.message,
    fingerprint,
  };
}

/** Codes of things that concern one item only; anything else ends the run and is tried by the next one. */
const ITEM_CODES: ReadonlySet<ErrorCode> = new Set([
  'file_missing',
  'file_path_refused',
  'file_not_regular',
  'file_unreadable',
  'file_too_large',
  'file_empty',
  'file_type_unsupported',
  'file_changed_while_read',
  'blob_corrupt',
]);

/** @returns the error when it is the item's own, @throws it when the whole run is concerned */
function itemError(error: unknown): SyncError {
  const failure = toSyncError(error);
  if (ITEM_CODES.has(failure.code)) return failure;
  throw failure;
}

/** Waits for all, then throws the first error: nothing goes on behind the back of the caller. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
