/**
 * `OutboundLimit` on PostgreSQL: a log of the requests of the last window, one row per user of the outside system. Exact for
 * any window of that length, whenever it begins – a counter per fixed window would let twice as many through at its edges.
 */
import { sql } from 'kysely';
import type { OutboundLimit } from '../../ports/outbound-limit.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

/** Nobody waits longer without looking again. */
const LONGEST_WAIT_MS = 5000;

export function createOutboundLimit(database: Database): OutboundLimit {
  return {
    async take(key, limit, urgent) {
      const allowed = Math.max(1, urgent ? limit.requests : limit.requests - limit.reserved);
      const { rows } = await ask(
        sql<{ wait: number }>`
          SELECT chartsync_take_request(${key}, ${allowed}, ${limit.windowMs}, ${LONGEST_WAIT_MS}) AS wait`.execute(
          database.kysely,
        ),
      );
      return rows[0]!.wait;
    },
    block: (key, ms) =>
      database.transaction(async (trx) => {
        await sql`
          INSERT INTO outbound_limits AS l (key, blocked_until)
          VALUES (${key}, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + ${Math.round(ms)})
          ON CONFLICT (key) DO UPDATE SET blocked_until = greatest(l.blocked_until, excluded.blocked_until),
            touched_at = now()`.execute(trx);
      }),
  };
}
