/** A process that takes a lease and then does nothing until it is killed: `node worker-process.ts <url> <org> <connection>`. */
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { createJobBoard } from '../../src/stores/postgres/job-board.ts';
import { createRunStore } from '../../src/stores/postgres/run-store.ts';
import { announceWorker } from '../../src/stores/postgres/worker-presence.ts';
import { systemRandom } from '../../src/stores/system-clock.ts';

const [url = '', organizationId = '', connectionId = ''] = process.argv.slice(2);
const { workerId } = await announceWorker({ url });
const database = openDatabase({ url });
const runs = createRunStore({
  database,
  board: createJobBoard(url),
  random: systemRandom,
  workerId,
  leaseMs: 600_000,
});
const fence = await runs.start({ organizationId, connectionId, mode: 'quick', trigger: 'manual' });
process.stdout.write(`${JSON.stringify(fence)}\n`);
setInterval(() => undefined, 60_000);
