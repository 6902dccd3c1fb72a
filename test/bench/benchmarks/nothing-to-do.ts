/** A run over a large practice in which nothing has changed: what happens every ten minutes. */
import { type Benchmark, type Contestant, runRounds } from '../benchmark.ts';
import { runSubject } from '../outside.ts';
import { medianOf, seriesOf, speedAgainst } from '../statistics.ts';
import { type StoredPractice, storedPractice } from '../stored-practice.ts';
import type { StreamBothInput } from '../subjects/stream-both.ts';
import type { SyncInput } from '../subjects/sync.ts';

export const nothingToDo: Benchmark = {
  name: 'nothing-to-do',
  title: 'A run that finds nothing to do',
  async run(context) {
    const rows = context.quick ? 20_000 : 1_000_000;
    context.log(`  preparing ${rows} stored rows`);
    const stored = await storedPractice(context.services, rows);
    const { practice, databaseUrl } = stored;
    const input: StreamBothInput = { sourceUrl: practice.sourceUrl, databaseUrl, rows };
    const contestants: Contestant[] = [
      { label: 'chartsync', role: 'subject', items: rows, run: () => runUnchanged(stored) },
      { label: 'reading both sides', role: 'floor', items: rows, run: () => runSubject('stream-both', input) },
    ];
    const series = await runRounds(context, context.quick ? 1 : 5, contestants);
    const chartsync = seriesOf(series, 'chartsync');
    const seconds = medianOf(chartsync, 'wallMs') / 1000;
    const megabytes = medianOf(chartsync, 'peakBytes') / 1e6;
    return {
      series,
      ratios: { 'speed of reading both sides': speedAgainst(chartsync, seriesOf(series, 'reading both sides')) },
      promises: [
        { text: 'at most 15 s for a million rows', measured: `${seconds.toFixed(1)} s`, kept: seconds <= 15 },
        {
          text: 'at most 300 MB resident in the whole process',
          measured: `${Math.round(megabytes)} MB`,
          kept: megabytes <= 300,
        },
      ],
      notes: [`${rows} attachment rows of ${rows / 50} patients in MariaDB, all stored, mode quick.`],
    };
  },
};

export function runUnchanged({ environment, rows }: StoredPractice) {
  const expected = { same: rows, added: 0, updated: 0, failed: 0 };
  return runSubject('sync', { environment, expected } satisfies SyncInput);
}
