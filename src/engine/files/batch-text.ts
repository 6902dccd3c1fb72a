/** How a part of a shared run is written down: a header with what a helper must know, then the changes, one per line. */
import type { Absence } from '../../domain/change-set.ts';
import { judgeRead, type ReadEvidence } from '../../domain/completeness.ts';
import type { RunCounts } from '../../domain/run.ts';
import type { StoredDocument, UnitResult } from '../../ports/document-records.ts';
import type { OfferedBatch } from '../../ports/run-batches.ts';
import type { OpenFailure } from '../../ports/run-store.ts';
import { writeLine } from './change-line.ts';
import type { CopyInput } from './copy-context.ts';
import { batches } from './copy-items.ts';
import { failureKey } from './read-changes.ts';

/** So many times what goes into one transaction: some parts of it are read while others are recorded. */
const SIZE = 4;

interface BatchHeader {
  readonly evidence: ReadEvidence;
  readonly rehash: boolean;
  /** Those of the batch's own units. */
  readonly orphans: readonly string[];
  readonly failures: readonly OpenFailure[];
}

/** What of it is to be done by the process that sees the whole. */
export interface BatchResult {
  readonly counts: Partial<RunCounts>;
  readonly open: readonly { readonly result: UnitResult; readonly absences: readonly Absence<StoredDocument>[] }[];
}

export async function* writeBatches(
  input: Omit<CopyInput, 'judge' | 'limits'>,
  filesPerBatch: number,
  signal: AbortSignal,
): AsyncGenerator<OfferedBatch> {
  const failures = Map.groupBy(input.failures.values(), (failure) => failure.unit);
  for await (const batch of batches(input.lines.lines(signal), filesPerBatch * SIZE)) {
    const header: BatchHeader = {
      evidence: input.read.evidence,
      rehash: input.rehash,
      orphans: batch.flatMap(({ unit }) => (input.orphans.has(unit) ? [unit] : [])),
      failures: batch.flatMap(({ unit }) => failures.get(unit) ?? []),
    };
    const lines = batch.flatMap((unit) => unit.lines);
    yield {
      units: batch.length,
      items: lines.filter((line) => line.kind !== 'absent' && line.kind !== 'back').length,
      changes: [JSON.stringify(header), ...lines.map(writeLine)].join('\n'),
    };
  }
}

export function readBatch(text: string): Omit<CopyInput, 'limits'> {
  const [first = '', ...lines] = text.split('\n');
  const header = JSON.parse(first) as BatchHeader;
  return {
    lines: {
      async *lines() {
        yield* lines;
      },
      discard: async () => undefined,
    },
    read: judgeRead(header.evidence),
    orphans: new Set(header.orphans),
    failures: new Map(header.failures.map((failure) => [failureKey(failure), failure])),
    rehash: header.rehash,
    judge: 'later',
  };
}
