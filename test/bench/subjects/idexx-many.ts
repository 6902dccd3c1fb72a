/** All connections of a file at one time, each with a login of its own. The memory is that of this process and its browsers. */
import { loadConfig } from '../../../src/config/load.ts';
import { applyConfiguration, openChartsync } from '../../../src/main.ts';
import { isBookConnection } from '../../../src/runs/connections.ts';
import { runOnce } from '../../../src/runs/sync-service.ts';
import { subjectInput } from '../inside.ts';
import type { SyncEnvironment } from '../practice.ts';
import { watchTree } from '../process-tree.ts';

const { environment } = subjectInput<{ environment: SyncEnvironment }>();
const config = await loadConfig({ env: environment, cwd: environment.CHARTSYNC_HOME });
const chartsync = await openChartsync(config, {
  url: environment.DATABASE_URL,
  urlOf: () => null,
  close: async () => undefined,
});
try {
  await applyConfiguration(chartsync);
  const tree = watchTree(process.pid);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const results = await Promise.all(
    chartsync.connections
      .filter(isBookConnection)
      .map((connection) => runOnce(connection, { mode: 'calendar', trigger: 'manual' })),
  );
  const wallMs = performance.now() - startedAt;
  const peakBytes = await tree.stop();
  const bad = results.filter(({ outcome, counts }) => outcome !== 'success' || counts.added === 0);
  if (bad.length > 0) throw new Error(`${bad.length} runs are not as expected: ${JSON.stringify(bad[0])}`);
  const { user, system } = process.cpuUsage(cpu);
  process.stdout.write(`\n${JSON.stringify({ wallMs, cpuMs: (user + system) / 1000, peakBytes })}\n`);
} finally {
  await chartsync.close();
}
