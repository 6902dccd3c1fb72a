/** `RunMetrics` on PostgreSQL: read when asked, so replicas agree and a restart loses nothing. */
import { sql } from 'kysely';
import type { ConnectionGauges, QueueGauges, RunMetrics, RunTotals } from '../../ports/run-metrics.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

export function createRunMetrics(database: Database): RunMetrics {
  const db = database.kysely;
  return {
    async snapshot(organizationIds) {
      const ids = [...organizationIds];
      try {
        const bounds = await sql<{ bounds: number[] }>`SELECT chartsync_duration_bounds() AS bounds`.execute(db);
        const totals = await sql<RunTotals & { buckets: string[] }>`
          SELECT organization_id AS "organizationId", connection_id AS "connectionId", state, outcome, runs::float8 AS runs,
                 seconds, buckets::float8[] AS buckets, items
          FROM run_totals WHERE organization_id = ANY (${ids}::text[])`.execute(db);
        const connections = await sql<ConnectionGauges>`
          SELECT c.organization_id AS "organizationId", c.id AS "connectionId",
                 extract(epoch FROM c.last_success_at)::float8 AS "lastSuccess",
                 c.consecutive_failures AS "consecutiveFailures", c.state = 'paused' AS paused,
                 (SELECT count(*)::int FROM held_items AS i JOIN held_sets AS s ON s.id = i.set_id
                  WHERE s.organization_id = c.organization_id AND s.connection_id = c.id AND s.state = 'pending') AS "heldItems"
          FROM connections AS c WHERE c.state <> 'removed' AND c.organization_id = ANY (${ids}::text[])`.execute(db);
        const queues = await sql<QueueGauges>`
          SELECT organization_id AS "organizationId", (count(*) FILTER (WHERE state <> 'queued'))::int AS active,
                 (count(*) FILTER (WHERE state = 'queued'))::int AS queued,
                 coalesce(extract(epoch FROM now() - min(queued_at) FILTER (WHERE state = 'queued')), 0)::float8
                   AS "oldestQueuedSeconds"
          FROM sync_runs WHERE finished_at IS NULL AND organization_id = ANY (${ids}::text[])
          GROUP BY organization_id`.execute(db);
        const failures = await sql<{ organizationId: string; connectionId: string; code: string; items: number }>`
          SELECT organization_id AS "organizationId", connection_id AS "connectionId", code, count(*)::int AS items
          FROM sync_failures WHERE organization_id = ANY (${ids}::text[]) GROUP BY 1, 2, 3`.execute(db);
        return {
          durationBounds: bounds.rows[0]?.bounds ?? [],
          totals: totals.rows,
          connections: connections.rows,
          queues: queues.rows,
          failures: failures.rows,
        };
      } catch (error) {
        throw databaseError(error);
      }
    },
  };
}
