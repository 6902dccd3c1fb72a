/** What alerts are decided by, read in one transaction. */
import { sql, type Transaction } from 'kysely';
import type { AlertFacts } from '../../domain/alerts.ts';
import type { Tables } from './tables.ts';

export async function readAlertFacts(trx: Transaction<Tables>, organizationId: string): Promise<AlertFacts> {
  const connections = await sql<{
    connectionId: string;
    knownSince: Date;
    paused: boolean;
    pausedAt: Date | null;
    failures: number;
    failedAt: Date | null;
    failureCode: string | null;
    succeededAt: Date | null;
    heldItems: number;
    heldSince: Date | null;
    runId: string | null;
    outcome: string | null;
    runAt: Date | null;
  }>`
    SELECT c.id AS "connectionId", c.created_at AS "knownSince", c.state = 'paused' AS paused, c.paused_at AS "pausedAt",
           c.consecutive_failures AS failures, c.last_failure_at AS "failedAt", c.last_failure_code AS "failureCode",
           c.last_success_at AS "succeededAt", h.items AS "heldItems", h.since AS "heldSince",
           r.id AS "runId", r.outcome, r.finished_at AS "runAt"
    FROM connections AS c
    CROSS JOIN LATERAL (
      SELECT count(i.*)::int AS items, min(s.created_at) AS since
      FROM held_sets AS s JOIN held_items AS i ON i.set_id = s.id
      WHERE s.organization_id = c.organization_id AND s.connection_id = c.id AND s.state = 'pending') AS h
    LEFT JOIN LATERAL (
      SELECT id, outcome, finished_at FROM sync_runs
      WHERE organization_id = c.organization_id AND connection_id = c.id AND finished_at IS NOT NULL AND unit IS NULL
        AND mode NOT IN ('plan', 'held') AND state <> 'cancelled'
      ORDER BY started_at DESC LIMIT 1) AS r ON true
    WHERE c.organization_id = ${organizationId} AND c.state <> 'removed'
    ORDER BY c.id`.execute(trx);
  const comparison = await sql<{ differences: number; at: Date }>`
    SELECT c.finished_at AS at,
           (SELECT count(*)::int FROM consistency_differences AS d
            WHERE d.organization_id = c.organization_id AND d.check_id = c.id) + c.unlisted AS differences
    FROM consistency_checks AS c WHERE c.organization_id = ${organizationId} AND c.finished_at IS NOT NULL
    ORDER BY c.id DESC LIMIT 1`.execute(trx);
  const audit = await trx.selectFrom('audit_checks').selectAll().executeTakeFirst();
  const [last] = comparison.rows;
  return {
    connections: connections.rows.map((row) => ({
      connectionId: row.connectionId,
      knownSince: row.knownSince.getTime(),
      paused: row.paused,
      pausedAt: row.pausedAt?.getTime() ?? null,
      failures: row.failures,
      failedAt: row.failedAt?.getTime() ?? null,
      failureCode: row.failureCode,
      succeededAt: row.succeededAt?.getTime() ?? null,
      heldItems: row.heldItems,
      heldSince: row.heldSince?.getTime() ?? null,
      lastRun:
        row.runId === null || row.runAt === null
          ? null
          : { id: row.runId, outcome: row.outcome, at: row.runAt.getTime() },
    })),
    comparison: last === undefined ? null : { differences: last.differences, at: last.at.getTime() },
    audit: audit === undefined ? null : { problem: audit.problem, brokenSince: audit.broken_since?.getTime() ?? null },
  };
}
