/**
 * `OutboundLimit` on PostgreSQL: a log of the requests of the last window, one row per user of the outside system. Exact for
 * any window of that length, whenever it begins – a counter per fixed window would let twice as many through at its edges.
 */
import { sql } from 'kysely';
import type { OutboundLimit } from '../../ports/outbound-limit.ts';
import type { Database } from './database.ts';

/** Nobody waits longer without looking again. */
const LONGEST_WAIT_MS = 5000;

export function createOutboundLimit(database: Database): OutboundLimit {
  return {
    take: (key, limit, urgent) =>
      database.transaction(async (trx) => {
        await sql`INSERT INTO outbound_limits (key) VALUES (${key}) ON CONFLICT DO NOTHING`.execute(trx);
        // The clock of the database: the processes may be on several machines.
        const { rows } = await sql<{ sent: string[]; blocked: string; now: string }>`
          SELECT sent, blocked_until AS blocked, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now
          FROM outbound_limits WHERE key = ${key} FOR UPDATE`.execute(trx);
        const now = Number(rows[0]?.now);
        const blocked = Number(rows[0]?.blocked) - now;
        if (blocked > 0) return Math.min(blocked, LONGEST_WAIT_MS);
        const sent = (rows[0]?.sent ?? []).map(Number).filter((at) => at > now - limit.windowMs);
        const allowed = Math.max(1, urgent ? limit.requests : limit.requests - limit.reserved);
        if (sent.length >= allowed) {
          const free = (sent[sent.length - allowed] ?? now) + limit.windowMs - now;
          return Math.max(1, Math.min(free, LONGEST_WAIT_MS));
        }
        await sql`
          UPDATE outbound_limits SET sent = ${[...sent, now]}::bigint[], touched_at = now() WHERE key = ${key}`.execute(
          trx,
        );
        return 0;
      }),
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
