/**
 * Where each copy of one document is – source, record, content, index entry – and whether they agree. Everything is looked at
 * now: the file on the share and the stored content are read to their ends. Changes nothing.
 */
import { isAttachment, isWithdrawn } from '../domain/clinic.ts';
import { type ErrorCode, SyncError, toSyncError } from '../domain/errors.ts';
import { readLine } from '../engine/files/change-line.ts';
import { readChanges } from '../engine/files/read-changes.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { DocumentDeliveries } from '../ports/document-deliveries.ts';
import type { DocumentDesk } from '../ports/document-desk.ts';
import type { SourceFile } from '../ports/ehr-database.ts';
import type { DocumentRow } from '../ports/fileset-reports.ts';
import type { SearchIndex } from '../ports/search-index.ts';
import { type FileConnection, isFileConnection, type RecordConnection } from './connections.ts';

/**
 * same: as the record says. different, missing, surplus: not as it says. unknown: could not be looked at. none: there is
 * nothing to compare, as of an uploaded document in the source.
 */
export type CopyVerdict = 'same' | 'different' | 'missing' | 'surplus' | 'unknown' | 'none';

export interface DocumentCopy {
  readonly store: 'source' | 'row' | 'blob' | 'remote' | 'index';
  readonly verdict: CopyVerdict;
  /** A sentence without personal data. */
  readonly message: string;
  /** Of what was read; null: nothing was. */
  readonly sha256: string | null;
  readonly sizeBytes: number | null;
  /** Name of the copy in its store. */
  readonly place: string | null;
  readonly code: ErrorCode | null;
}

export interface TracePorts {
  readonly blobs: BlobStore;
  readonly desk: DocumentDesk;
  readonly search: SearchIndex;
  readonly deliveries: Pick<DocumentDeliveries, 'ofDocument'>;
}

/**
 * @param connection the one that the document came from; null: it was uploaded, or its connection is not configured
 * @param host of the machine to whose document service it goes; null: it is kept here
 */
export async function traceDocument(
  ports: TracePorts,
  connection: FileConnection | RecordConnection | null,
  organizationId: string,
  row: DocumentRow,
  signal: AbortSignal,
  host: string | null,
): Promise<readonly DocumentCopy[]> {
  const { deliveries } = ports;
  return Promise.all([
    looked('source', signal, () => sourceCopy(connection, row, signal)),
    rowCopy(row),
    looked('blob', signal, () => blobCopy(ports.blobs, organizationId, row, signal)),
    ...(host === null ? [] : [looked('remote', signal, () => remoteCopy(deliveries, organizationId, row, host))]),
    looked('index', signal, () => indexCopy(ports, organizationId, row, signal, host)),
  ]);
}

type Found = Partial<DocumentCopy> & Pick<DocumentCopy, 'verdict' | 'message'>;

function copy(store: DocumentCopy['store'], found: Found): DocumentCopy {
  return { store, sha256: null, sizeBytes: null, place: null, code: null, ...found };
}

/** One store that cannot be asked hides nothing of the others. */
async function looked(
  store: DocumentCopy['store'],
  signal: AbortSignal,
  look: () => Promise<Found>,
): Promise<DocumentCopy> {
  try {
    return copy(store, await look());
  } catch (error) {
    const { code, message } = signal.aborted ? new SyncError('source_timeout') : toSyncError(error);
    if (code === 'database_unavailable') throw error;
    return copy(store, { verdict: 'unknown', message, code });
  }
}

function rowCopy(row: DocumentRow): DocumentCopy {
  const { sha256, sizeBytes, documentUuid: place, removedAt } = row;
  const message = removedAt === null ? 'The record is live.' : 'The record says that the document was removed.';
  return copy('row', { verdict: 'same', message, sha256, sizeBytes, place });
}

