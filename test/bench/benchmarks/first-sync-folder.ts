/** The first copy of a small practice into a local folder, its records included. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Benchmark, type BenchmarkContext, type Contestant, type Measurement, runRounds } from '../benchmark.ts';
import { runSubject } from '../outside.ts';
import { type BenchPractice, configure, practiceWithFiles } from '../practice.ts';
import { medianOf, seriesOf, speedAgainst } from '../statistics.ts';
import type { FolderLoopInput } from '../subjects/folder-loop.ts';
import type { SyncInput } from '../subjects/sync.ts';

const CONCURRENCY = 16;

export const firstSyncFolder: Benchmark = {
  name: 'first-sync-folder',
  title: 'First copy into a local folder',
  async run(context) {
    const files = context.quick ? 500 : 5000;
    const practice = await practiceWithFiles(context.services, files);
    const contestants: Contestant[] = [
      { label: 'chartsync', role: 'subject', items: files, run: () => runChartsync(context, practice, files) },
      { label: 'bare copy loop', role: 'floor', items: files, run: () => runLoop(context, practice, files) },
    ];
    const series = await runRounds(context, context.quick ? 1 : 5, contestants);
    const chartsync = seriesOf(series, 'chartsync');
    const perSecond = files / (medianOf(chartsync, 'wallMs') / 1000);
    return {
      series,
      ratios: { 'speed of the bare copy loop': speedAgainst(chartsync, seriesOf(series, 'bare copy loop')) },
      promises: [
        {
          text: 'at least 1,000 files in a second',
          measured: `${Math.round(perSecond)} files/s`,
          kept: perSecond >= 1000,
        },
      ],
      notes: [
        `${files} files of 4 to 100 kB, ${CONCURRENCY} at once. Each is fsynced on both sides, so the disk sets the pace;`,
        'chartsync also fsyncs the folders and writes the records, both of which the bare loop leaves out.',
      ],
    };
  },
};

export async function runChartsync(
  context: BenchmarkContext,
  practice: BenchPractice,
  files: number,
): Promise<Measurement> {
  const { services } = context;
  const databaseUrl = await services.recordDatabase();
  const folder = join(await services.folder(), 'blobs');
  const environment = await configure(services, {
    practice,
    databaseUrl,
    blobs: { kind: 'filesystem', folder },
    maxParallelUploads: CONCURRENCY,
  });
  const measurement = await runSubject('sync', { environment, expected: { added: files } } satisfies SyncInput);
  await services.dropRecordDatabase(databaseUrl);
  await rm(folder, { recursive: true });
  return measurement;
}

async function runLoop(context: BenchmarkContext, practice: BenchPractice, files: number): Promise<Measurement> {
  const target = join(await context.services.folder(), 'copy');
  const input: FolderLoopInput = { folder: practice.filesFolder, files, target, concurrency: CONCURRENCY };
  const measurement = await runSubject('folder-loop', input);
  await rm(target, { recursive: true });
  return measurement;
}
