/** Runs of a connection to Cliniko. */
import { loadConfig } from '../../../src/config/load.ts';
import type { RecordMode } from '../../../src/domain/run.ts';
import { applyConfiguration, openChartsync } from '../../../src/main.ts';
import { isRecordConnection } from '../../../src/runs/connections.ts';
import { runOnce } from '../../../src/runs/sync-service.ts';
import { measureInside, subjectInput } from '../inside.ts';
import type { SyncEnvironment } from '../practice.ts';

export interface ClinikoSyncInput {
  readonly environment: SyncEnvironment;
  readonly mode: RecordMode;
  /** At least so many added; null: not looked at. */
  readonly added: number | null;
}

const input = subjectInput<ClinikoSyncInput>();
const config = await loadConfig({ env: input.environment, cwd: input.environment.CHARTSYNC_HOME });
const chartsync = await openChartsync(config, {
  url: input.environment.DATABASE_URL,
  urlOf: () => null,
  close: async () => undefined,
});
try {
  await applyConfiguration(chartsync);
  const connection = chartsync.connections.filter(isRecordConnection)[0]!;
  await measureInside(
    () => runOnce(connection, { mode: input.mode, trigger: 'manual' }),
    ({ outcome, counts, error }) => {
      const isWrong = outcome !== 'success' || (input.added !== null && counts.added < input.added);
      if (isWrong) throw new Error(`The run is not as expected: ${JSON.stringify({ outcome, counts, error })}`);
    },
  );
} finally {
  await chartsync.close();
}
