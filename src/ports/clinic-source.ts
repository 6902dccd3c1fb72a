/**
 * A practice management system that delivers records in pages.
 *
 * Contract:
 * - Errors are `SyncError`s classified by status and shape. An answer of unknown shape is `source_contract_changed`, never an
 *   empty page. Short trouble is waited out inside (within the deadline of the run's signal).
 * - `read` delivers each record at least once that exists from before the read until after it and fits the question; records
 *   that change meanwhile may come twice or, when others vanish before them, be skipped – which `totals` then tell.
 * - Nothing is ever written to the source.
 */
import type { ClinicRecord, HiddenKind, RecordStream } from '../domain/clinic.ts';
import type { BlobContent } from './blob-store.ts';

export interface SourcePage {
  readonly records: readonly ClinicRecord[];
  /** Some lists are only whole when several questions are asked one after the other: the number of this one, from 0. */
  readonly part: number;
  /** How many records fit the question of this part now, as the source counts them. */
  readonly total: number;
  /** The source's own clock when it answered, epoch ms; null when it does not say. */
  readonly serverTime: number | null;
  /** References of records that may have come into the list after this part of the read began; null: nobody can tell. */
  readonly arrived: readonly string[] | null;
  /** Of the last record, in the order of the read: from where an interrupted read goes on. Null: the order is not known. */
  readonly position: string | null;
  /** The last page of its part. */
  readonly last: boolean;
}

export interface ReadQuestion {
  /** ISO instant: only what changed then or later, hidden records included. Null: everything. */
  readonly changedSince: string | null;
  /** ISO instant: only records created then or later. Goes on where an interrupted read stopped. */
  readonly createdFrom: string | null;
  /** ISO instant: only appointments that start then or later. */
  readonly startsFrom: string | null;
}

/** What is known of a content before it is fetched. */
export interface WantedContent {
  readonly contentPath: string;
  readonly sizeBytes: number | null;
  readonly mimeType: string | null;
}

/** A content in a file of ours. */
export interface FetchedContent extends BlobContent {
  /** By its bytes; null when unknown. */
  readonly mimeType: string | null;
  /** Removes the file. Always called. */
  close(): Promise<void>;
}

export interface ClinicSource {
  /** The lists that this source has, in the order in which they are to be read. */
  readonly streams: readonly RecordStream[];
  /** Asks who we are. @returns ms that it took, and what may be shown of it */
  check(signal: AbortSignal): Promise<{ readonly responseMs: number; readonly region: string; readonly user: string }>;
  /** The same without any effect on a run that is in progress. */
  probe(signal: AbortSignal): Promise<{ readonly responseMs: number; readonly region: string }>;
  /** Which account the records are of; null: the source does not say. */
  account(signal: AbortSignal): Promise<string | null>;
  /** Who asks: requests of people have a reserved share of the limit. */
  read(
    stream: RecordStream,
    question: ReadQuestion,
    context: { readonly signal: AbortSignal; readonly urgent: boolean },
  ): AsyncIterable<SourcePage>;
  /**
   * False when the source has shown that it does not show all records of this stream: then what is not delivered may only be hidden,
   * and still count. As of the last read of everything.
   */
  showsEverything(stream: RecordStream): boolean;
  /** The kinds of hidden records of this stream that the source refuses to show, as of the last read of everything. */
  refusals(stream: RecordStream): readonly HiddenKind[];
  /** Looks single records up, hidden ones included. @returns those that the source still has */
  confirm(
    stream: RecordStream,
    references: readonly string[],
    context: { readonly signal: AbortSignal; readonly urgent: boolean },
  ): Promise<readonly ClinicRecord[]>;
  /**
   * Fetches the content of an attachment: whole, of the size that was told, and not larger than the limit. Short trouble is
   * waited out inside. Errors that concern this content only: `attachment_missing`, `attachment_link_refused`,
   * `attachment_refused`, `attachment_mismatch`, `attachment_unavailable`, `file_too_large`, `file_empty`.
   */
  fetchContent(
    wanted: WantedContent,
    context: { readonly signal: AbortSignal; readonly urgent: boolean },
  ): Promise<FetchedContent>;
  /** Where the source is, as far as the key tells; null when there is none. */
  region(): Promise<string | null>;
  close(): Promise<void>;
}
