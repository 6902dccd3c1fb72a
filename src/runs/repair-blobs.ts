/**
 * Mends contents that the blob store has lost or damaged, one at a time: each is looked at again at the moment at which
 * something is done about it, and nothing is stored but the content that its name says.
 *
 * A file that a connection copied is read from its share again, by the rules of a run; what was made of a document is made
 * again by the service; anything else only its bringer has.
 */
import { type ErrorCode, SyncError, toSyncError } from '../domain/errors.ts';
import { itemError } from '../engine/files/item-failure.ts';
import { withRetry } from '../engine/retry.ts';
import { blobName } from '../ports/blob-store.ts';
import type { NamedContent, NamingDocument } from '../ports/content-names.ts';
import type { DocumentDesk } from '../ports/document-desk.ts';
import type { BlobCare } from '../ports/document-records.ts';
import type { ReadFile } from '../ports/file-share.ts';
import type { PatientDesk } from '../ports/patient-desk.ts';
import { type BlobComparePorts, type BlobDifference, type BlobScope, faultOf } from './compare-blobs.ts';
import type { FileConnection } from './connections.ts';

export interface BlobRepairPorts extends BlobComparePorts {
  readonly desk: Pick<DocumentDesk, 'announce'>;
  readonly patients: Pick<PatientDesk, 'processAgain'>;
  /** Of the organisation. */
  readonly connections: readonly FileConnection[];
}

/**
 * copy: read the file from the share again. read: have the document read again. merge: have the PDF of the group made again.
 * bring: somebody has to bring the content again. forget: nobody needs it, note that it is gone.
 */
export type BlobDeed = 'copy' | 'read' | 'merge' | 'bring' | 'forget';

export interface WhyLeft {
  readonly code: ErrorCode | null;
  /** A sentence without personal data. */
  readonly message: string;
}

export type BlobRepair =
  /** asked: the service makes it again. settled: it was right by then, or nobody needs it any more. */
  | { readonly result: 'copied' | 'asked' | 'forgotten' | 'settled' }
  | { readonly result: 'left'; readonly why: WhyLeft };

type Original = NamedContent & { readonly role: 'original' };
type Part = NamedContent & { readonly role: 'part' };
type Group = NamedContent & { readonly role: 'group' };

const WHY = {
  otherContent: {
    code: null,
    message:
      'The file on the share has other content than the document: a sync with --mode checksum takes that over, or a person decides.',
  },
  bring: {
    code: null,
    message: 'No share has this content: it has to be brought again, as by POST /api/process.',
  },
  unmade: {
    code: null,
    message: 'The document itself is lost or damaged: nothing can be made of it until it is there again.',
  },
} as const satisfies Record<string, WhyLeft>;

export function deedOf(connections: readonly FileConnection[], { names }: BlobDifference): BlobDeed {
  if (names.some((name) => isOriginal(name) && shareOf(connections, name.document) !== null)) return 'copy';
  if (names.some(isPart)) return 'read';
  if (names.some(isGroup)) return 'merge';
  return names.length > 0 ? 'bring' : 'forget';
}

/** Originals come first: what is made again is made of them. */
const ORDER: readonly BlobDeed[] = ['copy', 'bring', 'read', 'merge', 'forget'];

export function inRepairOrder(
  connections: readonly FileConnection[],
  differences: readonly BlobDifference[],
): readonly BlobDifference[] {
  const places = new Map(differences.map((one) => [one, ORDER.indexOf(deedOf(connections, one))]));
  return differences.toSorted((a, b) => places.get(a)! - places.get(b)!);
}

