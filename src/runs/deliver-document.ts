/**
 * Brings one document to where the document service on another machine shall have it, or takes it away there. Every step may
 * be done again: what is about to be sent is written down first, and the other service has one document for each reference.
 */
import { Readable } from 'node:stream';
import { SyncError, toSyncError } from '../domain/errors.ts';
import { type RetryPolicy, withRetry } from '../engine/retry.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { Delivery, DeliveryPlace, DeliverySubject, DocumentDeliveries } from '../ports/document-deliveries.ts';
import type { DocumentTask } from '../ports/document-work.ts';
import type { RemoteDocuments, SentDocument } from '../ports/remote-documents.ts';
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
      const remoteUuid = now.remoteUuid ?? (await nameBySending(now)) ?? (await nameWithoutContent(now));
      if (remoteUuid !== null) await remove(delivery, remoteUuid);
      await deliveries.drop(task, connectionId, delivery);
    }

    /** Sent again, it has a name to be removed by. @returns null: its content is gone as well */
    async function nameBySending(delivery: Delivery): Promise<string | null> {
      const size = (await blobs.stat(blobName(task.organizationId, delivery.sha256), signal))?.size;
      if (size === undefined) return null;
      const original = { sha256: delivery.sha256, sizeBytes: size, originalName: delivery.reference, mimeType: null };
      try {
        return (await send(delivery, await contentOf(original))).remoteUuid;
      } catch (error) {
        const { code } = toSyncError(error);
        // Also what was made of it may be gone, or could not be made again; and what was refused once is refused for ever.
        const isVain = code === 'blob_missing' || code === 'blob_corrupt' || code === 'remote_refused';
        if (isVain || code.startsWith('document_')) return null;
        throw error;
      }
    }

    /** @returns null: the other service does not have it */
    async function nameWithoutContent(delivery: Delivery): Promise<string | null> {
      const { documents, references } = await again(() => remote.state(delivery.patientUuid, signal));
      if (references !== null) return references.get(delivery.reference.toLowerCase())?.remoteUuid ?? null;
      if (documents === 0) return null;
      // A service without a list names what it has under the reference when anything is sent under it.
      const page = removedPage();
      const file = { size: page.length, fileName: 'removed.pdf', mimeType: 'application/pdf' };
      return (await again(() => sendFile(delivery, file, Readable.from([page])))).remoteUuid;
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
