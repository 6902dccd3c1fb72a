/** Answers questions from a table of passages. */
import type { FullTextQuery, Occur as Occurrence, Table } from '@lancedb/lancedb';
import { type FoundPassage, MAX_DEPTH, type SearchAnswer, type SearchQuery } from '../../ports/search-index.ts';
import { decisive, headId, type Row, scopeFilter, type VectorColumn } from './lancedb-rows.ts';
import type { LanceTables } from './lancedb-tables.ts';
import { highlightsOf, isEmpty, type Question } from './question.ts';

export interface LanceSearchOptions {
  readonly lance: LanceTables['lance'];
  readonly table: Table;
  readonly query: SearchQuery;
  readonly question: Question;
  /** What the question means, when meanings are to be compared. */
  readonly meaning: { readonly column: VectorColumn; readonly vector: readonly number[] } | null;
}

interface Candidate {
  readonly id: string;
  readonly document: string;
  readonly stamp: string;
  readonly score: number;
}

type Stored = Pick<Row, 'id' | 'document' | 'ordinal' | 'stamp' | 'version' | 'page' | 'start' | 'text'>;

const BY_MEANING = 100;
const BEGINNING_PASSAGES = 500;
const MOST_ENDINGS = 50;
/** As in the paper on reciprocal rank fusion. */
const RANK_CONSTANT = 60;

/** @returns null when a document was replaced in between: what was found is of another moment than what was read. */
export async function searchOnce(options: LanceSearchOptions): Promise<SearchAnswer | null> {
  const { table, query, question } = options;
  const byMeaning = options.meaning !== null;
  const candidates = await candidatesOf(options);
  const passages: FoundPassage[] = [];
  let at = query.after === undefined ? 0 : Number(query.after);
  while (passages.length < query.limit && at < candidates.length) {
    const some = candidates.slice(at, at + query.limit - passages.length);
    const stored = await read(table, query, some);
    for (const candidate of some) {
      at++;
      const row = stored.passages.get(`${candidate.id} ${candidate.stamp}`);
      if (row === undefined) return null;
      const head = stored.heads.get(headId(query.patientUuid, candidate.document));
      // Left behind by a replaced or removed document.
      if (head?.stamp !== row.stamp) continue;
      const { text, page, start } = row;
      passages.push({
        documentUuid: row.document,
        version: head.version,
        page,
        start,
        end: start + text.length,
        text,
        highlights: highlightsOf(text, question),
        score: candidate.score,
      });
    }
  }
  return { passages, next: at < candidates.length ? String(at) : null, byMeaning };
}

/** Always the same number of them, so that the pages of an answer fit together. */
async function candidatesOf(options: LanceSearchOptions): Promise<Candidate[]> {
  const byWords = await candidatesByWords(options);
  if (options.meaning === null) return byWords;
  const ranked = new Map<string, Candidate>();
  for (const list of [byWords, await candidatesByMeaning(options, options.meaning)]) {
    for (const [rank, candidate] of list.entries()) {
      const score = (ranked.get(candidate.id)?.score ?? 0) + 1 / (RANK_CONSTANT + rank + 1);
      ranked.set(candidate.id, { ...candidate, score });
    }
  }
  return inOrder([...ranked.values()]).slice(0, MAX_DEPTH);
}

async function candidatesByWords({ lance, table, query, question }: LanceSearchOptions): Promise<Candidate[]> {
  const endings = await endingsOf(table, query, question.beginnings);
  if (isEmpty(question)) return [];
  const fullText = fullTextOf(lance, question, endings);
  if (fullText === null) return [];
  const rows: (Candidate & { _score: number })[] = await table
    .query()
    .fullTextSearch(fullText)
    .where(scopeFilter(query.organizationId, query.patientUuid))
    .select(['id', 'document', 'stamp', '_score'])
    .limit(MAX_DEPTH)
    .toArray();
  return inOrder(rows.map(({ id, document, stamp, _score }) => ({ id, document, stamp, score: _score })));
}

async function candidatesByMeaning(
  { table, query }: LanceSearchOptions,
  { column, vector }: NonNullable<LanceSearchOptions['meaning']>,
): Promise<Candidate[]> {
  const filter = scopeFilter(query.organizationId, query.patientUuid);
  // Without an index on purpose: of one patient's passages every one is compared, so none is missed.
  const rows: (Candidate & { _distance: number })[] = await table
    .query()
    .nearestTo([...vector])
    .column(column.name)
    .distanceType('cosine')
    .where(`${filter} AND ordinal > 0 AND ${column.name} IS NOT NULL`)
    .select(['id', 'document', 'stamp', '_distance'])
    .limit(BY_MEANING)
    .toArray();
  return inOrder(rows.map(({ id, document, stamp, _distance }) => ({ id, document, stamp, score: -_distance })));
}

function inOrder(candidates: Candidate[]): Candidate[] {
  return candidates.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}

/** The words of this patient that begin so, the most frequent first. */
async function endingsOf(table: Table, query: SearchQuery, beginnings: readonly string[]): Promise<string[][]> {
  const filter = scopeFilter(query.organizationId, query.patientUuid);
  return Promise.all(
    beginnings.map(async (beginning) => {
      const rows: { terms: string }[] = await table
        .query()
        .where(`${filter} AND (terms LIKE '${beginning}%' OR terms LIKE '% ${beginning}%')`)
        .select(['terms'])
        .limit(BEGINNING_PASSAGES)
        .toArray();
      const counts = new Map<string, number>();
      for (const { terms } of rows) {
        for (const term of terms.split(' ')) {
          if (term.startsWith(beginning)) counts.set(term, (counts.get(term) ?? 0) + 1);
        }
      }
      const frequent = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, MOST_ENDINGS);
      return frequent.map(([term]) => term);
    }),
  );
}

type Clause = [Occurrence, FullTextQuery];

/** Phrases must be there, words should. Null when nothing can be found. */
function fullTextOf(
  { BooleanQuery, MatchQuery, Occur, PhraseQuery }: LanceTables['lance'],
  { words, phrases }: Question,
  endings: readonly string[][],
): FullTextQuery | null {
  const should = [...words, ...endings.flat()];
  const some = should.length === 0 ? null : new MatchQuery(should.join(' '), 'terms');
  if (phrases.length === 0) return some;
  return new BooleanQuery([
    ...phrases.map((terms): Clause => [Occur.Must, new PhraseQuery(terms.join(' '), 'terms')]),
    ...(some === null ? [] : [[Occur.Should, some] satisfies Clause]),
  ]);
}

async function read(table: Table, query: SearchQuery, candidates: readonly Candidate[]) {
  const heads = candidates.map((candidate) => headId(query.patientUuid, candidate.document));
  const ids = new Set([...heads, ...candidates.map((candidate) => candidate.id)]);
  const rows: Stored[] = await table
    .query()
    .where(`id IN (${[...ids].map((id) => `'${id}'`)}) AND ${scopeFilter(query.organizationId, query.patientUuid)}`)
    .select(['id', 'document', 'ordinal', 'stamp', 'version', 'page', 'start', 'text'])
    .toArray();
  return {
    passages: new Map(rows.filter((row) => row.ordinal > 0).map((row) => [`${row.id} ${row.stamp}`, row])),
    heads: decisive(rows.filter((row) => row.ordinal === 0)),
  };
}
