/** A process that works on documents until it is killed: `node document-process.ts <configuration> <home> <database>`. */

import { loadConfig } from '../../src/config/load.ts';
import { startDocumentService } from '../../src/document-service.ts';
import { applyConfiguration, openChartsync } from '../../src/main.ts';

const [file = '', home = '', url = ''] = process.argv.slice(2);
const config = await loadConfig({
  env: { CHARTSYNC_HOME: home, CHARTSYNC_CONFIG: file, DATABASE_URL: url },
  cwd: home,
});
const chartsync = await openChartsync(config, { url, urlOf: () => null, close: async () => undefined });
await applyConfiguration(chartsync);
await startDocumentService({
  config,
  work: chartsync.documentWork,
  blobs: chartsync.blobs,
  deliveries: chartsync.deliveries,
  remotes: chartsync.remotes,
  search: await chartsync.search(),
  groups: chartsync.groupWork,
});
process.stdout.write('working\n');
setInterval(() => undefined, 60_000);
