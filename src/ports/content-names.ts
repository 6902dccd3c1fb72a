/**
 * Who names a content: asked by whoever finds that the blob store has lost or damaged it.
 *
 * Contract:
 * - Only what is live names a content: documents, what was made of them, and the PDFs of groups.
 * - Of very many documents that name the same part only some are told: one that is read again is enough.
 */
import type { BlobCare } from './document-records.ts';

export interface NamingDocument {
  readonly documentUuid: string;
  /** Null: it was uploaded. */
  readonly connectionId: string | null;
  readonly reference: string | null;
  /** As its source wrote it. */
  readonly path: string | null;
  readonly original: BlobCare;
  /** Somebody has asked for it already. */
  readonly isReadAgain: boolean;
}

export type NamedContent = BlobCare & { readonly patientUuid: string } & (
    | { readonly role: 'original' | 'part'; readonly document: NamingDocument }
    | { readonly role: 'group'; readonly groupId: string }
  );

export interface NamedBy {
  readonly patientUuid?: string;
  readonly sha256?: readonly string[];
  /** Parts only when they were made of these contents. */
  readonly madeOf?: readonly string[];
}

export interface ContentNames {
  /** In byte order of the hash; of one content originals come first, groups last. */
  named(organizationId: string, by: NamedBy): Promise<readonly NamedContent[]>;
  /**
   * A lost content is stored again: documents and groups whose work has failed for the lack of it are worked on again.
   * @returns how many documents
   */
  contentIsBack(organizationId: string, sha256: string): Promise<number>;
  /** Contents for whose lack the work on a document or a group has failed. */
  wanting(organizationId: string, patientUuid: string | null): Promise<readonly BlobCare[]>;
  /** The PDF of the group is made anew. @returns false: it has another one by now */
  mergeAgain(organizationId: string, groupId: string, pdfSha256: string): Promise<boolean>;
  /**
   * Notes that the store does not have a released content any more: nobody counts on it when it is wanted again.
   * @returns false: somebody names it, or it is noted already
   */
  forget(organizationId: string, sha256: string): Promise<boolean>;
}
