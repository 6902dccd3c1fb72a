/**
 * Brings one document to where the document service on another machine shall have it, or takes it away there. Every step may
 * be done again: what is about to be sent is written down first, and the other service has one document for each reference.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { SyncError, toSyncError } from '../domain/errors.ts';
import { type RetryPolicy, withRetry } from '../engine/retry.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { Delivery, DeliveryPlace, DeliverySubject, DocumentDeliveries } from '../ports/document-deliveries.ts';
import type { DocumentTask } from '../ports/document-work.ts';
import type { RemoteDocuments, RemoteState, SentDocument } from '../ports/remote-documents.ts';
import { removedPage } from './removed-page.ts';

/** What is sent of a document. */
export interface SentContent {
  readonly sha256: string;
  readonly size: number;
  readonly fileName: string;
  readonly mimeType: string | null;
}

export interface DeliveryTarget {
  readonly connectionId: string;
  /** Of the other machine, for people. */
  readonly host: string;
  readonly remote: RemoteDocuments;
  /** `pdf`: what is none is sent as the PDF that was made of it. */
  readonly send: 'original' | 'pdf';
}

export interface DeliverOptions {
  readonly deliveries: DocumentDeliveries;
  readonly blobs: BlobStore;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the other service has cannot be learnt. */
const UNKNOWN = Symbol('unknown');
const ENDS_IT: ReadonlySet<string> = new Set(['remote_refused', 'remote_unnamed']);

/** A service that does not tell of a patient has said nothing. @throws whatever else it is */
function refused(error: unknown): RemoteState {
  if (toSyncError(error).code === 'remote_refused') return { documents: null, references: null };
  throw error;
}

type LiveDocument = NonNullable<DocumentTask['document']>;

export function createDelivery(options: DeliverOptions) {
  const { deliveries, blobs } = options;

  /** @param contentOf what is to be sent of a content */
  return async function deliver(
    task: DocumentTask,
    subject: DeliverySubject,
    target: DeliveryTarget,
    contentOf: (document: LiveDocument) => Promise<SentContent>,
    signal: AbortSignal,
  ): Promise<void> {
    const { connectionId, remote } = target;
    const again = <T>(work: () => Promise<T>) =>
      withRetry(work, options.retry, { clock: options.clock, random: options.random, signal });
    const wanted: DeliveryPlace | null =
      task.document === null ? null : { patientUuid: task.patientUuid, reference: subject.reference };
    if (wanted !== null && task.document !== null) await bring(wanted, task.document);
    // After the new place has it: a document that moves is never nowhere.
    for (const delivery of await deliveries.ofDocument(task, connectionId)) {
      if (wanted !== null && isSame(delivery, wanted)) continue;
      await takeAway(delivery);
    }

    async function bring(place: DeliveryPlace, document: LiveDocument): Promise<void> {
      const before = await take(place);
      if (before !== null && before.remoteUuid !== null && before.sha256 === document.sha256) return;
      if (before !== null && before.remoteUuid !== null) {
        // The other service does not replace a content.
        await remove(place, before.remoteUuid);
      }
      const content = await contentOf(document);
      await deliveries.note(task, connectionId, { ...place, sha256: document.sha256, remoteUuid: null });
      let sent = await send(place, content);
      // What was sent before, without an answer, may have been another content.
      const isOlder =
        sent.sameContent === false ||
        (sent.created === null && before !== null && before.remoteUuid === null && before.sha256 !== document.sha256);
      if (isOlder) {
        await remove(place, sent.remoteUuid);
        sent = await send(place, content);
        if (sent.sameContent === false) {
          throw new SyncError('remote_refused', { detail: 'It keeps another content of the document.' });
        }
      }
      await deliveries.note(task, connectionId, { ...place, sha256: document.sha256, remoteUuid: sent.remoteUuid });
    }

    async function takeAway(delivery: Delivery): Promise<void> {
      const now = await take(delivery);
      if (now === null) return;
      // Nobody may have heard whether it came, and what it is called there.
      const name = now.remoteUuid ?? (await nameOf(now));
      // It stays written down, for the comparison to tell a person: trying for ever would send it for ever.
      if (name === UNKNOWN) return;
      if (name !== null) await remove(delivery, name);
      await deliveries.drop(task, connectionId, delivery);
    }

    /** @returns null: the other service does not have it */
    async function nameOf(delivery: Delivery): Promise<string | typeof UNKNOWN | null> {
      const { documents, references } = await again(() => remote.state(delivery.patientUuid, signal)).catch(refused);
      if (references !== null) return references.get(delivery.reference.toLowerCase())?.remoteUuid ?? null;
      // A service without a list names what it has under the reference when it is sent again.
      const sent = await nameBySending(delivery);
      if (sent !== null) {
        // Should it not be removed this time, it is not sent once more.
        if (sent !== UNKNOWN) await noteName(delivery, delivery.sha256, sent);
        return sent;
      }
      if (documents === 0) return null;
      const page = removedPage();
      // What is there from now on may be this page: a document that comes back must not be taken for sent.
      const pageSha256 = createHash('sha256').update(page).digest('hex');
      await noteName(delivery, pageSha256, null);
      const file = { size: page.length, fileName: 'removed.pdf', mimeType: 'application/pdf' };
      try {
        const { remoteUuid } = await again(() => sendFile(delivery, file, Readable.from([page])));
        await noteName(delivery, pageSha256, remoteUuid);
        return remoteUuid;
      } catch (error) {
        if (ENDS_IT.has(toSyncError(error).code)) return UNKNOWN;
        throw error;
      }
    }

    function noteName({ patientUuid, reference }: DeliveryPlace, sha256: string, remoteUuid: string | null) {
      return deliveries.note(task, connectionId, { patientUuid, reference, sha256, remoteUuid });
    }

    /** @returns null: its content is gone as well, or is refused */
    async function nameBySending(delivery: Delivery): Promise<string | typeof UNKNOWN | null> {
      const size = (await blobs.stat(blobName(task.organizationId, delivery.sha256), signal))?.size;
      if (size === undefined) return null;
      const original = { sha256: delivery.sha256, sizeBytes: size, originalName: delivery.reference, mimeType: null };
      try {
        return (await send(delivery, await contentOf(original))).remoteUuid;
      } catch (error) {
        const { code } = toSyncError(error);
        // It took something, and anything else would be taken in the same way.
        if (code === 'remote_unnamed') return UNKNOWN;
        // Also what was made of it may be gone, or could not be made again; and what was refused once is refused for ever.
        const isVain = code === 'blob_missing' || code === 'blob_corrupt' || code === 'remote_refused';
        if (isVain || code.startsWith('document_')) return null;
        throw error;
      }
    }

    async function take(place: DeliveryPlace): Promise<Delivery | null> {
      const before = await deliveries.take(task, connectionId, place);
      if (before === 'busy') {
        const detail = 'Another document of the same reference is on its way.';
        throw new SyncError('remote_unavailable', { action: 'skip', detail, retryAfterMs: 500 });
      }
      return before;
    }

    function remove(place: DeliveryPlace, remoteUuid: string): Promise<void> {
      return again(() => remote.remove(place.patientUuid, remoteUuid, signal));
    }

    function send(place: DeliveryPlace, content: SentContent): Promise<SentDocument> {
      return again(async () => {
        const { stream } = await blobs.get(blobName(task.organizationId, content.sha256), signal);
        return sendFile(place, content, stream);
      });
    }

    function sendFile(
      { patientUuid, reference }: DeliveryPlace,
      { fileName, mimeType, size }: Omit<SentContent, 'sha256'>,
      content: Readable,
    ): Promise<SentDocument> {
      const { ownerUuid, title, uploadedAt, sourcePath } = subject;
      const of = { patientUuid, reference, ownerUuid, title, uploadedAt, sourcePath };
      return remote.send({ ...of, originalName: fileName, mimeType, sizeBytes: size }, content, signal);
    }
  };
}

function isSame(a: DeliveryPlace, b: DeliveryPlace): boolean {
  return a.patientUuid === b.patientUuid && a.reference === b.reference;
}
