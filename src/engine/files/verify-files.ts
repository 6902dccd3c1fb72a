/**
 * Compares source, records and blobs again and names every difference. Changes nothing.
 *
 * Differences are `missing` or `surplus` in one of the three stores, or `different`:
 * source ↔ row by the source's own record (with `content`: by the file's hash), row ↔ blob by presence and size (with
 * `content`: by reading the blob), blob ↔ row over the whole organisation by presence and size, and the kept count against the
 * real one.
 */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { type ErrorCode, toSyncError } from '../../domain/errors.ts';
import { compareBytes } from '../../domain/reference.ts';
import { type BlobInfo, type BlobStore, blobName } from '../../ports/blob-store.ts';
import type { BlobRow, DocumentRecords, StoredDocument } from '../../ports/document-records.ts';
import type { SourceFile } from '../../ports/ehr-database.ts';
import { type ChangeLine, readLine } from './change-line.ts';
import { readChanges } from './read-changes.ts';
import type { FilePorts, FileSettings } from './settings.ts';

export interface Difference {
  readonly store: 'source' | 'row' | 'blob';
  readonly kind: 'missing' | 'surplus' | 'different';
  /** A sentence without personal data. */
  readonly message: string;
  readonly unit: string | null;
  readonly reference: string | null;
  readonly documentUuid: string | null;
  readonly sha256: string | null;
  /** Why the item could not be compared or copied, when that is known. */
  readonly code: ErrorCode | null;
}

export interface VerifyResult {
  readonly sourceItems: number;
  readonly documents: number;
  readonly blobs: number;
  readonly differences: number;
  /** False when the source could not be read completely: then absence in it was not judged. */
  readonly complete: boolean;
  /**
   * SHA-256 over the hashes, in order, of the contents that live documents name, and of those among them that are there as
   * blobs: the same exactly when every content is there. Null when only one unit was looked at.
   */
  readonly checksums: { readonly rows: string; readonly blobs: string } | null;
}

export interface VerifyRequest {
  readonly unit?: string;
  readonly content: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (checked: number) => void;
}

const PARALLEL = 8;
/** The list of a store may be that of another installation. */
const MOST_UNKNOWN = 50_000;

export async function verifyFiles(
  ports: FilePorts,
  settings: FileSettings,
  request: VerifyRequest,
  report: (difference: Difference) => void,
): Promise<VerifyResult> {
  let differences = 0;
  const told = new Set<string | undefined>();
  const tell: Tell = (difference) => {
    differences++;
    if (difference.store === 'blob') told.add(difference.sha256 ?? undefined);
    report({ unit: null, reference: null, documentUuid: null, sha256: null, code: null, ...difference });
  };
  await ports.source.check(request.signal);
  await ports.blobs.prepare(request.signal);
  const source = await verifySource(ports, settings, request, tell);
  const documents = await verifyDocuments(ports, settings, request, tell);
  if (request.unit !== undefined) return { ...source, documents, blobs: documents, differences, checksums: null };
  const { count, checksums } = await verifyBlobs(ports, settings.organizationId, request.signal, {
    tell,
    isTold: ({ sha256 }) => told.has(sha256),
  });
  return { ...source, documents, blobs: count, differences, checksums };
}

type Tell = (difference: Partial<Difference> & Pick<Difference, 'store' | 'kind' | 'message'>) => void;

