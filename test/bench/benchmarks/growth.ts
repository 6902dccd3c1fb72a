/** How time and memory grow with the practice. */
import { type Benchmark, type BenchmarkContext, type Contestant, runRounds, type Series } from '../benchmark.ts';
import { practiceWithFiles } from '../practice.ts';
import { median, medianOf } from '../statistics.ts';
import { storedPractice } from '../stored-practice.ts';
import { runChartsync } from './first-sync-folder.ts';
import { runUnchanged } from './nothing-to-do.ts';

export const growth: Benchmark = {
  name: 'growth',
  title: 'Growth with the size of the practice',
  async run(context) {
    const unchangedSizes = context.quick ? [1000, 20_000] : [1000, 10_000, 100_000, 1_000_000];
    const copySizes = context.quick ? [200, 500] : [1000, 3000, 10_000];
    const unchanged = await measureSizes(context, 'nothing to do', unchangedSizes, async (rows) => {
      const stored = await storedPractice(context.services, rows);
      return () => runUnchanged(stored);
    });
    const copied = await measureSizes(context, 'first copy', copySizes, async (files) => {
      const practice = await practiceWithFiles(context.services, files);
      return () => runChartsync(context, practice, files);
    });
    const seconds = (series: Series) => [series.items, medianOf(series, 'wallMs') / 1000] as const;
    const megabytes = (series: Series) => [series.items, medianOf(series, 'peakBytes') / 1e6] as const;
    return {
      series: [...unchanged, ...copied],
      ratios: {
        'nothing to do: time per row of the second largest size, against the largest': perItem(unchanged),
        'first copy: time per file of the second largest size, against the largest': perItem(copied),
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
      ],
    };
  },
};

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
