/** Writes the records of items whose content is stored, and recognises moves. */
import type { Absence } from '../../domain/change-set.ts';
import { type SyncError, toSyncError } from '../../domain/errors.ts';
import type { RunCounts } from '../../domain/run.ts';
import type { DocumentWrite, StoredDocument } from '../../ports/document-records.ts';
import { withRetry } from '../retry.ts';
import { storeContents } from './copy-content.ts';
import type { CopyContext, Prepared, UnitTally } from './copy-context.ts';

export async function recordItems(
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
    const isMoved = (absence: Absence<StoredDocument>) =>
      absence.stored.sha256 === write.sha256 && (input.read.complete || absence.absence === 'deleted');
    // What a person brought stays although the source lost it, so it may be absent for other reasons.
    const own = candidates.findIndex((absence) => isMoved(absence) && !absence.stored.uploaded);
    const index = own >= 0 ? own : candidates.findIndex(isMoved);
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
  // The process before us died in the middle of this batch: what is there already is its work, counted by its transactions.
  const repeated = (session.fence.batch?.attempt ?? 1) > 1;
  results.forEach((result, index) => {
    const tally = tallies.get(writes[index]!.unit)!;
    const { kind } = entries[index]!.line;
    if (result === 'same' && repeated && kind !== 'inspect') {
      tally[kind === 'add' ? 'added' : 'updated']++;
      return;
    }
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
