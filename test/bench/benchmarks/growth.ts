/** How time and memory grow with the practice and with the number of organisations. */
import { join } from 'node:path';
import { type Benchmark, type BenchmarkContext, type Contestant, runRounds, type Series } from '../benchmark.ts';
import { runSubject } from '../outside.ts';
import { configure, practiceWithFiles } from '../practice.ts';
import { median, medianOf } from '../statistics.ts';
import { storedPractice } from '../stored-practice.ts';
import type { SyncInput } from '../subjects/sync.ts';
import { runChartsync } from './first-sync-folder.ts';
import { runUnchanged } from './nothing-to-do.ts';

export const growth: Benchmark = {
  name: 'growth',
  title: 'Growth with the size of the practice',
  async run(context) {
    const unchangedSizes = context.quick ? [1000, 20_000] : [1000, 10_000, 100_000, 1_000_000];
    const copySizes = context.quick ? [200, 500] : [1000, 10_000, 100_000];
    const organizationCounts = context.quick ? [1, 3] : [1, 10, 100];
    const unchanged = await measureSizes(context, 'nothing to do', unchangedSizes, async (rows) => {
      const stored = await storedPractice(context.services, rows);
      return () => runUnchanged(stored);
    });
    const copied = await measureSizes(context, 'first copy', copySizes, async (files) => {
      const practice = await practiceWithFiles(context.services, files);
      return () => runChartsync(context, practice, files);
    });
    const together = await measureSizes(context, 'organisations', organizationCounts, (count) =>
      manyOrganizations(context, count),
    );
    const seconds = (series: Series) => [series.items, medianOf(series, 'wallMs') / 1000] as const;
    const megabytes = (series: Series) => [series.items, medianOf(series, 'peakBytes') / 1e6] as const;
    return {
      series: [...unchanged, ...copied, ...together],
      ratios: {
        'nothing to do: time per row of the second largest size, against the largest': perItem(unchanged),
        'first copy: time per file of the second largest size, against the largest': perItem(copied),
        'organisations: time per organisation of the second largest number, against the largest': perItem(together),
      },
      promises: [],
      curves: [
        {
          name: 'nothing-to-do-time',
          title: 'A run that finds nothing to do: time',
          xLabel: 'rows in the source',
          yLabel: 'seconds',
          lines: [{ label: 'chartsync', points: unchanged.map(seconds) }],
        },
        {
          name: 'nothing-to-do-memory',
          title: 'A run that finds nothing to do: memory',
          xLabel: 'rows in the source',
          yLabel: 'MB resident at most',
          lines: [{ label: 'chartsync', points: unchanged.map(megabytes) }],
        },
        {
          name: 'first-sync-folder-time',
          title: 'First copy into a folder: time',
          xLabel: 'files',
          yLabel: 'seconds',
          lines: [{ label: 'chartsync', points: copied.map(seconds) }],
        },
        {
          name: 'organisations-time',
          title: `All organisations, ${FILES_OF_ORGANIZATION} files each, nothing to do: time`,
          xLabel: 'organisations',
          yLabel: 'seconds',
          lines: [{ label: 'chartsync', points: together.map(seconds) }],
        },
        {
          name: 'organisations-memory',
          title: `All organisations, ${FILES_OF_ORGANIZATION} files each, nothing to do: memory`,
          xLabel: 'organisations',
          yLabel: 'MB resident at most',
          lines: [{ label: 'chartsync', points: together.map(megabytes) }],
        },
      ],
    };
  },
};

const FILES_OF_ORGANIZATION = 100;

/** One process with so many organisations, whose files are all stored; runs go one after another. */
async function manyOrganizations(context: BenchmarkContext, count: number): Promise<Contestant['run']> {
  const { services } = context;
  const practice = await practiceWithFiles(services, FILES_OF_ORGANIZATION);
  const environment = await configure(services, {
    practice,
    databaseUrl: await services.recordDatabase(),
    blobs: { kind: 'filesystem', folder: join(await services.folder(), 'blobs') },
    organizations: count,
  });
  await runSubject('sync', { environment, expected: { added: FILES_OF_ORGANIZATION } } satisfies SyncInput);
  return () =>
    runSubject('sync', { environment, expected: { same: FILES_OF_ORGANIZATION, added: 0 } } satisfies SyncInput);
}

async function measureSizes(
  context: BenchmarkContext,
  what: string,
  sizes: readonly number[],
  prepare: (size: number) => Promise<Contestant['run']>,
): Promise<Series[]> {
  const contestants: Contestant[] = [];
  for (const size of sizes) {
    context.log(`  preparing ${size} for "${what}"`);
    const label = `${what}, ${size.toLocaleString('en')}`;
    contestants.push({ label, role: 'subject', items: size, run: await prepare(size) });
  }
  return runRounds(context, context.quick ? 1 : 3, contestants);
}

/** 1 = the last size costs as much per item as the one before; less = it grows faster than the practice. */
function perItem(series: readonly Series[]): number {
  const [before, last] = series.slice(-2) as [Series, Series];
  return median(last.rounds.map((round, i) => before.rounds[i]!.wallMs / before.items / (round.wallMs / last.items)));
}
