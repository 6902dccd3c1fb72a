/**
 * The text of documents, found by words. An index is derived: everything in it can be put again from the documents, and
 * nothing else depends on it.
 *
 * Contract, tested for every adapter by `test/contract/search-index.ts`:
 * - **Apart.** An entry belongs to an organisation and a patient; both are part of its identity and of every question, so the
 *   same document under two patients is two entries. No question answers with, or counts, what belongs to another. Ids of
 *   another shape than `assertPlace` allows are a TypeError before anything else happens.
 * - `put` stores the document's pages, cut into passages; text of any kind and no text at all (a document without words is
 *   listed, with 0 passages). It returns when the index holds them. The same version again is `unchanged` and costs little,
 *   another version replaces the former: a search sees all of the one or all of the other. Of several puts at once the last
 *   one stays, whole. Killed in between, the former state or the new one stays; putting again repairs whatever is left.
 *   Pages are read once at most, so they may be a stream; when they fail, nothing is put.
 * - `remove` of what is not there is fine. It answers with what is still there when asked afterwards: `remaining` is 0, or
 *   the removal has to be repeated.
 * - `list` goes through documents in byte order of patient, then document. `count` counts the same.
 * - `search` takes any text: words in any order, `"words in this order"`, `beginn*`; letters count without case and accents.
 *   Characters that mean nothing are spaces; a text without a word finds nothing. Best first; equal ones in a fixed order.
 *   `next` is the place to go on `after`, at most {@link MAX_DEPTH} passages deep; what is put meanwhile may shift pages.
 *   With `capabilities.immediate` a search finds what was put before it, from every process.
 * - A rebuild fills an index anew beside the one that answers. Puts and removals go on: they hold for both, and `Rebuild.put`
 *   never replaces what was put, nor brings back what was removed, since the rebuild began. After `finish` exactly what the
 *   rebuild brought and what was put meanwhile is there. The caller lists its documents after `beginRebuild`. A later
 *   rebuild of the organisation ends an earlier one: its calls are SyncError `search_rebuild_ended`. So do `finish`, `abandon`.
 * - Failures are SyncErrors: `search_unavailable`, `search_credentials`, `search_disk_full`, `search_refused`,
 *   `search_other_home`, `embeddings_unavailable`, `embeddings_mismatch`, `search_off`; an aborted signal → `cancelled`.
 */
import type { SyncError } from '../domain/errors.ts';
import { normaliseUuid } from '../domain/reference.ts';

