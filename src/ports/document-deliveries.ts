/**
 * Where the document service on another machine has, or may have, documents of ours.
 *
 * Contract:
 * - A place is (patient, reference): the other service has one document for it. It is written down before anything is sent,
 *   so that what was sent without an answer is known and found again.
 * - A place belongs to one document of ours. Another one takes it over, with what is there, unless the first one's task is at
 *   work on it now (`busy`).
 * - Writes carry the task and are refused with `lease_lost` when it was given to another process since.
 */
import type { ConnectionKey } from './document-records.ts';
import type { DocumentTask } from './document-work.ts';

export interface DeliveryPlace {
  readonly patientUuid: string;
  readonly reference: string;
}

export interface Delivery extends DeliveryPlace {
  readonly documentUuid: string;
  /** Of the original that was sent. */
  readonly sha256: string;
  /** Null: it was sent, and nothing was heard. */
  readonly remoteUuid: string | null;
}

/** A document of ours that the other service shall have. */
export interface WantedDelivery extends DeliveryPlace {
  readonly documentUuid: string;
  /** Of the original. */
  readonly sha256: string;
}

/** What a task's document is, as far as the other service needs it. */
export interface DeliverySubject {
  readonly connectionId: string;
  readonly reference: string;
  readonly ownerUuid: string | null;
  readonly title: string | null;
  readonly uploadedAt: string | null;
  readonly sourcePath: string | null;
}

export interface DeliveryCounts {
  /** Tasks of the connection that can be done now or in a moment, or are at work. */
  readonly due: number;
  /** Tasks that wait for their next try. */
  readonly waiting: number;
  /** Documents that the other service refused, and removed ones of which it does not say whether it has them. */
  readonly refused: number;
}

export interface DocumentDeliveries {
  /** Null: no document, or none that a connection brought. Also of removed documents. */
  subject(task: DocumentTask): Promise<DeliverySubject | null>;
  ofDocument(
    document: Pick<DocumentTask, 'organizationId' | 'documentUuid'>,
    connectionId: string,
  ): Promise<readonly Delivery[]>;
  /** Takes the place for the task. @returns what was there before: null when it is new */
  take(task: DocumentTask, connectionId: string, place: DeliveryPlace): Promise<Delivery | 'busy' | null>;
  /** What is, or is about to be, at a place that the task has taken. */
  note(task: DocumentTask, connectionId: string, delivery: Omit<Delivery, 'documentUuid'>): Promise<void>;
  drop(task: DocumentTask, connectionId: string, place: DeliveryPlace): Promise<void>;
  /** Of the patient that each document is with, wherever its source lists it. In byte order of patient, then reference. */
  wanted(key: ConnectionKey, patientUuid: string | null, signal?: AbortSignal): AsyncIterable<WantedDelivery>;
  /** In byte order of patient, then reference. */
  list(key: ConnectionKey, patientUuid: string | null, signal?: AbortSignal): AsyncIterable<Delivery>;
  /** The other service lost it: the next try sends it again. */
  forget(key: ConnectionKey, place: DeliveryPlace): Promise<void>;
  counts(key: ConnectionKey): Promise<DeliveryCounts>;
  /** Documents that the other service does not have are asked for. @param refused also those that it refused */
  askForUnsent(key: ConnectionKey, refused: boolean): Promise<number>;
}
