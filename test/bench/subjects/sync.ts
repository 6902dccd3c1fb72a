/** The product: one run of `syncFiles`, put together as the command line does. */
import { loadConfig } from '../../../src/config/load.ts';
import type { RunCounts } from '../../../src/domain/run.ts';
import { syncFiles } from '../../../src/engine/files/sync-files.ts';
import { applyConfiguration, openChartsync } from '../../../src/main.ts';
import { measureInside, subjectInput } from '../inside.ts';
import type { SyncEnvironment } from '../practice.ts';

export interface SyncInput {
  readonly environment: SyncEnvironment;
  readonly unit?: string;
  /** Counts that the run must end with, or it has not done its work. */
  readonly expected: Partial<RunCounts>;
}

const input = subjectInput<SyncInput>();
const config = await loadConfig({ env: input.environment, cwd: process.cwd() });
const chartsync = await openChartsync(config, {
  url: input.environment.DATABASE_URL,
  urlOf: () => null,
  close: async () => undefined,
});
try {
  await applyConfiguration(chartsync);
  const { ports, settings } = chartsync.connections[0]!;
  await measureInside(
    () =>
      syncFiles(ports, settings, {
        mode: 'quick',
        trigger: 'manual',
        ...(input.unit === undefined ? {} : { unit: input.unit }),
      }),
    (result) => {
      const wrong = Object.entries(input.expected).filter(
        ([name, count]) => result.counts[name as keyof RunCounts] !== count,
      );
      if (result.outcome === 'success' && wrong.length === 0) return;
      throw new Error(`The run ended with ${result.outcome}: ${JSON.stringify(result)}`);
    },
  );
} finally {
  await chartsync.close();
}
