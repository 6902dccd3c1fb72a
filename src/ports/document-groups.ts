/**
 * Documents of one patient that a person has put together in an order, with one PDF of all of them.
 *
 * Contract:
 * - Nothing is grouped by itself; proposals are only read. A group changes nothing of its documents but `groupingStatus`, and
 *   `ungroup` gives exactly the state before it. A document is in one group at most.
 * - The PDF is always that of the present documents: whatever changes one of them – a run, a removal, a restoration –, the PDF
 *   counts as not there until it is made anew. A removed document stays a member, shown as such, and is in the PDF again when it
 *   is restored. A document of which there is no PDF is a member without pages.
 * - The making is durable work like that of documents: a process that is killed loses nothing, and one that was taken for dead
 *   writes nothing (`lease_lost`).
 */
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { BlobCare } from './document-records.ts';

export interface GroupMember {
  readonly documentUuid: string;
  readonly originalName: string;
  /** False: it was removed. */
  readonly live: boolean;
  /** In the PDF, from 1; null: it is not in it. */
  readonly firstPage: number | null;
}

export interface DocumentGroup {
  readonly id: string;
  readonly patientUuid: string;
  readonly title: string | null;
  readonly createdAt: string;
  readonly createdBy: string;
  /** waiting: the PDF is still to be made of the present documents; error: it cannot be made, see `code`. */
  readonly status: 'waiting' | 'complete' | 'error';
  readonly code: string | null;
  /** Of the present documents only. */
  readonly pdf: BlobCare | null;
  readonly pageCount: number | null;
  /** In the order that was given. */
  readonly members: readonly GroupMember[];
}

export interface NewGroup {
  readonly organizationId: string;
  readonly patientUuid: string;
  /** Used when the group is new. */
  readonly id: string;
  readonly title: string | null;
  readonly documentUuids: readonly string[];
  readonly by: string;
}

export type GroupOutcome =
  /** same: these documents, in this order, are a group already. */
  | { readonly outcome: 'created' | 'same'; readonly group: DocumentGroup }
  | { readonly outcome: 'no_document' | 'in_other_group'; readonly documentUuids: readonly string[] };

export type ReorderOutcome =
  /** same: they are in this order already. */
  | { readonly outcome: 'reordered' | 'same'; readonly group: DocumentGroup; readonly former: readonly string[] }
  /** members: those that the group has, in their order; others were given. */
  | { readonly outcome: 'other_members'; readonly members: readonly string[] }
  | { readonly outcome: 'unknown' };

export interface GroupProposal {
  /** Calendar date of the documents: of their text, else of their upload, in the zone that was asked for. */
  readonly date: string;
  /** Category, else MIME type. */
  readonly type: string;
  readonly documents: readonly { readonly documentUuid: string; readonly originalName: string }[];
}

export interface DocumentGroups {
  create(group: NewGroup, audit: (id: string) => AuditEntry): Promise<GroupOutcome>;
  list(organizationId: string, patientUuid: string): Promise<readonly DocumentGroup[]>;
  find(organizationId: string, patientUuid: string, id: string): Promise<DocumentGroup | null>;
  /**
   * The same documents in another order, removed ones included; the PDF is made anew. The former order, given again, is exactly
   * the state before.
   */
  reorder(
    organizationId: string,
    patientUuid: string,
    id: string,
    documentUuids: readonly string[],
    audit: AuditEntry,
  ): Promise<ReorderOutcome>;
  /** @returns false: there is no such group */
  ungroup(organizationId: string, patientUuid: string, id: string, audit: AuditEntry): Promise<boolean>;
  /** Ungrouped documents of one date and type. */
  proposals(organizationId: string, patientUuid: string, timeZone: string): Promise<readonly GroupProposal[]>;
}

/** One PDF to be made, given to one process. */
export interface GroupTask {
  readonly organizationId: string;
  readonly id: string;
  readonly change: string;
  readonly lease: string;
  /** Takes until now, this one included. */
  readonly attempts: number;
  /** Live members with a PDF, in order. */
  readonly parts: readonly { readonly documentUuid: string; readonly sha256: string }[];
}

export interface GroupWork {
  /** Groups whose documents are all read. */
  claim(): Promise<GroupTask | null>;
  announce(task: GroupTask, pdf: BlobCare): Promise<'wanted' | 'stored'>;
  /** The PDF is in the blob store. Was a document changed meanwhile, the group waits to be done again. */
  finish(
    task: GroupTask,
    made: {
      readonly pdf: BlobCare;
      readonly pageCount: number;
      readonly firstPages: ReadonlyMap<string, number>;
    },
  ): Promise<void>;
  /** No PDF can be made of the present documents. */
  refuse(task: GroupTask, code: string): Promise<void>;
  tryAgain(task: GroupTask, again: { readonly afterMs: number; readonly counts: boolean }): Promise<void>;
}