export async function verifySource(
  ports: FilePorts,
  settings: FileSettings,
  request: VerifyRequest,
  tell: Tell,
): Promise<{ sourceItems: number; complete: boolean }> {
  const changes = await readChanges(
    ports,
    settings,
    {
      mode: request.content ? 'checksum' : 'quick',
      retryAll: true,
      ...(request.unit === undefined ? {} : { unit: request.unit }),
    },
    request.signal,
  );
  const limit = pLimit(PARALLEL);
  const work = new Set<Promise<void>>();
  try {
    for await (const text of changes.lines.lines(request.signal)) {
      const line = readLine(text);
      const task: Promise<void> = limit(() => judge(line)).finally(() => work.delete(task));
      work.add(task);
      if (work.size > PARALLEL * 4) await Promise.race(work);
    }
    await Promise.all(work);
  } finally {
    await Promise.allSettled(work);
    await changes.lines.discard();
  }
  return { sourceItems: changes.compared.liveItems, complete: changes.read.complete };

  async function judge(line: ChangeLine): Promise<void> {
    if (line.kind === 'back') return;
    if (line.kind === 'absent') {
      if (!changes.read.complete || line.stored.uploaded) return;
      const orphan = changes.orphans.has(line.stored.unit);
      tell({
        store: 'row',
        kind: 'surplus',
        message: orphan
          ? 'The patient is no longer in the source; the document is kept.'
          : 'The source no longer lists this document.',
        code: orphan ? 'unit_orphaned' : null,
        ...idsOf(line.stored),
      });
      return;
    }
    const { item } = line;
    if (line.kind === 'add') {
      const failure = changes.failures.get(`${item.unit} ${item.reference}`);
      tell({
        store: 'row',
        kind: 'missing',
        message: failure?.message ?? 'The source lists a file that has no document.',
        code: failure?.code ?? null,
        unit: item.unit,
        reference: item.reference,
      });
      return;
    }
    if (line.kind === 'update') {
      tell({
        store: 'row',
        kind: 'different',
        message: 'The record in the source has changed since it was copied.',
        ...idsOf(line.stored),
      });
    }
    if (request.content) await compareContent(item, line.stored);
  }

  async function compareContent(item: SourceFile, stored: StoredDocument): Promise<void> {
    try {
      const file = await ports.share.read(item.path ?? '', request.signal);
      await file.close();
      if (file.sha256 === stored.sha256) return;
      const message = 'The file on the share has other content than the document.';
      tell({ store: 'row', kind: 'different', message, ...idsOf(stored) });
    } catch (error) {
      const failure = toSyncError(error);
      if (failure.action === 'stop') throw failure;
      tell({ store: 'source', kind: 'missing', message: failure.message, code: failure.code, ...idsOf(stored) });
    }
  }
}

async function verifyDocuments(
  ports: FilePorts,
  settings: FileSettings,
  request: VerifyRequest,
  tell: Tell,
): Promise<number> {
  const limit = pLimit(PARALLEL);
  const work = new Set<Promise<void>>();
  let documents = 0;
  try {
    for await (const stored of ports.records.storedDocuments(settings, request.unit, request.signal)) {
      const task: Promise<void> = limit(() => check(stored)).finally(() => work.delete(task));
      work.add(task);
      if (work.size > PARALLEL * 4) await Promise.race(work);
      if (++documents % 100 === 0) request.onProgress?.(documents);
    }
    await Promise.all(work);
  } finally {
    await Promise.allSettled(work);
  }
  return documents;

  async function check(stored: StoredDocument): Promise<void> {
    const name = blobName(settings.organizationId, stored.sha256);
    const info = await ports.blobs.stat(name, request.signal);
    if (info === null) {
      tell({
        store: 'blob',
        kind: 'missing',
        message: notThere('original'),
        code: 'blob_missing',
        ...idsOf(stored),
      });
      return;
    }
    if (info.size !== stored.sizeBytes) {
      const message = wrongSize(info.size, stored.sizeBytes, 'original');
      tell({ store: 'blob', kind: 'different', message, code: 'blob_corrupt', ...idsOf(stored) });
      return;
    }
    if (!request.content) return;
    try {
      const { stream } = await ports.blobs.get(name, request.signal);
      // Reading to the end is the check: the port ends the stream with an error when the hash differs.
      for await (const _ of stream) request.signal.throwIfAborted();
    } catch (error) {
      const failure = toSyncError(error);
      if (failure.code !== 'blob_corrupt') throw failure;
      tell({ store: 'blob', kind: 'different', message: failure.message, code: 'blob_corrupt', ...idsOf(stored) });
    }
  }
}

