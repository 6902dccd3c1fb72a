/**
 * Finds contents that the blob store has lost or damaged, and those that no record knows. Changes nothing.
 *
 * Of a whole organisation by its list, of a patient by asking for each of its contents; with `content` all of them are read.
 */
import pLimit from 'p-limit';
import { type ErrorCode, SyncError, toSyncError } from '../domain/errors.ts';
import { notThere, verifyBlobs, wrongSize } from '../engine/files/verify-files.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { ContentNames, NamedContent } from '../ports/content-names.ts';
import type { BlobCare, DocumentRecords } from '../ports/document-records.ts';

export interface BlobComparePorts {
  readonly records: Pick<DocumentRecords, 'blobRows'>;
  readonly blobs: BlobStore;
  readonly names: ContentNames;
}

export interface BlobScope {
  readonly organizationId: string;
  /** Null: the whole organisation. */
  readonly patientUuid: string | null;
  /** Contents are read, too. */
  readonly content: boolean;
  /** A person says that the store is the right one, although most of the contents are missing. */
  readonly mostAreLost?: boolean;
  readonly signal: AbortSignal;
}

export interface BlobDifference extends BlobCare {
  readonly kind: 'missing' | 'different';
  /** A sentence without personal data. */
  readonly message: string;
  readonly code: ErrorCode | null;
  /** Empty: it was released before it was lost. */
  readonly names: readonly NamedContent[];
}

/** With the size that the store has: that of the content, when only its bytes are wrong. */
export type BlobFault = 'missing' | { readonly size: number };

export interface BlobComparison {
  readonly differences: readonly BlobDifference[];
  /** Of no patient: not looked for where only one is compared. */
  readonly strays: readonly string[];
}

const PARALLEL = 8;
/** So many may be lost of a small practice. */
const FEW = 20;
const AT_ONCE = 500;

export async function compareBlobs(ports: BlobComparePorts, scope: BlobScope): Promise<BlobComparison> {
  const { organizationId, patientUuid } = scope;
  const strays: string[] = [];
  const candidates = patientUuid === null ? ofOrganization(ports, scope, strays) : ofPatient(ports, scope, patientUuid);
  const differences: BlobDifference[] = [];
  for await (const some of batches(candidates)) {
    const faults = new Map<BlobCare, BlobFault>();
    await allLimited(some, async (content) => {
      const fault = await faultOf(ports.blobs, scope, content);
      if (fault !== null) faults.set(content, fault);
    });
    if (faults.size === 0) continue;
    const sha256 = [...faults.keys()].map((content) => content.sha256);
    const by = { sha256, ...(patientUuid === null ? {} : { patientUuid }) };
    const names = Map.groupBy(await ports.names.named(organizationId, by), (name) => name.sha256);
    for (const [content, fault] of faults) {
      const difference = blobDifference(content, fault, names.get(content.sha256) ?? []);
      if (difference !== null) differences.push(difference);
    }
  }
  const missing = differences.filter(({ kind }) => kind === 'missing').length;
  if (missing > 0) await assertStoreIsThere(ports, scope, missing);
  return { differences, strays };
}

/** Work goes on meanwhile: what the list says of a content is looked at once more, by itself. */
async function* ofOrganization(ports: BlobComparePorts, scope: BlobScope, strays: string[]): AsyncGenerator<BlobCare> {
  const { organizationId, content, signal } = scope;
  const suspects = new Set<string>();
  await verifyBlobs(ports, organizationId, signal, {
    tell({ store, kind, sha256 }) {
      if (store !== 'blob' || typeof sha256 !== 'string') return;
      if (kind === 'surplus') strays.push(sha256);
      else suspects.add(sha256);
    },
    isTold: () => false,
  });
  if (suspects.size === 0 && !content) return;
  for await (const { sha256, size, documents } of ports.records.blobRows(organizationId, signal)) {
    if (suspects.has(sha256) || (content && documents > 0)) yield { sha256, size };
  }
}

