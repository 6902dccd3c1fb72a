/**
 * A process of its own that calls for places: `node test/support/booking-caller.ts <url> <organisation> <clinic> <date> <time> <calls>`.
 * Says `ready`, waits for a line on standard input, calls all at once, prints the results as one JSON line.
 */
import { once } from 'node:events';
import { createBookingDesk } from '../../src/stores/postgres/booking-desk.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { systemRandom } from '../../src/stores/system-clock.ts';

const [url = '', organizationId = '', clinicId = '', date = '', startTime = '', calls = '0'] = process.argv.slice(2);
const database = openDatabase({ url });
const desk = createBookingDesk({ database, random: systemRandom });
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
const results = await Promise.all(
  Array.from({ length: Number(calls) }, () =>
    desk.hold({ organizationId, clinicId, slot: { date, startTime }, caller: {}, alternatives: 0 }),
  ),
);
console.log(JSON.stringify(results.map((r) => (r.ok ? 'ok' : r.reason))));
await database.close();
