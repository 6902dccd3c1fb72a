/**
 * Second half of the loop, part one: bring content and records of added and changed items into the stores.
 *
 * Order for each item, so that a crash leaves only work to repeat: the content is announced, then stored under its hash,
 * then the record appears in one transaction. Units are worked on whole, several at a time.
 */
import pLimit from 'p-limit';
import type { Absence } from '../../domain/change-set.ts';
import type { Removal } from '../../domain/completeness.ts';
import { SyncError } from '../../domain/errors.ts';
import type { ItemFailure } from '../../domain/run.ts';
import type { StoredDocument, UnitResult } from '../../ports/document-records.ts';
import { nextTry } from '../failure-policy.ts';
import type { RunSession } from '../run-session.ts';
import { type ChangeLine, type ItemLine, readLine, unitOf } from './change-line.ts';
import { all, readItem, storeContents } from './copy-content.ts';
import { type CopyContext, type CopyInput, type CopyLimits, type Prepared, UnitTally } from './copy-context.ts';
import { failureOf, itemError } from './item-failure.ts';
import { judgeAbsences } from './judge-absences.ts';
import { failureKey } from './read-changes.ts';
import { recordItems } from './record-items.ts';
import type { FilePorts, FileSettings } from './settings.ts';

export interface Copied {
  /** Proven removals that no move used up, by unit. */
  readonly removals: ReadonlyMap<string, readonly Removal<StoredDocument>[]>;
  /** Results of units that still have removals: written after these. */
  readonly openUnits: ReadonlyMap<string, UnitResult>;
  /** Absences that no move used up, by unit, where they are judged later. */
  readonly unjudged: ReadonlyMap<string, readonly Absence<StoredDocument>[]>;
}

/** Batches under way at once: some are read or recorded while another one keeps all uploads busy. */
const BATCHES_IN_FLIGHT = 6;
const PARALLEL_READS = 8;

export function copyLimits(settings: Pick<FileSettings, 'maxParallelUploads'>): CopyLimits {
  return { reads: pLimit(PARALLEL_READS), uploads: pLimit(settings.maxParallelUploads) };
}

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
    ...(input.limits ?? copyLimits(settings)),
    removals: new Map(),
    openUnits: new Map(),
    unjudged: new Map(),
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
  return { removals: context.removals, openUnits: context.openUnits, unjudged: context.unjudged };
}

export interface UnitLines {
  readonly unit: string;
  readonly lines: ChangeLine[];
}

/** Whole units, until they hold about `size` lines. */
export async function* batches(lines: AsyncIterable<string>, size: number): AsyncGenerator<UnitLines[]> {
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

  const judged = context.input.judge === 'now' ? await judgeAbsences(context, absences) : null;
  const finished: UnitResult[] = [];
  for (const { unit } of batch) {
    const tally = tallies.get(unit)!;
    if (context.input.orphans.has(unit)) {
      tally.errors.push(failureOf({ unit, reference: '' }, 'unit', new SyncError('unit_orphaned'), null));
    }
    // Nobody knows what the read has left out: the patient is not "done", whatever became of what was shown.
    if (!context.input.read.complete) {
      const error = new SyncError('source_incomplete', { detail: context.input.read.reason });
      tally.errors.push(failureOf({ unit, reference: '' }, 'unit', error, null));
    }
    const result = unitResult(unit, tally);
    const removals = judged?.get(unit);
    const unjudged = judged === null && mayJudge(context.input, unit) ? absences.get(unit)! : [];
    if (removals !== undefined) context.removals.set(unit, removals);
    if (unjudged.length > 0) context.unjudged.set(unit, unjudged);
    if (removals === undefined && unjudged.length === 0) finished.push(result);
    else context.openUnits.set(unit, result);
  }
  if (finished.length > 0) await ports.records.finishUnits(session.fence, finished, ports.clock.now());
}

/** What a partial read misses, or a patient that is gone, removes nothing. */
function mayJudge(input: CopyInput, unit: string): boolean {
  return input.read.complete && !input.orphans.has(unit);
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
