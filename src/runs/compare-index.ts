/** Compares what the records say with what the search index has, document by document. Changes nothing. */
import { compareBytes } from '../domain/reference.ts';
import type { DocumentDesk, IndexExpectation } from '../ports/document-desk.ts';
import type { IndexedDocument, SearchIndex } from '../ports/search-index.ts';

export interface IndexDifference {
  /** different: the index has another state of the document, or has it under other settings. */
  readonly kind: 'missing' | 'surplus' | 'different';
  readonly patientUuid: string;
  readonly documentUuid: string;
  /** A sentence without personal data. */
  readonly message: string;
}

export interface IndexComparison {
  /** Documents that the index has. */
  readonly entries: number;
  readonly differences: readonly IndexDifference[];
}

export interface IndexPorts {
  readonly desk: DocumentDesk;
  readonly search: SearchIndex;
}

export interface IndexScope {
  readonly organizationId: string;
  /** Null: the whole organisation. */
  readonly patientUuid: string | null;
  readonly signal: AbortSignal;
}

const MESSAGES = {
  missing: 'The document is not in the search index.',
  surplus: 'The search index has an entry of a document that is not there.',
  different: 'The search index has another state of the document.',
} as const;

/** Work goes on meanwhile: what differs is looked at once more, by itself. */
export async function compareIndex(ports: IndexPorts, scope: IndexScope): Promise<IndexComparison> {
  const first = await compareOnce(ports, scope);
  const byPatient = Map.groupBy(first.differences, (difference) => difference.patientUuid);
  const differences: IndexDifference[] = [];
  for (const [patientUuid, seen] of byPatient) {
    const again = await compareOnce(ports, { ...scope, patientUuid });
    const same = (a: IndexDifference, b: IndexDifference) => a.documentUuid === b.documentUuid && a.kind === b.kind;
    differences.push(...seen.filter((difference) => again.differences.some((other) => same(difference, other))));
  }
  return { entries: first.entries, differences };
}

async function compareOnce({ desk, search }: IndexPorts, scope: IndexScope): Promise<IndexComparison> {
  const { organizationId, patientUuid, signal } = scope;
  const wanted = desk.expectations(organizationId, patientUuid, signal)[Symbol.asyncIterator]();
  const listed = search.list(organizationId, patientUuid, signal)[Symbol.asyncIterator]();
  const differences: IndexDifference[] = [];
  let entries = 0;
  try {
    let want = await next(wanted);
    let entry = await next(listed);
    while (want !== null || entry !== null) {
      const order = orderOf(want, entry);
      const kind = order < 0 ? missing(want!) : order > 0 ? 'surplus' : different(want!, entry!);
      const { patientUuid, documentUuid } = order <= 0 ? want! : entry!;
      if (kind !== null) differences.push({ kind, patientUuid, documentUuid, message: MESSAGES[kind] });
      if (order >= 0) entries++;
      const [wantNext, entryNext] = [order <= 0, order >= 0];
      if (wantNext) want = await next(wanted);
      if (entryNext) entry = await next(listed);
    }
  } finally {
    await wanted.return?.();
    await listed.return?.();
  }
  return { entries, differences };
}

async function next<T>(iterator: AsyncIterator<T>): Promise<T | null> {
  const { done, value } = await iterator.next();
  return done === true ? null : value;
}

function orderOf(want: IndexExpectation | null, entry: IndexedDocument | null): number {
  if (want === null) return 1;
  if (entry === null) return -1;
  return compareBytes(want.patientUuid, entry.patientUuid) || compareBytes(want.documentUuid, entry.documentUuid);
}

function missing(want: IndexExpectation): IndexDifference['kind'] | null {
  return !want.open && (want.version !== null || want.unread) ? 'missing' : null;
}

function different(want: IndexExpectation, entry: IndexedDocument): IndexDifference['kind'] | null {
  if (want.open) return null;
  return want.version === entry.version && entry.current ? null : 'different';
}
