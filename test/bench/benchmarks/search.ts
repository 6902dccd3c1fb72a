/** Searches in the 2,000 pages of one patient among 200,000: at rest, and while documents are indexed anew. */
import { createHash } from 'node:crypto';
import { connect, MatchQuery, makeArrowTable, type Table } from '@lancedb/lancedb';
import type { SearchEntry, SearchIndex } from '../../../src/ports/search-index.ts';
import { passagesOf } from '../../../src/stores/search/indexed-passages.ts';
import { createLanceSearchIndex } from '../../../src/stores/search/lancedb.ts';
import { newStamp, rowsOf } from '../../../src/stores/search/lancedb-rows.ts';
import { termsOf } from '../../../src/stores/search/words.ts';
import type { Benchmark, BenchmarkContext, Measurement } from '../benchmark.ts';
import { createLetters } from '../letters.ts';
import { median, percentile, spread } from '../statistics.ts';

const ORGANIZATION = 'org_bench';
const PATIENTS = 100;
const PAGES = 10;
const PAGE_LENGTH = 2_000;
/** Twice as many as go into one commit: the next one is full when the one before is made. */
const WRITERS = 128;
const DOCUMENTS_OF_A_BATCH = 500;

export const search: Benchmark = {
  name: 'search',
  title: 'Search in the pages of one patient',
  async run(context) {
    const { services, quick } = context;
    const documents = quick ? 2 : 200;
    const folder = await services.folder();
    const index = createLanceSearchIndex({ folder });
    await index.prepare();
    try {
      const total = PATIENTS * documents;
      await index.put(entryOf(0, documents, 'first'));
      const filled = await measure(() => fill(folder, total, documents));
      context.log(`  ${total} documents, ${total * PAGES} pages indexed in ${seconds(filled.wallMs)} s`);
      const tidied = await measure(() => index.maintain());
      context.log(`  tidied in ${seconds(tidied.wallMs)} s`);

      const times = quick ? 50 : 300;
      // What is read for the first time comes from the disk.
      await searchAll(index, times / 5, 1);
      const rounds: Measurement[] = [];
      const floor: Measurement[] = [];
      const all: number[] = [];
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        rounds.push(await measure(async () => all.push(...(await searchAll(index, times, round + 2)))));
        floor.push(await bareSearches(folder, times, round + 2));
      }
      context.log(`  ${spread(all)}`);
      const special = await specialSearches(context, index, times / 5);

      const anew = Math.ceil(total / 20);
      const again = await whileIndexing(index, anew, documents);
      context.log(`  ${anew} documents again in ${seconds(again.wallMs)} s, meanwhile ${spread(again.searches)}`);
      context.log(`  meanwhile single documents: ${spread(again.puts)}`);
      const p95 = percentile(all, 95);
      return {
        series: [
          { label: 'chartsync', role: 'subject', items: times, rounds },
          { label: 'LanceDB, one query', role: 'floor', items: times, rounds: floor },
        ],
        ratios: { 'speed of one query': median(rounds.map((round, i) => floor[i]!.wallMs / round.wallMs)) },
        promises: [
          { text: '95 of 100 searches within 50 ms', measured: `${p95.toFixed(1)} ms`, kept: p95 <= 50 },
          {
            text: '95 of 100 searches within 250 ms while documents are indexed anew',
            measured: `${percentile(again.searches, 95).toFixed(1)} ms`,
            kept: percentile(again.searches, 95) <= 250,
          },
        ],
        notes: [
          `${PATIENTS} patients with ${documents * PAGES} pages each in one organisation, in a folder; one search at a time.`,
          `The rows were written into the table as the product makes them, in ${seconds(filled.wallMs)} s; tidying up, which makes the index of them, took ${seconds(tidied.wallMs)} s.`,
          ...special,
          `Indexing ${anew} of them anew took ${seconds(again.wallMs)} s with ${WRITERS} documents at a time; meanwhile searches: ${spread(again.searches)}, single documents put: ${spread(again.puts)}. All in one process.`,
        ],
      };
    } finally {
      await index.close();
    }
  },
};

