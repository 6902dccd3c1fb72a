/**
 * The durable list of what is to be done about documents, and what was made of their contents.
 *
 * Contract:
 * - Whoever changes a document asks for the work in the same transaction, so no change is ever without its task. There is at
 *   most one task for a document; what it comes to is decided by how the document is when it is done.
 * - `claim` gives a task to one process: first removals and what somebody waits for, then what sources brought. At most `atMost`
 *   documents of an organisation are read at a time in all processes together, and not many more wait for the index (stage
 *   `extracting`).
 *   Tasks of a process that is gone, or that holds one beyond its lease, are given out again.
 * - Every write of a task is refused with `lease_lost` when the task was given to another process since.
 * - `finish` ends the task only if the document has not changed since the claim; otherwise the task waits to be done again.
 * - A rendition is there once for each content of an organisation, as long as a live document has this content. Its parts
 *   are contents of the blob store, counted like those of documents.
 */
import type { DocumentErrorCode, DocumentProgram, RetryAdvice } from './document-content.ts';
import type { BlobCare } from './document-records.ts';

export type DocumentTaskKind = 'process' | 'index' | 'unindex';

export const DOCUMENT_STAGES = ['initializing', 'analyzing', 'extracting', 'categorizing'] as const;
export type DocumentStage = (typeof DOCUMENT_STAGES)[number];

export interface DocumentTask {
  readonly organizationId: string;
  readonly documentUuid: string;
  readonly patientUuid: string;
  readonly kind: DocumentTaskKind;
  /** Whose documents it was among before: the index may still have it there. */
  readonly formerPatients: readonly string[];
  /** Takes until now, this one included; those that ended because a store was away do not count. */
  readonly attempts: number;
  /** Tries in a row that ended because a store was away. */
  readonly delays: number;
  readonly lease: string;
  readonly change: string;
  /** Null: the document was removed, or is not known any more. */
  readonly document: {
    readonly sha256: string;
    readonly sizeBytes: number;
    readonly originalName: string;
    readonly mimeType: string | null;
  } | null;
}

export interface RefusedRendition {
  readonly verdict: 'refused';
  readonly processorVersion: number;
  readonly detectedType: string | null;
  readonly code: DocumentErrorCode;
  readonly reason: string;
  readonly retry: RetryAdvice;
  readonly missing: DocumentProgram | null;
}

export interface ProcessedRendition {
  readonly verdict: 'processed';
  readonly processorVersion: number;
  readonly detectedType: string;
  /** Null: the original is a PDF. */
  readonly pdf: BlobCare | null;
  /** One page as JSON per line. Its hash is the version of the document in the index. */
  readonly pages: BlobCare;
  readonly thumbnail: BlobCare | null;
  readonly pageCount: number;
  /** Pages with text: with 0 nothing of it can be found. Null: some have; it was read before they were counted. */
  readonly textPages: number | null;
  readonly documentDate: { readonly date: string; readonly confidence: number } | null;
  readonly warnings: readonly string[];
  /** Its scanned pages were not read for the lack of Tesseract, and have been asked for since. */
  readonly scansAskedFor: boolean;
}

export type Rendition = RefusedRendition | ProcessedRendition;

export type TaskEnd =
  | { readonly status: 'complete' }
  | { readonly status: 'error'; readonly code: string }
  /** The index has proved that nothing of the document is left. */
  | { readonly status: 'gone' };

export interface DocumentWork {
  /** Organisations with something to do now. */
  due(): Promise<readonly string[]>;
  /** @param connectionId only of documents that this connection brought */
  claim(organizationId: string, atMost: number, take: number, connectionId?: string): Promise<readonly DocumentTask[]>;
  /** What people see of a document at work. */
  showStage(task: DocumentTask, stage: DocumentStage): Promise<void>;
  rendition(organizationId: string, sha256: string): Promise<Rendition | null>;
  /** Announces contents that are about to be stored. @returns for each hash, whether its blob is in the store already */
  announce(task: DocumentTask, blobs: readonly BlobCare[]): Promise<ReadonlyMap<string, 'wanted' | 'stored'>>;
  /**
   * Of the task's document; all parts are in the blob store. Shows the stage `extracting` as well.
   *
   * @returns what the content is by now: what was read of it before stays when a reader has crashed or taken too much
   */
  recordRendition(task: DocumentTask, rendition: Rendition): Promise<Rendition>;
  finish(task: DocumentTask, end: TaskEnd): Promise<void>;
  /** The task is tried again. @param counts false: a store was away, which says nothing about the document */
  tryAgain(
    task: DocumentTask,
    again: { readonly afterMs: number; readonly code: string; readonly counts: boolean },
  ): Promise<void>;
  /** As if it had not been taken. */
  giveBack(task: DocumentTask): Promise<void>;
  /**
   * Documents that were refused because one of these programs was missing are asked for again, and once a day, after everything
   * else, those whose scanned pages were not read for the lack of Tesseract. @returns how many
   */
  askForRefused(installed: ReadonlySet<DocumentProgram>): Promise<number>;
  /** Tasks that wait or are at work. */
  open(organizationId: string, patientUuid?: string): Promise<number>;
}
