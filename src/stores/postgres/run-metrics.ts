/** `RunMetrics` on PostgreSQL: read when asked, so replicas agree and a restart loses nothing. */
import { sql } from 'kysely';
import type {
  AlertGauges,
  ConnectionGauges,
  ConsistencyGauges,
  MirrorGauges,
  OutboxGauges,
  QueueGauges,
  RunMetrics,
  RunTotals,
} from '../../ports/run-metrics.ts';
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
        const outbox = await sql<OutboxGauges>`
          SELECT g.id AS "organizationId", count(o.*) FILTER (WHERE o.state = 'waiting')::int AS waiting,
                 count(o.*) FILTER (WHERE o.state = 'working')::int AS working,
                 count(o.*) FILTER (WHERE o.state = 'waiting' AND o.code IS NOT NULL)::int AS failing,
                 coalesce(extract(epoch FROM now() - min(o.created_at)), 0)::float8 AS "oldestSeconds",
                 (SELECT count(*)::int FROM silknote_documents AS d
                  WHERE d."organizationId" = g.id AND d."deletedAt" IS NULL AND d.status = 'error') AS refused
          FROM organizations AS g LEFT JOIN document_outbox AS o ON o.organization_id = g.id
          WHERE g.id = ANY (${ids}::text[]) GROUP BY g.id`.execute(db);
        const alerts = await sql<AlertGauges>`
          SELECT g.id AS "organizationId", count(o.id) FILTER (WHERE o.state = 'waiting')::int AS waiting,
                 count(o.id) FILTER (WHERE o.state = 'waiting' AND o.code IS NOT NULL)::int AS failing,
                 coalesce(extract(epoch FROM now() - min(o.created_at) FILTER (WHERE o.state = 'waiting')), 0)::float8
                   AS "oldestSeconds",
                 count(o.id) FILTER (WHERE o.state = 'given_up')::int AS "givenUp"
          FROM organizations AS g LEFT JOIN alert_outbox AS o ON o.organization_id = g.id
          WHERE g.id = ANY (${ids}::text[]) GROUP BY g.id`.execute(db);
        const mirrors = await sql<MirrorGauges>`
          SELECT m.organization_id AS "organizationId", m.connection_id AS "connectionId", count(k.id)::int AS pending,
                 coalesce(extract(epoch FROM now() - min(k.at)), 0)::float8 AS "oldestSeconds",
                 bool_or(m.lacks_characters) AS "lacksCharacters"
          FROM table_mirrors AS m LEFT JOIN mirror_marks AS k
            ON k.organization_id = m.organization_id AND k.connection_id = m.connection_id
          WHERE m.organization_id = ANY (${ids}::text[]) GROUP BY 1, 2`.execute(db);
        const consistency = await sql<ConsistencyGauges>`
          SELECT c.organization_id AS "organizationId", extract(epoch FROM c.finished_at)::float8 AS "finishedAt",
                 d.store, d.kind, count(d.id)::int AS count
          FROM (SELECT DISTINCT ON (organization_id) * FROM consistency_checks
                WHERE finished_at IS NOT NULL AND organization_id = ANY (${ids}::text[])
                ORDER BY organization_id, id DESC) AS c
          LEFT JOIN consistency_differences AS d ON d.organization_id = c.organization_id AND d.check_id = c.id
          GROUP BY 1, 2, 3, 4`.execute(db);
        return {
          outbox: outbox.rows,
          alerts: alerts.rows,
          mirrors: mirrors.rows,
          consistency: consistency.rows,
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