/** Contents of the whole organisation, what was made of documents included. */
export async function verifyBlobs(
  { records, blobs }: { readonly records: Pick<DocumentRecords, 'blobRows'>; readonly blobs: BlobStore },
  organizationId: string,
  signal: AbortSignal,
  {
    tell,
    isTold,
  }: { readonly tell: Tell /** That it is not there, or damaged. */; readonly isTold: (row: BlobRow) => boolean },
): Promise<{ count: number; checksums: { rows: string; blobs: string } }> {
  const inRows = createHash('sha256');
  const inBlobs = createHash('sha256');
  const rows = records.blobRows(organizationId, signal)[Symbol.asyncIterator]();
  const listed = listBlobs(blobs, organizationId, signal)[Symbol.asyncIterator]();
  const unknown: string[] = [];
  let count = 0;
  try {
    let row = (await rows.next()).value as BlobRow | undefined;
    let blob = (await listed.next()).value as BlobInfo | undefined;
    while (row !== undefined || blob !== undefined) {
      const sha256 = blob?.name.slice(blob.name.indexOf('/') + 1);
      const order = row === undefined ? 1 : sha256 === undefined ? -1 : compareBytes(row.sha256, sha256);
      if (row !== undefined && order <= 0) {
        if (row.documents > 0) inRows.update(`${row.sha256}\n`);
        if (row.documents > 0 && order === 0) inBlobs.update(`${row.sha256}\n`);
        if (row.references !== row.documents) {
          const message = `The kept count is ${row.references}, live documents are ${row.documents}.`;
          tell({ store: 'row', kind: 'different', message, sha256: row.sha256 });
        }
        if (order < 0) tellMissing(row);
        else if (blob?.size !== row.size) tellDamaged(row, blob!.size);
      }
      if (blob !== undefined && order >= 0) {
        count++;
        if (order > 0) unknown.push(sha256!);
        if (unknown.length >= MOST_UNKNOWN) await tellSurplus();
      }
      const nextRow = row !== undefined && order <= 0;
      const nextBlob = blob !== undefined && order >= 0;
      if (nextRow) row = (await rows.next()).value as BlobRow | undefined;
      if (nextBlob) blob = (await listed.next()).value as BlobInfo | undefined;
    }
  } finally {
    // A store that is away must not keep the rows open: they hold a connection of the database.
    await rows.return?.(undefined);
    await listed.return?.(undefined);
  }
  await tellSurplus();
  return { count, checksums: { rows: inRows.digest('hex'), blobs: inBlobs.digest('hex') } };

  function tellMissing(row: BlobRow): void {
    const { sha256 } = row;
    if (row.documents > 0) {
      if (isTold(row)) return;
      const message = notThere(row.originals > 0 ? 'original' : 'made');
      tell({ store: 'blob', kind: 'missing', message, code: 'blob_missing', sha256 });
    } else if (row.state === 'stored') {
      tell({ store: 'blob', kind: 'missing', message: 'A released blob is gone before its time.', sha256 });
    }
  }

  /** Of a released one only its announcement tells the size. */
  function tellDamaged(row: BlobRow, size: number): void {
    if (row.documents === 0 || isTold(row)) return;
    const { sha256 } = row;
    const message = wrongSize(size, row.size, row.originals > 0 ? 'original' : 'made');
    tell({ store: 'blob', kind: 'different', message, code: 'blob_corrupt', sha256 });
  }

  /** Contents are announced before they are stored: one that came meanwhile is known by now. */
  async function tellSurplus(): Promise<void> {
    if (unknown.length === 0) return;
    const surplus = new Set(unknown.splice(0));
    for await (const { sha256 } of records.blobRows(organizationId, signal)) surplus.delete(sha256);
    for (const sha256 of surplus) {
      tell({ store: 'blob', kind: 'surplus', message: 'A blob that no record knows.', sha256 });
    }
  }
}

/** Of a document itself, or of what was made of it. */
export type BlobOrigin = 'original' | 'made';

export function notThere(origin: BlobOrigin): string {
  return origin === 'original' ? 'The document has no blob.' : 'The blob of what was made of a document is not there.';
}

export function wrongSize(bytes: number, expected: number, origin: BlobOrigin): string {
  return origin === 'original'
    ? `The blob has ${bytes} bytes, the document ${expected}.`
    : `The blob of what was made of a document has ${bytes} bytes instead of ${expected}.`;
}

async function* listBlobs(
  blobs: FilePorts['blobs'],
  organizationId: string,
  signal: AbortSignal,
): AsyncGenerator<BlobInfo> {
  for await (const page of blobs.list(`${organizationId}/`, { signal })) yield* page;
}

function idsOf(stored: StoredDocument): Pick<Difference, 'unit' | 'reference' | 'documentUuid' | 'sha256'> {
  return {
    unit: stored.unit,
    reference: stored.reference,
    documentUuid: stored.documentUuid,
    sha256: stored.sha256,
  };
}