function uuid(kind: number, n: number): string {
  return `${String(kind).padStart(8, '0')}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

function entryOf(n: number, documentsOfPatient: number, version: string): SearchEntry {
  const letters = createLetters(n * 7919 + version.length);
  return {
    organizationId: ORGANIZATION,
    patientUuid: uuid(1, Math.floor(n / documentsOfPatient)),
    documentUuid: uuid(2, n),
    version: createHash('sha256').update(`${version} ${n}`).digest('hex'),
    pages: Array.from({ length: PAGES }, (_, i) => ({ number: i + 1, text: letters.page(PAGE_LENGTH) })),
  };
}

/** As so many puts would leave it, without their time: searches are what is measured. */
async function fill(folder: string, total: number, documentsOfPatient: number): Promise<void> {
  const connection = await connect(folder);
  const table = await passagesTable(connection);
  const schema = await table.schema();
  const [head] = await table.query().where('ordinal = 0').select(['profile', 'epoch']).limit(1).toArray();
  for (let n = 1; n < total; ) {
    const rows = [];
    for (const end = Math.min(total, n + DOCUMENTS_OF_A_BATCH); n < end; n++) {
      const entry = entryOf(n, documentsOfPatient, 'first');
      const passages = (await passagesOf(entry.pages)).map((passage) => {
        return { ...passage, terms: termsOf(passage.text), vector: null };
      });
      const { profile, epoch } = head;
      rows.push(...rowsOf({ entry, passages, profile, epoch, stamp: newStamp('newest') }));
    }
    const data = rows.map(({ vector: _, ...row }) => row);
    await table.add(makeArrowTable(data, { schema }));
  }
  connection.close();
}

async function passagesTable(connection: Awaited<ReturnType<typeof connect>>): Promise<Table> {
  const [name] = (await connection.tableNames()).filter((table) => table.endsWith('.1g1'));
  return connection.openTable(name!);
}

async function putAll(index: SearchIndex, total: number, documentsOfPatient: number, version: string): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (next < total) await index.put(entryOf(next++, documentsOfPatient, version));
    }),
  );
}

async function searchAll(index: SearchIndex, times: number, seed: number): Promise<number[]> {
  const letters = createLetters(seed);
  const all: number[] = [];
  for (let i = 0; i < times; i++) all.push(await searchTime(index, i, letters.question(1 + (i % 4))));
  return all;
}

async function searchTime(index: SearchIndex, i: number, text: string): Promise<number> {
  const begun = performance.now();
  await index.search({ organizationId: ORGANIZATION, patientUuid: uuid(1, (i * 37) % PATIENTS), text, limit: 20 });
  return performance.now() - begun;
}

async function specialSearches(context: BenchmarkContext, index: SearchIndex, times: number): Promise<string[]> {
  const notes: string[] = [];
  for (const [name, make] of [
    ['phrases of two words', (word: string) => `"${word}"`],
    ['beginnings of three letters', (word: string) => `${word.slice(0, 3)}*`],
  ] as const) {
    const letters = createLetters(99);
    const all: number[] = [];
    for (let i = 0; i < times; i++) all.push(await searchTime(index, i, make(letters.question(2))));
    notes.push(`Searches of ${name}: ${spread(all)}.`);
    context.log(`  ${notes.at(-1)}`);
  }
  return notes;
}

/** Searches and puts of single documents go on, one after another each, as long as the others are indexed. */
async function whileIndexing(index: SearchIndex, total: number, documentsOfPatient: number) {
  const searches: number[] = [];
  const puts: number[] = [];
  let done = false;
  const letters = createLetters(5);
  const searching = (async () => {
    for (let i = 0; !done; i++) searches.push(await searchTime(index, i, letters.question(1 + (i % 4))));
  })();
  const putting = (async () => {
    for (let i = 0; !done; i++) {
      const begun = performance.now();
      await index.put(entryOf(10_000_000 + i, 100_000_000, 'single'));
      puts.push(performance.now() - begun);
    }
  })();
  const { wallMs } = await measure(() => putAll(index, total, documentsOfPatient, 'again'));
  done = true;
  await Promise.all([searching, putting]);
  return { wallMs, searches, puts };
}

/** The library alone: the same words, as one query with the same filter. */
async function bareSearches(folder: string, times: number, seed: number): Promise<Measurement> {
  const connection = await connect(folder, { readConsistencyInterval: 0 });
  const table = await passagesTable(connection);
  const ask = (i: number, text: string) =>
    table
      .query()
      .fullTextSearch(new MatchQuery(text, 'terms'))
      .where(`scope = '${ORGANIZATION}/${uuid(1, (i * 37) % PATIENTS)}'`)
      .select(['document', 'page', 'start', 'text', '_score'])
      .limit(20)
      .toArray();
  const warm = createLetters(1);
  for (let i = 0; i < times / 5; i++) await ask(i, warm.question(1 + (i % 4)));
  const letters = createLetters(seed);
  return measure(async () => {
    for (let i = 0; i < times; i++) await ask(i, letters.question(1 + (i % 4)));
  });
}

async function measure(work: () => Promise<unknown>): Promise<Measurement> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await work();
  const wallMs = performance.now() - begun;
  const used = process.cpuUsage(cpu);
  const peakBytes = process.memoryUsage().rss;
  return { wallMs, processMs: wallMs, cpuMs: (used.user + used.system) / 1000, peakBytes };
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
