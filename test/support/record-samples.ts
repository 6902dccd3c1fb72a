/** Documents, failures and proofs for the tests of the stores. */
import { createHash, randomUUID } from 'node:crypto';
import type { AbsenceKind } from '../../src/domain/change-set.ts';
import { judgeRead, type ReadEvidence, type Removal } from '../../src/domain/completeness.ts';
import { type ItemFailure, NO_COUNTS } from '../../src/domain/run.ts';
import type {
  ConnectionKey,
  DocumentRecords,
  DocumentWrite,
  Fence,
  StoredDocument,
  UnitResult,
} from '../../src/ports/document-records.ts';
import type { RunEnd } from '../../src/ports/run-store.ts';

export const PATIENT = '11111111-1111-4111-8111-111111111111';
export const OTHER_PATIENT = '22222222-2222-4222-8222-222222222222';

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** @param content the text of the file: equal texts are equal contents */
export function sampleWrite(reference: string, content: string, more: Partial<DocumentWrite> = {}): DocumentWrite {
  return {
    documentUuid: randomUUID(),
    unit: PATIENT,
    reference,
    fingerprint: `fingerprint of ${reference} with ${content}`,
    path: `letters/${reference}.pdf`,
    originalName: `${reference}.pdf`,
    title: 'Letter',
    uploadedAt: '2024-03-01T09:30:00.000Z',
    ownerUuid: null,
    patientName: 'Tessa Sample',
    sha256: sha256Of(content),
    sizeBytes: content.length,
    mimeType: 'application/pdf',
    sourceSize: content.length,
    sourceModifiedAt: 1_700_000_000_000,
    ...more,
  };
}

/** Announces and records, as the engine does. */
export async function record(
  records: DocumentRecords,
  fence: Fence,
  ...writes: readonly DocumentWrite[]
): Promise<readonly string[]> {
  await records.reserveBlobs(
    fence,
    writes.map((write) => ({ sha256: write.sha256, size: write.sizeBytes })),
  );
  return records.recordDocuments(fence, writes);
}

export async function storedOf(
  records: DocumentRecords,
  key: ConnectionKey,
  unit?: string,
): Promise<readonly StoredDocument[]> {
  return Array.fromAsync(records.storedDocuments(key, unit));
}

/** `{ content hash: [kept count, live documents, state] }` */
export async function countsOf(
  records: DocumentRecords,
  organizationId: string,
): Promise<Record<string, readonly [number, number, string]>> {
  const rows = await Array.fromAsync(records.blobRows(organizationId));
  return Object.fromEntries(rows.map((row) => [row.sha256, [row.references, row.documents, row.state]]));
}

export const EVIDENCE: ReadEvidence = {
  startedAt: 1_700_000_000_000,
  finishedAt: 1_700_000_001_000,
  ended: true,
  itemsRead: 10,
  itemsExpected: 10,
  share: { before: 'marker', after: 'marker' },
  resumed: false,
};

export function removalOf(stored: StoredDocument, absence: AbsenceKind = 'deleted'): Removal<StoredDocument> {
  const read = judgeRead(EVIDENCE);
  if (!read.complete) throw new Error('The sample evidence is not complete.');
  const judgement = read.judge({ kind: 'absent', absence, stored });
  if (judgement.verdict !== 'remove') throw new Error('The sample may not be removed yet.');
  return judgement.removal;
}

export function unitResult(unit: string, more: Partial<UnitResult> = {}): UnitResult {
  const none = { filesAdded: 0, filesDeleted: 0, filesUpdated: 0, filesMoved: 0 };
  return { unit, ...none, errors: [], outcome: 'success', ...more };
}

export function itemFailure(reference: string, more: Partial<ItemFailure> = {}): ItemFailure {
  return {
    unit: PATIENT,
    reference,
    operation: 'add',
    code: 'file_missing',
    action: 'skip',
    message: 'The source has a record of this file but the share has no such file.',
    fingerprint: 'fingerprint 1',
    ...more,
  };
}

export function runEnd(more: Partial<RunEnd> = {}): RunEnd {
  return { state: 'completed', outcome: 'success', counts: NO_COUNTS, error: null, completeRead: null, ...more };
}
