/** Searches of one patient's pages among those of many: at rest, and while half of all documents are indexed anew. */
import { createHash } from 'node:crypto';
import { connect, MatchQuery } from '@lancedb/lancedb';
import type { SearchEntry, SearchIndex } from '../../../src/ports/search-index.ts';
import { createLanceSearchIndex } from '../../../src/stores/search/lancedb.ts';
import type { Benchmark, BenchmarkContext, Measurement } from '../benchmark.ts';
import { createLetters } from '../letters.ts';
import { median } from '../statistics.ts';

const ORGANIZATION = 'org_bench';
const PATIENTS = 100;
const PAGES = 10;
const PAGE_LENGTH = 2_000;
const WRITERS = 32;

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
      const filled = await measure(() => putAll(index, total, documents, 'first'));
      context.log(`  ${total} documents, ${total * PAGES} pages indexed in ${seconds(filled.wallMs)} s`);
      const tidied = await measure(() => index.maintain());
      context.log(`  tidied in ${seconds(tidied.wallMs)} s`);

      const times = quick ? 50 : 500;
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

      const again = await whileIndexing(index, Math.floor(total / 2), documents);
      context.log(`  ${total / 2} documents again in ${seconds(again.wallMs)} s, meanwhile ${spread(again.searches)}`);
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
            text: '95 of 100 searches within 250 ms while half of all documents are indexed anew',
            measured: `${percentile(again.searches, 95).toFixed(1)} ms`,
            kept: percentile(again.searches, 95) <= 250,
          },
        ],
        notes: [
          `${PATIENTS} patients with ${documents * PAGES} pages each in one organisation, in a folder; one search at a time.`,
          `Indexing took ${seconds(filled.wallMs)} s with ${WRITERS} documents at a time, tidying up ${seconds(tidied.wallMs)} s.`,
          ...special,
          `Indexing half of them anew took ${seconds(again.wallMs)} s; meanwhile searches: ${spread(again.searches)}, single documents put: ${spread(again.puts)}. All in one process.`,
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
  const [name] = (await connection.tableNames()).filter((table) => table.endsWith('.1g1'));
  const table = await connection.openTable(name!);
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

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * share) / 100) - 1)] ?? Number.NaN;
}

function spread(values: readonly number[]): string {
  const [p50, p95, max] = [50, 95, 100].map((share) => percentile(values, share).toFixed(1));
  return `median ${p50} ms, 95 % within ${p95} ms, slowest ${max} ms (${values.length})`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
