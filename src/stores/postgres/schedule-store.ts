/** `ScheduleStore` on PostgreSQL. */
import { sql } from 'kysely';
import type { Schedule } from '../../domain/schedule.ts';
import type { ScheduleStore } from '../../ports/schedule-store.ts';
import { appendAudit } from './audit-log.ts';
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
          chosen: { readonly schedule: Schedule | null } | null;
          chosenAt: Date | null;
          chosenBy: string | null;
        }>`
          SELECT c.organization_id AS "organizationId", c.id AS "connectionId", c.state,
                 c.consecutive_failures AS failures, c.last_failure_at AS failed, c.last_failure_code AS code,
                 c.mode_completed AS completed,
                 (SELECT r.started_at FROM sync_runs AS r
                  WHERE r.organization_id = c.organization_id AND r.connection_id = c.id AND r.unit IS NULL
                    AND r.mode NOT IN ('plan', 'held')
                  ORDER BY r.started_at DESC LIMIT 1) AS started,
                 EXISTS (SELECT 1 FROM sync_runs AS r WHERE r.organization_id = c.organization_id
                           AND r.connection_id = c.id AND r.finished_at IS NULL) AS open,
                 s.chosen, s.updated_at AS "chosenAt", s.updated_by AS "chosenBy"
          FROM connections AS c
          LEFT JOIN connection_schedules AS s ON s.organization_id = c.organization_id AND s.connection_id = c.id
          WHERE c.state <> 'removed'`.execute(database.kysely);
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
          chosen:
            row.chosen === null
              ? null
              : {
                  schedule: row.chosen.schedule,
                  updatedAt: row.chosenAt?.toISOString() ?? '',
                  updatedBy: row.chosenBy ?? '',
                },
        }));
      } catch (error) {
        throw databaseError(error);
      }
    },
    async now() {
      try {
        const { rows } = await sql<{ now: number }>`
          SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`.execute(database.kysely);
        return rows[0]!.now;
      } catch (error) {
        throw databaseError(error);
      }
    },
    choose: ({ organizationId, connectionId }, schedule, by, audit) =>
      database.transaction(async (trx) => {
        if (schedule === undefined) {
          await trx
            .deleteFrom('connection_schedules')
            .where('organization_id', '=', organizationId)
            .where('connection_id', '=', connectionId)
            .execute();
        } else {
          const values = { chosen: JSON.stringify({ schedule }), updated_at: sql<Date>`now()`, updated_by: by };
          await trx
            .insertInto('connection_schedules')
            .values({ organization_id: organizationId, connection_id: connectionId, ...values })
            .onConflict((conflict) => conflict.columns(['organization_id', 'connection_id']).doUpdateSet(values))
            .execute();
        }
        await appendAudit(trx, [audit]);
      }),
  };
}
