/** A run of a connection to IDEXX Neo: the first of all, one with a live session, or one that has to log in again. */
import { sql } from 'kysely';
import { loadConfig } from '../../../src/config/load.ts';
import { applyConfiguration, openChartsync } from '../../../src/main.ts';
import { isBookConnection } from '../../../src/runs/connections.ts';
import { runOnce } from '../../../src/runs/sync-service.ts';
import { openDatabase } from '../../../src/stores/postgres/database.ts';
import { measureInside, subjectInput } from '../inside.ts';
import type { SyncEnvironment } from '../practice.ts';

export interface IdexxSyncInput {
  readonly environment: SyncEnvironment & Readonly<Record<string, string>>;
  readonly kind: 'first' | 'live session' | 'login again';
}

const { environment, kind } = subjectInput<IdexxSyncInput>();
const config = await loadConfig({ env: environment, cwd: environment.CHARTSYNC_HOME });
const chartsync = await openChartsync(config, {
  url: environment.DATABASE_URL,
  urlOf: () => null,
  close: async () => undefined,
});
try {
  await applyConfiguration(chartsync);
  const connection = chartsync.connections.filter(isBookConnection)[0]!;
  const run = () => runOnce(connection, { mode: 'calendar', trigger: 'manual' });
  if (kind !== 'first') await run();
  if (kind === 'login again') {
    const database = openDatabase({ url: environment.DATABASE_URL, poolSize: 1 });
    await sql`DELETE FROM portal_sessions`.execute(database.kysely);
    await database.close();
  }
  await measureInside(run, ({ outcome, counts, error }) => {
    const isWrong = outcome !== 'success' || (kind === 'first' ? counts.added : counts.same) === 0;
    if (isWrong) throw new Error(`The run is not as expected: ${JSON.stringify({ outcome, counts, error })}`);
  });
} finally {
  await chartsync.close();
}
