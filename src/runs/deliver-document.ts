/**
 * Brings one document to where the document service on another machine shall have it, or takes it away there. Every step may
 * be done again: what is about to be sent is written down first, and the other service has one document for each reference.
 */
import { SyncError } from '../domain/errors.ts';
import { type RetryPolicy, withRetry } from '../engine/retry.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { Delivery, DeliveryPlace, DeliverySubject, DocumentDeliveries } from '../ports/document-deliveries.ts';
import type { DocumentTask } from '../ports/document-work.ts';
import type { RemoteDocuments, SentDocument } from '../ports/remote-documents.ts';

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
      let { remoteUuid } = now;
      if (remoteUuid === null) {
        // Nobody heard whether it came: sent again, it has a name to be removed by.
        const size = (await blobs.stat(blobName(task.organizationId, now.sha256), signal))?.size;
        if (size === undefined) throw new SyncError('blob_missing', { action: 'retry' });
        const content = await contentOf({
          sha256: now.sha256,
          sizeBytes: size,
          originalName: delivery.reference,
          mimeType: null,
        });
        ({ remoteUuid } = await send(delivery, content));
      }
      await remove(delivery, remoteUuid);
      await deliveries.drop(task, connectionId, delivery);
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
        return remote.send(
          {
            ...place,
            ownerUuid: subject.ownerUuid,
            originalName: content.fileName,
            mimeType: content.mimeType,
            sizeBytes: content.size,
            title: subject.title,
            uploadedAt: subject.uploadedAt,
            sourcePath: subject.sourcePath,
          },
          stream,
          signal,
        );
      });
    }
  };
}

function isSame(a: DeliveryPlace, b: DeliveryPlace): boolean {
  return a.patientUuid === b.patientUuid && a.reference === b.reference;
}
