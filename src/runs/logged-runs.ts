/** A `RunStore` that also tells what happens to its runs, line by line. From outside: neither engine nor store know of it. */
import type { Clock } from '../ports/clock.ts';
import type { Fence } from '../ports/document-records.ts';
import type { RunLog, RunLogLine } from '../ports/run-log.ts';
import type { RunStore } from '../ports/run-store.ts';

/** Of one run and process: a person reads the first, and the list of failures has all. */
const MOST = 1000;

export function logRuns(runs: RunStore, { log, clock }: { log: RunLog; clock: Clock }): RunStore {
  const known = new Map<string, { step: string; lines: number }>();

  function tell({ organizationId, runId }: Fence, lines: readonly Pick<RunLogLine, 'event'>[]): void {
    const run = known.get(runId) ?? { step: '', lines: 0 };
    known.set(runId, run);
    const room = MOST - run.lines;
    run.lines += lines.length;
    const at = clock.now();
    const told = lines.slice(0, Math.max(0, room)).map((line) => ({ organizationId, runId, at, ...line }));
    if (room > 0 && run.lines > MOST) told.push({ organizationId, runId, at, event: 'cut' });
    if (told.length > 0) log.write(told);
  }

  /** How it begins and ends is told whatever else there is. */
  function tellAlways({ organizationId, runId }: Fence, line: Pick<RunLogLine, 'event'> & Partial<RunLogLine>): void {
    log.write([{ organizationId, runId, at: clock.now(), ...line }]);
  }

  return {
    ...runs,
    async progress(fence, progress) {
      await runs.progress(fence, progress);
      const { step, itemsTotal } = progress;
      if (known.get(fence.runId)?.step === step) return;
      known.set(fence.runId, { lines: known.get(fence.runId)?.lines ?? 0, step });
      tellAlways(fence, { event: 'step', step, ...(itemsTotal === null ? {} : { counts: { items: itemsTotal } }) });
    },
    async recordFailures(fence, failures) {
      await runs.recordFailures(fence, failures);
      tell(
        fence,
        failures.map(({ code, unit, reference }) => ({ event: 'failed', code, unit, reference }) as const),
      );
    },
    async holdRemovals(fence, held, at) {
      const id = await runs.holdRemovals(fence, held, at);
      if (id !== null) tellAlways(fence, { event: 'held', reference: id, counts: { items: held.items.length } });
      return id;
    },
    async finish(fence, end) {
      await runs.finish(fence, end);
      known.delete(fence.runId);
      const { state, outcome, error, counts } = end;
      tellAlways(fence, {
        event: 'ended',
        step: state === 'completed' ? outcome : state,
        code: error?.code ?? null,
        counts: { ...counts },
      });
    },
  };
}