async function* ofPatient(
  { names }: BlobComparePorts,
  { organizationId }: BlobScope,
  patientUuid: string,
): AsyncGenerator<BlobCare> {
  const seen = new Set<string>();
  for (const { sha256, size } of await names.named(organizationId, { patientUuid })) {
    if (!seen.has(sha256)) yield { sha256, size };
    seen.add(sha256);
  }
}

async function* batches(contents: AsyncIterable<BlobCare>): AsyncGenerator<readonly BlobCare[]> {
  let batch: BlobCare[] = [];
  for await (const content of contents) {
    batch.push(content);
    if (batch.length < AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** All of them end before anything is thrown: nothing goes on behind the back of the caller. */
async function allLimited<T>(values: readonly T[], work: (value: T) => Promise<void>): Promise<void> {
  const limit = pLimit(PARALLEL);
  const results = await Promise.allSettled(values.map((value) => limit(work, value)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Null: the store has the content as it should, as far as was looked. @param scope with `content` its bytes are read */
export async function faultOf(
  blobs: BlobStore,
  { organizationId, content, signal }: Pick<BlobScope, 'organizationId' | 'content' | 'signal'>,
  wanted: BlobCare,
): Promise<BlobFault | null> {
  signal.throwIfAborted();
  const name = blobName(organizationId, wanted.sha256);
  const info = await blobs.stat(name, signal);
  if (info === null) return 'missing';
  if (info.size !== wanted.size) return { size: info.size };
  if (!content) return null;
  try {
    const { stream } = await blobs.get(name, signal);
    // Reading to the end is the check: the port ends the stream with an error when the hash differs.
    for await (const _ of stream) signal.throwIfAborted();
    return null;
  } catch (error) {
    const { code } = toSyncError(error);
    if (code === 'blob_missing') return 'missing';
    if (code === 'blob_corrupt') return { size: wanted.size };
    throw error;
  }
}

/** Null: nobody needs it. */
function blobDifference(content: BlobCare, fault: BlobFault, names: readonly NamedContent[]): BlobDifference | null {
  const origin = names.some(({ role }) => role === 'original') ? 'original' : 'made';
  if (names.length === 0) {
    // Its size stands nowhere but in the announcement, and nobody reads it.
    if (fault !== 'missing') return null;
    return { ...content, names, kind: 'missing', message: 'A released blob is gone before its time.', code: null };
  }
  if (fault === 'missing') {
    return { ...content, names, kind: 'missing', message: notThere(origin), code: 'blob_missing' };
  }
  const message =
    fault.size === content.size ? new SyncError('blob_corrupt').message : wrongSize(fault.size, content.size, origin);
  return { ...content, names, kind: 'different', message, code: 'blob_corrupt' };
}

/** A disk that is not mounted, or another container, has lost nothing, even when a few contents came there meanwhile. */
async function assertStoreIsThere(
  { blobs, records }: BlobComparePorts,
  scope: BlobScope,
  missing: number,
): Promise<void> {
  const refuse = (detail: string) => {
    throw new SyncError('blob_unavailable', { action: 'stop', detail: `${detail}: is it the right one, and mounted?` });
  };
  if (!(await hasAny(blobs, scope))) refuse('It has no content of the organisation at all');
  if (scope.mostAreLost === true || missing <= FEW) return;
  let stored = 0;
  for await (const { state } of records.blobRows(scope.organizationId, scope.signal)) if (state === 'stored') stored++;
  if (missing <= stored / 2) return;
  refuse(
    `${missing} of ${stored} contents of the organisation are not there (--most-are-lost says that they are lost)`,
  );
}

async function hasAny(blobs: BlobStore, { organizationId, signal }: BlobScope): Promise<boolean> {
  for await (const page of blobs.list(`${organizationId}/`, { pageSize: 1, signal })) if (page.length > 0) return true;
  return false;
}
