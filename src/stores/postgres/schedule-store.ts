/** `ScheduleStore` on PostgreSQL. */
import { sql } from 'kysely';
import type { ScheduleStore } from '../../ports/schedule-store.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

export function createScheduleStore(database: Database): ScheduleStore {
  return {
    async states() {
      try {
        const { rows } = await sql<{
          organizationId: string;
          connectionId: string;
          state: string;
          failures: number;
          failed: Date | null;
          code: string | null;
          completed: Readonly<Record<string, number>>;
          started: Date | null;
          open: boolean;
        }>`
          SELECT c.organization_id AS "organizationId", c.id AS "connectionId", c.state,
                 c.consecutive_failures AS failures, c.last_failure_at AS failed, c.last_failure_code AS code,
                 c.mode_completed AS completed,
                 (SELECT r.started_at FROM sync_runs AS r
                  WHERE r.organization_id = c.organization_id AND r.connection_id = c.id AND r.unit IS NULL
                    AND r.mode NOT IN ('plan', 'held')
                  ORDER BY r.started_at DESC LIMIT 1) AS started,
                 EXISTS (SELECT 1 FROM sync_runs AS r WHERE r.organization_id = c.organization_id
                           AND r.connection_id = c.id AND r.finished_at IS NULL) AS open
          FROM connections AS c WHERE c.state <> 'removed'`.execute(database.kysely);
        return rows.map((row) => ({
          organizationId: row.organizationId,
          connectionId: row.connectionId,
          lastStartedAt: row.started?.getTime() ?? null,
          lastCompletedByMode: row.completed,
          consecutiveFailures: row.failures,
          lastFailureAt: row.failed?.getTime() ?? null,
          lastFailureCode: row.code,
          paused: row.state !== 'active',
          open: row.open,
        }));
      } catch (error) {
        throw databaseError(error);
      }
    },
  };
}
