/** The product: one run of `syncFiles` for each connection, put together as the command line does. */

import { loadConfig } from '../../../src/config/load.ts';
import type { RunCounts } from '../../../src/domain/run.ts';
import { syncFiles } from '../../../src/engine/files/sync-files.ts';
import type { RunResult } from '../../../src/engine/run-session.ts';
import { applyConfiguration, openChartsync } from '../../../src/main.ts';
import { isFileConnection } from '../../../src/runs/connections.ts';
import { measureInside, subjectInput } from '../inside.ts';
import type { SyncEnvironment } from '../practice.ts';

export interface SyncInput {
  readonly environment: SyncEnvironment;
  readonly unit?: string;
  /** Counts that each run must end with, or it has not done its work. */
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
  await measureInside(
    async () => {
      const results: RunResult[] = [];
      for (const { ports, settings } of chartsync.connections.filter(isFileConnection)) {
        const unit = input.unit === undefined ? {} : { unit: input.unit };
        results.push(await syncFiles(ports, settings, { mode: 'quick', trigger: 'manual', ...unit }));
      }
      return results;
    },
    (results) => {
      for (const result of results) {
        const wrong = Object.entries(input.expected).some(
          ([name, count]) => result.counts[name as keyof RunCounts] !== count,
        );
        if (result.outcome === 'success' && !wrong) continue;
        throw new Error(`The run ended with ${result.outcome}: ${JSON.stringify(result)}`);
      }
    },
  );
} finally {
  await chartsync.close();
}
