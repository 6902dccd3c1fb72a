/**
 * What is still to be done until each attachment of a source is a document of the patient that it belongs to.
 *
 * Contract:
 * - A document belongs to the patient's id in `patients`; where that patient was merged into another one that is known, to the
 *   one at the end of the chain.
 * - Nothing here removes a document unless the same attachment has a live document of another patient: a document is never
 *   between two patients.
 */
import type { ConnectionKey, Fence } from './document-records.ts';

/** An attachment whose document is not there, or not as the source has it. */
export interface WantedAttachment {
  readonly reference: string;
  readonly fingerprint: string;
  /** Null: the source does not say whose it is. */
  readonly patientUuid: string | null;
  readonly patientName: string | null;
  /** False: the source has not finished with it. */
  readonly ready: boolean;
  readonly contentPath: string;
  readonly fileName: string | null;
  readonly description: string | null;
  readonly mimeType: string | null;
  readonly sizeBytes: number | null;
  /** ISO instant at which it was put into the record. */
  readonly createdAt: string | null;
  /** Epoch ms: when the source finished with the content, else of the last change. */
  readonly modifiedAt: number;
  /** The content, when a live document of the attachment has it already: of another patient, or under another name. */
  readonly known: { readonly sha256: string; readonly sizeBytes: number; readonly mimeType: string | null } | null;
}

export interface AttachmentRecords {
  /** At most `limit` of them, in byte order of their references, after this one. */
  wanted(key: ConnectionKey, after: string, limit: number): Promise<readonly WantedAttachment[]>;
  /** References of at most `limit` that the source had not finished with when it told of them. */
  unready(key: ConnectionKey, limit: number): Promise<readonly string[]>;
  countWanted(key: ConnectionKey): Promise<number>;
  /** Takes documents away from patients that an attachment does not belong to (any more). @returns how many */
  dropMoved(fence: Fence, at: number): Promise<number>;
  /** Documents that a person kept against the source, and that the source lists again, are the source's again. */
  clearKept(fence: Fence): Promise<void>;
  /**
   * Date of birth and gender of the patients, in their filesets: where there is none, or what the connection wrote there before.
   */
  describePatients(fence: Fence): Promise<void>;
}