async function sourceCopy(
  connection: FileConnection | RecordConnection | null,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<Found> {
  if (row.connectionId === null) return { verdict: 'none', message: 'It was uploaded: no source has it.' };
  if (connection === null) {
    return { verdict: 'unknown', message: 'The connection that it came from is not configured here any more.' };
  }
  const place = row.reference;
  const gone = row.removedAt !== null;
  const read = isFileConnection(connection)
    ? await readFile(connection, row, signal)
    : await readAttachment(connection, row, signal);
  if (read === null) {
    const message = 'The source does not list it.';
    return gone ? { verdict: 'none', message, place } : { verdict: 'missing', message, place };
  }
  const { changed, what, ...content } = read;
  const found = { ...content, place };
  if (gone) return { verdict: 'surplus', message: 'The source still lists it.', ...found };
  if (content.sha256 !== row.sha256) {
    return { verdict: 'different', message: `${what} has other content than the document.`, ...found };
  }
  return changed
    ? { verdict: 'different', message: 'The record in the source has changed since it was copied.', ...found }
    : { verdict: 'same', message: `${what} has the same content.`, ...found };
}

/** What the source has now. */
interface SourceRead {
  readonly what: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** The record is not as it was when the document was copied. */
  readonly changed: boolean;
}

async function readFile(connection: FileConnection, row: DocumentRow, signal: AbortSignal): Promise<SourceRead | null> {
  const listed = await listedInSource(connection, row, signal);
  if (listed === null) return null;
  const file = await connection.ports.share.read(listed.path ?? '', signal);
  await file.close();
  return { what: 'The file on the share', sha256: file.sha256, sizeBytes: file.size, changed: listed.changed };
}

async function readAttachment(
  { ports, settings }: RecordConnection,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<SourceRead | null> {
  const context = { signal, urgent: true };
  const references = row.reference === null ? [] : [row.reference];
  const stream = 'patient_attachments';
  const record = (await ports.source.confirm(stream, references, context)).find(isAttachment);
  if (record === undefined || isWithdrawn(record)) return null;
  const stored = (await ports.records.find(settings, stream, references)).get(record.reference);
  const content = await ports.source.fetchContent(record.data, context);
  await content.close();
  const changed = stored?.fingerprint !== record.fingerprint;
  return { what: 'The attachment in Cliniko', sha256: content.sha256, sizeBytes: content.size, changed };
}

/** @returns null when a complete read did not meet it. @throws SyncError when nothing can be said */
async function listedInSource(
  { ports, settings }: FileConnection,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<{ readonly path: string | null; readonly changed: boolean } | null> {
  const changes = await readChanges(ports, settings, { mode: 'quick', unit: row.unit, retryAll: true }, signal);
  let item: SourceFile | null = null;
  let absent = false;
  try {
    for await (const text of changes.lines.lines(signal)) {
      const line = readLine(text);
      const reference = 'item' in line ? line.item.reference : line.stored.reference;
      if (reference !== row.reference) continue;
      if ('item' in line) item = line.item;
      else absent = line.kind === 'absent';
    }
  } finally {
    await changes.lines.discard();
  }
  if (item !== null) return { path: item.path, changed: row.removedAt === null };
  if (!changes.read.complete) throw new SyncError('source_incomplete');
  // A live document of which nothing is to be done is listed as it was; a removed one is met only as something new.
  return absent || row.removedAt !== null ? null : { path: row.path, changed: false };
}

async function blobCopy(
  blobs: BlobStore,
  organizationId: string,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<Found> {
  if (row.sha256 === null) return { verdict: 'none', message: 'No content was ever stored.' };
  const name = blobName(organizationId, row.sha256);
  const info = await blobs.stat(name, signal);
  const needed = row.removedAt === null;
  if (info === null) {
    return needed
      ? { verdict: 'missing', message: 'The document has no stored content.', place: name, code: 'blob_missing' }
      : { verdict: 'none', message: 'Its content is not stored any more.', place: name };
  }
  try {
    const { stream } = await blobs.get(name, signal);
    // Reading to the end is the check: the port ends the stream with an error when the hash differs.
    for await (const _ of stream) signal.throwIfAborted();
  } catch (error) {
    const { code, message } = toSyncError(error);
    if (signal.aborted || code !== 'blob_corrupt') throw error;
    return { verdict: 'different', message, place: name, sizeBytes: info.size, code };
  }
  const read = { sha256: row.sha256, sizeBytes: info.size, place: name };
  if (info.size !== row.sizeBytes && row.sizeBytes !== null) {
    return { verdict: 'different', message: 'The stored content has another size than the document.', ...read };
  }
  const message = needed ? 'The stored content is whole.' : 'Its content is still stored, and whole.';
  return { verdict: 'same', message, ...read };
}

/** What was heard when it was sent, and written down. */
async function remoteCopy(
  deliveries: TracePorts['deliveries'],
  organizationId: string,
  row: DocumentRow,
  host: string,
): Promise<Found> {
  const { documentUuid, connectionId, removedAt, sha256 } = row;
  const sent = await deliveries.ofDocument({ organizationId, documentUuid }, connectionId ?? '');
  const [delivery] = sent;
  if (delivery === undefined) {
    return removedAt === null
      ? { verdict: 'missing', message: `It was not sent to ${host} yet.` }
      : { verdict: 'none', message: `Nothing of it is on ${host}.` };
  }
  if (removedAt !== null) return { verdict: 'surplus', message: `It is still to be removed on ${host}.` };
  if (delivery.remoteUuid === null) {
    return { verdict: 'unknown', message: `It was sent to ${host}, which has not answered yet.` };
  }
  const found = { sha256: delivery.sha256, place: delivery.remoteUuid };
  return delivery.sha256 === sha256
    ? { verdict: 'same', message: `${host} took it.`, ...found }
    : { verdict: 'different', message: `${host} took another content of it.`, ...found };
}

async function indexCopy(
  { desk, search }: TracePorts,
  organizationId: string,
  row: DocumentRow,
  signal: AbortSignal,
  host: string | null,
): Promise<Found> {
  if (!search.capabilities.available) return { verdict: 'none', message: 'There is no search index.' };
  let version: string | null = null;
  let open = false;
  let unread = false;
  for await (const wanted of desk.expectations(organizationId, row.patientUuid, signal)) {
    if (wanted.documentUuid !== row.documentUuid) continue;
    ({ version, open, unread } = wanted);
  }
  for await (const entry of search.list(organizationId, row.patientUuid, signal)) {
    if (entry.documentUuid !== row.documentUuid) continue;
    const found = { sha256: entry.version, place: entry.documentUuid };
    if (open) return { verdict: 'unknown', message: 'Something is still to be done about its entry.', ...found };
    if (version === null)
      return { verdict: 'surplus', message: 'The index has an entry that nothing wants.', ...found };
    return version === entry.version && entry.current
      ? { verdict: 'same', message: `The index has it (passages: ${entry.passages}).`, ...found }
      : { verdict: 'different', message: 'The index has another state of it.', ...found };
  }
  if (open) return { verdict: 'unknown', message: 'It waits to be read and indexed.' };
  return version === null && !unread
    ? {
        verdict: 'none',
        message: host === null ? 'There is nothing to index.' : `It is found on ${host}, not here.`,
      }
    : { verdict: 'missing', message: 'The index does not have it.' };
}
