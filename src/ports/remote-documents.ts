/**
 * A document service on another machine: another Chartsync, or a VitalSign server.
 *
 * Contract:
 * - `send` may be called again with the same (patient, reference), also after a lost answer: the other service has one
 *   document for it. The content is streamed.
 * - `remove` is fine when the document is gone already, or was never known.
 * - Answers that say "accepted" without a document are failures: nothing is taken for stored that the other service did not name.
 * - Failures are SyncErrors: `remote_unavailable`, `remote_credentials`, `remote_refused` (this document, or this request),
 *   `remote_unnamed` (it may have taken the document);
 *   an aborted signal → `cancelled`.
 */
import type { Readable } from 'node:stream';

export interface RemoteDocument {
  readonly patientUuid: string;
  readonly reference: string;
  readonly ownerUuid: string | null;
  readonly originalName: string;
  readonly mimeType: string | null;
  /** Of the content as it is sent. */
  readonly sizeBytes: number;
  readonly title: string | null;
  readonly uploadedAt: string | null;
  /** Where the source has it. */
  readonly sourcePath: string | null;
}

export interface SentDocument {
  readonly remoteUuid: string;
  /** True: it did not exist there before. Null: the service does not say. */
  readonly created: boolean | null;
  /** Whether what is there has this content. Null: the service does not say. */
  readonly sameContent: boolean | null;
}

/** What the other service has of a patient. */
export interface RemoteState {
  /** By its own count; null when it does not say. */
  readonly documents: number | null;
  /** Reference → its documents; null when it does not list them. */
  readonly references: ReadonlyMap<string, { readonly remoteUuid: string; readonly sha256: string | null }> | null;
}

export interface RemoteDocuments {
  /** @throws SyncError when the service is not healthy or the key is refused */
  probe(signal: AbortSignal): Promise<void>;
  send(document: RemoteDocument, content: Readable, signal: AbortSignal): Promise<SentDocument>;
  remove(patientUuid: string, remoteUuid: string, signal: AbortSignal): Promise<void>;
  state(patientUuid: string, signal: AbortSignal): Promise<RemoteState>;
}
