/** The index of ten thousand documents filled anew by the command line, while runs and searches of a service go on. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { loadConfig } from '../../../src/config/load.ts';
import { PROCESSOR_VERSION } from '../../../src/documents/limits.ts';
import { syncFiles } from '../../../src/engine/files/sync-files.ts';
import { applyConfiguration, type Chartsync, openChartsync } from '../../../src/main.ts';
import { type BlobStore, blobName } from '../../../src/ports/blob-store.ts';
import { isFileConnection } from '../../../src/runs/connections.ts';
import { type CliProcess, startCli } from '../../support/cli.ts';
import type { Benchmark, Measurement } from '../benchmark.ts';
import { createLetters } from '../letters.ts';
import { configure, ORGANIZATION, type SyncEnvironment } from '../practice.ts';
import { percentile, spread } from '../statistics.ts';
import { storedPractice } from '../stored-practice.ts';

const PAGES = 3;
const PAGE_LENGTH = 2_000;
const AT_ONCE = 16;
const ASKED_PATIENTS = 20;
/** In every document, so that what is found of a patient is known. */
const COMMON = 'visit';

export const reindex: Benchmark = {
  name: 'reindex',
  title: 'Filling the search index anew while runs and searches go on',
  async run({ services, quick, log }) {
    // Of a number that no other benchmark has: these rows are changed.
    const rows = quick ? 150 : 10_050;
    const stored = await storedPractice(services, rows);
    const blobs = { kind: 'filesystem', folder: join(await services.folder(), 'blobs') } as const;
    const environment = await configure(services, { ...stored, blobs });
    const config = await loadConfig({ env: environment, cwd: process.cwd() });
    const database = { url: environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
    const chartsync = await openChartsync(config, database);
    try {
      await applyConfiguration(chartsync);
      await writeTexts(environment.DATABASE_URL, chartsync.blobs);
      const alone = await rebuild(environment);
      log(`  ${rows} documents indexed in ${seconds(alone.wallMs)} s`);
      const meanwhile = await goOn(chartsync, environment);
      log(`  again in ${seconds(meanwhile.rebuilt.wallMs)} s, searches: ${spread(meanwhile.searches)}`);
      const { runs, searches, less, failed, runsBefore } = meanwhile;
      return {
        series: [
          {
            label: 'rebuild-index, meanwhile runs and searches',
            role: 'subject',
            items: rows,
            rounds: [meanwhile.rebuilt],
          },
          { label: 'rebuild-index, the first time', role: 'floor', items: rows, rounds: [alone] },
        ],
        ratios: { 'speed of a rebuild with nothing else going on': alone.wallMs / meanwhile.rebuilt.wallMs },
        promises: [
          { text: 'no search finds less than before', measured: `${less} of ${searches.length}`, kept: less === 0 },
          {
            text: 'no run fails or is left out',
            measured: `${failed} of ${runs.length}`,
            kept: failed === 0 && runs.length > 0,
          },
          {
            text: '95 of 100 searches within 250 ms',
            measured: `${percentile(searches, 95).toFixed(1)} ms`,
            kept: percentile(searches, 95) <= 250,
          },
        ],
        notes: [
          `${rows} documents of ${PAGES} pages, 50 for each patient; one search and one run at a time, in another process than the rebuild.`,
          `Searches: ${spread(searches)}.`,
          `Runs that found nothing to do: ${spread(runs)}; before the rebuild: ${spread(runsBefore)}.`,
        ],
      };
    } finally {
      await chartsync.close();
    }
  },
};

/** What the processing of each document would have left. */
async function writeTexts(databaseUrl: string, blobs: BlobStore): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ sha256: string }>('SELECT sha256 FROM silknote_documents ORDER BY sha256');
    const texts: { of: string; sha256: string; size: number }[] = [];
    let next = 0;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let n = next++; n < rows.length; n = next++) texts.push(await writeText(blobs, rows[n]!.sha256, n));
      }),
    );
    const columns = [texts.map((t) => t.of), texts.map((t) => t.sha256), texts.map((t) => t.size)];
    await client.query(
      `INSERT INTO blobs (organization_id, sha256, size, "references", state)
       SELECT $1, t.pages, t.size, 1, 'stored' FROM unnest($2::text[], $3::text[], $4::bigint[]) AS t (of, pages, size)`,
      [ORGANIZATION, ...columns],
    );
    await client.query(
      `INSERT INTO document_renditions
         (organization_id, sha256, processor_version, verdict, detected_type, pages_sha256, pages_size, page_count)
       SELECT $1, t.of, $5, 'processed', 'application/pdf', t.pages, t.size, $6
       FROM unnest($2::text[], $3::text[], $4::bigint[]) AS t (of, pages, size)`,
      [ORGANIZATION, ...columns, PROCESSOR_VERSION, PAGES],
    );
    await client.query(`UPDATE silknote_documents SET status = 'complete'`);
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}