export function createBlobRepair(ports: BlobRepairPorts, scope: BlobScope) {
  const { blobs, names, desk, patients, connections } = ports;
  const { organizationId, signal } = scope;
  const ofPatient = scope.patientUuid === null ? {} : { patientUuid: scope.patientUuid };
  /** Asked once: a share that hangs would hold up every file. */
  const shares = new Map<FileConnection, Promise<boolean>>();

  return async function repair(difference: BlobDifference): Promise<BlobRepair> {
    const { sha256 } = difference;
    if ((await faultOf(blobs, scope, difference)) === null) {
      await names.contentIsBack(organizationId, sha256);
      return { result: 'settled' };
    }
    if (difference.names.length === 0) {
      return { result: (await names.forget(organizationId, sha256)) ? 'forgotten' : 'settled' };
    }
    const madeOf = difference.names.flatMap((name) => (isPart(name) ? name.document.original.sha256 : []));
    const present = await names.named(organizationId, { ...ofPatient, sha256: [sha256], madeOf });
    if (present.length === 0) return { result: 'settled' };
    const originals = present.filter(isOriginal);
    let why: WhyLeft | null = null;
    if (originals.length > 0) {
      why = await copyAgain(difference, originals);
      if (why === null) return { result: 'copied' };
    }
    const parts = present.filter(isPart);
    const groups = present.filter(isGroup);
    if (parts.length > 0) {
      const { isAsked, why: unmade } = await readAgain(parts);
      if (isAsked) return { result: 'asked' };
      why ??= unmade;
    }
    let merged = false;
    for (const { groupId } of groups) merged = (await names.mergeAgain(organizationId, groupId, sha256)) || merged;
    if (merged) return { result: 'asked' };
    return why === null ? { result: 'settled' } : { result: 'left', why };
  };

  /** @returns null: it is stored. */
  async function copyAgain(content: BlobCare, originals: readonly Original[]): Promise<WhyLeft | null> {
    const tried = new Set<string>();
    const reasons: WhyLeft[] = [];
    for (const { document } of originals) {
      const share = shareOf(connections, document);
      if (share === null || tried.has(`${share.connection.id} ${share.path}`)) continue;
      tried.add(`${share.connection.id} ${share.path}`);
      const why = await copyFrom(share, content);
      if (why === null) return null;
      reasons.push(why);
    }
    // A share that comes back may have it.
    return reasons.find(({ code }) => code === 'share_unavailable') ?? reasons[0] ?? WHY.bring;
  }

  async function copyFrom({ connection, path }: Shared, content: BlobCare): Promise<WhyLeft | null> {
    const { ports: own, settings } = connection;
    const retry = { clock: own.clock, random: own.random, signal };
    let file: ReadFile | null = null;
    try {
      if (!(await isThere(connection))) throw new SyncError('share_unavailable');
      file = await withRetry(() => own.share.read(path, signal), settings.retry, retry);
      if (file.sha256 !== content.sha256) return WHY.otherContent;
      const found = file;
      // As before any content is stored: the clean-up leaves it alone, should its document go at this moment.
      await desk.announce(organizationId, content);
      await withRetry(
        () => blobs.put(blobName(organizationId, content.sha256), found, signal, { distrust: true }),
        settings.retry,
        retry,
      );
    } catch (error) {
      signal.throwIfAborted();
      const failure = toSyncError(error);
      const { code, message } = failure.code === 'share_unavailable' ? failure : itemError(failure);
      return { code, message };
    } finally {
      await file?.close();
    }
    await names.contentIsBack(organizationId, content.sha256);
    return null;
  }

  function isThere(connection: FileConnection): Promise<boolean> {
    const known = shares.get(connection) ?? connection.ports.share.probe(signal).then((token) => token !== null);
    shares.set(connection, known);
    return known;
  }

  /** Of one document is enough: `isAsked`. Neither that nor a reason: nothing needs it any more. */
  async function readAgain(parts: readonly Part[]): Promise<{ isAsked: boolean; why: WhyLeft | null }> {
    let why: WhyLeft | null = null;
    const byOriginal = new Map(parts.map(({ document }) => [document.original.sha256, document]));
    for (const document of byOriginal.values()) {
      if (document.isReadAgain) return { isAsked: true, why: null };
      const reason = await whyUnreadable(document.original);
      if (reason !== null) why ??= reason;
      // It may be gone by now: then nothing of it is needed.
      else if (await patients.processAgain(organizationId, document.documentUuid, null))
        return { isAsked: true, why: null };
    }
    return { isAsked: false, why };
  }

  /** What cannot be read is not asked for: the document would be worse off than without the part. */
  async function whyUnreadable(original: BlobCare): Promise<WhyLeft | null> {
    if ((await faultOf(blobs, { ...scope, content: true }, original)) === null) return null;
    const found = await names.named(organizationId, { ...ofPatient, sha256: [original.sha256], madeOf: [] });
    const why = await copyAgain(original, found.filter(isOriginal));
    return why === null ? null : { code: why.code, message: `${WHY.unmade.message} ${why.message}` };
  }
}

/**
 * What has failed for the lack of a content that is there again is worked on again, however it came back: a repair may have been
 * killed, somebody may have brought it, or a run copied it.
 * @returns how many documents
 */
export async function workOnWhatIsBack(ports: BlobComparePorts, scope: BlobScope): Promise<number> {
  let documents = 0;
  for (const content of await ports.names.wanting(scope.organizationId, scope.patientUuid)) {
    if ((await faultOf(ports.blobs, { ...scope, content: true }, content)) !== null) continue;
    documents += await ports.names.contentIsBack(scope.organizationId, content.sha256);
  }
  return documents;
}

interface Shared {
  readonly connection: FileConnection;
  readonly path: string;
}

function shareOf(connections: readonly FileConnection[], { connectionId, path }: NamingDocument): Shared | null {
  const connection = connections.find(({ id }) => id === connectionId);
  return connection === undefined || path === null || path === '' ? null : { connection, path };
}

function isOriginal(name: NamedContent): name is Original {
  return name.role === 'original';
}

function isPart(name: NamedContent): name is Part {
  return name.role === 'part';
}

function isGroup(name: NamedContent): name is Group {
  return name.role === 'group';
}
