/** Documents through the service: text, picture of the first page, records, index. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bulkPath } from '../../../simulators/vsrx/bulk.ts';
import { openPracticeDatabase } from '../../../simulators/vsrx/database.ts';
import { createSamplePractice } from '../../../simulators/vsrx/practice.ts';
import { publicPdfs } from '../../support/document-processing.ts';
import { type Benchmark, type BenchmarkContext, type Measurement, runRounds } from '../benchmark.ts';
import { runSubject } from '../outside.ts';
import { type BenchPractice, configure, createBenchPractice, ORGANIZATION } from '../practice.ts';
import type { Services } from '../services.ts';
import { medianOf, seriesOf, speedAgainst } from '../statistics.ts';
import type { DocumentLoopInput } from '../subjects/document-loop.ts';
import type { DocumentServiceExtra, DocumentServiceInput } from '../subjects/document-service.ts';
import { filesBelow } from '../subjects/files-below.ts';

const PER_SECOND = 20;
const MEMORY = 600e6;
/** Each file comes so many times, with another last line: what is equal is read only once. */
const COPIES = 3;
const PER_PATIENT = 40;

export const documents: Benchmark = {
  name: 'documents',
  title: 'Reading and indexing documents',
  async run(context) {
    const { services, quick } = context;
    const { originals, which } = await pdfs(services);
    const count = quick ? Math.min(originals.length, 24) : originals.length * COPIES;
    const practice = await practiceOf(services, originals, count);
    const peaks: number[] = [];
    let ends: Readonly<Record<string, number>> = {};
    const series = await runRounds(context, quick ? 1 : 3, [
      {
        label: 'chartsync',
        role: 'subject',
        items: count,
        run: async () => {
          const measured = await runService(context, practice, count);
          peaks.push(measured.workerPeakBytes);
          ends = measured.ends;
          return measured;
        },
      },
      {
        label: 'pdf.js, text only, one process',
        role: 'floor',
        items: count,
        run: () => runLoop(practice, count),
      },
    ]);
    await practice.source.close();
    const chartsync = seriesOf(series, 'chartsync');
    const perSecond = count / (medianOf(chartsync, 'wallMs') / 1000);
    const peak = Math.max(...peaks);
    return {
      series,
      ratios: { 'speed of bare pdf.js': speedAgainst(chartsync, seriesOf(series, 'pdf.js, text only, one process')) },
      promises: [
        {
          text: `at least ${PER_SECOND} documents in a second`,
          measured: `${perSecond.toFixed(1)} documents/s`,
          kept: perSecond >= PER_SECOND,
        },
        {
          text: 'at most 600 MB in each process that reads documents, whatever it reads',
          measured: `${Math.round(peak / 1e6)} MB`,
          kept: peak <= MEMORY,
        },
      ],
      notes: [
        `${count} PDFs, ${which}; they ended as ${JSON.stringify(ends)}. Without text recognition.`,
        'The time of chartsync includes the start of the reading processes, a picture of each first page, the records and the index (LanceDB in a folder); PostgreSQL works on the same two cores.',
      ],
    };
  },
};

async function pdfs(services: Services): Promise<{ originals: readonly Buffer[]; which: string }> {
  const paths = publicPdfs();
  if (paths.length > 0) {
    const originals = await Promise.all(paths.map((path) => readFile(path)));
    return {
      originals,
      which: `${COPIES} copies of ${paths.length} public test files of pdf.js, some of them damaged`,
    };
  }
  const mariadb = await services.mariadb();
  const source = openPracticeDatabase(await mariadb.createDatabase('documents_sample'));
  const filesFolder = await services.folder();
  await createSamplePractice({ seed: 7, patients: 40, attachments: 300, filesFolder, database: source });
  await source.close();
  const files = await Promise.all((await filesBelow(filesFolder)).map((path) => readFile(path)));
  const originals = files.filter((bytes) => bytes.subarray(0, 5).toString() === '%PDF-');
  return { originals, which: `copies of the ${originals.length} of the sample practice` };
}

/** A practice whose rows name these files. */
async function practiceOf(services: Services, originals: readonly Buffer[], count: number): Promise<BenchPractice> {
  const practice = await createBenchPractice(services, { rows: count, patients: Math.ceil(count / PER_PATIENT) });
  for (let number = 1; number <= count; number++) {
    const path = join(practice.filesFolder, bulkPath(number));
    await mkdir(dirname(path), { recursive: true });
    const bytes = originals[(number - 1) % originals.length]!;
    await writeFile(path, Buffer.concat([bytes, Buffer.from(`\n% ${number}\n`)]));
  }
  return practice;
}

async function runService(
  { services }: BenchmarkContext,
  practice: BenchPractice,
  count: number,
): Promise<Measurement & DocumentServiceExtra> {
  const databaseUrl = await services.recordDatabase();
  const environment = await configure(services, {
    practice,
    databaseUrl,
    blobs: { kind: 'filesystem', folder: await services.folder() },
  });
  const input: DocumentServiceInput = { environment, organizationId: ORGANIZATION, documents: count };
  try {
    return await runSubject<DocumentServiceExtra>('document-service', input);
  } finally {
    await services.dropRecordDatabase(databaseUrl);
  }
}

function runLoop(practice: BenchPractice, count: number): Promise<Measurement> {
  const input: DocumentLoopInput = { folder: practice.filesFolder, files: count };
  return runSubject('document-loop', input);
}