async function writeText(blobs: BlobStore, of: string, n: number) {
  const letters = createLetters(n * 7919);
  const pages = Array.from({ length: PAGES }, (_, i) => ({
    number: i + 1,
    text: `${COMMON} ${letters.page(PAGE_LENGTH)}`,
  }));
  const bytes = Buffer.from(pages.map((page) => `${JSON.stringify(page)}\n`).join(''));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await blobs.put(blobName(ORGANIZATION, sha256), { size: bytes.length, sha256, open: () => bytes });
  return { of, sha256, size: bytes.length };
}

async function rebuild(environment: SyncEnvironment): Promise<Measurement> {
  const begun = performance.now();
  await ended(startCli(['rebuild-index', '--json'], { cwd: process.cwd(), env: environment }));
  return measured(begun);
}

async function ended(command: CliProcess): Promise<void> {
  const { code, stderr } = await command.result;
  if (code !== 0) throw new Error(`rebuild-index ended with ${code}: ${stderr}`);
}

/** What a command took that runs in another process: only its time is known. */
function measured(begun: number): Measurement {
  const wallMs = performance.now() - begun;
  return { wallMs, processMs: wallMs, cpuMs: 0, peakBytes: 0 };
}

async function goOn(chartsync: Chartsync, environment: SyncEnvironment) {
  const search = await chartsync.search();
  const connection = chartsync.connections.find(isFileConnection)!;
  const patients: string[] = [];
  for await (const { patientUuid } of search.list(ORGANIZATION, null)) {
    if (patients.at(-1) !== patientUuid) patients.push(patientUuid);
    if (patients.length === ASKED_PATIENTS) break;
  }
  const ask = async (patientUuid: string): Promise<number> => {
    const { passages } = await search.search({ organizationId: ORGANIZATION, patientUuid, text: COMMON, limit: 100 });
    return passages.length;
  };
  const before: number[] = [];
  for (const patient of patients) before.push(await ask(patient));

  let failed = 0;
  const run = async (times: number[]): Promise<void> => {
    const begun = performance.now();
    const { outcome } = await syncFiles(connection.ports, connection.settings, { mode: 'quick', trigger: 'manual' });
    times.push(performance.now() - begun);
    if (outcome !== 'success') failed++;
  };
  const runsBefore: number[] = [];
  for (let i = 0; i < 3; i++) await run(runsBefore);

  const runs: number[] = [];
  const searches: number[] = [];
  let less = 0;
  let done = false;
  const begun = performance.now();
  const rebuilding = ended(startCli(['rebuild-index', '--json'], { cwd: process.cwd(), env: environment })).finally(
    () => {
      done = true;
    },
  );
  const searching = (async () => {
    for (let i = 0; !done; i++) {
      const n = i % patients.length;
      const started = performance.now();
      const found = await ask(patients[n]!);
      searches.push(performance.now() - started);
      if (found < before[n]!) less++;
    }
  })();
  const running = (async () => {
    while (!done) await run(runs);
  })();
  await rebuilding;
  const rebuilt = measured(begun);
  await Promise.all([searching, running]);
  // Once more with the index that answers now.
  for (const [n, patient] of patients.entries()) if ((await ask(patient)) < before[n]!) less++;
  return { rebuilt, runs, runsBefore, searches, less, failed };
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
