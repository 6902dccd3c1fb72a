/** How a run is told at its end. */
import { exitCodeOf, type RunCounts } from '../domain/run.ts';
import type { RunResult } from '../engine/run-session.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { bytes, duration, type Output } from './output.ts';

const ROWS: readonly (readonly [keyof RunCounts, string])[] = [
  ['added', 'added'],
  ['updated', 'updated'],
  ['moved', 'moved'],
  ['removed', 'removed'],
  ['same', 'unchanged'],
  ['failed', 'failed'],
  ['waiting', 'failed before, waiting for the next try'],
  ['skipped', 'skipped by a person'],
  ['missing', 'missing for the first time, kept'],
  ['held', 'deletions held for approval'],
];

/** @returns the exit code of the command */
export function reportRun(output: Output, subject: string, result: RunResult): ExitCode {
  const elapsedMs = result.finishedAt - result.startedAt;
  output.emit('result', {
    runId: result.runId,
    state: result.state,
    outcome: result.outcome,
    counts: result.counts,
    error: result.error,
    durationMs: elapsedMs,
  });
  const rows = ROWS.filter(([key]) => result.counts[key] > 0).map(([key, label]) => [label, result.counts[key]]);
  if (result.counts.bytes > 0) rows.push(['copied', bytes(result.counts.bytes)]);
  output.table(
    [subject, ''],
    [['outcome', result.state === 'completed' ? result.outcome : result.state], ...rows, ['time', duration(elapsedMs)]],
  );
  if (result.error !== null) output.error(result.error, subject);
  if (result.counts.failed + result.counts.waiting > 0) {
    output.say(`See what failed and why: chartsync failures ${subject}`);
  }
  if (result.counts.held > 0) output.say('Look at the held deletions and decide: chartsync held list');
  if (result.state !== 'completed') return EXIT.failed;
  return exitCodeOf(result);
}