export interface Page {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

export interface SearchPlace {
  readonly organizationId: string;
  /** Lower case, as all UUIDs here. */
  readonly patientUuid: string;
}

export interface SearchEntry extends SearchPlace {
  readonly documentUuid: string;
  /** SHA-256 of what the text was taken from, in lower-case hex. */
  readonly version: string;
  readonly pages: Iterable<Page> | AsyncIterable<Page>;
}

export interface IndexedDocument {
  readonly patientUuid: string;
  readonly documentUuid: string;
  readonly version: string;
  readonly passages: number;
  /** False when it was indexed under other settings (another embedding model): putting it again renews it. */
  readonly current: boolean;
}

export interface SearchQuery extends SearchPlace {
  readonly text: string;
  /** 1 to 100. */
  readonly limit: number;
  /** `next` of the page before, of the same question. */
  readonly after?: string | undefined;
}

export interface FoundPassage {
  readonly documentUuid: string;
  readonly version: string;
  readonly page: number;
  /** Where `text` stands in the text of its page, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** What was asked for, from and to in `text`; ascending, apart from each other. Empty when only the meaning is alike. */
  readonly highlights: readonly (readonly [from: number, to: number])[];
  /** Comparable within one answer only. */
  readonly score: number;
}

export interface SearchAnswer {
  readonly passages: readonly FoundPassage[];
  readonly next: string | null;
  /** False: only words were compared, also when the means to compare meanings did not answer in time. */
  readonly byMeaning: boolean;
}

export interface SearchCounts {
  readonly documents: number;
  readonly passages: number;
}

export interface SearchCapabilities {
  /** False: nothing is indexed, and `search` is SyncError `search_off`. */
  readonly available: boolean;
  /** Finds by meaning as well as by words. */
  readonly hybrid: boolean;
  /** Keeps to `"words in this order"` and `beginn*`; otherwise they only rank. */
  readonly phrases: boolean;
  /** A search finds what was put before it; otherwise a little later. */
  readonly immediate: boolean;
}

export type PutOutcome = 'created' | 'replaced' | 'unchanged';

/** A rebuild keeps what is newer than itself. */
export type RebuildOutcome = PutOutcome | 'kept';

export interface Rebuild {
  put(entry: SearchEntry, signal?: AbortSignal): Promise<RebuildOutcome>;
  /** What was rebuilt answers from now on. */
  finish(signal?: AbortSignal): Promise<SearchCounts>;
  /** The index stays as it is. */
  abandon(signal?: AbortSignal): Promise<void>;
}

export interface SearchIndex {
  readonly kind: 'lancedb' | 'openai' | 'memory' | 'none';
  readonly capabilities: SearchCapabilities;
  /** Checks reachability, creates what is missing. Called once before use. */
  prepare(signal?: AbortSignal): Promise<void>;
  /** @param waitMs others follow: it may wait so long for them, where writing several together costs less. Default 0 */
  put(entry: SearchEntry, signal?: AbortSignal, waitMs?: number): Promise<PutOutcome>;
  /** @param documentUuids or `all` of the patient */
  remove(place: SearchPlace, documentUuids: readonly string[] | 'all', signal?: AbortSignal): Promise<Removal>;
  list(organizationId: string, patientUuid: string | null, signal?: AbortSignal): AsyncIterable<IndexedDocument>;
  count(organizationId: string, patientUuid: string | null, signal?: AbortSignal): Promise<SearchCounts>;
  search(query: SearchQuery, signal?: AbortSignal): Promise<SearchAnswer>;
  /** @param patientUuid null: the whole organisation. A patient is rebuilt document by document, each in one step. */
  beginRebuild(organizationId: string, patientUuid: string | null, signal?: AbortSignal): Promise<Rebuild>;
  /** Tidies up and keeps searches fast, while everything else goes on. For a schedule; more often than needed is fine. */
  maintain(signal?: AbortSignal): Promise<void>;
  /** Which place it is kept in, wherever that is mounted; null: there is only one for everybody. */
  home(signal?: AbortSignal): Promise<string | null>;
  health(signal?: AbortSignal): Promise<SearchHealth>;
  close(): Promise<void>;
}

export interface Removal {
  /** Documents that were there. */
  readonly removed: number;
  /** Of those documents, what a question afterwards still finds. */
  readonly remaining: number;
}

export interface SearchHealth {
  readonly error: SyncError | null;
}

/** No search goes deeper. */
export const MAX_DEPTH = 1000;

const ORGANIZATION = /^[A-Za-z0-9_-]{1,64}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const VERSION = /^[0-9a-f]{64}$/;
const AFTER = /^[1-9]\d{0,3}$/;

/** @throws TypeError unless the ids can stand in a filter, a file name and an attribute without any care. */
export function assertPlace(organizationId: string, ...uuids: readonly string[]): void {
  if (!matches(ORGANIZATION, organizationId)) throw new TypeError('Not the id of an organisation.');
  for (const uuid of uuids) if (!matches(UUID, uuid)) throw new TypeError('Not a UUID in lower case.');
}

/** Some sources have patients under ids of another form: their documents end without being indexed. */
export function isIndexable({
  patientUuid,
  documentUuid,
}: {
  readonly patientUuid: string;
  readonly documentUuid: string;
}): boolean {
  return normaliseUuid(patientUuid) !== null && normaliseUuid(documentUuid) !== null;
}

/** @throws TypeError */
export function assertEntry(entry: SearchEntry): void {
  assertPlace(entry.organizationId, entry.patientUuid, entry.documentUuid);
  if (!matches(VERSION, entry.version)) throw new TypeError('Not a SHA-256 in lower-case hex.');
}

/** @throws TypeError */
export function assertQuery({ organizationId, patientUuid, limit, after }: SearchQuery): void {
  assertPlace(organizationId, patientUuid);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) throw new TypeError('Not a limit from 1 to 100.');
  if (after !== undefined && !matches(AFTER, after)) throw new TypeError('Not what an answer gave as next.');
}

/** Also for what only claims to be a string: an object would be asked for its text again later, and could answer otherwise. */
function matches(pattern: RegExp, value: unknown): boolean {
  return typeof value === 'string' && pattern.test(value) && !value.endsWith('\n');
}
